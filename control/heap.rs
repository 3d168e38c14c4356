// SPDX-License-Identifier: GPL-2.0

//! Memory on the host, by the names that `pf_driver/heap.rs` has for the kernel's.

/// One value on the heap.
pub type Heap<T> = Box<T>;
/// Any number of them.
pub type List<T> = Vec<T>;

/// There is no memory. On the host there always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// Puts a value on the heap.
///
/// # Errors
///
/// [`NoMemory`].
pub fn boxed<T>(value: T) -> Result<Heap<T>, NoMemory> {
    Ok(Box::new(value))
}

/// Makes an array on the heap, of what `entry` makes.
///
/// # Errors
///
/// [`NoMemory`].
pub fn array<T, const N: usize>(entry: impl Fn() -> T) -> Result<Heap<[T; N]>, NoMemory> {
    Ok(Box::new(core::array::from_fn(|_| entry())))
}
