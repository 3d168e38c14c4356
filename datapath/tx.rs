// SPDX-License-Identifier: GPL-2.0

//! The producer's side of a transmit ring: from an skb to descriptors.
//!
//! Runs under the queue's transmit lock. It shares with [`TxConsumer`](super::tx_clean::TxConsumer)
//! the descriptors and a queue of slots, one per descriptor, which say what to release when the
//! hardware is done. A frame's slots are published together, after its last descriptor is written.

mod posting;
mod xdp;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    desc::L4,
    offload::{
        transport,
        wire_bytes,
        ContextCache,
        Frame,
        Plan,
        Work, //
    },
    ring::{
        data_descs,
        RingSize, //
    },
    stats::QueueCounters,
    tso::Headers,
    Hw, //
};
use crate::kapi::{
    dma::{
        dma_wmb,
        DescRing,
        Mapper,
        Mapping, //
    },
    net::{
        skb::MAX_FRAGS,
        xdp::TxFrame,
        DropReason,
        SkBuff,
        TxShape,
        TxVerdict,
        TxWishes,
        XmitQueue, //
    },
    spsc::Producer, //
};

use self::posting::Posting;
pub(super) use self::xdp::Beside;

/// The hardware cannot pad frames below this (with TCTL.PSP; datasheet 8.12.1).
const MIN_FRAME: u32 = 17;

/// Descriptors that stay unused: tail must never meet head, and the line between is not shared.
pub(super) const GAP: usize = 2;

/// Descriptors of an ordinary frame at most: context, linear part, all fragments.
const FRAME_DESCS: usize = MAX_FRAGS as usize + 2;

/// The queue is stopped when fewer are free.
const STOP_BELOW: usize = FRAME_DESCS;

/// The queue is woken when so many are free, so that it is not stopped again at once.
pub(super) const WAKE_AT: usize = 2 * FRAME_DESCS;

// The smallest ring can hold what a woken queue needs, so that a stopped queue is always woken.
const _: () = assert!(WAKE_AT + GAP <= RingSize::MIN as usize);

/// What belongs to one descriptor. 32 bytes, so that two share a cache line.
pub(super) struct Slot {
    /// What the device reads there; for a buffer of several descriptors, in the first of them.
    pub(super) mapping: Option<Mapping>,
    /// In the last slot of a frame: the frame. One of XDP is marked in its first slot as well.
    pub(super) frame: Option<TxFrame>,
    /// In the last slot of a frame: its bytes on the wire.
    pub(super) bytes: u32,
    /// In the last slot of a frame: the frames on the wire that it becomes.
    pub(super) segments: u16,
    /// In the first slot of a frame: the frame's descriptors.
    pub(super) descs: u16,
}

const _: () = assert!(core::mem::size_of::<Slot>() == 32);

/// What is accounted for a frame.
#[derive(Clone, Copy)]
struct Counts {
    /// Bytes on the wire.
    bytes: u32,
    /// Frames on the wire.
    segments: u16,
}

impl Counts {
    /// For the slots before the last one of a frame.
    const NONE: Self = Self {
        bytes: 0,
        segments: 0,
    };
}

/// A frame was dropped, and whoever watches drops was told why. To be counted.
struct Dropped;

impl Dropped {
    #[cold]
    fn with(skb: SkBuff, reason: DropReason) -> Self {
        skb.drop_with(reason);
        Self
    }
}

/// The producer's side of a transmit ring.
pub(super) struct TxProducer<H: Hw> {
    hw: Arc<H>,
    queue: u16,
    size: RingSize,
    ring: Arc<DescRing<u64>>,
    slots: Producer<Slot>,
    contexts: ContextCache,
    mapper: Mapper,
    counters: Arc<QueueCounters>,
    /// Descriptors were published that the hardware was not told of.
    unkicked: bool,
}

impl<H: Hw> TxProducer<H> {
    /// A producer for an empty ring whose contexts the hardware has forgotten.
    pub(super) fn new(
        hw: Arc<H>,
        queue: u16,
        size: RingSize,
        ring: Arc<DescRing<u64>>,
        slots: Producer<Slot>,
        mapper: Mapper,
        counters: Arc<QueueCounters>,
    ) -> Self {
        Self {
            hw,
            queue,
            size,
            ring,
            slots,
            contexts: ContextCache::new(),
            mapper,
            counters,
            unkicked: false,
        }
    }

    /// Puts a frame on the ring, or drops and counts it, or gives it back.
    #[inline]
    pub(super) fn xmit(&mut self, mut skb: SkBuff, queue: &XmitQueue<'_>) -> TxVerdict {
        if skb.pad_to(MIN_FRAME).is_err() {
            return self.drop_one(skb, DropReason::NoMem);
        }
        if skb.is_plain() {
            self.send(skb, None, queue)
        } else {
            self.send_wished(skb, queue)
        }
    }

