// SPDX-License-Identifier: GPL-2.0

//! What is under the control plane: what the card has to do for it, and who is told of VFs.

use super::{
    vf_id::VfId,
    write::SwitchRegisters, //
};
use crate::mbox::{
    event::Link,
    penalty::Cause,
    port::PfPort,
    reason::{
        Failure,
        Reason, //
    },
    types::MacAddr, //
};

/// What the card has to do, beside its switch.
pub trait Card: SwitchRegisters {
    /// What the driver keeps of a VF besides, for as long as there is that VF.
    type Extra: Default;

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
