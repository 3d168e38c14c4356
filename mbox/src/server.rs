// SPDX-License-Identifier: GPL-2.0

//! The PF's end of one mailbox: takes requests, has them decided and carried out, answers, and
//! delivers notices to the VF.
//!
//! [`Server::service`] does all that is possible now and never waits: where the VF holds the
//! buffer, it says when to be called again. It may run for long (the driver's [`Backend::apply`]
//! programs the device), so it belongs into a work item or a threaded interrupt handler.
//!
//! One buffer carries both directions, so a notice can destroy a request, and a request a notice.
//! The server writes a notice only while it owns the buffer, no request is pending, and the VF has
//! read what came before. A notice that a request overwrote is sent again.

mod notice;
mod room;
#[cfg(not(MODULE))]
mod saved;

#[cfg(not(MODULE))]
pub use self::saved::Saved;

use self::room::Refused;
use super::event::{
    Changes,
    State, //
};
use super::limit::{
    LogLimit,
    TokenBucket, //
};
use super::pf::{
    service,
    Answer,
    Effect,
    Policy, //
};
use super::pf_state::{
    VfConfig,
    VfState, //
};
use super::port::{
    P2vMailbox,
    PfEvents,
    PfPort, //
};
use super::reason::{
    Failure,
    Reason, //
};
use super::time::{
    Span,
    Time, //
};
use super::wire::{
    Message,
    MAILBOX_WORDS, //
};

/// A VF that is not clear to send is told so at most once in this time, as by C igb.
pub const UNREADY_NACK_INTERVAL: Span = Span::from_millis(2_000);
/// How long a notice waits for the VF to read what came before, before it is sent all the same.
pub const READ_TIMEOUT: Span = Span::from_millis(1_000);
/// How soon an event that the VF has not acknowledged is sent again at first; it doubles.
pub const EVENT_RETRY_FIRST: Span = READ_TIMEOUT;
/// How soon an event that the VF has not acknowledged is sent again at last.
pub const EVENT_RETRY_LAST: Span = Span::from_millis(8_000);
/// How soon to try for the buffer again at first.
pub const LOCK_RETRY_FIRST: Span = Span::from_millis(1);
/// How soon to try for the buffer again at last.
pub const LOCK_RETRY_LAST: Span = Span::from_millis(128);
/// How long a VF may hold the buffer before it is taken away.
pub const LOCK_HELD_TIMEOUT: Span = Span::from_millis(1_000);
/// How soon to try again when the device could not follow a function level reset.
pub const FUNCTION_RESET_RETRY: Span = Span::from_millis(100);
/// Requests that a VF may send at once.
pub const REQUEST_BURST: u32 = 128;
/// One more request per this time.
pub const REQUEST_INTERVAL: Span = Span::from_millis(2);
/// Changes of the VF's addresses that are carried out at once. Each makes a bridge on the way learn, and
/// managers be told.
pub const ADDRESS_BURST: u32 = 256;
/// One more per this time. A change that comes sooner waits for that, within what any driver waits for
/// an answer; it is not refused.
pub const ADDRESS_INTERVAL: Span = Span::from_millis(100);
/// Function level resets that are followed at once.
pub const RESET_BURST: u32 = 32;
/// One more per this time. The VF's queues are off until its reset has been followed.
pub const RESET_INTERVAL: Span = Span::from_millis(50);

/// What the driver does for the server of one VF.
pub trait Backend: Policy {
    /// What the VF has been granted.
    fn granted(&self) -> &VfState;

    /// The same, to change what the device knows nothing of.
    fn granted_mut(&mut self) -> &mut VfState;

    /// Carries out an effect: has the device, and [`Self::granted`], be as `next` says.
    ///
    /// # Errors
    ///
    /// The VF's request is refused. What it has been granted is as it was; after a reset that failed the
    /// VF may have to make another handshake before it is served.
    fn apply(&mut self, next: &VfState, effect: &Effect) -> Result<(), Failure>;

    /// Tells the operator. Called at a bounded rate; `suppressed` messages were left out before.
    fn report(&mut self, reason: Reason, suppressed: u32);
}

/// A message without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// The control message.
    Control,
    /// The bare NACK.
    Lost,
}

/// What the VF has not yet read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unread {
    since: Time,
    notice: Option<Notice>,
    /// What an event told.
    changes: Changes,
}

