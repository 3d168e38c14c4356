// SPDX-License-Identifier: GPL-2.0

//! A network device without hardware: what is sent on it comes back.
//!
//! It has one queue, a NAPI instance that takes the place of the hardware, and a page pool. It shows that
//! kapi is no card's own.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
#[path = "../kapi/mod.rs"]
pub mod kapi;

use kapi::{
    dma,
    net::{
        self,
        napi,
        page_pool::PoolUse,
        rtnl_lock,
        Device,
        DropReason,
        Napi,
        PagePool,
        Poll,
        PollContext,
        Polled,
        Rtnl,
        RxFrame,
        RxMeta,
        SkBuff,
        TxQueue,
        TxVerdict,
        XmitCell,
        XmitQueue, //
    },
    spsc, //
};
use kernel::{
    faux,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
    }, //
};

/// Frames that can be under way.
const RING: usize = 256;
/// A queue that was full goes on when so many are free.
const WAKE_AT: usize = RING / 2;
/// Bytes of the longest frame: of the default MTU, with a tag.
const MAX_FRAME: u32 = 1518;
/// One of those that anybody may use.
const ADDRESS: [u8; net::ETH_ALEN] = [0x02, 0, 0, 0, 0, 1];

/// The sending end. The queue's lock guards it.
struct Sender {
    frames: spsc::Producer<SkBuff>,
    napi: napi::Handle,
}

impl Sender {
    fn send(&mut self, skb: SkBuff, queue: &XmitQueue<'_>) -> TxVerdict {
        let bytes = skb.len();
        if let Err(skb) = self.frames.stage(skb) {
            return TxVerdict::Busy(skb);
        }
        // BQL must know of the frame before the other end does.
        let now = queue.sent(bytes);
        self.frames.commit();
        if queue.maybe_stop(|| self.frames.free(), 1, WAKE_AT) || now {
            self.napi.schedule();
        }
        TxVerdict::Ok
    }
}

/// The receiving end: what is polled.
struct Receiver {
    dev: Arc<Device>,
    frames: spsc::Consumer<SkBuff>,
    pool: PagePool,
}

impl Receiver {
    /// Gives the stack a copy of a frame, or nothing without memory.
    fn give_back(&mut self, skb: &SkBuff, ctx: &mut PollContext<'_>) -> Option<()> {
        let mut ctx = ctx.receive()?;
        let owner = ctx.owner();
        let mut page = self.pool.open(&owner)?.alloc()?;
        let len = page.copy_from(skb).ok()?;
        let frame = RxFrame::new(page, len, &ctx).ok()?;
        ctx.gro_receive(frame, 0, &RxMeta::default());
        Some(())
    }
}

impl Poll for Receiver {
    // There is no interrupt.
    type Irq = ();

    fn poll(&mut self, ctx: &mut PollContext<'_>) -> Polled {
        let Some(budget) = ctx.receive().map(|ctx| ctx.budget()) else {
            return Polled::Done(0);
        };
        let (mut packets, mut bytes) = (0, 0);
        while packets < budget {
            let Some(skb) = self.frames.pop() else {
                break;
            };
            packets = usize::wrapping_add(packets, 1);
            bytes = u32::wrapping_add(bytes, skb.len());
            match self.give_back(&skb, ctx) {
                Some(()) => skb.consume(ctx),
                None => skb.drop_with(DropReason::NoMem),
            }
        }
        self.frames.release();
        if let Some(queue) = TxQueue::new(&self.dev, 0) {
            // CAST: Within the budget.
            queue.completed(packets as u32, bytes, || self.frames.free(), WAKE_AT);
        }
        Polled::Done(packets)
    }

    fn rearm(_irq: &()) {}
}

/// The device.
#[pin_data]
struct Loop {
    dev: Arc<Device>,
    sender: XmitCell<Option<Sender>>,
    #[pin]
    napi: Mutex<Option<Napi<Receiver>>>,
}

#[vtable]
impl net::Driver for Loop {
    type Vfs = net::vf::NoVfs;

    fn open(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>) -> Result {
        let (to, from) = spsc::channel(RING)?;
        let mut napi = Napi::new(&this.dev, 0, ())?;
        // CAST: A small constant.
        let pool = PagePool::new(napi.handle(), 0, RING as u32, PoolUse::Stack, MAX_FRAME)?;
        let receiver = Receiver {
            dev: this.dev.clone(),
            frames: from,
            pool,
        };
        napi.enable(KBox::new(receiver, GFP_KERNEL)?)?;
        let sender = Sender {
            frames: to,
            napi: napi.handle(),
        };
        *this.napi.lock() = Some(napi);
        drop(this.sender.replace(Some(sender)));
        dev.tx_wake_all();
        dev.carrier_on();
        Ok(())
    }

    fn stop(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>) {
        dev.carrier_off();
        drop(this.sender.replace(None));
        let napi = this.napi.lock().take();
        if let Some(mut receiver) = napi.and_then(|mut napi| napi.disable()) {
            while let Some(skb) = receiver.frames.pop() {
                skb.drop_with(DropReason::QueuePurge);
            }
        }
        // A last completion may have woken the queue.
        dev.tx_disable();
        if let Some(queue) = TxQueue::new(dev, 0) {
            queue.reset_bql();
        }
    }

    fn start_xmit(
        this: ArcBorrow<'_, Self>,
        _dev: &Device,
        skb: SkBuff,
        queue: &mut XmitQueue<'_>,
    ) -> TxVerdict {
        let sent = this.sender.with(queue, |sender, queue| match sender {
            Some(sender) => sender.send(skb, queue),
            None => {
                skb.drop_with(DropReason::DevReady);
                TxVerdict::Ok
            }
        });
        sent.unwrap_or(TxVerdict::Ok)
    }
}

#[vtable]
impl net::Ethtool for Loop {}

#[vtable]
impl net::QueueStats for Loop {}

/// The module. Dropped in this order.
struct Module {
    _registration: net::Registration<Loop>,
    _parent: faux::Registration,
}

impl kernel::Module for Module {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let parent = dma::register_faux(c"kapi_loop")?;
        let bound: &faux::Device<kernel::device::Bound> = parent.as_ref();
        let dev = Device::alloc_ether(bound.as_ref(), 1, 1)?;
        rtnl_lock().device(&dev).set_dev_addr(&ADDRESS);
        dev.carrier_off();
        let sender = XmitCell::new(&dev, 0, None)?;
        let device = dev.clone();
        let data = Arc::pin_init(
            pin_init!(Loop {
                dev: device,
                sender,
                napi <- new_mutex!(None),
            }),
            GFP_KERNEL,
        )?;
        Ok(Self {
            _registration: net::Registration::new(dev, data)?,
            _parent: parent,
        })
    }
}

module! {
    type: Module,
    name: "kapi_loop",
    authors: ["The rigb developers"],
    description: "Sample: a network device that gives back what is sent",
    license: "GPL v2",
}
