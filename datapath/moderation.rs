// SPDX-License-Identifier: GPL-2.0

//! How often the vectors of a device interrupt: at an interval that the user has set, or at one that
//! follows the traffic ([`Dim`]).

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

use super::{
    stats::{
        Passed,
        QueueCounters, //
    },
    Hw, //
};
use crate::kapi::net::dim::{
    Dim,
    Moderated,
    Traffic, //
};

pub use crate::kapi::net::dim::Direction;

/// What a user says of the interrupts of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coalescing {
    /// The interval follows the traffic.
    pub adaptive: bool,
    /// Least time between two interrupts where it does not, in microseconds.
    pub usecs: u16,
}

impl Coalescing {
    /// What is wanted of a device that is as `self`. Who sets another interval means it: it does not adapt
    /// any more, unless that is asked for at the same time.
    pub fn changed(self, wanted: Self) -> Self {
        let fixed = self.adaptive && wanted.adaptive && self.usecs != wanted.usecs;
        Self {
            adaptive: wanted.adaptive && !fixed,
            ..wanted
        }
    }
}

/// The interrupts of one direction, of all queue pairs.
#[pin_data]
struct Side {
    #[pin]
    wanted: Mutex<Coalescing>,
    /// The same as in `wanted`, for polls.
    adaptive: Atomic<bool>,
}

impl Side {
    fn new(coalescing: Coalescing) -> impl PinInit<Self> {
        pin_init!(Self {
            wanted <- new_mutex!(coalescing),
            adaptive: Atomic::new(coalescing.adaptive),
        })
    }
}

/// How often the vectors of a device may interrupt. It outlives `open` and `stop`.
#[pin_data]
pub struct Moderation {
    #[pin]
    rx: Side,
    #[pin]
    tx: Side,
}

impl Moderation {
    /// Where both directions have one vector, `rx` is about it.
    pub(super) fn new(rx: Coalescing, tx: Coalescing) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                rx <- Side::new(rx),
                tx <- Side::new(tx),
            }),
            GFP_KERNEL,
        )
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Rx => &self.rx,
            Direction::Tx => &self.tx,
        }
    }

    /// What the user has said.
    pub fn wanted(&self, direction: Direction) -> Coalescing {
        *self.side(direction).wanted.lock()
    }

    /// The interval to begin with, in microseconds.
    pub fn initial(&self, direction: Direction) -> u16 {
        let wanted = self.wanted(direction);
        if wanted.adaptive {
            direction.initial()
        } else {
            wanted.usecs
        }
    }

    /// Changes it, and has `write` set the interval of all vectors that run, if it does not adapt. Process
    /// context.
    pub fn set(&self, direction: Direction, wanted: Coalescing, write: impl FnOnce(u16)) {
        let side = self.side(direction);
        let mut now = side.wanted.lock();
        *now = now.changed(wanted);
        side.adaptive.store(now.adaptive, Relaxed);
        if !now.adaptive {
            write(now.usecs);
        }
    }

    /// Has `write` set an interval that was adapted, unless the user has set one meanwhile.
    fn adapt(&self, direction: Direction, write: impl FnOnce()) {
        if self.side(direction).wanted.lock().adaptive {
            write();
        }
    }
}

/// A vector whose interval is adapted.
struct Vector<H: Hw> {
    hw: Arc<H>,
    moderation: Arc<Moderation>,
    index: u16,
    direction: Direction,
}

impl<H: Hw> Moderated for Vector<H> {
    fn set_interval(&self, usecs: u16) {
        self.moderation.adapt(self.direction, || {
            self.hw.set_interval(self.index, self.direction, usecs);
        });
    }
}

/// What follows the traffic of a vector.
struct Follower<H: Hw> {
    dim: Dim<Vector<H>>,
    events: u16,
    packets: u64,
}

impl<H: Hw> Follower<H> {
    /// A poll has ended. With it an interrupt, if something came by it.
    #[inline]
    fn polled(&mut self, passed: Passed) {
        if passed.packets == self.packets {
            return;
        }
        self.packets = passed.packets;
        self.events = self.events.wrapping_add(1);
        self.dim.sample(Traffic {
            events: self.events,
            packets: passed.packets,
            bytes: passed.bytes,
        });
    }
}

/// What follows the traffic of a queue pair.
pub(super) struct Moderator<H: Hw> {
    moderation: Arc<Moderation>,
    counters: Arc<QueueCounters>,
    rx: Follower<H>,
    /// Where what was sent has a vector of its own.
    tx: Option<Follower<H>>,
}

impl<H: Hw> Moderator<H> {
    /// For queue pair `index`, which does not run yet.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(
        hw: &Arc<H>,
        index: u16,
        moderation: &Arc<Moderation>,
        counters: &Arc<QueueCounters>,
    ) -> Result<Self> {
        let (received, sent) = (counters.received(), counters.sent());
        let follow = |direction, passed: Passed| -> Result<_> {
            let vector = Vector {
                hw: hw.clone(),
                moderation: moderation.clone(),
                index,
                direction,
            };
            Ok(Follower {
                dim: Dim::new(direction, vector)?,
                events: 0,
                packets: passed.packets,
            })
        };
        let (rx, tx) = if H::TX_VECTOR {
            let tx = follow(Direction::Tx, sent)?;
            (follow(Direction::Rx, received)?, Some(tx))
        } else {
            (follow(Direction::Rx, received.and(sent))?, None)
        };
        Ok(Self {
            moderation: moderation.clone(),
            counters: counters.clone(),
            rx,
            tx,
        })
    }

    /// A poll has ended for want of work.
    #[inline]
    pub(super) fn polled(&mut self) {
        let counters = &self.counters;
        if self.moderation.rx.adaptive.load(Relaxed) {
            let received = counters.received();
            self.rx.polled(if H::TX_VECTOR {
                received
            } else {
                received.and(counters.sent())
            });
        }
        if let Some(tx) = &mut self.tx {
            if self.moderation.tx.adaptive.load(Relaxed) {
                tx.polled(counters.sent());
            }
        }
    }
}
