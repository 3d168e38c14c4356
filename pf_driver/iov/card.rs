// SPDX-License-Identifier: GPL-2.0

//! What is under the control plane: the card by its registers, of which those of
//! the switch are in [`hw::switch`](crate::hw::switch), and the log by the VF manager.

use kernel::{
    error::code,
    fmt,
    prelude::*, //
};

use super::{
    manager::VfManager,
    port::AnyPort,
    traffic::Traffic, //
};
use crate::{
    control::{
        self,
        admin::MacRefusal,
        card::{
            Card,
            Event,
            Log,
            Mailbox,
            Owner, //
        },
        image::NoSpace,
        vf_id::VfId, //
    },
    hw::pool,
    kapi::{
        net::{
            netdev_err,
            netdev_info,
            netdev_warn, //
        },
        port::host::RemotePort, //
    },
    mbox::{
        reason::{
            Failure,
            Reason, //
        },
        types::MacAddr, //
    },
    regs::Bar0, //
};

/// The switch and the VFs of a port.
pub(crate) type Control = control::vfs::Control<Bar0>;
/// How a VF talks to the PF, and what it does.
pub(crate) type Vf = control::vfs::Vf<Extra>;

/// What the driver keeps of a VF besides.
#[derive(Default)]
pub struct Extra {
    /// What it has sent and received.
    pub(crate) traffic: Traffic,
    /// Its mailbox, if it has another one than the card's.
    pub(crate) port: Option<RemotePort>,
}

impl Card for Bar0 {
    type Extra = Extra;

    fn empty_queues(&self, vf: VfId) -> core::result::Result<(), Failure> {
        pool::empty_queues(self, vf).map_err(|_| Failure::Device)
    }

    fn mailbox<'a>(&'a self, vf: VfId, extra: &'a Extra) -> impl Mailbox + 'a {
        AnyPort::new(self, vf, extra.port.as_ref())
    }
}

impl From<NoSpace> for Error {
    fn from(_: NoSpace) -> Self {
        code::ENOSPC
    }
}

impl From<MacRefusal> for Error {
    fn from(refusal: MacRefusal) -> Self {
        match refusal {
            MacRefusal::Reserved => code::EEXIST,
            MacRefusal::NoSpace => code::ENOSPC,
        }
    }
}

// The kernel's formatting has a trait of its own.
impl fmt::Display for VfId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl Log for VfManager {
    fn event(&self, vf: VfId, event: Event) {
        match event {
            Event::GivenMacInUse => netdev_warn!(
                self.ndev,
                "the address that VF {} had is in use: it has its default; give it another with 'ip link set {} vf {} mac ADDRESS'\n",
                vf,
                *self.ndev,
                vf
            ),
            Event::DefaultMacInUse(usual) => netdev_warn!(
                self.ndev,
                "{} is the default address of VF {}, and in use: its default is another\n",
                usual,
                vf
            ),
            Event::Reclaimed(mac, owner) => self.tell_reclaimed(vf, mac, owner),
            Event::Quarantined(cause) => {
                netdev_err!(
                    self.ndev,
                    "VF {} is quarantined, its queues are off and its mailbox is ignored: {}; look at its guest, then let it out by 'ip link set {} vf {} state auto' or a function level reset\n",
                    vf,
                    cause.words(),
                    *self.ndev,
                    vf
                );
                self.works.health.queue();
            }
            Event::Released => {
                netdev_info!(self.ndev, "VF {} is let out of quarantine\n", vf);
                self.works.health.queue();
            }
            Event::Blocked(left_out) => netdev_err!(
                self.ndev,
                "VF {} is blocked by the card for a malformed descriptor: its driver is told to start again ({} more messages were left out)\n",
                vf,
                left_out
            ),
            Event::Unblocked => {
                self.works.health.queue();
            }
        }
    }

    fn request(&self, vf: VfId, reason: Reason, suppressed: u32) {
        if suppressed > 0 {
            netdev_warn!(
                self.ndev,
                "VF {} {} ({} more messages were left out)\n",
                vf,
                reason,
                suppressed
            );
        } else {
            netdev_warn!(self.ndev, "VF {} {}\n", vf, reason);
        }
    }
}

impl VfManager {
    /// Tells whose the address is now that a VF had chosen, and has the VF's driver told.
    fn tell_reclaimed(&self, vf: VfId, mac: MacAddr, owner: Owner) {
        match owner {
            Owner::Pf => netdev_warn!(
                self.ndev,
                "VF {} had chosen {} and loses it: it is given to the PF\n",
                vf,
                mac
            ),
            Owner::Vf(other) => netdev_warn!(
                self.ndev,
                "VF {} had chosen {} and loses it: it is given to VF {}\n",
                vf,
                mac,
                other
            ),
        }
        self.works.mailbox.queue();
        self.notify_changed();
    }
}
