// SPDX-License-Identifier: GPL-2.0

//! The card as the control plane knows it: the sizes of its tables, whose its queues are, and what it
//! has to do.

use super::{
    vf_id::VfId,
    write::Write, //
};
use crate::mbox::{
    event::Link,
    penalty::Cause,
    port::PfPort,
    reason::{
        Failure,
        Reason, //
    },
    types::{
        MacAddr,
        MAC_LEN,
        MTA_WORDS, //
    }, //
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

/// What the card has to do.
pub trait Card {
    /// What the driver keeps of a VF besides, for as long as there is that VF.
    type Extra: Default;

    /// Writes a register.
    fn write(&self, write: Write);

    /// Stops both queues of `vf`, whose pool is closed, and zeroes all that a driver has set in them.
    ///
    /// # Errors
    ///
    /// If a queue does not stop. Then the pool must stay closed.
    fn empty_queues(&self, vf: VfId) -> Result<(), Failure>;

    /// The PF's end of the mailbox of `vf`.
    fn mailbox<'a>(&'a self, vf: VfId, extra: &'a Self::Extra) -> impl Mailbox + 'a;
}

/// What a mailbox has beside its messages.
pub trait Mailbox: PfPort {
    /// Whether the VF went through a function level reset since this was asked last.
    fn take_function_reset(&mut self) -> bool;

    /// Drops what the VF has said. A function level reset is none of that.
    fn ignore(&mut self);

    /// Shows the VF its link, where that can differ from the card's.
    fn show_link(&mut self, link: &Link);
}

/// Who is told what becomes of VFs.
pub trait Log {
    /// Tells of something that has happened to `vf`.
    fn event(&self, vf: VfId, event: Event);

    /// Tells what came of a request of `vf`. Called at a bounded rate; `suppressed` were left out.
    fn request(&self, vf: VfId, reason: Reason, suppressed: u32);
}

/// What has happened to a VF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The address that the administrator has given is in use, and given no more.
    GivenMacInUse,
    /// Its usual default address is in use: it has another one, or none.
    DefaultMacInUse(MacAddr),
    /// It had chosen an address that is given to another function.
    Reclaimed(MacAddr, Owner),
    /// It is in quarantine from now on.
    Quarantined(Cause),
    /// It is in quarantine no more.
    Released,
    /// The card has stopped it, and it is closed. Told at a bounded rate; so many were left out.
    Blocked(u32),
    /// Its driver has started again since the card has stopped it.
    Unblocked,
}

/// Whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The PF.
    Pf,
    /// A VF.
    Vf(VfId),
}
