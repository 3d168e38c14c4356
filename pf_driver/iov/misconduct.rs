// SPDX-License-Identifier: GPL-2.0

//! What the card sees VFs do: frames with a foreign address or VLAN, which it drops.

use kernel::io::Io;

use super::{
    card::Control,
    manager::VfManager, //
};
use crate::{
    kapi::net::netdev_warn,
    regs::iov::WVBR, //
};

impl VfManager {
    /// Names the VFs that sent what they must not.
    pub(crate) fn report_spoofing(&self, control: &mut Control) {
        if !control.has_vfs() {
            return;
        }
        let now = self.now();
        let queues = self.bar.read(WVBR).into_raw();
        for (vf, entry) in control.live_vfs_mut() {
            if queues & 0x0101 << vf.index() == 0 {
                continue;
            }
            entry.spoof_events = entry.spoof_events.wrapping_add(1);
            let Some(left_out) = entry.spoof_log.admit(now) else {
                continue;
            };
            netdev_warn!(
                self.ndev,
                "VF {} sent frames with a foreign address or VLAN; they were dropped. To allow it: ip link set {} vf {} spoofchk off ({} more messages were left out)\n",
                vf,
                *self.ndev,
                vf,
                left_out
            );
        }
    }
}
