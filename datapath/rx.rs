// SPDX-License-Identifier: GPL-2.0

//! A receive ring: pages for the hardware, frames for the stack.
//!
//! Everything here belongs to the poll function, or to nobody while NAPI is disabled; there is no
//! lock. Each descriptor has one page of the pool. A frame longer than a buffer takes several
//! descriptors; the first page becomes the skb's linear part, the others its fragments.

mod xdp;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    desc::{
        rx_read_desc,
        DESC_WORDS, //
    },
    ring::RingSize,
    rx_status::{
        is_tag,
        rss_hash,
        Checksum,
        HashKind,
        RxStatus, //
    },
    stats::QueueCounters,
    Hw, //
};
use crate::kapi::{
    dma::{
        dma_rmb,
        dma_wmb,
        DescRing, //
    },
    net::{
        rx::ETH_HLEN,
        xdp::ProgramRun,
        Device,
        DropReason,
        Features,
        NapiOwner,
        PagePool,
        PoolPage,
        RxContext,
        RxFrame,
        RxMeta, //
    }, //
};

pub(super) use self::xdp::RxXdp;

/// Buffers given to the hardware at a time: each time costs a doorbell.
const REFILL_BATCH: u16 = 16;

/// With fewer buffers on the ring than this, and no memory for more, polling goes on: the hardware
/// might wait for buffers without ever raising an interrupt. Enough for the longest frame.
const STARVING: u16 = 16;

/// A frame whose end has not been seen yet.
enum Partial {
    /// Nothing: the next descriptor begins a frame.
    None,
    /// The buffers so far.
    Frame(RxFrame),
    /// The rest of a frame that is dropped.
    Dropped,
}

/// A buffer that the hardware is done with, for a program: a whole frame, if it ends there and none began
/// before.
struct Whole {
    page: PoolPage,
    status: RxStatus,
    /// The first word of its descriptor.
    at: usize,
    features: Features,
}

/// What a poll did.
pub(super) struct Cleaned {
    /// Frames handled, good or bad: what counts against the budget.
    pub(super) frames: usize,
    /// There may be more to do at once.
    pub(super) more: bool,
}

/// What is the same for all frames of one poll, and its sums, added to the counters at its end.
#[derive(Default)]
struct Batch {
    packets: u32,
    bytes: u32,
    csum_good: u32,
    csum_none: u32,
    /// Asked once a poll: [`Hw::looks_at_frames`].
    looks_at_frames: bool,
}

/// A receive ring with its buffers.
pub(super) struct RxQueue<H: Hw> {
    hw: Arc<H>,
    queue: u16,
    size: RingSize,
    ring: DescRing<u64>,
    partial: Partial,
    /// With buffers that a program may work on.
    xdp: Option<RxXdp<H>>,
    /// The page of each descriptor that the hardware has. Before the pool, since dropping gives
    /// them back to it.
    pages: KVec<Option<PoolPage>>,
    pool: PagePool,
    /// The descriptor that the hardware finishes next.
    next_clean: u16,
    /// The descriptor that gets a page next; also the tail.
    next_fill: u16,
    /// Descriptors that could get a page.
    empty: u16,
    counters: Arc<QueueCounters>,
}

