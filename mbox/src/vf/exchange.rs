// SPDX-License-Identifier: GPL-2.0

//! The steps of a request on the wire, and what the PF says in between.

use super::super::caps::Caps;
use super::super::event::{
    Changes,
    Event,
    EVENT_WORDS, //
};
use super::super::pf_to_vf::{
    FromPf,
    Reply,
    RESET_MARK, //
};
use super::super::port::{
    V2pMailbox,
    VfPort, //
};
use super::super::time::{
    Span,
    Time, //
};
use super::super::wire::{
    Header,
    Words,
    MAILBOX_WORDS, //
};
use super::{
    Client,
    Current,
    Error,
    Progress,
    Step,
    NOT_NOW_DELAY,
    PF_RESET_TIMEOUT,
    POLL_FIRST,
    RESEND_INTERVAL, //
};

/// Words of the longest message of a base PF: its reply to RESET.
const BASE_WORDS: usize = 3;

/// A message of the PF, and the buffer that it came in.
struct Incoming {
    message: FromPf,
    words: Words,
}

impl Incoming {
    fn refuses_reset(&self) -> bool {
        matches!(self.message, FromPf::Reply(raw) if raw.refuses_reset())
    }
}

impl Client {
    pub(super) fn poll_idle<P: VfPort + ?Sized>(&mut self, port: &mut P, status: V2pMailbox) {
        let reset_done = self.cache.take(V2pMailbox::RSTD);
        if (reset_done || status.has(V2pMailbox::RSTI)) && self.ready {
            self.lose();
        }
        self.cache.take(V2pMailbox::PFACK);
        if !self.cache.has(V2pMailbox::PFSTS) {
            return;
        }
        if let Some(incoming) = self.receive(port) {
            self.take_notice(&incoming);
        }
    }

    /// Takes in a message that answers nothing. Returns whether the VF is lost.
    fn take_notice(&mut self, incoming: &Incoming) -> bool {
        let lost = match incoming.message {
            FromPf::Control { clear_to_send } => !clear_to_send,
            FromPf::Lost => true,
            FromPf::Reply(_) | FromPf::Malformed(_) => {
                self.counters.dropped = self.counters.dropped.wrapping_add(1);
                return false;
            }
        };
        self.counters.notices = self.counters.notices.wrapping_add(1);
        self.events.link_check = true;
        if lost && self.ready {
            self.lose();
        }
        if !lost && self.agreed.has(Caps::EVENTS) {
            self.take_event(&Event::decode(&incoming.words));
        }
        lost
    }

    /// Takes in what the control message tells, if it is new.
    fn take_event(&mut self, event: &Event) {
        self.events.reset_impending |= event.changes.has(Changes::RESET);
        let Event { state, .. } = event;
        if self
            .generation
            .is_some_and(|seen| !state.is_newer_than(seen))
        {
            self.counters.repeats = self.counters.repeats.wrapping_add(1);
            return;
        }
        self.generation = Some(state.generation);
        self.events.state = Some(*state);
        self.counters.events = self.counters.events.wrapping_add(1);
    }

    /// The reply to the request that begins with `request`, if that is what came.
    fn reply(&mut self, incoming: &Incoming, request: Header) -> Option<Reply> {
        let FromPf::Reply(raw) = incoming.message else {
            return None;
        };
        let reply = raw.to(request, self.agreed)?;
        // An event was lost, or is still to come.
        let told = raw.generation(self.agreed);
        self.events.state_lost |= told.is_some() && told != self.generation;
        Some(reply)
    }

    /// Reads the buffer and tells the PF so, if the buffer can be had.
    fn receive<P: VfPort + ?Sized>(&mut self, port: &mut P) -> Option<Incoming> {
        if !self.cache.try_lock(port) {
            return None;
        }
        let incoming = self.peek(port);
        self.cache.take(V2pMailbox::PFSTS);
        port.set_control(V2pMailbox::ACK);
        Some(incoming)
    }

    fn peek<P: VfPort + ?Sized>(&self, port: &mut P) -> Incoming {
        let mut words = [0; MAILBOX_WORDS];
        if let Some(head) = words.get_mut(..self.words_to_read()) {
            port.read(head);
        }
        Incoming {
            message: FromPf::decode(&words),
            words,
        }
    }

    /// Words of the longest message that may have come. A PF answers GET_STATE by what it has granted,
    /// also where its reply to NEGOTIATE did not reach this side.
    fn words_to_read(&self) -> usize {
        let asks_state = self.current.is_some_and(|current| current.asks_state());
        if self.agreed.is_none() && !asks_state {
            BASE_WORDS
        } else {
            EVENT_WORDS
        }
    }

    /// One poll of a request. `None` while it is pending.
    pub(super) fn advance<P: VfPort + ?Sized>(
        &mut self,
        port: &mut P,
        status: V2pMailbox,
        current: &mut Current,
        now: Time,
    ) -> Option<Progress> {
        if let Some(failed) = self.check_reset_bits(status, current, now) {
            return Some(failed);
        }
        let done = match current.step {
            Step::PfReset { .. } => None,
            Step::Write { from, .. } if now < from => None,
            Step::Write { .. } if self.cache.try_lock(port) => self.write(port, current, now),
            Step::Write { .. } => None,
            Step::Answer { .. } => self.wait_answer(port, current, now),
        };
        done.or_else(|| timed_out(current, now).map(Progress::Failed))
    }

