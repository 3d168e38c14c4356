// SPDX-License-Identifier: GPL-2.0

//! Shutting out a VF that does not stop doing what no driver in good order does.
//!
//! How much is borne is in [`crate::mbox::penalty`]. A VF in quarantine has its pool closed and its mailbox
//! ignored. The administrator lets it out, or a function level reset, as its next tenant begins with.

use kernel::prelude::*;

use super::vf::Vf;
use crate::{
    adapter::Adapter,
    kapi::net::{
        netdev_err,
        netdev_info,
        Device, //
    },
    mbox::{
        penalty::{
            Cause,
            Penalties,
            VfEvent, //
        },
        time::Time, //
    },
    regs::Bar0,
    switch::Switch, //
};

/// What a VF has left, and whether it is shut out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conduct {
    penalties: Penalties,
    quarantine: Option<Cause>,
}

impl Conduct {
    /// A VF that has done nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            penalties: Penalties::new(),
            quarantine: None,
        }
    }

    /// Why the VF is shut out, if it is.
    pub(crate) fn quarantine(&self) -> Option<Cause> {
        self.quarantine
    }

    /// What there is to tell since the last time.
    pub(super) fn take_event(&mut self) -> Option<VfEvent> {
        self.penalties.take_event(self.quarantine.is_none())
    }

    /// How often it was shut out.
    pub(crate) fn times(&self) -> u64 {
        self.penalties.quarantines()
    }

    /// How often it was reset in quarantine without being let out.
    pub(crate) fn resets_ignored(&self) -> u64 {
        self.penalties.resets_ignored()
    }

    /// In quarantine: whether a function level reset, now (`reset`) or before, lets the VF out now, or
    /// else when.
    pub(super) fn may_leave(
        &mut self,
        reset: bool,
        now: Time,
    ) -> core::result::Result<(), Option<Time>> {
        self.penalties.may_release(reset, now)
    }

    /// The VF begins anew.
    fn release(&mut self) {
        self.penalties.release();
        self.quarantine = None;
    }
}

/// Shuts VF `index` out if it has done too much. Whether it did.
pub(super) fn enforce(
    dev: &Device,
    bar: &Bar0,
    switch: &mut Switch,
    vf: &mut Vf,
    index: usize,
    now: Time,
) -> bool {
    let counters = *vf.server.counters();
    let Some(cause) = vf.conduct.penalties.charge(&counters, now) else {
        return false;
    };
    let closed = switch.change_vf::<Error>(bar, index, |pool| {
        pool.quarantined = true;
        Ok(())
    });
    if closed.is_err() {
        // It needs less than before, so it fits.
        return false;
    }
    vf.conduct.quarantine = Some(cause);
    vf.conduct.penalties.quarantined(cause);
    netdev_err!(
        dev,
        "VF {} is quarantined, its queues are off and its mailbox is ignored: {}; look at its guest, then let it out by 'ip link set {} vf {} state auto' or a function level reset\n",
        index,
        cause.words(),
        *dev,
        index
    );
    true
}

/// Lets VF `index` out. Its driver has to begin anew.
pub(super) fn release(dev: &Device, bar: &Bar0, switch: &mut Switch, vf: &mut Vf, index: usize) {
    if vf.conduct.quarantine.is_none() {
        return;
    }
    let opened = switch.change_vf::<Error>(bar, index, |pool| {
        pool.open = false;
        pool.quarantined = false;
        Ok(())
    });
    if opened.is_err() {
        return;
    }
    vf.conduct.release();
    netdev_info!(dev, "VF {} is let out of quarantine\n", index);
}

impl Adapter {
    /// Lets a VF out of quarantine, if it is in it.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(super) fn pardon(&self, vf: u32) -> Result {
        let mut guard = self.control.lock();
        let control = &mut *guard;
        let index = self.find_vf(control, vf)?;
        let entry = control.vfs.get_mut(index).ok_or(EINVAL)?;
        if entry.conduct.quarantine().is_none() {
            return Ok(());
        }
        release(&self.ndev, &self.bar, &mut control.switch, entry, index);
        // Its driver is told.
        entry.server.reconfigure();
        control.mask_mailboxes(&self.bar);
        drop(guard);
        self.works.mailbox.queue();
        self.works.health.queue();
        Ok(())
    }
}
