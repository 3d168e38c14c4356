// SPDX-License-Identifier: GPL-2.0

//! A receive ring: pages for the hardware, frames for the stack.
//!
//! Everything here belongs to the poll function, or to nobody while NAPI is disabled; there is no
//! lock. Each descriptor has one page of the pool. A frame longer than a buffer takes several
//! descriptors; the first page becomes the skb's linear part, the others its fragments.

mod ring;
mod xdp;
mod xsk;

use kernel::prelude::*;

use super::{
    rx_status::RxStatus,
    Hw, //
};
use crate::kapi::net::{
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
};

use self::ring::{
    Batch,
    Finished,
    REFILL_BATCH,
    STARVING, //
};
pub(super) use self::{
    ring::{
        Cleaned,
        RxRing, //
    },
    xdp::RxXdp,
    xsk::XskRx, //
};

/// A frame whose end has not been seen yet.
enum Partial {
    /// Nothing: the next descriptor begins a frame.
    None,
    /// The buffers so far.
    Frame(RxFrame),
    /// The rest of a frame that is dropped, or gathered for a program.
    Dropped,
}

/// A buffer that the hardware is done with, for a program.
struct Received {
    page: PoolPage,
    done: Finished,
    features: Features,
}

/// A receive ring whose buffers are pages.
pub(super) struct RxQueue<H: Hw> {
    ring: RxRing<H>,
    partial: Partial,
    /// With buffers that a program may work on.
    xdp: Option<RxXdp<H>>,
    /// The page of each descriptor that has one. Before the pool, since dropping gives
    /// them back to it.
    pages: KVec<Option<PoolPage>>,
    pool: PagePool,
}

impl<H: Hw> RxQueue<H> {
    /// A ring without buffers.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(ring: RxRing<H>, pool: PagePool, xdp: Option<RxXdp<H>>) -> Result<Self> {
        let count = usize::from(ring.size.get());
        let mut pages = KVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            pages.push(None, GFP_KERNEL)?;
        }
        Ok(Self {
            ring,
            partial: Partial::None,
            xdp,
            pages,
            pool,
        })
    }

    /// Gives the hardware its first buffers. Fewer than wanted will do: polls get the rest.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], if there are not enough for the longest frame.
    pub(super) fn fill(&mut self, owner: &NapiOwner<'_>) -> Result {
        if !self.refill(owner) && self.ring.filled() < STARVING {
            return Err(ENOMEM);
        }
        Ok(())
    }

    /// Gives the hardware as many buffers as memory allows. False if it allowed fewer than wanted.
    fn refill(&mut self, owner: &NapiOwner<'_>) -> bool {
        let mut failed = false;
        let Some(mut pages) = self.pool.open(owner) else {
            // The ring's own instance opens its pool.
            return false;
        };
        while self.ring.empty() > 0 {
            let Some(page) = pages.alloc() else {
                failed = true;
                break;
            };
            let index = self.ring.next_fill();
            let Some(place) = self.pages.get_mut(index) else {
                break;
            };
            self.ring.write(index, page.dma_address());
            *place = Some(page);
            self.ring.filled_by(1);
        }
        if failed {
            self.ring.counters.rx.alloc_failed.add(1);
        }
        self.ring.give();
        !failed
    }

    /// Puts a page on the ring that is ready for the device ([`PoolPage::renew`]): without the pool. The
    /// hardware hears of it later, with others.
    #[inline]
    fn put_back(&mut self, page: PoolPage) {
        if self.ring.empty() == 0 {
            return;
        }
        let index = self.ring.next_fill();
        if let Some(place) = self.pages.get_mut(index) {
            self.ring.write(index, page.dma_address());
            *place = Some(page);
            self.ring.filled_by(1);
        }
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
        let mut batch = self.ring.begin();
        let mut frames = 0;
        // A device that never ends a frame must not keep us here either.
        let mut descs = self.ring.size.get();
        let mut memory = true;
        while frames < budget && descs > 0 {
            if self.ring.not_given() >= REFILL_BATCH && memory {
                memory = self.refill(&ctx.owner());
            }
            let Some(done) = self.ring.finished() else {
                break;
            };
            let Some(page) = self.take_page(done) else {
                break;
            };
            descs = descs.wrapping_sub(1);
            match program {
                None => self.append(page, done.status, ctx),
                Some(program) => {
                    let buffer = Received {
                        page,
                        done,
                        features,
                    };
                    self.examine(dev, buffer, program, &mut batch, ctx);
                }
            }
            if !done.status.end_of_packet() {
                continue;
            }
            frames = usize::wrapping_add(frames, 1);
            if let Some(frame) = self.finish(done.status, features) {
                self.deliver(frame, done, features, &mut batch, ctx);
            }
        }
        self.ring.account(&batch);
        if program.is_some() {
            self.ring.account_said(&batch.said);
        }
        if self.ring.not_given() >= REFILL_BATCH && memory {
            memory = self.refill(&ctx.owner());
        }
        if !memory {
            // What was put back since.
            self.ring.give();
        }
        let starving = !memory && self.ring.filled() < STARVING;
        Cleaned {
            frames,
            more: frames >= budget || descs == 0 || starving,
        }
    }

    /// The page of a finished descriptor; [`None`] if the hardware finished one that it was never given.
    #[inline]
    fn take_page(&mut self, done: Finished) -> Option<PoolPage> {
        let page = self.pages.get_mut(done.index)?.take()?;
        self.ring.advance();
        Some(page)
    }

    /// Adds a buffer to the frame that is being put together.
    #[inline(always)]
    fn append(&mut self, page: PoolPage, status: RxStatus, ctx: &RxContext<'_>) {
        let len = u32::from(status.len());
        let partial = core::mem::replace(&mut self.partial, Partial::Dropped);
        self.partial = match partial {
            Partial::None if len < ETH_HLEN => {
                self.ring.counters.rx.length_errors.add(1);
                return;
            }
            Partial::None => match RxFrame::new(page, len, ctx) {
                Ok(frame) => Partial::Frame(frame),
                Err(_) => {
                    self.ring.counters.rx.dropped.add(1);
                    return;
                }
            },
            Partial::Frame(mut frame) => match frame.add_page(page, len) {
                Ok(()) => Partial::Frame(frame),
                Err(_) => {
                    self.ring.counters.rx.length_errors.add(1);
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
                    self.ring.counters.rx.frame_errors.add(1);
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

    /// Gives a frame to the stack, which ends with descriptor `done`.
    #[inline(always)]
    fn deliver(
        &self,
        frame: RxFrame,
        done: Finished,
        features: Features,
        batch: &mut Batch,
        ctx: &mut RxContext<'_>,
    ) {
        if batch.looks_at_frames {
            let refused = |(to, from)| !self.ring.hw.accepts(&to, &from);
            if frame.mac_addresses().is_some_and(refused) {
                frame.drop_with(DropReason::LocalMac);
                return;
            }
        }
        let len = frame.len();
        batch.count(len);
        let mut meta = self.ring.describe(done, len, features, batch);
        meta.vlan = self.ring.vlan(done, features, || frame.after_addresses());
        ctx.gro_receive(frame, self.ring.queue, &meta);
    }
}
