// SPDX-License-Identifier: GPL-2.0

//! Memory for [`crate::control`], which is compiled on the host as well, by the names that
//! `control/heap.rs` has there.

use kernel::prelude::*;

/// One value on the heap.
pub type Heap<T> = KBox<T>;
/// Any number of them.
pub type List<T> = KVec<T>;
/// There is no memory.
pub use kernel::alloc::AllocError as NoMemory;

/// Puts a value on the heap.
///
/// # Errors
///
/// [`NoMemory`].
pub fn boxed<T>(value: T) -> core::result::Result<Heap<T>, NoMemory> {
    KBox::new(value, GFP_KERNEL)
}

/// Makes an array on the heap, of what `entry` makes. It is made in its place, as it
/// may be too large for a stack.
///
/// # Errors
///
/// [`NoMemory`].
#[inline(never)]
pub fn array<T, const N: usize>(
    entry: impl Fn() -> T,
) -> core::result::Result<Heap<[T; N]>, NoMemory> {
    KBox::init(pin_init::init_array_from_fn(|_| entry()), GFP_KERNEL).map_err(|_| NoMemory)
}
