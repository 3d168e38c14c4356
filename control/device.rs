// SPDX-License-Identifier: GPL-2.0

//! What the device has: pools and queues, and tables of these sizes.

use crate::mbox::types::{
    MAC_LEN,
    MTA_WORDS, //
};

/// Pools of the device.
pub const POOLS: usize = 8;
/// A bit for each pool.
pub const ALL_POOLS: u32 = (1 << POOLS) - 1;
/// Unicast addresses that the device can filter.
pub const RAR_ENTRIES: usize = 24;
/// Registers of the multicast table.
pub const MTA_REGS: usize = MTA_WORDS;
/// Registers of the VLAN filter table.
pub const VFTA_REGS: usize = 128;
/// Entries of the VLAN to pool filter.
pub const VLVF_ENTRIES: usize = 32;
/// Queue pairs of the PF, at most.
pub const MAX_PAIRS: u32 = 8;
/// The speed of the card in Mbit/s.
pub const MAX_SPEED: u32 = 1000;

/// The pool of the PF while there are VFs: the last, for the VFs count from the first. It does not
/// depend on the number of VFs, so nothing of the PF moves when that changes.
pub const PF_POOL: usize = POOLS - 1;

/// The bytes of an address of any kind.
pub type MacBytes = [u8; MAC_LEN];

/// Whose the sixteen queues are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// All are the PF's.
    Single,
    /// Each pool has two, `pool` and `pool + 8`.
    Pools,
}

impl Layout {
    /// Most queue pairs of the PF.
    pub const fn max_pairs(self) -> u32 {
        match self {
            Self::Single => MAX_PAIRS,
            Self::Pools => 2,
        }
    }

    /// The queue of pair `pair`.
    pub const fn queue(self, pair: u16) -> usize {
        // CAST: Widens.
        match self {
            Self::Single => pair as usize,
            Self::Pools => PF_POOL + POOLS * pair as usize,
        }
    }
}
