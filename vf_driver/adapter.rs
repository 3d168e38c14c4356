// SPDX-License-Identifier: GPL-2.0

//! The state of one VF.
//!
//! Locking, from the outside in:
//!
//! 1. the RTNL: everything that the network core calls, opening and closing of rings, and the change
//!    of [`Adapter::ready`] to true. So who holds the RTNL and finds `ready` may make requests, and
//!    who does not find it only notes what is wanted;
//! 2. `rings`, `spare`, `wanted`, `settings`: taken with the RTNL held, except by the reader of settings and by
//!    the service work, which only looks whether there are rings and what is to be logged;
//! 3. the mailbox's mutex in [`Control`], whose holder may sleep for an answer of the PF.
//!
//! The service work takes the RTNL, so nobody may wait for it with the RTNL held.
//!
//! The adapter and its work hold each other; [`Adapter::service`] is disabled at unbind.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
};

use crate::{
    control::{
        Control,
        Failure, //
    },
    counters::HwCounters,
    datapath::{
        Coalescing,
        Datapath,
        Running, //
    },
    flag::Flag,
    hw::Hw,
    irq::Interrupts,
    kapi::{
        irq::Vectors,
        net,
        work::Work, //
    },
    pf_state::PfState,
    wanted::Wanted, //
};

/// What can be set through ethtool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Descriptors of the transmit ring.
    pub(crate) tx_desc: u16,
    /// Descriptors of the receive ring.
    pub(crate) rx_desc: u16,
    /// Programs of XDP may run on what is received: by what the stack has set.
    pub(crate) xdp: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // One queue has to hold what the wire carries between two interrupts: 381 of the
            // shortest frames in 256 microseconds if it adapts, and other VFs deliver faster than the wire.
            tx_desc: 1024,
            rx_desc: 1024,
            xdp: false,
        }
    }
}

/// Rings and interrupts of a running VF.
///
/// Fields are dropped in this order: an interrupt handler schedules the poll function of the rings.
pub(crate) struct Rings {
    pub(crate) interrupts: Interrupts<Adapter>,
    pub(crate) running: Running<Hw>,
}

/// How often received frames interrupt by default: at most 20,000 times a second.
const RX_COALESCING: Coalescing = Coalescing {
    adaptive: false,
    usecs: 50,
};

/// The same for frames that were sent. A receive interrupt cleans the transmit ring too; this one is for
/// those who only send.
const TX_COALESCING: Coalescing = Coalescing {
    adaptive: false,
    usecs: 125,
};

/// The state of one VF, shared by all who are called for it.
#[pin_data]
pub(crate) struct Adapter {
    /// The network device.
    pub(crate) ndev: Arc<net::Device>,
    /// The registers.
    pub(crate) hw: Arc<Hw>,
    /// The interrupt vectors.
    pub(crate) vectors: Arc<Vectors>,
    /// The transmit path and the statistics.
    pub(crate) datapath: Datapath<Hw>,
    /// The service work: follows the link and events, and recovers.
    pub(crate) service: Arc<Work<Adapter>>,
    /// The mailbox.
    #[pin]
    pub(crate) control: Control,
    /// What the stack wants of the PF.
    #[pin]
    pub(crate) wanted: Mutex<Wanted>,
    /// What the PF has told by events. A leaf.
    #[pin]
    pub(crate) pf_state: Mutex<PfState>,
    /// Rings and interrupts, while they run.
    #[pin]
    pub(crate) rings: Mutex<Option<Rings>>,
    /// Rings for the next start, made while there was memory. By the settings, and with the RTNL held.
    #[pin]
    pub(crate) spare: Mutex<Option<Running<Hw>>>,
    /// What was set through ethtool.
    #[pin]
    pub(crate) settings: Mutex<Settings>,
    /// The statistics that the hardware keeps.
    #[pin]
    pub(crate) hw_counters: HwCounters,
    /// Flags of the service work.
    pub(crate) state: State,
}

impl Adapter {
    /// The adapter of a VF that has made no handshake yet. `service`: see [`Adapter::service`].
    pub(crate) fn new(
        ndev: Arc<net::Device>,
        hw: Arc<Hw>,
        vectors: Arc<Vectors>,
        service: Arc<Work<Adapter>>,
    ) -> Result<Arc<Self>> {
        let datapath = Datapath::new(ndev.clone(), 1, RX_COALESCING, TX_COALESCING)?;
        Arc::pin_init(
            pin_init!(Self {
                control <- Control::new(hw.clone()),
                ndev,
                hw,
                vectors,
                datapath,
                service,
                wanted <- new_mutex!(Wanted::new()),
                pf_state <- new_mutex!(PfState::unknown()),
                rings <- new_mutex!(None),
                spare <- new_mutex!(None),
                settings <- new_mutex!(Settings::default()),
                hw_counters <- HwCounters::new(),
                state: State::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Whether the PF serves this VF and knows all that is wanted.
    pub(crate) fn ready(&self) -> bool {
        self.state.ready.get()
    }

    /// The PF has to be introduced to this VF again: the service work does it now.
    pub(crate) fn start_over(&self) {
        self.state.set_lost();
        self.service.queue();
    }

    /// A request failed. What was wanted is noted, so the service work will ask for it.
    pub(crate) fn request_failed(&self, failure: Failure) {
        if failure != Failure::Halted {
            self.start_over();
        }
    }
}

/// What is going on.
pub(crate) struct State {
    /// The PF serves this VF and knows all that is wanted. Becomes true with the RTNL held, false
    /// at any time.
    ready: Flag,
    /// The PF did not answer the last time, and the operator was told.
    pub(crate) pf_absent: Flag,
    /// The rings could not be opened, and the operator was told.
    pub(crate) no_rings: Flag,
    recoveries: Atomic<u64>,
    tx_timeouts: Atomic<u64>,
}

impl State {
    const fn new() -> Self {
        Self {
            ready: Flag::new(false),
            pf_absent: Flag::new(false),
            no_rings: Flag::new(false),
            recoveries: Atomic::new(0),
            tx_timeouts: Atomic::new(0),
        }
    }

    /// The PF serves this VF and knows all that is wanted. With the RTNL held.
    pub(crate) fn set_ready(&self) {
        self.ready.set(true);
    }

    /// Counts a handshake after the first one.
    pub(crate) fn count_recovery(&self) {
        self.recoveries.add(1, Relaxed);
    }

    /// Handshakes after the first one.
    pub(crate) fn recoveries(&self) -> u64 {
        self.recoveries.load(Relaxed)
    }

    /// Counts a stuck transmit queue.
    pub(crate) fn count_tx_timeout(&self) {
        self.tx_timeouts.add(1, Relaxed);
    }

    /// Stuck transmit queues.
    pub(crate) fn tx_timeouts(&self) -> u64 {
        self.tx_timeouts.load(Relaxed)
    }

    /// The PF has forgotten this VF.
    pub(crate) fn set_lost(&self) {
        self.ready.set(false);
    }
}
