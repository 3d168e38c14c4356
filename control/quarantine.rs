// SPDX-License-Identifier: GPL-2.0

//! VFs that misbehave: the pool of one that does so too much (see [`penalty`](crate::mbox::penalty))
//! is closed, and its mailbox ignored. One that the card has stopped is closed until its driver starts
//! again.

use super::{
    card::{
        Card,
        Event,
        Log, //
    },
    vf_id::VfId,
    vfs::Control, //
};
use crate::mbox::{
    pf_state::VfState,
    time::Time, //
};

impl<C: Card> Control<C> {
    /// Puts a VF into quarantine if it has done too much. Whether it did.
    pub(super) fn penalize<L: Log>(&mut self, card: &C, log: &L, vf: VfId, now: Time) -> bool {
        let entry = &mut self.vfs[vf];
        let counters = *entry.server.counters();
        let Some(cause) = entry.penalties.charge(&counters, now) else {
            return false;
        };
        entry.penalties.quarantined(cause);
        // What it had chosen another may have at once. When it is let out it begins anew.
        let mac = self.switch.state.config(vf).mac;
        self.switch.close_vf(card, vf, |pool| {
            pool.quarantine = Some(cause);
            pool.take_back(VfState::new(mac));
        });
        log.event(vf, Event::Quarantined(cause));
        true
    }

    /// Releases a VF, if it is in quarantine. Its driver has to begin anew.
    pub(super) fn release<L: Log>(&mut self, card: &C, log: &L, vf: VfId) {
        if self.quarantine(vf).is_none() {
            return;
        }
        self.vfs[vf].penalties.release();
        self.switch
            .close_vf(card, vf, |pool| pool.quarantine = None);
        log.event(vf, Event::Released);
    }

    /// Releases a VF, if it is in quarantine, and tells its driver.
    pub fn release_vf<L: Log>(&mut self, card: &C, log: &L, vf: VfId) {
        if self.quarantine(vf).is_some() {
            self.release(card, log, vf);
            self.vfs[vf].server.reconfigure();
        }
    }

    /// The host gives a VF to a new tenant, who has done nothing yet.
    pub fn begin_tenant<L: Log>(&mut self, card: &C, log: &L, vf: VfId) {
        self.release(card, log, vf);
        self.vfs[vf].penalties.release();
        self.end_tenant(vf);
    }

    /// Of the tenant of a VF nothing runs any more.
    pub fn end_tenant(&mut self, vf: VfId) {
        let entry = &mut self.vfs[vf];
        entry.server.forget_driver();
        entry.blocked = false;
    }

    /// Closes a VF that the card has stopped until its driver makes a handshake. `certain`: its own
    /// driver is to blame.
    pub fn block<L: Log>(&mut self, card: &C, log: &L, vf: VfId, certain: bool, now: Time) {
        // A closed pool sends nothing, and only a handshake opens it: nothing is left to be told.
        if !self.pool(vf).open {
            return;
        }
        self.switch.close_vf(card, vf, |pool| pool.granted.revoke());
        let entry = &mut self.vfs[vf];
        entry.blocked = true;
        entry.server.reconfigure();
        let logged = entry.block_log.admit(now);
        entry.penalties.blocked(certain, logged.is_some(), now);
        if let Some(left_out) = logged {
            log.event(vf, Event::Blocked(left_out));
        }
    }
}
