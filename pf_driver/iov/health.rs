// SPDX-License-Identifier: GPL-2.0

//! A health reporter of VFs that misbehave, see [`crate::devlink`].
//!
//! A VF that is quarantined, or blocked by the card, is an error of the reporter `vf`, which lasts until
//! no VF is. Recovery lets all of them out of quarantine, but not by itself: why a tenant was shut out is
//! for a person to judge. A VF that is blocked starts again by itself.

use kernel::{
    prelude::*,
    str::CString,
    sync::ArcBorrow, //
};

use super::{
    card::Vf,
    debugfs::COUNTERS,
    manager::VfManager, //
};
use crate::{
    control::vf_id::VfId,
    kapi::{
        net::{
            devlink::{
                Message,
                Reporter, //
            },
            netdev_warn, //
        },
        uevent, //
    },
    mbox::penalty::{
        Cause,
        VfEvent, //
    }, //
};

impl VfManager {
    /// Releases all VFs that are in quarantine.
    pub(crate) fn release_all(&self) {
        let mut control = self.control.lock();
        for vf in control.vf_ids() {
            control.release_vf(&*self.bar, self, vf);
        }
        control.mask_mailboxes(&self.bar);
        self.works.mailbox.queue();
    }

    /// Tells how each VF behaves.
    pub(crate) fn diagnose(&self, message: &mut Message<'_>) {
        let control = self.control.lock();
        message.array("VFs", |message| {
            for (vf, entry) in control.live_vfs() {
                let quarantine = control.quarantine(vf);
                message.object(|message| show(message, vf, entry, quarantine));
            }
        });
    }
}

/// Tells of a VF.
fn show(message: &mut Message<'_>, vf: VfId, entry: &Vf, quarantine: Option<Cause>) {
    message.number("vf", u64::try_from(vf.index()).unwrap_or(u64::MAX));
    message.truth("blocked", entry.blocked);
    message.truth("quarantined", quarantine.is_some());
    if let Some(cause) = quarantine {
        message.words("cause", fmt!("{}", cause.words()));
    }
    for (name, count) in COUNTERS.into_iter().zip(entry.counters()) {
        message.number(name, count);
    }
}

/// Tells of VFs that were blocked, shut out or let out, and whether all is well. The work item's function.
pub(crate) fn report(this: ArcBorrow<'_, VfManager>) {
    // The reporter's operations take this lock: it must be free when anything is reported.
    let next = || {
        let mut control = this.control.lock();
        control.vf_ids().find_map(|vf| {
            let quarantined = control.quarantine(vf).is_some();
            let entry = &mut control.vfs[vf];
            let event = entry.penalties.take_event(!quarantined && !entry.blocked);
            event.map(|event| (vf, event))
        })
    };
    let reporter = this.reporter.lock().clone();
    while let Some((vf, event)) = next() {
        if let Err(err) = tell(&this, reporter.as_ref(), vf, event) {
            netdev_warn!(
                this.ndev,
                "managers are not told of what became of VF {} (error {}): look at 'devlink health'\n",
                vf,
                err.to_errno()
            );
        }
    }
    let control = this.control.lock();
    let healthy = control
        .live_vfs()
        .all(|(vf, entry)| control.quarantine(vf).is_none() && !entry.blocked);
    drop(control);
    if let (true, Some(reporter)) = (healthy, reporter) {
        reporter.set_healthy();
    }
}

/// Tells of one VF: udev by an event of the PF, and devlink.
fn tell(this: &VfManager, reporter: Option<&Reporter>, vf: VfId, event: VfEvent) -> Result {
    let number = CString::try_from_fmt(fmt!("RIGB_VF={}", vf))?;
    let state = match event {
        VfEvent::Quarantined(_) => c"RIGB_VF_STATE=quarantined",
        VfEvent::Blocked => c"RIGB_VF_STATE=blocked",
        VfEvent::Released => c"RIGB_VF_STATE=released",
    };
    let error = match event {
        VfEvent::Quarantined(cause) => Some(CString::try_from_fmt(fmt!(
            "VF {} is quarantined: {}",
            vf,
            cause.words()
        ))?),
        VfEvent::Blocked => Some(CString::try_from_fmt(fmt!(
            "VF {} is blocked by the card",
            vf
        ))?),
        VfEvent::Released => None,
    };
    if let (Some(error), Some(reporter)) = (error, reporter) {
        reporter.report(&error);
    }
    uevent::changed(this.ndev.parent(), &[&number, state])
}
