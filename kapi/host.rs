// SPDX-License-Identifier: GPL-2.0

//! The part of `kapi/` that needs no kernel, on the host: the queue of `spsc/`, for tests.
//!
//! With `--cfg loom` its slots and indices are those of the model checker `loom`, which runs a test
//! with every order of events that the memory model allows.

// `ring.rs` links to the kernel crate.
#![allow(rustdoc::broken_intra_doc_links)]

#[path = "spsc/ring.rs"]
pub mod ring;

/// What `kapi/spsc/storage.rs` is in the kernel. Every access of a slot is checked here.
mod storage {
    use std::mem::MaybeUninit;

    #[cfg(not(loom))]
    pub(super) use std::sync::{
        atomic::AtomicUsize,
        Arc, //
    };

    #[cfg(loom)]
    pub(super) use loom::sync::{
        atomic::AtomicUsize,
        Arc, //
    };

    /// The error codes that `ring.rs` names.
    #[derive(Debug, PartialEq, Eq)]
    pub enum Error {
        /// An argument is out of range.
        Invalid,
    }

    pub(super) const EINVAL: Error = Error::Invalid;

    pub(super) type Result<T> = std::result::Result<T, Error>;

    pub(super) fn share<T>(value: T) -> Result<Arc<T>> {
        Ok(Arc::new(value))
    }

    #[cfg(loom)]
    type Cell<T> = loom::cell::UnsafeCell<T>;

    /// `std`'s cell with the methods of loom's.
    #[cfg(not(loom))]
    struct Cell<T>(std::cell::UnsafeCell<T>);

    #[cfg(not(loom))]
    impl<T> Cell<T> {
        fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get().cast_const())
        }

        fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    pub(super) struct Slots<T>(Box<[Cell<MaybeUninit<T>>]>);

    impl<T> Slots<T> {
        pub(super) fn new(count: usize) -> Result<Self> {
            Ok(Self(
                (0..count)
                    .map(|_| Cell::new(MaybeUninit::uninit()))
                    .collect(),
            ))
        }

        /// # Safety
        ///
        /// As in the kernel.
        pub(super) unsafe fn write(&self, index: usize, value: T) {
            // SAFETY: The place is the caller's.
            self.0[index].with_mut(|place| unsafe { (*place).write(value) });
        }

        /// # Safety
        ///
        /// As in the kernel.
        pub(super) unsafe fn take(&self, index: usize) -> T {
            // SAFETY: The place is the caller's and filled. To take is to write: nobody may read.
            self.0[index].with_mut(|place| unsafe { (*place).assume_init_read() })
        }

        /// # Safety
        ///
        /// As in the kernel.
        pub(super) unsafe fn get(&self, index: usize) -> &T {
            // SAFETY: The place is filled and stays so while the reference lives.
            self.0[index].with(|place| unsafe { (*place).assume_init_ref() })
        }
    }
}

pub use self::storage::Error;