/// What has happened on a mailbox, for statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests read.
    pub requests: u64,
    /// Requests refused.
    pub refused: u64,
    /// Doorbells that were not answered.
    pub ignored: u64,
    /// Notices sent.
    pub notices: u64,
    /// Function level resets.
    pub function_resets: u64,
    /// Reset messages.
    pub resets: u64,
    /// What a driver in good order does not do: see [`Reason::is_offence`], and doorbells without
    /// a message.
    pub offences: u64,
    /// Valid requests that policy forbids: see [`Reason::is_denial`].
    pub denials: u64,
    /// Acknowledgements of nothing. C igbvf, DPDK and FreeBSD read the buffer now and then to see
    /// whether they are served, and acknowledge that, at most twice a second.
    pub stray_acks: u64,
    /// Doorbells for a request that waits to be served already. A driver in good order rings again
    /// only if there is no answer for long.
    pub extra_rings: u64,
}

impl Counters {
    /// Nothing has happened.
    pub const NONE: Self = Self {
        requests: 0,
        refused: 0,
        ignored: 0,
        notices: 0,
        function_resets: 0,
        resets: 0,
        offences: 0,
        denials: 0,
        stray_acks: 0,
        extra_rings: 0,
    };
}

/// The PF's end of one VF's mailbox. What the VF has been granted is the driver's, see
/// [`Backend::granted`].
#[derive(Clone, Copy, Debug)]
pub struct Server {
    events: PfEvents,
    notice: Option<Notice>,
    tell_after_reset: bool,
    unread: Option<Unread>,
    /// The buffer may hold words of the VF's former driver, or of its former tenant.
    stale: bool,
    told: State,
    changes: Changes,
    refused: Refused,
    event_retry: Span,
    last_nack: Option<Time>,
    held_since: Option<Time>,
    lock_retry: Span,
    requests: TokenBucket,
    addresses: TokenBucket,
    resets: TokenBucket,
    log: LogLimit,
    counters: Counters,
}

impl Server {
    /// The server of a VF that no driver has reset yet.
    pub const fn new(config: &VfConfig) -> Self {
        Self {
            events: PfEvents {
                request: false,
                ack: false,
                function_reset: false,
            },
            notice: None,
            tell_after_reset: false,
            unread: None,
            stale: true,
            told: State::new(config, 0),
            changes: Changes::NONE,
            refused: Refused::none(),
            event_retry: EVENT_RETRY_FIRST,
            last_nack: None,
            held_since: None,
            lock_retry: LOCK_RETRY_FIRST,
            requests: TokenBucket::new(REQUEST_BURST, REQUEST_INTERVAL),
            addresses: TokenBucket::new(ADDRESS_BURST, ADDRESS_INTERVAL),
            resets: TokenBucket::new(RESET_BURST, RESET_INTERVAL),
            log: LogLimit::new(),
            counters: Counters::NONE,
        }
    }

    /// What has happened so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the VF is told, or would be if it had agreed on events.
    pub const fn told(&self) -> &State {
        &self.told
    }

    /// Has the VF look at its link: the control message. Delivered by the next
    /// [`Self::service`] that finds the buffer free.
    pub fn notify(&mut self) {
        if self.notice.is_none() {
            self.notice = Some(Notice::Control);
        }
        self.event_retry = EVENT_RETRY_FIRST;
    }

    /// The administrator has changed what the VF was told at its reset (MAC address, port VLAN):
    /// the next [`Self::service`] takes back what it had ([`Effect::FunctionReset`]) and tells
    /// it to start again.
    pub fn reconfigure(&mut self) {
        self.events.function_reset = true;
        self.tell_after_reset = true;
    }

    /// The VF has another driver, or another mailbox: the next [`Self::service`] takes back what it
    /// had ([`Effect::FunctionReset`]), and tells nobody. What has happened on the mailbox before
    /// is forgotten.
    pub fn forget_driver(&mut self) {
        self.events = PfEvents {
            function_reset: true,
            ..PfEvents::default()
        };
        self.tell_after_reset = false;
    }

    /// The device is about to be reset, and what it has to say with it: keeps that. Whether it says
    /// that the VF went through a function level reset.
    pub fn before_device_reset<P: PfPort + ?Sized>(&mut self, port: &mut P) -> bool {
        let events = port.take_events();
        self.events = self.events.merge(events);
        events.function_reset
    }

    /// The device was reset: mailbox and pools have lost what they held, the VF has to start
    /// again, and is told so. Returns what it has been granted now, of what it was `granted` before. The
    /// address it chose is kept, unless that was to be taken back, or the VF went through a function
    /// level reset, before.
    pub fn device_reset(&mut self, granted: &VfState, config: &VfConfig) -> VfState {
        let next = if self.events.function_reset {
            VfState::new(config.mac)
        } else {
            granted.after_reset(config)
        };
        self.events = PfEvents::default();
        self.tell_after_reset = false;
        self.unread = None;
        self.stale = true;
        self.changes = Changes::NONE;
        self.refused.forget();
        self.last_nack = None;
        self.held_since = None;
        self.lock_retry = LOCK_RETRY_FIRST;
        self.notice = Some(Notice::Control);
        next
    }

