// SPDX-License-Identifier: GPL-2.0

//! The PF's queue pairs and their settings. What brings them up and down is [`crate::pairs`].

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    control::device::Layout,
    datapath::{
        Coalescing,
        RingSize,
        Running, //
    },
    hw::queue::QueueRegs,
    kapi::{
        irq::{
            Handler,
            IrqReturn,
            Registration, //
        },
        net::napi, //
    }, //
};

/// The interrupt of a queue pair.
pub(crate) struct PairIrq(pub(crate) napi::Handle);

impl Handler for PairIrq {
    #[inline]
    fn handle(&self) -> IrqReturn {
        self.0.schedule();
        IrqReturn::Handled
    }
}

/// How the queue pairs are to be.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Whose the queues are.
    pub(crate) layout: Layout,
    /// Pairs that the user wants while all are the PF's.
    pub(crate) wanted: u32,
    /// Pairs that the user wants with pools. One by default: by an erratum the card does not switch
    /// frames from a pool with two queues to pools with one.
    pub(crate) wanted_in_pool: u32,
    /// Descriptors of a transmit ring.
    pub(crate) tx_desc: u16,
    /// Descriptors of a receive ring.
    pub(crate) rx_desc: u16,
    /// Programs of XDP may run on what is received.
    pub(crate) xdp: bool,
}

impl Plan {
    /// Pairs to use.
    pub(crate) fn pairs(&self) -> u32 {
        let wanted = match self.layout {
            Layout::Single => self.wanted,
            Layout::Pools => self.wanted_in_pool,
        };
        wanted.min(self.layout.max_pairs()).max(1)
    }
}

/// Queue pairs that run.
pub(crate) struct Active {
    /// First dropped: no interrupt comes once the pairs go.
    pub(crate) irqs: KVec<Registration<PairIrq>>,
    /// Their rings.
    pub(crate) running: Running<QueueRegs>,
    /// Their registers.
    pub(crate) regs: Arc<QueueRegs>,
}

/// The queue pairs and their settings.
pub(crate) struct Queues {
    /// How they are to be.
    pub(crate) plan: Plan,
    /// Most pairs that there are vectors for.
    pub(crate) max_pairs: u32,
    pub(crate) active: Option<Active>,
    /// Rings for the next start, made while there was memory. By `plan`.
    pub(crate) spare: Option<Pairs>,
}

/// Rings that do not run.
pub(crate) type Pairs = (Running<QueueRegs>, Arc<QueueRegs>);

/// Interrupts of a pair come at most 20,000 times a second by default. Longer intervals cost more for each
/// short frame: what they gather is more than a processor keeps at hand.
pub(crate) const COALESCING: Coalescing = Coalescing {
    adaptive: false,
    usecs: 50,
};

impl Queues {
    pub(crate) fn new(max_pairs: u32) -> Self {
        Self {
            plan: Plan {
                layout: Layout::Single,
                wanted: max_pairs,
                wanted_in_pool: 1,
                tx_desc: RingSize::DEFAULT.get(),
                rx_desc: RingSize::DEFAULT.get(),
                xdp: false,
            },
            max_pairs,
            active: None,
            spare: None,
        }
    }

    /// Whether they run.
    pub(crate) fn active(&self) -> bool {
        self.active.is_some()
    }

    /// Whether the card still has to send something.
    pub(crate) fn has_unsent(&self) -> bool {
        self.active
            .as_ref()
            .is_some_and(|active| active.regs.has_unsent(active.running.queues()))
    }

    /// Frames that all pairs have dropped for want of descriptors, since the last call.
    pub(crate) fn take_drops(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| {
            (0..active.running.queues())
                .map(|pair| u64::from(active.regs.take_drops(pair)))
                .sum()
        })
    }
}
