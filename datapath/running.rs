// SPDX-License-Identifier: GPL-2.0

//! What lives from `ndo_open` to `ndo_stop`: rings, buffers, NAPI.
//!
//! 1. [`Datapath::open`](super::Datapath::open) makes everything; interrupts may be requested.
//! 2. The driver gives the rings' addresses to the hardware and enables the queues.
//! 3. [`Running::start`] gives the hardware buffers and lets frames and polls come.
//! 4. The driver enables interrupts and wakes the transmit queues.
//! 5. The driver stops the transmit queues, masks interrupts and disables the hardware's queues.
//! 6. [`Running::stop`] ends the polls and frees everything.

use core::mem;

use kernel::{
    device,
    prelude::*,
    sync::Arc, //
};

use super::{
    desc::{
        DESC_BYTES,
        DESC_WORDS, //
    },
    moderation::{
        Moderation,
        Moderator, //
    },
    queue_ctl::{
        RX_BUFFER_BYTES,
        RX_BUFFER_KB, //
    },
    queues::Queue,
    ring::RingSize,
    rx::{
        RxQueue,
        RxRing,
        RxXdp,
        XskRx, //
    },
    tx::{
        Slot,
        TxProducer, //
    },
    tx_clean::TxConsumer,
    vector::{
        QueueVector,
        RxSide,
        VectorIrq, //
    },
    xsk_pool::buffer_kb,
    Config,
    Hw, //
};
use crate::kapi::{
    dma::{
        DescRing,
        Mapper, //
    },
    net::{
        napi,
        page_pool::PoolUse,
        xdp::ProgramSlot,
        Device,
        Napi,
        PagePool,
        Rtnl, //
    },
    spsc, //
};

/// Where a ring lies, for the hardware's base and length registers.
#[derive(Clone, Copy, Debug)]
pub struct RingInfo {
    /// DMA address of the first descriptor.
    pub dma: u64,
    /// Length in bytes.
    pub bytes: u32,
    /// Length in descriptors.
    pub count: u16,
}

impl RingInfo {
    fn new(ring: &DescRing<u64>, size: RingSize) -> Self {
        Self {
            dma: ring.dma_address(),
            // CAST: a descriptor has 16 bytes.
            bytes: u32::from(size.get()) * DESC_BYTES as u32,
            count: size.get(),
        }
    }
}

/// The same of a receive ring, and what else its registers are to say.
#[derive(Clone, Copy, Debug)]
pub struct RxRingInfo {
    /// Where it lies.
    pub ring: RingInfo,
    /// Kilobytes that the hardware may write into a buffer.
    pub buffer_kb: u32,
    /// Its buffers are those of sockets: that they give none must not hold up other queues.
    pub sockets: bool,
}

/// A queue pair that was made but does not run yet.
struct Prepared<H: Hw> {
    producer: TxProducer<H>,
    vector: KBox<QueueVector<H>>,
}

/// A queue pair.
struct Pair<H: Hw> {
    napi: Napi<QueueVector<H>>,
    tx: RingInfo,
    rx: RxRingInfo,
    prepared: Option<Prepared<H>>,
}

/// The rings, buffers and NAPI instances of an open device.
///
/// Dropping it stops it as [`Running::stop`] does, but what was [linked](Running::link) is leaked.
pub struct Running<H: Hw> {
    dev: Arc<Device>,
    queues: Arc<KVec<Queue<H>>>,
    pairs: KVec<Pair<H>>,
    started: bool,
}

