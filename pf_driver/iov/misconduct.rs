// SPDX-License-Identifier: GPL-2.0

//! What the card sees VFs do: frames with a foreign address or VLAN, which it drops, and malformed
//! descriptors, for which it stops the queue (malicious driver detection, DTXCTL.MDP_EN).
//!
//! The card keeps the last event for certain, no more, so the interrupt handler reads its registers at
//! once and adds them up. The work does the rest: a VF that was stopped is closed, and told to start
//! again, for a handshake is what lets it send. Each time counts, see
//! [`crate::control::quarantine`].

use kernel::{
    prelude::*,
    time::Delta, //
};

use super::{
    card::{
        Control,
        Vf, //
    },
    manager::VfManager, //
};
use crate::{
    control::vf_id::VfId,
    hw::{
        irq,
        pool, //
    },
    kapi::net::netdev_warn,
    mbox::{
        misconduct::{
            Pools,
            Sighting, //
        },
        time::Time, //
    }, //
};

/// How long one event keeps others from interrupting: a VF can cause one after the other.
pub(crate) const INTERVAL: Delta = Delta::from_millis(100);

impl VfManager {
    /// The card has seen misconduct. From the interrupt handler, which has [`VfManager::punish`] called.
    pub(crate) fn see_misconduct(&self) -> Sighting {
        let sighting = pool::take_sighting(&self.bar);
        if !sighting.is_empty() {
            self.seen.add(sighting);
            irq::mask_misconduct(&self.bar);
        }
        sighting
    }

    /// Deals with what VFs were seen to do. False in a reset, which ends all of that.
    pub(crate) fn punish(&self, sighting: Sighting) -> bool {
        let now = self.now();
        let mut control = self.control.lock();
        if control.resetting {
            // All pools are closed, and no queue of before runs again.
            return false;
        }
        for vf in control.vf_ids() {
            let pool = vf.index();
            if sighting.spoofed.has(pool) {
                self.report_spoofing(&mut control.vfs[vf], vf, now);
            }
            if sighting.stopped.has(pool) {
                control.block(&*self.bar, self, vf, sighting.certain.has(pool), now);
            }
        }
        drop(control);
        if !sighting.stopped.is_empty() {
            self.works.mailbox.queue();
            self.works.health.queue();
            self.notify_changed();
        }
        true
    }

    /// Names a VF that sent what it must not.
    fn report_spoofing(&self, entry: &mut Vf, vf: VfId, now: Time) {
        entry.spoof_events = entry.spoof_events.wrapping_add(1);
        let Some(left_out) = entry.spoof_log.admit(now) else {
            return;
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

    /// Whether the card is to stop queues for malformed descriptors while there are VFs.
    pub(crate) fn detects_malice(&self) -> bool {
        self.control.lock().switch.state.detects_malice
    }

    /// Has the card do so, or not, now and after each reset.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] as [`Control::commit`]; what was there fits.
    pub(crate) fn detect_malice(&self, on: bool) -> Result {
        let mut control = self.control.lock();
        let old = core::mem::replace(&mut control.switch.state.detects_malice, on);
        let committed = control.commit(&*self.bar);
        if committed.is_err() {
            control.switch.state.detects_malice = old;
        }
        Ok(committed?)
    }

    /// Acts as if the card had stopped all VFs.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] without VFs.
    pub(crate) fn test_malice(&self) -> Result {
        let count = self.control.lock().num_vfs();
        if count == 0 {
            return Err(ENOENT);
        }
        self.punish(Sighting {
            stopped: Pools::first(count),
            certain: Pools::first(count),
            ..Sighting::NONE
        });
        Ok(())
    }

    /// Has the handler look, should there have been an event without an interrupt.
    pub(crate) fn look_for_misconduct(&self, control: &Control) {
        if control.has_vfs() {
            irq::unmask_misconduct(&self.bar);
        }
    }
}