    /// What RSTI and RSTD mean for the request under way.
    fn check_reset_bits(
        &mut self,
        status: V2pMailbox,
        current: &mut Current,
        now: Time,
    ) -> Option<Progress> {
        let in_reset = status.has(V2pMailbox::RSTI);
        let reset_done = self.cache.take(V2pMailbox::RSTD);
        if !current.is_reset() {
            let lost = in_reset || reset_done;
            return lost.then_some(Progress::Failed(Error::Lost));
        }
        match current.step {
            Step::PfReset { .. } if !in_reset => current.step = Self::write_step(now),
            Step::PfReset { .. } => {}
            // The PF went into reset while it was asked, and has forgotten that.
            _ if in_reset => {
                let until = now.after(PF_RESET_TIMEOUT);
                current.step = Step::PfReset { until };
            }
            Step::Answer { .. } if reset_done => self.write_again(current, now),
            _ => {}
        }
        None
    }

    /// Writes the request into the buffer, which the VF owns, and rings; unless the buffer says
    /// that the PF would not serve it.
    fn write<P: VfPort + ?Sized>(
        &mut self,
        port: &mut P,
        current: &mut Current,
        now: Time,
    ) -> Option<Progress> {
        // What the buffer held until now is overwritten. Only a notice can be of interest.
        if self.cache.take(V2pMailbox::PFSTS) {
            let incoming = self.peek(port);
            if self.take_notice(&incoming) && !current.is_reset() {
                port.set_control(V2pMailbox::ACK);
                return Some(Progress::Failed(Error::Lost));
            }
        }
        self.cache.take(V2pMailbox::PFACK);
        if current.is_reset() {
            let head = current.message.first().raw();
            port.write(&[head, RESET_MARK, RESET_MARK]);
        } else {
            port.write(current.message.words());
        }
        port.set_control(V2pMailbox::REQ);
        current.step = Step::Answer {
            acked: false,
            resend: now.after(RESEND_INTERVAL),
        };
        current.interval = POLL_FIRST;
        None
    }

    fn write_again(&mut self, current: &mut Current, from: Time) {
        self.counters.resends = self.counters.resends.wrapping_add(1);
        current.step = Self::write_step(from);
    }

    fn wait_answer<P: VfPort + ?Sized>(
        &mut self,
        port: &mut P,
        current: &mut Current,
        now: Time,
    ) -> Option<Progress> {
        if let Step::Answer { ref mut acked, .. } = current.step {
            *acked |= self.cache.take(V2pMailbox::PFACK);
        }
        if self.cache.has(V2pMailbox::PFSTS) {
            if let Some(incoming) = self.receive(port) {
                if let Some(done) = self.take_answer(&incoming, current, now) {
                    return Some(done);
                }
            }
        }
        match current.step {
            Step::Answer { resend, .. } if now >= resend => self.look_or_resend(port, current, now),
            _ => None,
        }
    }

    /// A message came while a request is under way.
    fn take_answer(
        &mut self,
        incoming: &Incoming,
        current: &mut Current,
        now: Time,
    ) -> Option<Progress> {
        if incoming.refuses_reset() && current.is_reset() {
            self.write_again(current, now.after(NOT_NOW_DELAY));
            return None;
        }
        if let Some(reply) = self.reply(incoming, current.message.first()) {
            return Some(Progress::Done(reply));
        }
        let notice = !matches!(incoming.message, FromPf::Reply(_) | FromPf::Malformed(_));
        let lost = self.take_notice(incoming);
        if lost && !current.is_reset() {
            return Some(Progress::Failed(Error::Lost));
        }
        if notice {
            // It has overwritten the request or the reply; which, cannot be known.
            let delay = if lost { NOT_NOW_DELAY } else { Span::default() };
            self.write_again(current, now.after(delay));
        }
        None
    }

    /// There was no answer for long. A doorbell may have been lost: the reply may be in the buffer
    /// already, or the PF does not know of the request.
    fn look_or_resend<P: VfPort + ?Sized>(
        &mut self,
        port: &mut P,
        current: &mut Current,
        now: Time,
    ) -> Option<Progress> {
        if !self.cache.try_lock(port) {
            // The PF is at work.
            return None;
        }
        let incoming = self.peek(port);
        let refused = current.is_reset() && incoming.refuses_reset();
        let reply = self.reply(&incoming, current.message.first());
        if let Some(reply) = reply.filter(|_| !refused) {
            self.cache.take(V2pMailbox::PFSTS);
            port.set_control(V2pMailbox::ACK);
            return Some(Progress::Done(reply));
        }
        self.counters.resends = self.counters.resends.wrapping_add(1);
        self.write(port, current, now)
    }
}

/// How the request has failed, if it has reached its bound.
fn timed_out(current: &Current, now: Time) -> Option<Error> {
    let error = match current.step {
        Step::PfReset { .. } => Error::PfInReset,
        Step::Write { .. } => Error::LockTimeout,
        Step::Answer { acked: true, .. } => Error::ReplyTimeout,
        Step::Answer { acked: false, .. } => Error::AckTimeout,
    };
    (now >= current.bound()).then_some(error)
}
