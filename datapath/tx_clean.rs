// SPDX-License-Identifier: GPL-2.0

//! The consumer's side of a transmit ring: what the hardware is done with is released.
//!
//! Runs in the poll function, without a lock.

use core::mem;

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
        xdp::{
            TxFrame,
            TxKind,
            XdpBulk, //
        },
        Device,
        DropReason,
        PollContext,
        TxQueue, //
    },
    spsc::Consumer, //
};

/// Frames released in one poll at most; more are left for the next one, which follows at once.
const CLEAN_BUDGET: u32 = 256;

/// What was released in one poll.
#[derive(Default)]
struct Sent {
    frames: u32,
    /// Frames on the wire.
    packets: u32,
    /// Bytes of them.
    bytes: u32,
    /// Those of them that are of XDP.
    xdp: u32,
    /// Those that are of sockets of AF_XDP.
    xsk: u32,
}

/// The consumer's side of a transmit ring.
pub(super) struct TxConsumer {
    queue: u16,
    size: RingSize,
    ring: Arc<DescRing<u64>>,
    slots: Consumer<Slot>,
    mapper: Mapper,
    counters: Arc<QueueCounters>,
    /// Frames of sockets of AF_XDP that were released, and are to be told to them.
    xsk: u32,
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
            xsk: 0,
        }
    }

    /// Frames of sockets that were released since the last call.
    #[inline]
    pub(super) fn take_xsk(&mut self) -> u32 {
        mem::take(&mut self.xsk)
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

    /// Whether the oldest frame is one of XDP.
    #[inline]
    fn oldest_is_xdp(&self) -> bool {
        self.slots
            .peek()
            .and_then(|slot| slot.frame.as_ref())
            .is_some_and(TxFrame::is_xdp)
    }

    /// Releases what was sent. True if nothing is left that could be released now.
    #[inline]
    pub(super) fn clean(&mut self, dev: &Device, ctx: &PollContext<'_>) -> bool {
        // What comes later is left for the next poll: whether mappings are to be undone is asked but
        // once, after those of this poll were made.
        let left = self.slots.available();
        if left == 0 {
            return true;
        }
        match ctx.xdp_bulk() {
            Some(mut bulk) => self.release(dev, ctx, left, Some(&mut bulk)),
            None => self.release_skbs(dev, ctx, left),
        }
    }

    /// [`Self::release`] up to the first frame of XDP.
    #[cold]
    #[inline(never)]
    fn release_skbs(&mut self, dev: &Device, ctx: &PollContext<'_>, left: usize) -> bool {
        self.release(dev, ctx, left, None)
    }

    /// Releases what was sent in the first `left` slots, frames of XDP to `bulk`.
    #[inline(always)]
    fn release(
        &mut self,
        dev: &Device,
        ctx: &PollContext<'_>,
        mut left: usize,
        mut bulk: Option<&mut XdpBulk<'_>>,
    ) -> bool {
        let unmap = self.mapper.needs_unmap();
        let mut sent = Sent::default();
        while left > 0 && sent.frames < CLEAN_BUDGET {
            let Some(descs) = self.oldest_done() else {
                break;
            };
            if bulk.is_none() && self.oldest_is_xdp() {
                break;
            }
            sent.frames += 1;
            left = left.saturating_sub(usize::from(descs));
            for _ in 0..descs {
                let Some(slot) = self.slots.pop() else {
                    break;
                };
                if let (true, Some(mapping)) = (unmap, slot.mapping) {
                    self.mapper.unmap(mapping);
                }
                let Some(frame) = slot.frame else {
                    continue;
                };
                sent.packets = u32::wrapping_add(sent.packets, u32::from(slot.segments));
                sent.bytes = u32::wrapping_add(sent.bytes, slot.bytes);
                match (frame.into_kind(), &mut bulk) {
                    (TxKind::Skb(skb), _) => skb.consume(ctx),
                    // The frame comes with its last slot.
                    (TxKind::Part, _) => {}
                    (TxKind::Xsk, _) => sent.xsk = u32::wrapping_add(sent.xsk, 1),
                    (TxKind::Xdp(frame), Some(bulk)) => {
                        sent.xdp = u32::wrapping_add(sent.xdp, 1);
                        bulk.give(frame);
                    }
                    // Looked at above.
                    (TxKind::Xdp(frame), None) => drop(frame),
                }
            }
        }
        if sent.frames == 0 {
            return true;
        }
        self.slots.release();
        self.report(dev, &sent);
        sent.frames < CLEAN_BUDGET
    }

    /// Tells statistics, BQL and the stopped queue.
    #[inline]
    fn report(&mut self, dev: &Device, done: &Sent) {
        let sent = &self.counters.sent;
        sent.packets.add(u64::from(done.packets));
        sent.bytes.add(u64::from(done.bytes));
        if done.xdp != 0 {
            sent.xdp.add(u64::from(done.xdp));
        }
        if done.xsk != 0 {
            sent.xsk.add(u64::from(done.xsk));
            self.xsk = self.xsk.wrapping_add(done.xsk);
        }
        if let Some(queue) = TxQueue::new(dev, u32::from(self.queue)) {
            let room = || self.slots.free().saturating_sub(GAP);
            if queue.completed(done.packets, done.bytes, room, WAKE_AT) {
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
            let Some(frame) = slot.frame else {
                continue;
            };
            match frame.into_kind() {
                TxKind::Part => continue,
                TxKind::Skb(skb) => skb.drop_with(DropReason::QueuePurge),
                TxKind::Xdp(frame) => drop(frame),
                TxKind::Xsk => self.xsk = self.xsk.wrapping_add(1),
            }
            self.counters.xmit.dropped.add(1);
        }
        self.slots.release();
        if let Some(queue) = TxQueue::new(dev, u32::from(self.queue)) {
            queue.reset_bql();
        }
    }
}
