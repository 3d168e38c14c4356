// SPDX-License-Identifier: GPL-2.0

//! What the PF says without being asked: when it is due, and how it reaches the VF.
//!
//! A VF that has agreed on events acknowledges each, so one that is not acknowledged is sent again,
//! ever less often, until it is.

use super::super::event::{
    Changes,
    Event,
    State, //
};
use super::super::pf_state::{
    VfConfig,
    VfState, //
};
use super::super::pf_to_vf;
use super::super::port::PfPort;
use super::super::time::Time;
use super::super::wire::Message;
use super::{
    Backend,
    Notice,
    Server,
    Unread,
    EVENT_RETRY_LAST,
    READ_TIMEOUT, //
};

impl Server {
    /// Finds out what has changed for the VF since it was told.
    pub(super) fn compare<B>(&mut self, config: &VfConfig, backend: &B, now: Time)
    where
        B: Backend + ?Sized,
    {
        let granted = backend.granted();
        let room = self.refused.take_free(config, granted, backend, now);
        let state = State {
            room: self.told.room.wrapping_add(u16::from(room)),
            ..State::new(config, self.told.generation)
        };
        let changes = state.changes_since(&self.told);
        if changes.is_none() {
            return;
        }
        self.told = State {
            generation: self.told.generation.wrapping_add(1),
            ..state
        };
        if granted.tells_events() {
            self.changes = self.changes.or(changes);
            self.notify();
        }
    }

    /// The PF is about to be reset. Tells the VF if that is possible at once and destroys nothing;
    /// what it does not learn so it learns from the reset itself.
    pub fn warn_of_reset<P: PfPort + ?Sized>(
        &mut self,
        port: &mut P,
        granted: &VfState,
        now: Time,
    ) {
        if !granted.tells_events() || self.unread.is_some() || !port.try_lock() {
            return;
        }
        self.events = self.events.merge(port.take_events());
        if self.events.request || self.events.function_reset {
            port.unlock();
            return;
        }
        self.changes = self.changes.or(Changes::RESET);
        let message = self.control(granted);
        self.counters.notices = self.counters.notices.wrapping_add(1);
        self.send(port, &message, Some(Notice::Control), now);
    }

    /// The control message, by what was agreed on.
    fn control(&self, granted: &VfState) -> Message {
        if !granted.tells_events() {
            return pf_to_vf::control(granted.clear_to_send);
        }
        pf_to_vf::event(&Event {
            changes: self.changes,
            state: self.told,
        })
    }

    /// Takes an event that the VF has not acknowledged in time for one that it has not got.
    fn repeat_unread(&mut self, granted: &VfState, now: Time) {
        let Some(unread) = self.unread.filter(|_| granted.tells_events()) else {
            return;
        };
        if unread.notice != Some(Notice::Control) || now.since(unread.since) < self.event_retry {
            return;
        }
        let retry = self.event_retry.doubled().min(EVENT_RETRY_LAST);
        self.requeue_unread(granted);
        self.unread = None;
        self.event_retry = retry;
    }

    /// When [`Self::repeat_unread`] has to look again.
    fn repeat_due(&self, granted: &VfState) -> Option<Time> {
        self.unread
            .filter(|unread| granted.tells_events() && unread.notice == Some(Notice::Control))
            .map(|unread| unread.since.after(self.event_retry))
    }

    /// The VF has overwritten a notice it had not read: it will need it again, unless it has
    /// just reset itself.
    pub(super) fn requeue_unread(&mut self, granted: &VfState) {
        if let Some(Unread {
            notice: Some(Notice::Control),
            changes,
            ..
        }) = self.unread
        {
            self.changes = self.changes.or(changes);
            self.notify();
        }
        if granted.clear_to_send {
            self.drop_lost_notice();
        }
    }

    /// The VF has been told by a reply, or is lost no longer.
    pub(super) fn drop_lost_notice(&mut self) {
        if self.notice == Some(Notice::Lost) {
            self.notice = None;
        }
    }

    pub(super) fn deliver_notice<P, B>(
        &mut self,
        port: &mut P,
        config: &VfConfig,
        backend: &mut B,
        now: Time,
    ) -> Option<Time>
    where
        P: PfPort + ?Sized,
        B: Backend + ?Sized,
    {
        self.repeat_unread(backend.granted(), now);
        if self.notice.is_none() {
            return self.repeat_due(backend.granted());
        }
        if let Some(unread) = self.unread {
            if now.since(unread.since) < READ_TIMEOUT {
                return Some(unread.since.after(READ_TIMEOUT));
            }
        }
        if !self.lock(port, backend, now) {
            return Some(now.after(self.lock_retry));
        }
        // Only now that the VF cannot write is it certain whether a request is in the buffer.
        self.collect(port, config, backend, now);
        if self.events.request || self.events.function_reset {
            port.unlock();
            return Some(now);
        }
        let Some(notice) = self.notice.take() else {
            port.unlock();
            return None;
        };
        if let Some(unread) = self.unread {
            self.changes = self.changes.or(unread.changes);
        }
        let message = match notice {
            Notice::Control => self.control(backend.granted()),
            Notice::Lost => {
                self.last_nack = Some(now);
                pf_to_vf::lost()
            }
        };
        self.counters.notices = self.counters.notices.wrapping_add(1);
        self.send(port, &message, Some(notice), now);
        self.repeat_due(backend.granted())
    }
}
