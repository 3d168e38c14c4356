// SPDX-License-Identifier: GPL-2.0

//! A flag that several contexts look at.

use kernel::sync::atomic::{
    Acquire,
    AtomicFlag,
    Full,
    Release, //
};

/// A flag that several contexts look at.
pub(crate) struct Flag(AtomicFlag);

impl Flag {
    pub(crate) const fn new(on: bool) -> Self {
        Self(AtomicFlag::new(on))
    }

    pub(crate) fn get(&self) -> bool {
        self.0.load(Acquire)
    }

    pub(crate) fn set(&self, on: bool) {
        self.0.store(on, Release);
    }

    /// Sets it, and returns what it was.
    pub(crate) fn replace(&self, on: bool) -> bool {
        self.0.xchg(on, Full)
    }
}
