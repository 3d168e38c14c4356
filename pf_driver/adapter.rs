// SPDX-License-Identifier: GPL-2.0

//! The state of a port.
//!
//! Locks, in the order in which they are taken:
//!
//! 1. the RTNL, by the network core's callbacks and by whoever changes the layout of queues or
//!    resets the port. Never by the mailbox: a VF of this host asks while it holds the RTNL.
//! 2. [`Adapter::queues`]: the queue pairs and their settings.
//! 3. [`Adapter::link`]: what is known of the link.
//! 4. [`VfManager::control`]: the switch, the VFs, and all registers that both depend on.
//! 5. [`Adapter::rss`]: how flows are spread. A leaf.
//!
//! All are mutexes: hard interrupts only queue work or schedule NAPI. `VfManager::rings` is a
//! spinlock of its own, under which nothing is called.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            AtomicFlag,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

use crate::{
    control::{
        state::PfPool,
        switch::Switch, //
    },
    datapath::Datapath,
    hw::{
        irq,
        link::Media,
        nvm::Image,
        queue::QueueRegs, //
    },
    iov::{
        self,
        manager::VfManager,
        misconduct, //
    },
    kapi::{
        irq::{
            Handler,
            IrqReturn,
            Vectors, //
        },
        net::{
            self,
            msg,
            MacAddress, //
        },
        work::Work, //
    },
    link::Link,
    neighbours::Neighbours,
    queues::{
        Queues,
        COALESCING, //
    },
    regs::{
        general::WUC,
        irq::ICR,
        Bar0, //
    },
    rss::Rss,
    stats::PortStats, //
};

/// Work that interrupts and timers ask for.
pub(crate) struct Works {
    /// Looks at the link.
    pub(crate) link: Arc<Work<Adapter>>,
    /// Does that and collects statistics, every two seconds.
    pub(crate) watchdog: Arc<Work<Adapter>>,
    /// Resets the port.
    pub(crate) reset: Arc<Work<Adapter>>,
    /// Tries again what failed of that.
    pub(crate) retry: Arc<Work<Adapter>>,
    /// Gives back what waits on the rings for a link.
    pub(crate) flush: Arc<Work<Adapter>>,
    /// Deals with what the card has seen VFs do.
    pub(crate) misconduct: Arc<Work<Adapter>>,
}

impl Works {
    fn all(&self) -> [&Arc<Work<Adapter>>; 6] {
        [
            &self.misconduct,
            &self.watchdog,
            &self.reset,
            &self.retry,
            &self.link,
            &self.flush,
        ]
    }
}

/// What a device is. Does not change.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    /// PCI device id.
    pub(crate) device: u16,
    /// PCI revision.
    pub(crate) revision: u8,
    /// Serial number, if it has one.
    pub(crate) serial: Option<u64>,
    /// What its NVM says of itself.
    pub(crate) image: Image,
}

/// A port.
#[pin_data]
pub(crate) struct Adapter {
    /// Its network interface.
    pub(crate) ndev: Arc<net::Device>,
    /// Its registers.
    pub(crate) bar: Arc<Bar0>,
    /// Its interrupt vectors.
    pub(crate) vectors: Arc<Vectors>,
    /// What it is connected to.
    pub(crate) media: Media,
    /// The address in its NVM.
    pub(crate) perm_mac: MacAddress,
    /// What it is.
    pub(crate) identity: Identity,
    /// How it wakes the host while this driver does not have it.
    pub(crate) wake_up: WUC,
    /// Rings and statistics of its queue pairs.
    pub(crate) datapath: Datapath<QueueRegs>,
    /// Its queue pairs.
    #[pin]
    pub(crate) queues: Mutex<Queues>,
    /// How its flows are spread over them.
    #[pin]
    pub(crate) rss: Mutex<Rss>,
    /// Its link.
    #[pin]
    pub(crate) link: Mutex<Link>,
    /// The VFs and the switch.
    pub(crate) vfs: Arc<VfManager>,
    /// What the data path sees of addresses behind the PF.
    pub(crate) neighbours: Arc<Neighbours>,
    /// Counters of the hardware.
    pub(crate) stats: PortStats,
    /// Which messages are wanted (`NETIF_MSG_*`).
    pub(crate) msglevel: Atomic<u32>,
    /// The port stands still, the operator was told, and what failed is to be tried again.
    pub(crate) failed: AtomicFlag,
    /// LEDCTL as it is while nobody looks for the port.
    pub(crate) leds: Atomic<u32>,
    /// Work items. They hold this adapter until [`Adapter::end_works`].
    pub(crate) works: Works,
}