    /// Does all that can be done now, at most one request. To be called on each event of this
    /// VF, after [`Self::notify`] and its like, after each change of `config`, and at the time that
    /// the last call returned.
    ///
    /// Returns when to call again if no event comes before.
    pub fn service<P, B>(
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
        self.compare(config, backend, now);
        self.collect(port, config, backend, now);
        if self.events.function_reset {
            let retry = now.after(FUNCTION_RESET_RETRY);
            return Some(self.resets.next().max(retry));
        }
        if self.events.request {
            if !self.requests.ready(now) {
                self.report(backend, Reason::Flood, now);
                return Some(self.requests.next());
            }
            if !self.lock(port, backend, now) {
                return Some(now.after(self.lock_retry));
            }
            self.requests.take(now);
            if let Some(later) = self.serve_request(port, config, backend, now) {
                return Some(later);
            }
            if self.events.request || self.events.function_reset {
                return Some(now);
            }
        }
        if self.stale && self.notice.is_none() {
            return self.wipe(port, config, backend, now);
        }
        self.deliver_notice(port, config, backend, now)
    }

    /// Zeroes the buffer, if it can be had and holds no request: what the former driver and its PF
    /// said is not for the next one, who may be another tenant. Where there is a request or a notice
    /// first, [`Self::send`] does it.
    fn wipe<P, B>(
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
        if !self.lock(port, backend, now) {
            return Some(now.after(self.lock_retry));
        }
        // Only now that the VF cannot write is it certain whether a request is in the buffer.
        self.collect(port, config, backend, now);
        if self.events.request || self.events.function_reset {
            port.unlock();
            return Some(now);
        }
        port.write(&[0; MAILBOX_WORDS]);
        port.unlock();
        self.stale = false;
        self.notice.map(|_| now)
    }

    /// The VF is not served any more: drops what it has said, and zeroes the buffer if it can be had.
    pub fn stop_serving<P: PfPort + ?Sized>(&mut self, port: &mut P) {
        self.events = PfEvents::default();
        self.unread = None;
        if port.try_lock() {
            port.write(&[0; MAILBOX_WORDS]);
            port.unlock();
        }
    }

    /// Takes the port's events; handles all but the request.
    fn collect<P, B>(&mut self, port: &mut P, config: &VfConfig, backend: &mut B, now: Time)
    where
        P: PfPort + ?Sized,
        B: Backend + ?Sized,
    {
        let events = port.take_events();
        // After a reset it is another driver that rings.
        let again = self.events.request && events.request && !events.function_reset;
        self.counters.extra_rings = self.counters.extra_rings.wrapping_add(again.into());
        self.events = self.events.merge(events);
        if self.events.function_reset && self.resets.take(now) {
            self.events.function_reset = !self.function_reset(config, backend, now);
        }
        if core::mem::take(&mut self.events.ack) {
            let stray = u64::from(self.unread.take().is_none());
            self.counters.stray_acks = self.counters.stray_acks.wrapping_add(stray);
            self.event_retry = EVENT_RETRY_FIRST;
            // igbvf reads the mailbox to learn whether it is still served, and resets itself
            // when it finds NACK: that is how it recovers from a reset of the PF.
            if !backend.granted().clear_to_send && self.nack_due(now) {
                self.notice = Some(Notice::Lost);
            }
        }
    }

    /// Takes back what the VF had. Whether the device could follow; if not, the VF is not served.
    fn function_reset<B: Backend + ?Sized>(
        &mut self,
        config: &VfConfig,
        backend: &mut B,
        now: Time,
    ) -> bool {
        self.notice = None;
        self.unread = None;
        self.changes = Changes::NONE;
        self.refused.forget();
        self.last_nack = None;
        // Who held the buffer was another driver.
        self.held_since = None;
        self.lock_retry = LOCK_RETRY_FIRST;
        self.stale = true;
        let next = VfState::new(config.mac);
        let result = backend.apply(&next, &Effect::FunctionReset { mac: next.mac });
        if let Err(failure) = result {
            backend.granted_mut().revoke();
            self.report(backend, Reason::Failed(failure), now);
            return false;
        }
        if core::mem::take(&mut self.tell_after_reset) {
            self.notice = Some(Notice::Control);
        }
        self.counters.function_resets = self.counters.function_resets.wrapping_add(1);
        true
    }