    /// [`Self::send`] for a frame with wishes. Kept apart, so that the way of one without is short.
    #[inline(never)]
    fn send_wished(&mut self, mut skb: SkBuff, queue: &XmitQueue<'_>) -> TxVerdict {
        let mut wishes = skb.tx_wishes();
        if Self::beyond_hardware(&wishes) {
            if self.sum_in_software(&mut skb).is_err() {
                return self.drop_one(skb, DropReason::SkbCsum);
            }
            wishes = skb.tx_wishes();
        }
        self.send(skb, Some(&wishes), queue)
    }

    /// [`Self::xmit`], when it is known what the frame wants.
    #[inline(always)]
    fn send(
        &mut self,
        mut skb: SkBuff,
        wishes: Option<&TxWishes>,
        queue: &XmitQueue<'_>,
    ) -> TxVerdict {
        let shape = skb.tx_shape();
        let data = Self::data_descs(&skb, &shape);
        let needed = data.wrapping_add(1);
        // Not a frame of the stack's: without a header, or so scattered that it would wait for ever.
        if shape.headlen == 0 {
            return self.drop_one(skb, DropReason::HdrTrunc);
        }
        if needed > self.longest() {
            return self.drop_one(skb, DropReason::PktTooBig);
        }
        if self.may_lack(needed) && self.stopped(queue, needed, needed) {
            self.counters.xmit.busy.add(1);
            self.flush();
            return TxVerdict::Busy(skb);
        }
        let plan = match wishes {
            None => Plan::plain(shape.len)
                .map(Planned::alone)
                .map_err(|_| DropReason::DevHdr),
            Some(wishes) => Self::plan(&mut skb, wishes, shape.len),
        };
        let planned = match plan {
            Ok(planned) => planned,
            Err(reason) => return self.drop_one(skb, reason),
        };
        let Ok(bytes) = self.post(skb, &shape, &planned, data) else {
            return self.count_dropped();
        };
        self.unkicked = true;
        if self.may_lack(STOP_BELOW) && self.stopped(queue, STOP_BELOW, WAKE_AT) {
            self.counters.xmit.stop.add(1);
        }
        // BQL must know of the frame before the hardware does.
        if queue.sent(bytes) {
            self.flush();
        }
        TxVerdict::Ok
    }

    /// Drops a frame, and counts it.
    #[cold]
    fn drop_one(&mut self, skb: SkBuff, reason: DropReason) -> TxVerdict {
        skb.drop_with(reason);
        self.count_dropped()
    }

    /// Counts a frame that was dropped. No frame may follow to ring the doorbell for its
    /// predecessors, so that this must be done now.
    #[cold]
    fn count_dropped(&mut self) -> TxVerdict {
        self.counters.xmit.dropped.add(1);
        self.flush();
        TxVerdict::Ok
    }

    /// Whether fewer than `descs` descriptors can be filled, as far as is known without a look at what
    /// the consumer writes: its cache line stays where it is.
    #[inline]
    fn may_lack(&self, descs: usize) -> bool {
        self.slots.known_free() < descs + GAP
    }

    /// Looks, and stops the queue if fewer than `below` descriptors can be filled, unless `start_at`
    /// can meanwhile. Whether it is stopped.
    #[cold]
    fn stopped(&mut self, queue: &XmitQueue<'_>, below: usize, start_at: usize) -> bool {
        self.slots.refresh();
        queue.maybe_stop(|| self.room(), below, start_at)
    }

    /// Descriptors that can be filled.
    #[inline]
    fn room(&self) -> usize {
        self.slots.free().saturating_sub(GAP)
    }

    /// Tells the hardware of all published descriptors.
    #[inline]
    fn flush(&mut self) {
        if self.unkicked {
            self.unkicked = false;
            dma_wmb();
            // CAST: an index of a ring of at most 4096.
            self.hw
                .set_tx_tail(self.queue, self.slots.next_index() as u32);
        }
    }

    /// Most descriptors that a frame may take.
    #[inline]
    fn longest(&self) -> usize {
        usize::from(self.size.get()).saturating_sub(GAP)
    }

    /// The data descriptors that the frame takes, exactly.
    #[inline]
    fn data_descs(skb: &SkBuff, shape: &TxShape) -> usize {
        let mut descs = data_descs(shape.headlen);
        if shape.nr_frags > 0 {
            descs = descs.wrapping_add(Self::frag_descs(skb, shape.nr_frags));
        }
        // CAST: u32 fits.
        descs as usize
    }