/// What [`Adapter::new`] is made of.
pub(crate) struct Parts {
    pub(crate) ndev: Arc<net::Device>,
    pub(crate) bar: Arc<Bar0>,
    pub(crate) vectors: Arc<Vectors>,
    pub(crate) media: Media,
    pub(crate) mac: MacAddress,
    pub(crate) identity: Identity,
    pub(crate) wake_up: WUC,
    /// See [`State::emulated`](crate::control::state::State::emulated).
    pub(crate) emulated: bool,
    pub(crate) max_pairs: u32,
    pub(crate) works: Works,
}

/// What is printed unless the user wants otherwise.
const DEFAULT_MSGLEVEL: u32 = msg::DRV | msg::PROBE | msg::LINK;

impl Adapter {
    /// A port that is reset and does nothing yet.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(parts: Parts) -> Result<Arc<Self>> {
        let Parts {
            ndev,
            bar,
            vectors,
            media,
            mac,
            identity,
            wake_up,
            emulated,
            max_pairs,
            works,
        } = parts;
        let queues = u16::try_from(max_pairs)?;
        let datapath = Datapath::new(ndev.clone(), queues, COALESCING, COALESCING)?;
        let switch = Switch::new(PfPool::new(mac, ndev.mtu()), emulated)?;
        let vfs = iov::new_manager(ndev.clone(), bar.clone(), switch)?;
        let neighbours = Neighbours::new(vfs.clone())?;
        let queues = Queues::new(max_pairs);
        let adapter = Arc::pin_init(
            pin_init!(Self {
                ndev,
                bar,
                vectors,
                media,
                perm_mac: mac,
                identity,
                wake_up,
                datapath,
                queues <- new_mutex!(queues),
                rss <- new_mutex!(Rss::new()),
                link <- new_mutex!(Link::default()),
                vfs,
                neighbours,
                stats: PortStats::new(),
                msglevel: Atomic::new(DEFAULT_MSGLEVEL),
                failed: AtomicFlag::new(false),
                leds: Atomic::new(0),
                works,
            }),
            GFP_KERNEL,
        )?;
        for work in adapter.works.all() {
            work.attach(adapter.clone());
        }
        VfManager::begin_works(&adapter.vfs);
        Neighbours::begin_work(&adapter.neighbours);
        Ok(adapter)
    }

    /// Ends all work, and with it the work's hold on the adapter.
    pub(crate) fn end_works(&self) {
        // A work that is still to be ended may queue one that is ended: that does nothing.
        for work in self.works.all() {
            work.disable_sync();
        }
        self.vfs.end_works();
        self.neighbours.end_work();
    }

    /// Whether messages of class `bit` (`NETIF_MSG_*`) are wanted.
    pub(crate) fn wants_message(&self, bit: u32) -> bool {
        self.msglevel.load(Relaxed) & bit != 0
    }
}

/// The interrupt of everything but traffic.
pub(crate) struct OtherIrq(pub(crate) Arc<Adapter>);

impl Handler for OtherIrq {
    fn handle(&self) -> IrqReturn {
        use kernel::io::Io;

        let this = &*self.0;
        let cause = this.bar.read(ICR);
        if cause.into_raw() == u32::MAX {
            // The device is gone; whoever removed it will unbind this driver.
            return IrqReturn::Handled;
        }
        if cause.vmmb() {
            this.vfs.works.mailbox.queue();
        }
        if cause.lsc() {
            this.works.link.queue();
        }
        if cause.mddet() {
            let sighting = this.vfs.see_misconduct();
            if !sighting.stopped.is_empty() {
                this.works.misconduct.queue();
            } else if !sighting.is_empty() {
                this.works
                    .misconduct
                    .queue_again_after(misconduct::INTERVAL);
            }
        }
        if cause.drsta() {
            this.works.reset.queue();
        }
        irq::rearm_other(&this.bar);
        IrqReturn::Handled
    }
}
