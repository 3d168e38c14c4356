// SPDX-License-Identifier: GPL-2.0

//! VFs whose mailbox another module has: those that `rigb_vfio.ko` gives to a VMM, for as long as the VMM
//! has them open.

use kernel::{
    prelude::*,
    sync::ArcBorrow,
    time::Delta, //
};

use super::{
    card::{
        status,
        Control, //
    },
    manager::VfManager, //
};
use crate::{
    control::vf_id::VfId,
    kapi::{
        net::{
            netdev_info,
            Device, //
        },
        port::host::{
            Host,
            RemotePort, //
        }, //
    }, //
};

/// When what comes too soon is looked at.
const LATE: Delta = Delta::from_millis(1);

impl Control {
    /// Tells all mailboxes of other modules that the PF goes into reset, or is out of it. The card
    /// tells the others.
    pub(crate) fn tell_ports_of_reset(&self, begin: bool) {
        for port in self.live_vfs().filter_map(|(_, vf)| vf.extra.port.as_ref()) {
            port.pf_reset(begin);
        }
    }
}

/// Tells the operator which mailbox a VF has, and how many such messages were left out.
fn tell(dev: &Device, vf: VfId, what: &str, left_out: u32) {
    if left_out > 0 {
        netdev_info!(
            dev,
            "VF {} {} ({} more messages were left out)\n",
            vf,
            what,
            left_out
        );
    } else {
        netdev_info!(dev, "VF {} {}\n", vf, what);
    }
}

impl Host for VfManager {
    fn attach(&self, vf: u32, port: RemotePort) -> Result {
        let mut guard = self.control.lock();
        let control = &mut *guard;
        let vf = control.find_vf(vf).ok_or(EINVAL)?;
        if control.vfs[vf].extra.port.is_some() {
            return Err(EBUSY);
        }
        if control.resetting {
            port.pf_reset(true);
        }
        port.set_link(status(&control.switch.state.config(vf).link));
        control.vfs[vf].extra.port = Some(port);
        control.begin_tenant(&*self.bar, self, vf);
        // A VMM opens and closes the device as often as it likes.
        let told = control.vfs[vf].port_log.admit(self.now());
        control.mask_mailboxes(&self.bar);
        drop(guard);
        self.works.mailbox.queue();
        self.works.health.queue();
        if let Some(left_out) = told {
            tell(&self.ndev, vf, "has a virtual mailbox", left_out);
        }
        Ok(())
    }

    fn ring(&self, vf: u32) {
        // Who has attached a mailbox has done that to a VF.
        let Some(vf) = VfId::new(vf) else {
            return;
        };
        let now = self.now();
        let mut rings = self.rings.lock();
        let in_time = rings.buckets[vf].take(now);
        let wait = !in_time && !core::mem::replace(&mut rings.late, true);
        drop(rings);
        if in_time {
            self.works.mailbox.queue();
        } else if wait {
            self.works.late_ring.queue_after(LATE);
        }
    }

    fn detach(&self, vf: u32, id: usize) {
        let (vf, port, told) = {
            let mut control = self.control.lock();
            // Without the VF there is no mailbox either.
            let Some(vf) = control.find_vf(vf) else {
                return;
            };
            let ours = |port: &mut RemotePort| port.id() == id;
            let Some(port) = control.vfs[vf].extra.port.take_if(ours) else {
                return;
            };
            control.end_tenant(vf);
            let told = control.vfs[vf].port_log.admit(self.now());
            control.mask_mailboxes(&self.bar);
            (vf, port, told)
        };
        drop(port);
        self.works.mailbox.queue();
        self.works.health.queue();
        if let Some(left_out) = told {
            tell(&self.ndev, vf, "has the card's mailbox again", left_out);
        }
    }
}

/// Looks at the mailboxes for all who rang too often. The work item's function.
pub(crate) fn late_ring(this: ArcBorrow<'_, VfManager>) {
    this.rings.lock().late = false;
    this.works.mailbox.queue();
}