impl<H: Hw> Running<H> {
    pub(super) fn new(
        dev: &Arc<Device>,
        queues: &Arc<KVec<Queue<H>>>,
        parent: &device::Device<device::Bound>,
        hw: &Arc<H>,
        moderation: &Arc<Moderation>,
        program: &Arc<ProgramSlot>,
        cfg: &Config,
    ) -> Result<Self> {
        let tx_size = RingSize::new(cfg.tx_desc).ok_or(EINVAL)?;
        let rx_size = RingSize::new(cfg.rx_desc).ok_or(EINVAL)?;
        if cfg.queues == 0 || usize::from(cfg.queues) > queues.len() {
            return Err(EINVAL);
        }
        let mut pairs = KVec::with_capacity(usize::from(cfg.queues), GFP_KERNEL)?;
        for (index, queue) in (0..cfg.queues).zip(queues.iter()) {
            let maker = Maker {
                dev,
                parent,
                hw,
                index,
                queue,
                queues,
                moderation,
                program,
                xdp: cfg.xdp,
            };
            pairs.push(maker.pair(tx_size, rx_size)?, GFP_KERNEL)?;
        }
        Ok(Self {
            dev: dev.clone(),
            queues: queues.clone(),
            pairs,
            started: false,
        })
    }

    /// Number of queue pairs.
    pub fn queues(&self) -> u16 {
        // CAST: made from a u16.
        self.pairs.len() as u16
    }

    /// The transmit ring of queue pair `index`.
    pub fn tx_ring(&self, index: u16) -> Option<RingInfo> {
        self.pairs.get(usize::from(index)).map(|pair| pair.tx)
    }

    /// The receive ring of queue pair `index`.
    pub fn rx_ring(&self, index: u16) -> Option<RxRingInfo> {
        self.pairs.get(usize::from(index)).map(|pair| pair.rx)
    }

    /// What the interrupt handler of queue pair `index` schedules. All of them must be gone before
    /// the device is opened again.
    pub fn napi(&self, index: u16) -> Option<napi::Handle> {
        self.pairs
            .get(usize::from(index))
            .map(|pair| pair.napi.handle())
    }

    /// Tells the core which interrupt belongs to queue pair `index`, and which queues: what
    /// [`Running::stop`] takes back.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such pair, or `dev` is another device.
    pub fn link(&mut self, dev: &Device<Rtnl>, index: u16, irq: u32) -> Result {
        let pair = self.pairs.get_mut(usize::from(index)).ok_or(EINVAL)?;
        pair.napi.set_irq(irq);
        pair.napi.link_queues(dev)
    }

    /// Gives the hardware buffers and opens the transmit path. Process context.
    ///
    /// The hardware's queues are enabled, with head and tail at zero; the transmit queues are
    /// stopped. Does nothing the second time.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], if there is not even memory for a few receive buffers; [`ENXIO`] if those of sockets are on
    /// another ring. The hardware has some by then: disable its queues before this is dropped.
    pub fn start(&mut self) -> Result {
        self.started = true;
        for (pair, queue) in self.pairs.iter_mut().zip(self.queues.iter()) {
            if let (Some(prepared), Some(owner)) = (&mut pair.prepared, pair.napi.owner()) {
                prepared.vector.fill(&owner)?;
            }
            let Some(Prepared { producer, vector }) = pair.prepared.take() else {
                continue;
            };
            pair.napi.enable(vector)?;
            drop(queue.producer.replace(Some(producer)));
        }
        Ok(())
    }

    /// Ends the polls, takes the transmit path away and frees all buffers. Process context.
    ///
    /// The transmit queues are stopped (`netif_tx_disable`), interrupts masked, and the hardware
    /// neither reads nor writes memory any more.
    pub fn stop(mut self, dev: &Device<Rtnl>) {
        self.halt();
        for pair in &mut self.pairs {
            pair.napi.unlink_queues(dev);
        }
    }

    fn halt(&mut self) {
        // Another one may be running in this one's place.
        if !mem::take(&mut self.started) {
            return;
        }
        for (pair, queue) in self.pairs.iter_mut().zip(self.queues.iter()) {
            // First the producer: after this nothing is added to the ring.
            let producer = queue.producer.replace(None);
            let vector = pair.napi.disable();
            drop(producer);
            if let Some(mut vector) = vector {
                vector.reclaim();
            }
        }
        // A last completion may have woken a queue after the driver stopped it.
        self.dev.tx_disable();
    }
}

