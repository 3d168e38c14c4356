// SPDX-License-Identifier: GPL-2.0

//! What the queue is made of in the kernel. `kapi/host.rs` has the same for the host.

use core::{
    cell::UnsafeCell,
    mem::MaybeUninit, //
};

use kernel::prelude::*;

// Rust's own atomics and not the kernel crate's, which are calls of C helpers: every frame passes
// here. For loads and stores of one word with acquire and release the two models agree.
pub(super) use core::sync::atomic::AtomicUsize;

pub(super) use kernel::{
    error::{
        code::EINVAL,
        Result, //
    },
    sync::Arc,
};

/// Puts `value` where both sides can reach it.
pub(super) fn share<T>(value: T) -> Result<Arc<T>> {
    Ok(Arc::new(value, GFP_KERNEL)?)
}

/// A fixed number of places, each of which holds a `T` or nothing; who uses this knows which.
pub(super) struct Slots<T>(KVVec<UnsafeCell<MaybeUninit<T>>>);

impl<T> Slots<T> {
    /// `count` empty places.
    pub(super) fn new(count: usize) -> Result<Self> {
        let mut slots = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            slots.push(UnsafeCell::new(MaybeUninit::uninit()), GFP_KERNEL)?;
        }
        Ok(Self(slots))
    }

    /// Fills place `index`.
    ///
    /// # Safety
    ///
    /// `index` is below the count, and nobody else uses this place meanwhile. What it holds is
    /// forgotten.
    #[inline]
    pub(super) unsafe fn write(&self, index: usize, value: T) {
        // SAFETY: By the safety requirements.
        unsafe { (*self.0.get_unchecked(index).get()).write(value) };
    }

    /// Empties place `index`.
    ///
    /// # Safety
    ///
    /// `index` is below the count, the place is filled, nobody else uses it meanwhile, and nobody
    /// reads it again before it is filled again.
    #[inline]
    pub(super) unsafe fn take(&self, index: usize) -> T {
        // SAFETY: By the safety requirements.
        unsafe { (*self.0.get_unchecked(index).get()).assume_init_read() }
    }

    /// What place `index` holds.
    ///
    /// # Safety
    ///
    /// `index` is below the count, the place is filled, and nobody writes or empties it while the
    /// reference lives.
    #[inline]
    pub(super) unsafe fn get(&self, index: usize) -> &T {
        // SAFETY: By the safety requirements.
        unsafe { (*self.0.get_unchecked(index).get()).assume_init_ref() }
    }
}
