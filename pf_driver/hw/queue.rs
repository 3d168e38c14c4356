// SPDX-License-Identifier: GPL-2.0

//! The PF's descriptor queues (datasheet 8.10, 8.12).

use kernel::{
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    prelude::*,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use super::{
    get,
    irq,
    pool::runs,
    put, //
};
use crate::{
    control::device::Layout,
    datapath::{
        self,
        Direction,
        RingInfo,
        RxRingInfo, //
    },
    kapi::net::MacAddress,
    neighbours::Neighbours,
    regs::{
        iov::{
            IOVCTL,
            POOLS, //
        },
        irq::EIMS,
        queue::{
            RDBAH,
            RDBAL,
            RDH,
            RDLEN,
            RDT,
            RQDPC,
            RXDCTL,
            SRRCTL,
            TCTL,
            TDBAH,
            TDBAL,
            TDH,
            TDLEN,
            TDT,
            TDWBAH,
            TDWBAL,
            TXDCTL, //
        },
        Bar0, //
    }, //
};

/// The registers of the PF's queues, as the data path sees them.
pub(crate) struct QueueRegs {
    bar: Arc<Bar0>,
    layout: Layout,
    neighbours: Arc<Neighbours>,
}

impl datapath::Hw for QueueRegs {
    const TX_VECTOR: bool = false;

    #[inline]
    fn set_tx_tail(&self, queue: u16, tail: u32) {
        put::<TDT>(&self.bar, self.layout.queue(queue), tail);
    }

    #[inline]
    fn set_rx_tail(&self, queue: u16, tail: u32) {
        put::<RDT>(&self.bar, self.layout.queue(queue), tail);
    }

    #[inline]
    fn enable_vector(&self, vector: u16) {
        self.bar
            .write_reg(EIMS::from(1 << irq::pair_vector(u32::from(vector))));
    }

    fn set_interval(&self, vector: u16, _direction: Direction, usecs: u16) {
        irq::set_interval(&self.bar, irq::pair_vector(u32::from(vector)), usecs);
    }

    #[inline]
    fn looks_at_frames(&self) -> bool {
        self.neighbours.watched()
    }

    #[inline]
    fn sends(&self, to: &MacAddress, from: &MacAddress) {
        self.neighbours.sent(to, from);
    }

    #[inline]
    fn accepts(&self, to: &MacAddress, from: &MacAddress) -> bool {
        self.neighbours.received(to, from)
    }
}

/// Splits an address for a pair of registers.
fn halves(address: u64) -> (u32, u32) {
    // CAST: Truncation is meant.
    (address as u32, (address >> 32) as u32)
}

const REST_TIMEOUT: Delta = Delta::from_millis(20);
const REST_INTERVAL: Delta = Delta::from_micros(100);
const REUSE_INTERVAL: Delta = Delta::from_millis(100);
/// What a queue that has come to rest may still write (datasheet 4.5.10).
const SETTLE: Delta = Delta::from_micros(200);

impl QueueRegs {
    pub(crate) fn new(bar: Arc<Bar0>, layout: Layout, neighbours: Arc<Neighbours>) -> Self {
        Self {
            bar,
            layout,
            neighbours,
        }
    }

    /// Which layout this is for.
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// Gives pair `pair` its rings and its vector, and lets it run.
    pub(crate) fn enable(&self, pair: u16, tx: RingInfo, rx: RxRingInfo, drop: bool) {
        let bar = &*self.bar;
        let queue = self.layout.queue(pair);
        irq::set_queue_vector(bar, queue, irq::pair_vector(u32::from(pair)));

        let (low, high) = halves(tx.dma);
        put::<TXDCTL>(bar, queue, 0);
        put::<TDBAL>(bar, queue, low);
        put::<TDBAH>(bar, queue, high);
        put::<TDLEN>(bar, queue, tx.bytes);
        put::<TDWBAL>(bar, queue, 0);
        put::<TDWBAH>(bar, queue, 0);
        put::<TDH>(bar, queue, 0);
        put::<TDT>(bar, queue, 0);
        put::<TXDCTL>(bar, queue, datapath::txdctl(true));

        let (low, high) = halves(rx.ring.dma);
        put::<RXDCTL>(bar, queue, 0);
        put::<RDBAL>(bar, queue, low);
        put::<RDBAH>(bar, queue, high);
        put::<RDLEN>(bar, queue, rx.ring.bytes);
        put::<RDH>(bar, queue, 0);
        put::<RDT>(bar, queue, 0);
        let srrctl = datapath::srrctl(rx.buffer_kb, drop || rx.sockets);
        put::<SRRCTL>(bar, queue, srrctl);
        put::<RXDCTL>(bar, queue, datapath::rxdctl(true));
    }

    /// Stops `pairs` pairs and waits until they have come to rest, for a bounded time.
    pub(crate) fn disable(&self, pairs: u16) -> Result {
        let bar = &*self.bar;
        for pair in 0..pairs {
            let queue = self.layout.queue(pair);
            put::<RXDCTL>(bar, queue, datapath::rxdctl(false));
            put::<TXDCTL>(bar, queue, datapath::txdctl(false));
        }
        let rested = read_poll_timeout(
            || Ok((0..pairs).any(|pair| runs(bar, self.layout.queue(pair)))),
            |running| !*running,
            REST_INTERVAL,
            REST_TIMEOUT,
        );
        fsleep(SETTLE);
        rested.map(|_| ())
    }

    /// Whether the card still has to send something of the first `pairs` pairs.
    pub(crate) fn has_unsent(&self, pairs: u16) -> bool {
        (0..pairs).any(|pair| {
            let queue = self.layout.queue(pair);
            get::<TDH>(&self.bar, queue) != get::<TDT>(&self.bar, queue)
        })
    }

    /// Frames that receive queue `pair` had to drop for want of descriptors. Reading clears.
    pub(crate) fn take_drops(&self, pair: u16) -> u32 {
        get::<RQDPC>(&self.bar, self.layout.queue(pair))
    }
}

/// Has each of the PF's first `pairs` receive queues drop frames for which it has no descriptor, or keep
/// them, as `drops` says. They may run.
pub(crate) fn set_drop(bar: &Bar0, layout: Layout, pairs: u32, drops: impl Fn(u16) -> bool) {
    for pair in (0..).take_while(|pair| u32::from(*pair) < pairs) {
        let queue = layout.queue(pair);
        let keeps = get::<SRRCTL>(bar, queue) & !datapath::SRRCTL_DROP_EN;
        let drop = if drops(pair) {
            datapath::SRRCTL_DROP_EN
        } else {
            0
        };
        put::<SRRCTL>(bar, queue, keeps | drop);
    }
}

/// Disables all queues of all pools.
pub(crate) fn disable_all(bar: &Bar0) {
    for queue in 0..2 * POOLS {
        put::<RXDCTL>(bar, queue, 0);
        put::<TXDCTL>(bar, queue, 0);
    }
    super::flush(bar);
}

/// Takes the queues of VFs back, which were removed: the card needs to be told. [`await_reuse`]
/// follows.
pub(crate) fn reuse_vf_queues(bar: &Bar0) {
    bar.write_reg(IOVCTL::zeroed().with_reuse_vfq(true));
    super::flush(bar);
}

/// Waits until another function may use the queues of VFs that were removed.
pub(crate) fn await_reuse() {
    fsleep(REUSE_INTERVAL);
}

/// Lets the transmit engine run. The queue that a reset enables by default is stopped before.
pub(crate) fn start_transmit(bar: &Bar0) {
    const COLLISION_THRESHOLD: u32 = 15;
    const COLLISION_DISTANCE: u32 = 63;
    put::<TXDCTL>(bar, 0, 0);
    bar.update(TCTL, |tctl| {
        tctl.with_const_ct::<COLLISION_THRESHOLD>()
            .with_const_bst::<COLLISION_DISTANCE>()
            .with_psp(true)
            .with_rtlc(true)
            .with_en(true)
    });
}