impl<H: Hw> RxQueue<H> {
    /// A ring without buffers.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(
        hw: Arc<H>,
        queue: u16,
        size: RingSize,
        ring: DescRing<u64>,
        pool: PagePool,
        xdp: Option<RxXdp<H>>,
        counters: Arc<QueueCounters>,
    ) -> Result<Self> {
        let count = usize::from(size.get());
        let mut pages = KVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            pages.push(None, GFP_KERNEL)?;
        }
        Ok(Self {
            hw,
            queue,
            size,
            ring,
            partial: Partial::None,
            xdp,
            pages,
            pool,
            next_clean: 0,
            next_fill: 0,
            // Tail must not reach head, or the ring would look empty.
            empty: size.get() - 1,
            counters,
        })
    }

    /// Buffers that the hardware has.
    fn filled(&self) -> u16 {
        self.size.get() - 1 - self.empty
    }

    /// Gives the hardware its first buffers. Fewer than wanted will do: polls get the rest.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], if there are not enough for the longest frame.
    pub(super) fn fill(&mut self, owner: &NapiOwner<'_>) -> Result {
        if !self.refill(owner) && self.filled() < STARVING {
            return Err(ENOMEM);
        }
        Ok(())
    }

    /// Gives the hardware as many buffers as memory allows. False if it allowed fewer than wanted.
    fn refill(&mut self, owner: &NapiOwner<'_>) -> bool {
        let mut failed = false;
        let before = self.empty;
        let Some(mut pages) = self.pool.open(owner) else {
            // The ring's own instance opens its pool.
            return false;
        };
        while self.empty > 0 {
            let Some(page) = pages.alloc() else {
                failed = true;
                break;
            };
            let index = usize::from(self.next_fill);
            let Some(place) = self.pages.get_mut(index) else {
                break;
            };
            let [low, high] = rx_read_desc(page.dma_address());
            self.ring.write(index * DESC_WORDS, low);
            self.ring.write(index * DESC_WORDS + 1, high);
            *place = Some(page);
            self.next_fill = self.size.next(self.next_fill);
            self.empty = self.empty.wrapping_sub(1);
        }
        if failed {
            self.counters.rx.alloc_failed.add(1);
        }
        if self.empty != before {
            // The descriptors must be in memory before the hardware hears of them.
            dma_wmb();
            self.hw.set_rx_tail(self.queue, u32::from(self.next_fill));
        }
        !failed
    }

    /// Takes what the hardware has finished, as many frames as the budget allows.
    #[inline]
    pub(super) fn clean(&mut self, dev: &Device, ctx: &mut RxContext<'_>) -> Cleaned {
        if self.xdp.is_some() {
            return self.clean_with_program(dev, ctx);
        }
        self.clean_frames(dev, ctx, None)
    }

    /// [`Self::clean`]. Made once with a program and once without, which then costs a frame nothing.
    #[inline(always)]
    fn clean_frames(
        &mut self,
        dev: &Device,
        ctx: &mut RxContext<'_>,
        program: Option<&ProgramRun<'_>>,
    ) -> Cleaned {
        let budget = ctx.budget();
        let features = dev.features();
        let mut batch = Batch {
            looks_at_frames: self.hw.looks_at_frames(),
            ..Batch::default()
        };
        let mut frames = 0;
        // A device that never ends a frame must not keep us here either.
        let mut descs = self.size.get();
        let mut memory = true;
        while frames < budget && descs > 0 {
            if self.empty >= REFILL_BATCH && memory {
                memory = self.refill(&ctx.owner());
            }
            let at = usize::from(self.next_clean) * DESC_WORDS;
            let status = RxStatus::new(self.ring.read(at + 1));
            if !status.done() {
                break;
            }
            // The write-back of the rest, and the frame, come before DD.
            dma_rmb();
            let Some(page) = self.take_page() else {
                break;
            };
            descs = descs.wrapping_sub(1);
            match program {
                None => self.append(page, status, ctx),
                Some(program) => {
                    let frame = Whole {
                        page,
                        status,
                        at,
                        features,
                    };
                    self.examine(dev, frame, program, &mut batch, ctx);
                }
            }
            if !status.end_of_packet() {
                continue;
            }
            frames = usize::wrapping_add(frames, 1);
            if let Some(frame) = self.finish(status, features) {
                self.deliver(frame, status, at, features, &mut batch, ctx);
            }
        }
        self.account(&batch);
        if self.empty >= REFILL_BATCH && memory {
            memory = self.refill(&ctx.owner());
        }
        let starving = !memory && self.filled() < STARVING;
        Cleaned {
            frames,
            more: frames >= budget || descs == 0 || starving,
        }
    }

    /// The page of the next finished descriptor; [`None`] if the hardware finished one that it was
    /// never given.
    #[inline]
    fn take_page(&mut self) -> Option<PoolPage> {
        let page = self.pages.get_mut(usize::from(self.next_clean))?.take()?;
        self.next_clean = self.size.next(self.next_clean);
        self.empty = self.empty.wrapping_add(1);
        Some(page)
    }

    /// Adds a buffer to the frame that is being put together.
    #[inline(always)]
    fn append(&mut self, page: PoolPage, status: RxStatus, ctx: &RxContext<'_>) {
        let len = u32::from(status.len());
        let partial = core::mem::replace(&mut self.partial, Partial::Dropped);
        self.partial = match partial {
            Partial::None if len < ETH_HLEN => {
                self.counters.rx.length_errors.add(1);
                return;
            }
            Partial::None => match RxFrame::new(page, len, ctx) {
                Ok(frame) => Partial::Frame(frame),
                Err(_) => {
                    self.counters.rx.dropped.add(1);
                    return;
                }
            },
            Partial::Frame(mut frame) => match frame.add_page(page, len) {
                Ok(()) => Partial::Frame(frame),
                Err(_) => {
                    self.counters.rx.length_errors.add(1);
                    frame.drop_with(DropReason::PktTooBig);
                    return;
                }
            },
            Partial::Dropped => return,
        };
    }

    /// Takes the frame that has just been completed, unless it is to be dropped.
    #[inline(always)]
    fn finish(&mut self, status: RxStatus, features: Features) -> Option<RxFrame> {
        match core::mem::replace(&mut self.partial, Partial::None) {
            Partial::Frame(frame) => {
                if status.frame_error() {
                    self.counters.rx.frame_errors.add(1);
                    if !features.contains(Features::RXALL) {
                        frame.drop_with(DropReason::DevHdr);
                        return None;
                    }
                }
                Some(frame)
            }
            // Counted where it was dropped.
            Partial::None | Partial::Dropped => None,
        }
    }

    /// Gives a frame to the stack. `at` is the first word of its last descriptor.
    #[inline(always)]
    fn deliver(
        &self,
        frame: RxFrame,
        status: RxStatus,
        at: usize,
        features: Features,
        batch: &mut Batch,
        ctx: &mut RxContext<'_>,
    ) {
        if batch.looks_at_frames {
            let refused = |(to, from)| !self.hw.accepts(&to, &from);
            if frame.mac_addresses().is_some_and(refused) {
                frame.drop_with(DropReason::LocalMac);
                return;
            }
        }
        let next = || frame.after_addresses();
        let meta = self.count(status, frame.len(), at, features, next, batch);
        ctx.gro_receive(frame, self.queue, &meta);
    }

    /// Counts a good frame of `len` bytes, and gathers what the hardware said of it. `next` gives what
    /// follows its addresses.
    #[inline(always)]
    fn count(
        &self,
        status: RxStatus,
        len: u32,
        at: usize,
        features: Features,
        next: impl Fn() -> Option<[u8; 4]>,
        batch: &mut Batch,
    ) -> RxMeta {
        batch.packets = batch.packets.wrapping_add(1);
        batch.bytes = batch.bytes.wrapping_add(len);
        let mut meta = RxMeta::default();
        match status.checksum(len) {
            _ if !features.contains(Features::RXCSUM) => batch.csum_none += 1,
            Checksum::Good => {
                batch.csum_good += 1;
                meta.checksum_ok = true;
            }
            Checksum::Unchecked => batch.csum_none += 1,
            Checksum::Bad => self.counters.rx.csum_err.add(1),
        }
        if features.contains(Features::RXHASH) {
            meta.hash =
                rss_hash(self.ring.read(at)).map(|hash| (hash.value, hash.kind == HashKind::L4));
        }
        let taken_out = |tci: &u16| {
            features.contains(Features::HW_VLAN_CTAG_RX)
                || !next().is_some_and(|next| is_tag(next, *tci))
        };
        meta.vlan = status
            .vlan()
            .filter(|&tci| self.hw.shows_vlan(tci))
            .filter(taken_out);
        meta
    }

    #[inline]
    fn account(&self, batch: &Batch) {
        if batch.packets == 0 {
            return;
        }
        let rx = &self.counters.rx;
        rx.packets.add(u64::from(batch.packets));
        rx.bytes.add(u64::from(batch.bytes));
        rx.csum_good.add(u64::from(batch.csum_good));
        rx.csum_none.add(u64::from(batch.csum_none));
    }
}
