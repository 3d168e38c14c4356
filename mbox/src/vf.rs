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
//! A PF that offers more than the base protocol is asked with [`Request::Negotiate`], as the first
//! request after the reset ([`Client::offer`]), and then with [`Request::GetState`]. From a PF that
//! does not, nothing of this is to be seen, and it is sent nothing of it.
//!
//! All requests are idempotent, so one that the PF sees twice does no harm.

mod exchange;

use super::caps::{
    Caps,
    Version, //
};
use super::event::State;
use super::pf_to_vf::Reply;
use super::port::{
    V2pCache,
    VfPort, //
};
use super::time::{
    Span,
    Time, //
};
use super::vf_to_pf::Request;
use super::wire::{
    op,
    Message, //
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

/// The last sequence tag; zero is none.
const LAST_TAG: u8 = 31;

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
    /// What the PF tells, where it differs from what it told before.
    pub state: Option<State>,
    /// The PF has changed and did not say how: [`Request::GetState`] is due.
    pub state_lost: bool,
    /// The PF is about to be reset.
    pub reset_impending: bool,
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
    /// Events that told something new.
    pub events: u64,
    /// Events that told nothing new.
    pub repeats: u64,
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

impl Current {
    /// When the request fails if it stays where it is.
    fn bound(&self) -> Time {
        match self.step {
            Step::PfReset { until } | Step::Write { until, .. } => until.min(self.deadline),
            Step::Answer { .. } => self.deadline,
        }
    }

    fn is_reset(&self) -> bool {
        self.message.first().opcode() == op::RESET
    }

    fn is_negotiation(&self) -> bool {
        self.message.first().opcode() == op::NEGOTIATE
    }

    fn asks_state(&self) -> bool {
        self.message.first().opcode() == op::GET_STATE
    }
}

/// The VF's end of its mailbox.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    cache: V2pCache,
    ready: bool,
    current: Option<Current>,
    events: Events,
    counters: Counters,
    offered: bool,
    agreed: Caps,
    tag: u8,
    generation: Option<u32>,
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
                state: None,
                state_lost: false,
                reset_impending: false,
            },
            counters: Counters {
                requests: 0,
                resends: 0,
                failures: 0,
                notices: 0,
                dropped: 0,
                events: 0,
                repeats: 0,
            },
            offered: false,
            agreed: Caps::NONE,
            tag: 0,
            generation: None,
        }
    }

    /// Whether the PF serves this VF only after a reset.
    pub const fn needs_reset(&self) -> bool {
        !self.ready
    }

    /// What to ask for before all else, if the PF offers it.
    pub fn offer(&self) -> Option<Request> {
        let due = self.ready && self.offered && self.agreed.is_none();
        due.then_some(Request::Negotiate {
            version: Version::OURS,
            caps: Caps::OURS,
        })
    }

    /// What was agreed on beyond the base protocol.
    pub const fn agreed(&self) -> Caps {
        self.agreed
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
            self.events = Events {
                link_check: self.events.link_check,
                ..Events::default()
            };
            self.forget_agreement();
            let until = now.after(PF_RESET_TIMEOUT);
            (Step::PfReset { until }, PF_RESET_TIMEOUT)
        } else {
            if matches!(request, Request::Negotiate { .. }) {
                // What is agreed on is unknown until the reply is read.
                self.agreed = Caps::NONE;
            }
            (Self::write_step(now), Span::default())
        };
        self.counters.requests = self.counters.requests.wrapping_add(1);
        self.current = Some(Current {
            message: self.encode(request),
            step,
            deadline: now.after(extra).after(REQUEST_TIMEOUT),
            interval: POLL_FIRST,
        });
        Ok(())
    }

    /// The request as it goes onto the wire.
    fn encode(&mut self, request: &Request) -> Message {
        let message = request.encode();
        let base = matches!(request, Request::Reset | Request::Negotiate { .. });
        if base || !self.agreed.has(Caps::SEQUENCE) {
            return message;
        }
        self.tag = (self.tag % LAST_TAG).wrapping_add(1);
        message.tagged(self.tag)
    }

    fn forget_agreement(&mut self) {
        self.offered = false;
        self.agreed = Caps::NONE;
        self.generation = None;
    }

    /// Gives up the request under way. A reply that comes later is dropped.
    pub fn cancel(&mut self) {
        self.current = None;
    }

    /// The driver is about to reset the device or has lost it: only [`Request::Reset`] helps.
    pub fn invalidate(&mut self) {
        self.current = None;
        self.ready = false;
        self.forget_agreement();
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
                let next_check = now.after(current.interval).min(current.bound());
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
            Progress::Done(Reply::Reset { offer, .. }) if current.is_reset() => {
                self.ready = true;
                self.offered = *offer;
            }
            Progress::Done(Reply::Agreed { version, caps }) => self.agree(*version, *caps),
            Progress::Done(Reply::Refused(_)) if current.is_negotiation() => self.offered = false,
            Progress::Done(Reply::State(state)) => self.heed_reply(state),
            _ => {}
        }
    }

    /// The PF has answered NEGOTIATE.
    fn agree(&mut self, version: Version, granted: Caps) {
        self.agreed = Caps::OURS.accept(version, granted);
        // Without an agreement there is no use in asking again.
        self.offered = !self.agreed.is_none();
    }

    /// The PF has answered GET_STATE. Nothing of what it said before counts any more.
    fn heed_reply(&mut self, state: &State) {
        self.generation = Some(state.generation);
        self.events.state = None;
        self.events.state_lost = false;
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
}
