// SPDX-License-Identifier: GPL-2.0

//! The consumer's side of a transmit ring: what the hardware is done with is released.
//!
//! Runs in the poll function, without a lock.

use kernel::sync::Arc;

use super::{
    desc::{
        tx_done,
        DESC_WORDS, //
    },
    ring::RingSize,
    stats::QueueCounters,
    tx::{
        Slot,
        GAP,
        WAKE_AT, //
    }, //
};
use crate::kapi::{
    dma::{
        DescRing,
        Mapper, //
    },
    net::{
        Device,
        DropReason,
        PollContext,
        TxQueue, //
    },
    spsc::Consumer, //
};

/// Frames released in one poll at most; more are left for the next one, which follows at once.
const CLEAN_BUDGET: u32 = 256;

/// The consumer's side of a transmit ring.
pub(super) struct TxConsumer {
    queue: u16,
    size: RingSize,
    ring: Arc<DescRing<u64>>,
    slots: Consumer<Slot>,
    mapper: Mapper,
    counters: Arc<QueueCounters>,
}

impl TxConsumer {
    /// The consumer of an empty ring.
    pub(super) fn new(
        queue: u16,
        size: RingSize,
        ring: Arc<DescRing<u64>>,
        slots: Consumer<Slot>,
        mapper: Mapper,
        counters: Arc<QueueCounters>,
    ) -> Self {
        Self {
            queue,
            size,
            ring,
            slots,
            mapper,
            counters,
        }
    }

    /// The number of descriptors of the oldest frame, if the hardware is done with it.
    #[inline]
    fn oldest_done(&self) -> Option<u16> {
        let descs = self.slots.peek()?.descs;
        // CAST: an index of a ring of at most 4096. A frame has one descriptor at least.
        let last = self
            .size
            .add(self.slots.index() as u16, descs.saturating_sub(1));
        let status = self.ring.read(usize::from(last) * DESC_WORDS + 1);
        tx_done(status).then_some(descs)
    }

    /// Releases what was sent. True if nothing is left that could be released now.
    #[inline]
    pub(super) fn clean(&mut self, dev: &Device, ctx: &PollContext<'_>) -> bool {
        // What comes later is left for the next poll: whether mappings are to be undone is asked but
        // once, after those of this poll were made.
        let mut left = self.slots.available();
        if left == 0 {
            return true;
        }
        let unmap = self.mapper.needs_unmap();
        let mut frames = 0;
        let mut packets = 0;
        let mut bytes = 0;
        while left > 0 && frames < CLEAN_BUDGET {
            let Some(descs) = self.oldest_done() else {
                break;
            };
            frames += 1;
            left = left.saturating_sub(usize::from(descs));
            for _ in 0..descs {
                let Some(slot) = self.slots.pop() else {
                    break;
                };
                if let (true, Some(mapping)) = (unmap, slot.mapping) {
                    self.mapper.unmap(mapping);
                }
                if let Some(skb) = slot.skb {
                    packets = u32::wrapping_add(packets, u32::from(slot.segments));
                    bytes = u32::wrapping_add(bytes, slot.bytes);
                    skb.consume(ctx);
                }
            }
        }
        if frames == 0 {
            return true;
        }
        self.slots.release();
        self.report(dev, packets, bytes);
        frames < CLEAN_BUDGET
    }

    /// Tells statistics, BQL and the stopped queue.
    #[inline]
    fn report(&self, dev: &Device, packets: u32, bytes: u32) {
        let sent = &self.counters.sent;
        sent.packets.add(u64::from(packets));
        sent.bytes.add(u64::from(bytes));
        if let Some(queue) = TxQueue::new(dev, u32::from(self.queue)) {
            let room = || self.slots.free().saturating_sub(GAP);
            if queue.completed(packets, bytes, room, WAKE_AT) {
                sent.restart.add(1);
            }
        }
    }

    /// Releases everything, sent or not: the hardware has stopped and there is no producer any
    /// more.
    pub(super) fn reclaim(&mut self, dev: &Device) {
        while let Some(slot) = self.slots.pop() {
            if let Some(mapping) = slot.mapping {
                self.mapper.unmap(mapping);
            }
            if let Some(skb) = slot.skb {
                self.counters.xmit.dropped.add(1);
                skb.drop_with(DropReason::QueuePurge);
            }
        }
        self.slots.release();
        if let Some(queue) = TxQueue::new(dev, u32::from(self.queue)) {
            queue.reset_bql();
        }
    }
}
