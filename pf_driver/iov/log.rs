// SPDX-License-Identifier: GPL-2.0

//! What the log says of what becomes of VFs.

use kernel::fmt;

use super::manager::VfManager;
use crate::{
    control::{
        card::{
            Event,
            Log,
            Owner, //
        },
        vf_id::VfId, //
    },
    kapi::net::{
        netdev_err,
        netdev_info,
        netdev_warn, //
    },
    mbox::{
        reason::Reason,
        types::MacAddr, //
    }, //
};

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
