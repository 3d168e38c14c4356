// SPDX-License-Identifier: GPL-2.0

//! The VF's end of the mailbox: a client that is advanced by events and time.
//!
//! [`Client::start`] takes a request, [`Client::poll`] moves it on and never waits. The caller
//! polls when the mailbox interrupt comes and at the time that the last poll returned, sleeping in
//! between; polling alone is enough, for an interrupt may never come (QEMU raises the wrong
//! vector). Each wait has a bound, and a failure says which.
//!
//! On the wire a request is what C igbvf does: own the buffer, write, ring; wait for PFACK, then
//! for PFSTS; own the buffer, read, acknowledge. Beyond that the client
//! - writes its request again when a message of the PF has overwritten it, or no answer comes;
//! - drops what does not answer the request at hand;
//! - notices when the PF has been reset or has forgotten the VF ([`Client::needs_reset`]).
//!
//! All requests are idempotent, so one that the PF sees twice does no harm.

use super::pf_to_vf::{
    FromPf,
    Reply, //
};
use super::port::{
    V2pCache,
    V2pMailbox,
    VfPort, //
};
use super::time::{
    Span,
    Time, //
};
use super::vf_to_pf::Request;
use super::wire::{
    op,
    Message,
    MAILBOX_WORDS, //
};

/// How long a request may take from [`Client::start`] to its reply.
pub const REQUEST_TIMEOUT: Span = Span::from_millis(1_000);
/// How long the buffer may stay with the PF before a request fails.
pub const LOCK_TIMEOUT: Span = Span::from_millis(250);
/// How long a reset waits for the PF to come out of its own.
pub const PF_RESET_TIMEOUT: Span = Span::from_millis(500);
/// After this time without an answer the request is written again.
pub const RESEND_INTERVAL: Span = Span::from_millis(200);
/// How soon a reset is sent again after the PF said that it cannot serve it now.
pub const NOT_NOW_DELAY: Span = Span::from_millis(20);
/// The first time between two polls; it doubles.
pub const POLL_FIRST: Span = Span::from_micros(50);
/// The last time between two polls.
pub const POLL_LAST: Span = Span::from_millis(5);
/// How often to poll an idle client, so that it learns of a PF reset without an interrupt.
pub const IDLE_POLL: Span = Span::from_millis(250);

/// Why a request has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The PF is in reset and did not come out of it in time.
    PfInReset,
    /// The PF did not let go of the buffer.
    LockTimeout,
    /// The PF did not read the request: it has no driver, or one that is stuck.
    AckTimeout,
    /// The PF read the request and did not reply.
    ReplyTimeout,
    /// The PF was reset or has forgotten this VF: start again with [`Request::Reset`].
    Lost,
}

/// Why a request cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// Another request is under way.
    Busy,
    /// Only [`Request::Reset`] can start now.
    NeedsReset,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is none.
    Idle,
    /// Poll again on the mailbox interrupt, or at this time.
    Pending {
        /// When.
        next_check: Time,
    },
    /// The PF has replied.
    Done(Reply),
    /// It failed.
    Failed(Error),
}

/// What the PF has said without being asked. Taken with [`Client::take_events`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// The link may have changed: read STATUS.
    pub link_check: bool,
    /// The VF has to start again with a reset.
    pub lost: bool,
}

/// What has happened, for statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests started.
    pub requests: u64,
    /// Requests written again.
    pub resends: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Control messages and bare NACKs.
    pub notices: u64,
    /// Messages dropped because they answer nothing.
    pub dropped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Waiting for the PF to come out of reset.
    PfReset { until: Time },
    /// Waiting for the buffer to write the request, not before `from`.
    Write { from: Time, until: Time },
    /// Waiting for PFACK and PFSTS.
    Answer { acked: bool, resend: Time },
}

#[derive(Clone, Copy, Debug)]
struct Current {
    message: Message,
    step: Step,
    deadline: Time,
    interval: Span,
}

