// SPDX-License-Identifier: GPL-2.0

//! The mailbox, as a function that can be called: request in, reply out.
//!
//! [`Client`] knows the protocol and never waits; here is who waits. All of it is process context:
//! a waiter sleeps between two looks at the mailbox, and every wait has a bound that the protocol
//! names. One request is under way at a time, the others wait for the mutex.
//!
//! A request is made with the RTNL held only while the PF is known to answer. The handshake, which
//! may find nobody, is made without it.

use kernel::{
    fmt, new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta,
        Instant,
        Monotonic, //
    },
};

use crate::{
    flag::Flag,
    hw::Hw,
    mbox::{
        caps::Caps,
        event::State,
        limit::TokenBucket,
        pf_to_vf::Reply,
        port::{
            V2pMailbox,
            VfPort, //
        },
        refusal::Refusal,
        time::{
            Span,
            Time, //
        },
        types::MacAddr,
        vf::{
            self,
            Client,
            Counters,
            Events,
            Progress,
            StartError, //
        },
        vf_to_pf::Request, //
    },
    port::Port, //
};

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The mailbox failed.
    Mailbox(vf::Error),
    /// Only a handshake helps.
    NeedsHandshake,
    /// The PF did not answer as soon as the caller wanted.
    TooSlow,
    /// The device may not be touched now.
    Halted,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mailbox(vf::Error::PfInReset) => {
                "the PF is in reset; is its network interface up?"
            }
            Self::Mailbox(vf::Error::LockTimeout) => {
                "the PF does not let go of the mailbox; reload its driver"
            }
            Self::Mailbox(vf::Error::AckTimeout) => {
                "the PF does not read its mailbox; is its driver loaded?"
            }
            Self::Mailbox(vf::Error::ReplyTimeout) => {
                "the PF reads its mailbox but does not reply; see its log"
            }
            Self::Mailbox(vf::Error::Lost) => "the PF was reset or has forgotten this VF",
            Self::NeedsHandshake => "the PF waits for a reset of this VF",
            Self::TooSlow => "the PF did not answer in time",
            Self::Halted => "the device is being reset or removed",
        })
    }
}

// The kernel's formatting has a trait of its own.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid | Refusal::Unsupported => EINVAL,
            Refusal::MacInUse => EEXIST,
            Refusal::FilterQuota(_) | Refusal::VlanQuota(_) | Refusal::NoSpace => ENOSPC,
            Refusal::Busy(_) => EBUSY,
            Refusal::Device => EIO,
            _ => EPERM,
        }
    }
}

/// How a handshake waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// When to give up, if before the protocol's own bounds.
    limit: Option<Span>,
    /// The least time to sleep between two looks.
    pace: Span,
}

impl Patience {
    /// For probe, which somebody waits for.
    pub(crate) const SHORT: Self = Self {
        limit: Some(Span::from_millis(500)),
        pace: Span::from_micros(0),
    };
    /// For the first try after the PF has answered before.
    pub(crate) const EAGER: Self = Self {
        limit: None,
        pace: Span::from_micros(0),
    };
    /// For the tries after that: nobody may be there for days.
    pub(crate) const CALM: Self = Self {
        limit: None,
        pace: Span::from_millis(50),
    };
}

/// Handshakes that are made as soon as they are due.
const HANDSHAKES: u32 = 32;
/// One more in this time. `rigb` counts two resets for each, forgives two a second, and shuts out a VF
/// that has used up its share.
const HANDSHAKE_INTERVAL: Span = Span::from_millis(1_000);

struct Mailbox {
    port: Port,
    client: Client,
    /// Handshakes that the PF has answered.
    handshakes: TokenBucket,
    /// What the PF has told when it was asked.
    state: Option<State>,
}

/// The mailbox of this VF.
///
/// Locking: `mailbox` is a leaf that is held while its holder sleeps for a reply. `halted` is set
/// without it, so that a sleeper notices.
#[pin_data]
pub(crate) struct Control {
    #[pin]
    mailbox: Mutex<Mailbox>,
    epoch: Instant<Monotonic>,
    halted: Flag,
}

impl Control {
    pub(crate) fn new(hw: Arc<Hw>) -> impl PinInit<Self> {
        pin_init!(Self {
            mailbox <- new_mutex!(Mailbox {
                port: Port::new(hw),
                client: Client::new(),
                handshakes: TokenBucket::new(HANDSHAKES, HANDSHAKE_INTERVAL),
                state: None,
            }),
            epoch: Instant::now(),
            halted: Flag::new(false),
        })
    }

    /// Time since the driver met the device.
    pub(crate) fn now(&self) -> Time {
        // CAST: not negative, the clock is monotonic.
        Time::from_micros((self.epoch.elapsed().as_nanos() / 1000) as u64)
    }

    /// Makes a request and waits for the reply, at most about one second. Sleeps.
    ///
    /// # Errors
    ///
    /// Any [`Failure`] but [`Failure::TooSlow`]. Only a handshake helps afterwards.
    pub(crate) fn request(&self, request: &Request) -> Result<Reply, Failure> {
        self.exchange(request, Patience::EAGER)
    }

    /// Whether the next handshake may be made now. A PF that answers and is lost at once, for whatever
    /// reason, is not to be asked as fast as it answers.
    pub(crate) fn may_handshake(&self) -> bool {
        let now = self.now();
        self.mailbox.lock().handshakes.ready(now)
    }

