// SPDX-License-Identifier: GPL-2.0

//! Serving the mailbox of a VF: what its requests may do to the switch.

use super::{
    card::{
        Card,
        Event,
        Log,
        Mailbox, //
    },
    image::NoSpace,
    switch::Switch,
    vf_id::VfId,
    vfs::{
        Control,
        Vf, //
    }, //
};
use crate::mbox::{
    pf::{
        Effect,
        Policy, //
    },
    pf_state::VfState,
    reason::{
        Failure,
        Reason, //
    },
    server::Backend,
    time::Time,
    types::{
        HashSet,
        MacAddr, //
    }, //
};

impl From<NoSpace> for Failure {
    fn from(_: NoSpace) -> Self {
        Self::NoSpace
    }
}

/// Carries out the requests of one VF.
struct VfBackend<'a, C, L> {
    card: &'a C,
    log: &'a L,
    switch: &'a mut Switch,
    vf: VfId,
}

impl<C: Card, L: Log> Policy for VfBackend<'_, C, L> {
    fn mac_in_use(&self, mac: MacAddr) -> bool {
        self.switch.state.mac_denied(self.vf, mac)
    }

    fn releases(&self) -> u64 {
        self.switch.releases
    }

    fn groups(&self) -> &HashSet {
        &self.switch.state.vfs[self.vf].groups
    }
}

impl<C: Card, L: Log> Backend for VfBackend<'_, C, L> {
    fn granted(&self) -> &VfState {
        &self.switch.state.vfs[self.vf].granted
    }

    fn granted_mut(&mut self) -> &mut VfState {
        &mut self.switch.state.vfs[self.vf].granted
    }

    fn apply(&mut self, next: &VfState, effect: &Effect) -> Result<(), Failure> {
        if matches!(effect, Effect::Reset { .. } | Effect::FunctionReset { .. }) {
            // Closed first, so that nothing passes by half of the old and half of the new rules. It
            // stays closed if a queue does not stop.
            self.switch.close_vf(self.card, self.vf, |_| ());
            if let Err(failure) = self.card.empty_queues(self.vf) {
                // A driver that goes on all the same is to learn that it is not served.
                self.granted_mut().revoke();
                return Err(failure);
            }
        }
        self.switch.change_vf(self.card, self.vf, |pool| {
            pool.granted = *next;
            effect.change_groups(&mut pool.groups);
            match effect {
                Effect::Reset { .. } => pool.open = true,
                Effect::FunctionReset { .. } => pool.open = false,
                _ => {}
            }
        })?;
        Ok(())
    }

    fn report(&mut self, reason: Reason, suppressed: u32) {
        self.log.request(self.vf, reason, suppressed);
    }
}

impl<C: Card> Control<C> {
    /// Serves the mailbox of a VF: what is in it now, one request at most. Returns when to call again,
    /// if no event comes before.
    pub fn serve<L: Log>(&mut self, card: &C, log: &L, vf: VfId, now: Time) -> Option<Time> {
        if self.quarantine(vf).is_some() {
            if let Err(later) = self.serve_quarantined(card, log, vf, now) {
                return later;
            }
        }
        let config = self.switch.state.config(vf);
        let Vf { server, extra, .. } = &mut self.vfs[vf];
        let mut port = card.mailbox(vf, extra);
        port.show_link(&config.link);
        let mut backend = VfBackend {
            card,
            log,
            switch: &mut self.switch,
            vf,
        };
        let next = server.service(&mut port, &config, &mut backend, now);
        drop(port);
        if self.vfs[vf].blocked && self.pool(vf).granted.clear_to_send() {
            self.vfs[vf].blocked = false;
            log.event(vf, Event::Unblocked);
        }
        if self.penalize(card, log, vf, now) {
            self.stop_serving(card, vf);
            return None;
        }
        next
    }

    /// When to serve the mailboxes again for an address that a VF was refused and that may be free now, if
    /// there is one.
    pub fn room_due(&self) -> Option<Time> {
        self.live_vfs()
            .filter(|(vf, _)| self.quarantine(*vf).is_none())
            .filter_map(|(_, entry)| entry.server.room_due(self.switch.releases))
            .min()
    }

    /// Drops what a VF in quarantine sends. Whether it is released, since it went through a function
    /// level reset, or else when to look again.
    ///
    /// What it sends after that reset is the next tenant's, so that is left to be served.
    fn serve_quarantined<L: Log>(
        &mut self,
        card: &C,
        log: &L,
        vf: VfId,
        now: Time,
    ) -> Result<(), Option<Time>> {
        let Vf {
            penalties, extra, ..
        } = &mut self.vfs[vf];
        let mut port = card.mailbox(vf, extra);
        // Cleared, so that each reset counts.
        let reset = port.take_function_reset();
        if let Err(later) = penalties.may_release(reset, now) {
            if !reset && later.is_none() {
                port.ignore();
            }
            drop(port);
            if reset {
                self.stop_serving(card, vf);
            }
            return Err(later);
        }
        drop(port);
        self.release(card, log, vf);
        // The reset, whose event is cleared.
        self.vfs[vf].server.forget_driver();
        Ok(())
    }

    /// Leaves nothing of what a VF in quarantine and its PF have said.
    fn stop_serving(&mut self, card: &C, vf: VfId) {
        let Vf { server, extra, .. } = &mut self.vfs[vf];
        server.stop_serving(&mut card.mailbox(vf, extra));
    }
}
