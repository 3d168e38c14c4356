// SPDX-License-Identifier: GPL-2.0

//! Numbers of VFs, and tables with an entry for each.
//!
//! A number is checked where it comes in: from the network core, the bus, or another module. From there
//! on it is a [`VfId`], and an entry of a [`PerVf`] is there for each.

use core::{
    fmt,
    ops::{
        Index,
        IndexMut, //
    }, //
};

use super::device::POOLS;
use crate::heap::{
    self,
    Heap,
    NoMemory, //
};

/// Most VFs. The eighth pool is the PF's.
pub const MAX_VFS: usize = POOLS - 1;

/// The number of a VF that there can be. VF `n` has pool `n`.
///
/// # Invariants
///
/// The number is less than [`MAX_VFS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VfId(usize);

impl VfId {
    /// The VF of this number, if there can be one.
    pub fn new(number: u32) -> Option<Self> {
        let number = usize::try_from(number).ok()?;
        // INVARIANT: Checked here.
        (number < MAX_VFS).then_some(Self(number))
    }

    /// All that there can be, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        // INVARIANT: The range ends there.
        (0..MAX_VFS).map(Self)
    }

    /// The number, which is that of the VF's pool and of its first queue as well.
    pub const fn index(self) -> usize {
        self.0
    }

    /// The VF's bit in registers that have one for each pool.
    pub const fn bit(self) -> u32 {
        1 << self.0
    }
}

impl fmt::Display for VfId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An entry for each VF that there can be.
pub struct PerVf<T> {
    entries: Heap<[T; MAX_VFS]>,
}

impl<T> PerVf<T> {
    /// A table of what `entry` makes.
    ///
    /// # Errors
    ///
    /// [`NoMemory`].
    pub fn new(entry: impl Fn() -> T) -> Result<Self, NoMemory> {
        Ok(Self {
            entries: heap::array(entry)?,
        })
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = (VfId, &T)> {
        VfId::all().zip(self.entries.iter())
    }

    /// The entries, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (VfId, &mut T)> {
        VfId::all().zip(self.entries.iter_mut())
    }
}

impl<T> Index<VfId> for PerVf<T> {
    type Output = T;

    fn index(&self, vf: VfId) -> &T {
        // By the invariant of `VfId` this does not panic.
        &self.entries[vf.0]
    }
}

impl<T> IndexMut<VfId> for PerVf<T> {
    fn index_mut(&mut self, vf: VfId) -> &mut T {
        &mut self.entries[vf.0]
    }
}