    /// Reads, decides, applies and answers the request in the buffer, which the PF owns. Returns when to
    /// look at it again if it has to wait.
    fn serve_request<P, B>(
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
        // A doorbell that rang since then belongs to the words that are read below.
        self.collect(port, config, backend, now);
        if self.events.function_reset {
            port.unlock();
            return None;
        }
        let words = port.read();
        let nack_due = self.nack_due(now);
        let told = self.told;
        let granted = backend.granted();
        let plan = service(granted, config, backend, &told, &words, nack_due);
        let address = matches!(
            plan.effect(),
            Some(Effect::SetMac(_) | Effect::AddFilter(_))
        );
        if address && !self.addresses.take(now) {
            port.unlock();
            self.report(backend, Reason::Flood, now);
            return Some(self.addresses.next());
        }
        self.events.request = false;
        port.set_control(P2vMailbox::ACK.with(P2vMailbox::PFU));
        self.counters.requests = self.counters.requests.wrapping_add(1);

        let result = match (plan.next(), plan.effect()) {
            (Some(next), Some(effect)) => backend.apply(next, effect),
            (Some(next), None) => {
                *backend.granted_mut() = *next;
                Ok(())
            }
            (None, _) => Ok(()),
        };
        let outcome = plan.finish(result);
        if matches!(plan.effect(), Some(Effect::Reset { .. })) {
            self.counters.resets = self.counters.resets.wrapping_add(1);
        }
        self.note_addresses(&plan, &outcome, &words, backend.granted());

        match outcome.answer {
            Answer::Reply(reply) => {
                self.requeue_unread(backend.granted());
                self.send(port, &reply, None, now);
                let refused = u64::from(!outcome.granted);
                self.counters.refused = self.counters.refused.wrapping_add(refused);
            }
            Answer::Silence => {
                port.unlock();
                self.counters.ignored = self.counters.ignored.wrapping_add(1);
                if outcome.reason.is_none() {
                    self.counters.offences = self.counters.offences.wrapping_add(1);
                }
            }
        }
        if outcome.reason == Some(Reason::NotReady) && outcome.answer != Answer::Silence {
            self.last_nack = Some(now);
            self.drop_lost_notice();
        }
        if let Some(reason) = outcome.reason {
            self.report(backend, reason, now);
        }
        None
    }

    /// Writes a message into the buffer, which the PF owns, and gives it to the VF.
    fn send<P: PfPort + ?Sized>(
        &mut self,
        port: &mut P,
        message: &Message,
        notice: Option<Notice>,
        now: Time,
    ) {
        if core::mem::take(&mut self.stale) {
            port.write(message.padded());
        } else {
            port.write(message.words());
        }
        port.set_control(P2vMailbox::STS);
        let changes = match notice {
            Some(Notice::Control) => core::mem::take(&mut self.changes),
            _ => Changes::NONE,
        };
        self.unread = Some(Unread {
            since: now,
            notice,
            changes,
        });
    }

    /// Tries once for the buffer. Takes it away from a VF that has held it for too long.
    fn lock<P, B>(&mut self, port: &mut P, backend: &mut B, now: Time) -> bool
    where
        P: PfPort + ?Sized,
        B: Backend + ?Sized,
    {
        if port.try_lock() {
            self.held_since = None;
            self.lock_retry = LOCK_RETRY_FIRST;
            return true;
        }
        let since = *self.held_since.get_or_insert(now);
        if now.since(since) >= LOCK_HELD_TIMEOUT {
            port.set_control(P2vMailbox::RVFU);
            self.report(backend, Reason::BufferHeld, now);
            self.held_since = Some(now);
            self.lock_retry = LOCK_RETRY_LAST;
        } else {
            self.lock_retry = self.lock_retry.doubled().min(LOCK_RETRY_LAST);
        }
        false
    }

    fn nack_due(&self, now: Time) -> bool {
        self.last_nack
            .is_none_or(|last| now.since(last) >= UNREADY_NACK_INTERVAL)
    }

    fn report<B: Backend + ?Sized>(&mut self, backend: &mut B, reason: Reason, now: Time) {
        let offence = u64::from(reason.is_offence());
        self.counters.offences = self.counters.offences.wrapping_add(offence);
        let denial = u64::from(reason.is_denial());
        self.counters.denials = self.counters.denials.wrapping_add(denial);
        if let Some(suppressed) = self.log.admit(now) {
            backend.report(reason, suppressed);
        }
    }
}