    #[inline(never)]
    fn frag_descs(skb: &SkBuff, nr_frags: u32) -> u32 {
        (0..nr_frags).fold(0, |descs: u32, index| {
            descs.wrapping_add(data_descs(skb.frag_len(index)))
        })
    }

    /// Writes the frame's descriptors and publishes its slots; the doorbell is the caller's.
    ///
    /// `data` is the exact number of data descriptors. Returns the bytes on the wire. On failure
    /// nothing is left on the ring.
    #[inline(always)]
    fn post(
        &mut self,
        skb: SkBuff,
        shape: &TxShape,
        planned: &Planned,
        data: usize,
    ) -> Result<u32, Dropped> {
        let Planned { plan, segments } = *planned;
        let counts = Counts {
            bytes: wire_bytes(shape.len, u32::from(segments), plan.header_len),
            segments,
        };
        let mut posting = Posting::new(self, &plan, data);
        let mut done = posting.context(&plan);
        if done.is_ok() {
            done = if data == 1 {
                posting.single(skb, counts)
            } else {
                posting.scattered(skb, shape.nr_frags, counts)
            };
        }
        match done {
            Ok(()) => self.slots.commit(),
            Err(Dropped) => {
                self.unwind();
                return Err(Dropped);
            }
        }
        Ok(counts.bytes)
    }

    /// Takes back what was staged of a frame.
    #[cold]
    fn unwind(&mut self) {
        while let Some(slot) = self.slots.unstage() {
            if let Some(mapping) = slot.mapping {
                self.mapper.unmap(mapping);
            }
        }
        self.contexts.forget();
    }

    /// Whether the frame wants a checksum that the hardware does not know.
    #[inline]
    fn beyond_hardware(wishes: &TxWishes) -> bool {
        match (wishes.checksum, wishes.gso) {
            (Some(sum), None) => transport(sum.offset, sum.sctp).is_none(),
            _ => false,
        }
    }

    #[cold]
    fn sum_in_software(&self, skb: &mut SkBuff) -> Result {
        self.counters.xmit.csum_sw.add(1);
        skb.checksum_help()
    }

    /// Says what the hardware is to do with a frame of `len` bytes. Kept apart, so that the way of a
    /// frame without wishes is short.
    #[inline(never)]
    fn plan(skb: &mut SkBuff, wishes: &TxWishes, len: u32) -> Result<Planned, DropReason> {
        let mut segments = 1;
        let work = match (wishes.checksum, wishes.gso) {
            (None, None) => Work::None,
            (_, Some((mss, gso_segments))) => {
                segments = gso_segments.max(1);
                Self::segmentation(skb, mss)?
            }
            (Some(sum), None) => {
                let ip_len = u32::from(sum.start.saturating_sub(wishes.l3_offset));
                let l4 = transport(sum.offset, sum.sctp).ok_or(DropReason::SkbCsum)?;
                Work::Checksum { l4, ip_len }
            }
        };
        let frame = Frame {
            len,
            mac_len: u32::from(wishes.l3_offset),
            vlan: wishes.vlan,
            work,
            has_fcs: wishes.has_fcs,
        };
        let plan = frame.plan().map_err(|_| DropReason::DevHdr)?;
        Ok(Planned { plan, segments })
    }

    /// Makes the headers a template for the segments.
    #[inline]
    fn segmentation(skb: &mut SkBuff, mss: u16) -> Result<Work, DropReason> {
        let len = skb.len();
        let found = skb.gso_headers().map_err(|err| match err {
            ENOMEM => DropReason::NoMem,
            _ => DropReason::BadGso,
        })?;
        let ip_len = u32::from(found.l4_offset.saturating_sub(found.l3_offset));
        let l4 = if found.udp { L4::Udp } else { L4::Tcp };
        let headers = Headers {
            bytes: found.bytes,
            l3_offset: found.l3_offset.into(),
            l4_offset: found.l4_offset.into(),
            l4,
        };
        let template = headers.into_template(len).ok_or(DropReason::BadGso)?;
        Ok(Work::Segment {
            l4,
            ipv4: template.ipv4,
            ip_len,
            l4_len: u32::from(template.l4_len),
            mss,
        })
    }
}

/// What the hardware is to do with a frame, and into how many it becomes.
#[derive(Clone, Copy)]
struct Planned {
    plan: Plan,
    segments: u16,
}

impl Planned {
    /// A frame that stays one.
    #[inline]
    const fn alone(plan: Plan) -> Self {
        Self { plan, segments: 1 }
    }
}