impl<H: Hw> Drop for Running<H> {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Makes one queue pair.
struct Maker<'a, H: Hw> {
    dev: &'a Arc<Device>,
    parent: &'a device::Device<device::Bound>,
    hw: &'a Arc<H>,
    index: u16,
    queue: &'a Queue<H>,
    queues: &'a Arc<KVec<Queue<H>>>,
    moderation: &'a Arc<Moderation>,
    /// The program to show received frames to.
    program: &'a Arc<ProgramSlot>,
    /// In pages, buffers are for that.
    xdp: bool,
}

impl<H: Hw> Maker<'_, H> {
    fn pair(&self, tx_size: RingSize, rx_size: RingSize) -> Result<Pair<H>> {
        let irq = VectorIrq::new(self.hw.clone(), self.index);
        let napi = Napi::new(self.dev, u32::from(self.index), irq)?;
        let (producer, consumer, tx) = self.tx(tx_size)?;
        let (rx_queue, rx) = self.rx(rx_size, napi.handle())?;
        let moderator = Moderator::new(self.hw, self.index, self.moderation, &self.queue.counters)?;
        let vector = QueueVector::new(self.dev.clone(), consumer, rx_queue, moderator);
        let vector = KBox::new(vector, GFP_KERNEL)?;
        Ok(Pair {
            napi,
            tx,
            rx,
            prepared: Some(Prepared { producer, vector }),
        })
    }

    fn tx(&self, size: RingSize) -> Result<(TxProducer<H>, TxConsumer, RingInfo)> {
        let count = usize::from(size.get());
        let ring = Arc::new(DescRing::new(self.parent, count * DESC_WORDS)?, GFP_KERNEL)?;
        let info = RingInfo::new(&ring, size);
        let (slots_in, slots_out) = spsc::channel::<Slot>(count)?;
        let producer = TxProducer::new(
            self.hw.clone(),
            self.index,
            size,
            ring.clone(),
            slots_in,
            Mapper::new(self.parent)?,
            self.queue.counters.clone(),
        );
        let consumer = TxConsumer::new(
            self.index,
            size,
            ring,
            slots_out,
            Mapper::new(self.parent)?,
            self.queue.counters.clone(),
        );
        Ok((producer, consumer, info))
    }

    /// Apart, so that what it moves about does not lie on the stack of all who open rings.
    #[inline(never)]
    fn rx(&self, size: RingSize, napi: napi::Handle) -> Result<(RxSide<H>, RxRingInfo)> {
        let count = usize::from(size.get());
        let descs = DescRing::new(self.parent, count * DESC_WORDS)?;
        let room = self.queue.pool.room();
        let info = RxRingInfo {
            ring: RingInfo::new(&descs, size),
            buffer_kb: room.map_or(RX_BUFFER_KB, buffer_kb),
            sockets: room.is_some(),
        };
        let counters = self.queue.counters.clone();
        let ring = RxRing::new(self.hw.clone(), self.index, size, descs, counters);
        let side = if info.sockets {
            let (slot, queues) = (self.program.clone(), self.queues.clone());
            let queue = XskRx::new(self.dev, ring, slot, queues)?;
            RxSide::Xsk(KBox::new(queue, GFP_KERNEL)?)
        } else {
            RxSide::Pages(self.rx_pages(ring, size, napi)?)
        };
        Ok((side, info))
    }

    fn rx_pages(&self, ring: RxRing<H>, size: RingSize, napi: napi::Handle) -> Result<RxQueue<H>> {
        let (purpose, xdp) = if self.xdp {
            let xdp = RxXdp::new(self.program.clone(), self.queues.clone())?;
            (PoolUse::Program, Some(xdp))
        } else {
            (PoolUse::Stack, None)
        };
        let pool = PagePool::new(
            napi,
            u32::from(self.index),
            u32::from(size.get()),
            purpose,
            RX_BUFFER_BYTES,
        )?;
        RxQueue::new(ring, pool, xdp)
    }
}
