// SPDX-License-Identifier: GPL-2.0

//! Statistics of a queue pair.
//!
//! Each counter has one writer at a time: the transmit lock's holder or the poll function. So a
//! counter is advanced by a plain load and store, and read from anywhere without a lock. They live
//! as long as the driver's [`Datapath`](super::Datapath), across any number of `open` and `stop`.

// Rust's own atomics: the kernel crate's are calls of C helpers, and for plain loads and stores of
// one word the two models agree.
use core::sync::atomic::{
    AtomicU64,
    Ordering::Relaxed, //
};

use crate::kapi::net::stats::{
    QueueStatsRx,
    QueueStatsTx,
    Stats64, //
};

/// A counter with one writer at a time.
pub(super) struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `n`; by the one writer only.
    #[inline]
    pub(super) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    #[inline]
    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

macro_rules! counters {
    (
        $(#[$doc:meta])*
        $shared:ident => $(#[$sdoc:meta])* $snapshot:ident;
        $($(#[$fdoc:meta])* $field:ident,)*
    ) => {
        $(#[$doc])*
        #[repr(align(64))]
        pub(super) struct $shared {
            $($(#[$fdoc])* pub(super) $field: Counter,)*
        }

        impl $shared {
            const fn new() -> Self {
                Self { $($field: Counter::new(),)* }
            }

            fn snapshot(&self) -> $snapshot {
                $snapshot { $($field: self.$field.get(),)* }
            }
        }

        $(#[$sdoc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $snapshot {
            $($(#[$fdoc])* pub $field: u64,)*
        }

        impl $snapshot {
            /// The counters' names, in the order of [`Self::values`].
            pub const NAMES: &'static [&'static str] = &[$(stringify!($field),)*];

            /// The counters' values, in the order of [`Self::NAMES`].
            pub fn values(&self) -> impl Iterator<Item = u64> {
                [$(self.$field,)*].into_iter()
            }
        }
    };
}

counters! {
    /// What `start_xmit` counts.
    XmitCounters =>
    /// What happened to frames on their way to the ring.
    XmitStats;
    /// Frames that could not be sent: no memory, no mapping, or headers beyond the hardware.
    dropped,
    /// Frames given back to the stack for want of descriptors.
    busy,
    /// Times that the queue was stopped for want of descriptors.
    stop,
    /// Frames whose checksum was computed in software, since the hardware knows no such protocol.
    csum_sw,
    /// Frames of XDP or AF_XDP that could not be sent: no descriptor, no carrier, no mapping, or too short.
    xdp_dropped,
}

counters! {
    /// What transmit completion counts.
    SentCounters =>
    /// What the hardware reported as sent.
    SentStats;
    /// Frames on the wire, segments counted one by one.
    packets,
    /// Bytes of them, without FCS.
    bytes,
    /// Times that a stopped queue was woken.
    restart,
    /// Those of the frames that XDP sent.
    xdp,
    /// Those of the frames that sockets of AF_XDP sent, without a copy.
    xsk,
}

counters! {
    /// What reception counts.
    RxCounters =>
    /// What was received.
    RxStats;
    /// Good frames: given to the stack, or to a program of XDP, whatever that did.
    packets,
    /// Bytes of them, without FCS.
    bytes,
    /// Frames for the stack whose checksum the hardware found right.
    csum_good,
    /// Those whose checksum the hardware did not look at.
    csum_none,
    /// Frames whose checksum the hardware found wrong; the stack gets them.
    csum_err,
    /// Frames that the hardware marked as damaged.
    frame_errors,
    /// Frames too short or too long to be any.
    length_errors,
    /// Frames dropped for want of memory.
    dropped,
    /// Buffers that could not be allocated.
    alloc_failed,
    /// Frames that a program of XDP gave to the stack.
    xdp_pass,
    /// Frames that a program dropped.
    xdp_drop,
    /// Frames that a program wanted sent from here.
    xdp_tx,
    /// Frames that a program redirected.
    xdp_redirect,
    /// Frames dropped since a program failed, or what it wanted.
    xdp_failed,
    /// Those of the good frames that came into buffers of sockets of AF_XDP.
    xsk,
}

/// The counters of one queue pair. Each writer's share has cache lines of its own.
pub(super) struct QueueCounters {
    pub(super) xmit: XmitCounters,
    pub(super) sent: SentCounters,
    pub(super) rx: RxCounters,
}

/// Frames that have passed in one direction, and bytes of them.
#[derive(Clone, Copy)]
pub(super) struct Passed {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Passed {
    /// Those of two directions.
    #[inline]
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            packets: self.packets.wrapping_add(other.packets),
            bytes: self.bytes.wrapping_add(other.bytes),
        }
    }
}

impl QueueCounters {
    pub(super) const fn new() -> Self {
        Self {
            xmit: XmitCounters::new(),
            sent: SentCounters::new(),
            rx: RxCounters::new(),
        }
    }

    #[inline]
    pub(super) fn received(&self) -> Passed {
        Passed {
            packets: self.rx.packets.get(),
            bytes: self.rx.bytes.get(),
        }
    }

    #[inline]
    pub(super) fn sent(&self) -> Passed {
        Passed {
            packets: self.sent.packets.get(),
            bytes: self.sent.bytes.get(),
        }
    }

    pub(super) fn snapshot(&self) -> QueueStats {
        QueueStats {
            xmit: self.xmit.snapshot(),
            sent: self.sent.snapshot(),
            rx: self.rx.snapshot(),
        }
    }
}

/// The statistics of a queue pair at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueueStats {
    /// On the way to the ring.
    pub xmit: XmitStats,
    /// Sent.
    pub sent: SentStats,
    /// Received.
    pub rx: RxStats,
}

impl QueueStats {
    /// Adds this queue pair to the device's statistics.
    pub fn add_to(&self, total: &mut Stats64) {
        total.tx_packets += self.sent.packets;
        total.tx_bytes += self.sent.bytes;
        total.tx_dropped += self.xmit.dropped + self.xmit.xdp_dropped;
        total.rx_packets += self.rx.packets;
        total.rx_bytes += self.rx.bytes;
        total.rx_dropped += self.rx.dropped;
        total.rx_length_errors += self.rx.length_errors;
        total.rx_errors += self.rx.frame_errors + self.rx.length_errors;
    }

    /// The receive queue, as the core's queue statistics want it.
    pub fn rx_queue(&self) -> QueueStatsRx {
        QueueStatsRx {
            bytes: Some(self.rx.bytes),
            packets: Some(self.rx.packets),
            alloc_fail: Some(self.rx.alloc_failed),
            csum_unnecessary: Some(self.rx.csum_good),
            csum_none: Some(self.rx.csum_none),
            csum_bad: Some(self.rx.csum_err),
            ..Default::default()
        }
    }

    /// The transmit queue, as the core's queue statistics want it.
    pub fn tx_queue(&self) -> QueueStatsTx {
        QueueStatsTx {
            bytes: Some(self.sent.bytes),
            packets: Some(self.sent.packets),
            stop: Some(self.xmit.stop),
            wake: Some(self.sent.restart),
            ..Default::default()
        }
    }
}