    /// Introduces the VF to its PF. The caller has reset the VF, and nothing is on its rings.
    /// Returns the address that the PF assigned, if any. Sleeps: three exchanges, 3.5 seconds at most.
    ///
    /// # Errors
    ///
    /// Any [`Failure`] but [`Failure::NeedsHandshake`].
    pub(crate) fn handshake(&self, patience: Patience) -> Result<Option<MacAddr>, Failure> {
        match self.exchange(&Request::Reset, patience)? {
            Reply::Reset { mac, .. } => {
                let now = self.now();
                self.mailbox.lock().handshakes.take(now);
                self.take_state();
                self.negotiate(patience)?;
                Ok(mac)
            }
            // The client takes nothing else for a reply to a reset.
            _ => Err(Failure::Mailbox(vf::Error::Lost)),
        }
    }

    /// Agrees with the PF on more than the base protocol, if it has more.
    fn negotiate(&self, patience: Patience) -> Result<(), Failure> {
        let offer = self.mailbox.lock().client.offer();
        if let Some(request) = offer {
            // A PF that says no after all speaks the base protocol.
            self.exchange(&request, patience)?;
        }
        let agreed = self.mailbox.lock().client.agreed();
        if agreed.has(Caps::EVENTS) {
            self.ask_state(patience)?;
        }
        Ok(())
    }

    /// What the PF has told during the handshake, if it has events.
    pub(crate) fn take_state(&self) -> Option<State> {
        self.mailbox.lock().state.take()
    }

    /// Asks the PF what an event would tell.
    fn ask_state(&self, patience: Patience) -> Result<(), Failure> {
        if let Reply::State(state) = self.exchange(&Request::GetState, patience)? {
            self.mailbox.lock().state = Some(state);
        }
        Ok(())
    }

    fn exchange(&self, request: &Request, patience: Patience) -> Result<Reply, Failure> {
        let mut mailbox = self.mailbox.lock();
        let Mailbox { port, client, .. } = &mut *mailbox;
        let start = self.now();
        client.start(request, start).map_err(|err| match err {
            StartError::NeedsReset => Failure::NeedsHandshake,
            // Cannot be: nobody leaves a request behind when he unlocks the mutex.
            StartError::Busy => Failure::Mailbox(vf::Error::Lost),
        })?;
        loop {
            if self.halted() {
                client.invalidate();
                return Err(Failure::Halted);
            }
            let now = self.now();
            match client.poll(port, now) {
                Progress::Done(Reply::NotReady) => return Err(Failure::NeedsHandshake),
                Progress::Done(reply) => return Ok(reply),
                Progress::Failed(error) => return Err(Failure::Mailbox(error)),
                Progress::Idle => return Err(Failure::Mailbox(vf::Error::Lost)),
                Progress::Pending { next_check } => {
                    if patience
                        .limit
                        .is_some_and(|limit| now.since(start) >= limit)
                    {
                        client.invalidate();
                        return Err(Failure::TooSlow);
                    }
                    sleep(next_check.since(now).max(patience.pace));
                }
            }
        }
    }

    /// Takes in what the PF has said by itself. May sleep for a request of somebody else.
    pub(crate) fn poll(&self) -> Events {
        let mut mailbox = self.mailbox.lock();
        if self.halted() {
            return Events::default();
        }
        let now = self.now();
        let Mailbox {
            port,
            client,
            state,
            ..
        } = &mut *mailbox;
        client.poll(port, now);
        let mut events = client.take_events();
        // What an event has told since is newer.
        let state = state.take();
        events.state = events.state.or(state);
        events
    }

    /// The PF has told something that was lost: asks for it. [`Self::poll`] returns it.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub(crate) fn catch_up(&self) -> Result<(), Failure> {
        self.ask_state(Patience::EAGER)
    }

    /// What was agreed on with the PF beyond the base protocol.
    pub(crate) fn agreed(&self) -> Caps {
        self.mailbox.lock().client.agreed()
    }

    /// Whether the PF is in reset, without asking it. To be used only while a handshake is due: it
    /// clears status bits that another request would need.
    pub(crate) fn pf_in_reset(&self) -> bool {
        let mut mailbox = self.mailbox.lock();
        mailbox.port.status().has(V2pMailbox::RSTI)
    }

    /// Whether the PF serves this VF only after a handshake.
    pub(crate) fn needs_handshake(&self) -> bool {
        self.mailbox.lock().client.needs_reset()
    }

    /// The VF was reset: the PF has forgotten it.
    pub(crate) fn invalidate(&self) {
        self.mailbox.lock().client.invalidate();
    }

    /// Ends the request under way, if any, and lets none start: the device is about to be reset
    /// from outside, to sleep or to be removed. No register of the mailbox is accessed after this
    /// returns, until [`Self::resume`].
    pub(crate) fn halt(&self) {
        self.halted.set(true);
        // Waits for a sleeper to notice.
        self.mailbox.lock().client.invalidate();
    }

    /// Ends [`Self::halt`].
    pub(crate) fn resume(&self) {
        self.halted.set(false);
    }

    /// Whether [`Self::halt`] is in force.
    pub(crate) fn halted(&self) -> bool {
        self.halted.get()
    }

    /// What has happened so far.
    pub(crate) fn counters(&self) -> Counters {
        *self.mailbox.lock().client.counters()
    }
}

fn sleep(span: Span) {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    fsleep(Delta::from_micros(micros));
}