/// The VF's end of its mailbox.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    cache: V2pCache,
    ready: bool,
    current: Option<Current>,
    events: Events,
    counters: Counters,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client that has to start with [`Request::Reset`].
    pub const fn new() -> Self {
        Self {
            cache: V2pCache::new(),
            ready: false,
            current: None,
            events: Events {
                link_check: false,
                lost: false,
            },
            counters: Counters {
                requests: 0,
                resends: 0,
                failures: 0,
                notices: 0,
                dropped: 0,
            },
        }
    }

    /// Whether the PF serves this VF only after a reset.
    pub const fn needs_reset(&self) -> bool {
        !self.ready
    }

    /// Whether a request is under way.
    pub const fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// Takes what the PF has said without being asked.
    pub fn take_events(&mut self) -> Events {
        core::mem::take(&mut self.events)
    }

    /// What has happened so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Starts a request. [`Request::Reset`] is to be preceded by the VF's own reset (CTRL.RST),
    /// which the driver does. The next step is [`Self::poll`].
    ///
    /// # Errors
    ///
    /// [`StartError`] if it cannot start now; nothing has happened then.
    pub fn start(&mut self, request: &Request, now: Time) -> Result<(), StartError> {
        if self.current.is_some() {
            return Err(StartError::Busy);
        }
        let reset = *request == Request::Reset;
        if !reset && !self.ready {
            return Err(StartError::NeedsReset);
        }
        let (step, extra) = if reset {
            self.ready = false;
            self.events.lost = false;
            let until = now.after(PF_RESET_TIMEOUT);
            (Step::PfReset { until }, PF_RESET_TIMEOUT)
        } else {
            (Self::write_step(now), Span::default())
        };
        self.counters.requests = self.counters.requests.wrapping_add(1);
        self.current = Some(Current {
            message: request.encode(),
            step,
            deadline: now.after(extra).after(REQUEST_TIMEOUT),
            interval: POLL_FIRST,
        });
        Ok(())
    }

    /// Gives up the request under way. A reply that comes later is dropped.
    pub fn cancel(&mut self) {
        self.current = None;
    }

    /// The driver is about to reset the device or has lost it: only [`Request::Reset`] helps.
    pub fn invalidate(&mut self) {
        self.current = None;
        self.ready = false;
    }

    /// Moves the request on as far as it goes now, and takes in what else the PF has said.
    pub fn poll<P: VfPort + ?Sized>(&mut self, port: &mut P, now: Time) -> Progress {
        let status = self.cache.read(port);
        let Some(mut current) = self.current else {
            self.poll_idle(port, status);
            return Progress::Idle;
        };
        let result = self.advance(port, status, &mut current, now);
        match result {
            Some(progress) => {
                self.current = None;
                self.account(&current, &progress);
                progress
            }
            None => {
                let next_check = now.after(current.interval).min(current.deadline);
                current.interval = current.interval.doubled().min(POLL_LAST);
                self.current = Some(current);
                Progress::Pending { next_check }
            }
        }
    }

    fn account(&mut self, current: &Current, progress: &Progress) {
        match progress {
            Progress::Failed(_) => {
                // The PF may be anything from slow to gone. As with igbvf only a reset tells;
                // requests in between fail at once instead of a second later.
                self.counters.failures = self.counters.failures.wrapping_add(1);
                self.lose();
            }
            Progress::Done(Reply::NotReady) => self.lose(),
            Progress::Done(Reply::Reset { .. }) if is_reset(current) => self.ready = true,
            _ => {}
        }
    }

    fn lose(&mut self) {
        self.ready = false;
        self.events.lost = true;
        self.events.link_check = true;
    }

    fn write_step(now: Time) -> Step {
        Step::Write {
            from: now,
            until: now.after(LOCK_TIMEOUT),
        }
    }

    fn poll_idle<P: VfPort + ?Sized>(&mut self, port: &mut P, status: V2pMailbox) {
        let reset_done = self.cache.take(V2pMailbox::RSTD);
        if (reset_done || status.has(V2pMailbox::RSTI)) && self.ready {
            self.lose();
        }
        self.cache.take(V2pMailbox::PFACK);
        if !self.cache.has(V2pMailbox::PFSTS) {
            return;
        }
        if let Some(message) = self.receive(port) {
            self.take_notice(&message);
        }
    }

    /// Takes in a message that answers nothing. Returns whether the VF is lost.
    fn take_notice(&mut self, message: &FromPf) -> bool {
        let lost = match message {
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
        lost
    }

    /// Reads the buffer and tells the PF so, if the buffer can be had.
    fn receive<P: VfPort + ?Sized>(&mut self, port: &mut P) -> Option<FromPf> {
        if !self.cache.try_lock(port) {
            return None;
        }
        let message = Self::peek(port);
        self.cache.take(V2pMailbox::PFSTS);
        port.set_control(V2pMailbox::ACK);
        Some(message)
    }

    fn peek<P: VfPort + ?Sized>(port: &mut P) -> FromPf {
        let mut words = [0; MAILBOX_WORDS];
        // No message from the PF has more than three words.
        if let Some(head) = words.get_mut(..3) {
            port.read(head);
        }
        FromPf::decode(&words)
    }

    /// One poll of a request. `None` while it is pending.
    fn advance<P: VfPort + ?Sized>(
        &mut self,
        port: &mut P,
        status: V2pMailbox,
        current: &mut Current,
        now: Time,
    ) -> Option<Progress> {
        if let Some(failed) = self.check_reset_bits(status, current, now) {
            return Some(failed);
        }
        match current.step {
            Step::PfReset { until } if now >= until => Some(Progress::Failed(Error::PfInReset)),
            Step::PfReset { .. } => None,
            Step::Write { from, .. } if now < from => None,
            Step::Write { until, .. } => {
                if self.write(port, current, now) {
                    None
                } else if now >= until || now >= current.deadline {
                    Some(Progress::Failed(Error::LockTimeout))
                } else {
                    None
                }
            }
            Step::Answer { .. } => self.wait_answer(port, current, now),
        }
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
        if !is_reset(current) {
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

    /// Writes the request and rings, if the buffer can be had.
    fn write<P: VfPort + ?Sized>(
        &mut self,
        port: &mut P,
        current: &mut Current,
        now: Time,
    ) -> bool {
        if !self.cache.try_lock(port) {
            return false;
        }
        // What the buffer held until now is overwritten. Only a notice can be of interest.
        if self.cache.take(V2pMailbox::PFSTS) {
            let message = Self::peek(port);
            self.take_notice(&message);
        }
        self.cache.take(V2pMailbox::PFACK);
        port.write(current.message.words());
        port.set_control(V2pMailbox::REQ);
        current.step = Step::Answer {
            acked: false,
            resend: now.after(RESEND_INTERVAL),
        };
        current.interval = POLL_FIRST;
        true
    }

    fn write_again(&mut self, current: &mut Current, from: Time) {
        self.counters.resends = self.counters.resends.wrapping_add(1);
        current.step = Step::Write {
            from,
            until: from.after(LOCK_TIMEOUT),
        };
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
            if let Some(message) = self.receive(port) {
                if let Some(done) = self.take_answer(&message, current, now) {
                    return Some(done);
                }
            }
        }
        let Step::Answer { acked, resend } = current.step else {
            return None;
        };
        if now >= current.deadline {
            return Some(Progress::Failed(if acked {
                Error::ReplyTimeout
            } else {
                Error::AckTimeout
            }));
        }
        if now >= resend {
            return self.look_or_resend(port, current, now);
        }
        None
    }

    /// A message came while a request is under way.
    fn take_answer(
        &mut self,
        message: &FromPf,
        current: &mut Current,
        now: Time,
    ) -> Option<Progress> {
        if let FromPf::Reply(reply) = message {
            if let Some(reply) = reply.to(current.message.first()) {
                return Some(Progress::Done(reply));
            }
        }
        let notice = !matches!(message, FromPf::Reply(_) | FromPf::Malformed(_));
        let lost = self.take_notice(message);
        if lost && !is_reset(current) {
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
        let message = Self::peek(port);
        if let FromPf::Reply(reply) = message {
            if let Some(reply) = reply.to(current.message.first()) {
                self.cache.take(V2pMailbox::PFSTS);
                port.set_control(V2pMailbox::ACK);
                return Some(Progress::Done(reply));
            }
        }
        self.cache.unlock(port);
        self.write_again(current, now);
        None
    }
}

fn is_reset(current: &Current) -> bool {
    current.message.first().opcode() == op::RESET
}
