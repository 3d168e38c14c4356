// SPDX-License-Identifier: GPL-2.0

//! The table of VFs, where the card has more to do than the control plane says: counters, and which
//! mailboxes interrupt.

use kernel::io::Io;

use super::{
    card::Control,
    manager::VfManager,
    traffic::Traffic, //
};
use crate::{
    hw::irq,
    kapi::net::MacAddress,
    regs::{
        iov::{
            ALL_POOLS,
            MBVFIMR, //
        },
        Bar0, //
    },
};

impl VfManager {
    /// Has there be `count` VFs, see [`Control::set_vfs`]. The caller commits.
    pub(crate) fn set_vfs(&self, pf_mac: &MacAddress, count: usize) {
        let mut control = self.control.lock();
        control.set_vfs(self, pf_mac, count);
        for (vf, entry) in control.live_vfs_mut() {
            entry.extra.traffic = Traffic::start(&self.bar, vf);
        }
        control.mask_mailboxes(&self.bar);
    }
}

impl Control {
    /// Lets the mailboxes interrupt, but for those of VFs in quarantine and of those that have
    /// another one. In a reset it does nothing: that ends with it.
    ///
    /// A reset of a VF interrupts whatever is masked. While one is in quarantine the vector is slower,
    /// so that it cannot go on to cost with its resets what it cost before.
    pub(crate) fn mask_mailboxes(&self, bar: &Bar0) {
        if self.resetting {
            return;
        }
        let masked = self
            .live_vfs()
            .filter(|(vf, entry)| self.quarantine(*vf).is_some() || entry.extra.port.is_some())
            .fold(0, |bits, (vf, _)| bits | vf.bit());
        bar.write_reg(MBVFIMR::from(ALL_POOLS & !masked));
        let quarantined = self.vf_ids().any(|vf| self.quarantine(vf).is_some());
        irq::slow_other(bar, quarantined);
    }

    /// Adds up what the hardware has counted for all VFs.
    pub(crate) fn collect_traffic(&mut self, bar: &Bar0) {
        if self.resetting {
            return;
        }
        for (vf, entry) in self.live_vfs_mut() {
            entry.extra.traffic.collect(bar, vf);
        }
    }

    /// The hardware's counters are zero again.
    pub(crate) fn restart_traffic(&mut self) {
        for (_, vf) in self.live_vfs_mut() {
            vf.extra.traffic.restart();
        }
    }
}
