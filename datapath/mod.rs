// SPDX-License-Identifier: GPL-2.0

//! The data path of the 82576, the same for PF and VF: rings, offloads, the poll function.
//!
//! [`Datapath`] lives as long as the driver's adapter: it is what `ndo_start_xmit` finds, and it
//! keeps the statistics. [`Running`] lives from `ndo_open` to `ndo_stop`: rings, buffers, NAPI.
//!
//! | file | what it is | kernel types |
//! |---|---|---|
//! | `desc.rs`, `rx_status.rs` | descriptor formats, both directions | none, tested by cargo |
//! | `offload.rs` | a frame's wishes as descriptor fields | none, tested by cargo |
//! | `tso.rs` | headers of a frame as the template of its segments | none, tested by cargo |
//! | `ring.rs`, `queue_ctl.rs` | index arithmetic, queue registers | none, tested by cargo |
//! | `tx.rs`, `tx/posting.rs`, `tx_clean.rs` | transmit ring: the two ends | yes |
//! | `rx.rs`, `rx/ring.rs` | receive ring: buffers, descriptors | yes |
//! | `rx/xdp.rs`, `tx/xdp.rs`, and below | programs of XDP, and what they send | yes |
//! | `rx/xsk.rs`, `sockets.rs`, `xsk_pool.rs` | sockets of AF_XDP and their buffers | yes |
//! | `vector.rs` | the poll function of a queue pair | yes |
//! | `moderation.rs` | how often a vector interrupts | yes |
//! | `queues.rs`, `running.rs` | [`Datapath`], [`Running`] | yes |
//!
//! Locking: the transmit lock of the stack guards a transmit ring's producer, also for what XDP sends;
//! NAPI's own exclusion its consumer and the receive ring. Between the two ends of a transmit ring
//! lies a queue without a lock ([`spsc`](crate::kapi::spsc)). Nothing else is shared but counters.

#![allow(dead_code, reason = "each driver uses its share of what serves both")]

pub mod desc;
pub mod offload;
pub mod queue_ctl;
pub mod ring;
pub mod rx_status;
pub mod tso;

mod moderation;
mod queues;
mod running;
mod rx;
mod sockets;
mod stats;
mod tx;
mod tx_clean;
mod vector;
mod xsk_pool;

pub use self::{
    moderation::{
        Coalescing,
        Direction,
        Moderation, //
    },
    queue_ctl::{
        rxdctl,
        srrctl,
        txdctl,
        RX_BUFFER_BYTES,
        RX_BUFFER_KB,
        SRRCTL_DROP_EN, //
    },
    queues::{
        check_program_mtu,
        feature_set,
        Datapath,
        XDP_MAX_MTU,
        XDP_METADATA, //
    },
    ring::RingSize,
    running::{
        RingInfo,
        Running,
        RxRingInfo, //
    },
    stats::{
        QueueStats,
        RxStats,
        SentStats,
        XmitStats, //
    },
    vector::{
        QueueVector,
        VectorIrq, //
    },
};

use crate::kapi::net::MacAddress;

/// The registers that the data path itself writes. The driver implements it on its register object.
///
/// Queue and vector numbers are those of the queue pair, counted from 0; what they are in the
/// hardware is the implementor's affair. All methods run in softirq context or with bottom halves
/// off and must not sleep. They are called once a batch, not once a frame.
pub trait Hw: Send + Sync + 'static {
    /// Writes TDT of transmit queue `queue`: the hardware may send all descriptors before `tail`.
    fn set_tx_tail(&self, queue: u16, tail: u32);

    /// Writes RDT of receive queue `queue`: the hardware may fill all descriptors before `tail`.
    fn set_rx_tail(&self, queue: u16, tail: u32);

    /// Lets vector `vector` interrupt again, after its poll is done.
    fn enable_vector(&self, vector: u16);

    /// Whether what was sent has a vector of its own. Else that of [`Direction::Rx`] is for both.
    const TX_VECTOR: bool;

    /// Sets the least time between two interrupts of a vector, in microseconds.
    fn set_interval(&self, vector: u16, direction: Direction, usecs: u16);

    /// Whether the stack gets to see a tag that the hardware took out of a received frame.
    ///
    /// A VF behind a port VLAN, set by its host, must not: the tag is the host's.
    #[inline]
    fn shows_vlan(&self, _tci: u16) -> bool {
        true
    }

    /// Whether [`Hw::accepts`] is to be asked about each received frame of the poll that begins, and
    /// [`Hw::sends`] told of frames of XDP.
    #[inline]
    fn looks_at_frames(&self) -> bool {
        false
    }

    /// A frame with these addresses is sent that does not come from the stack. Like [`Hw::accepts`].
    #[inline]
    fn sends(&self, _to: &MacAddress, _from: &MacAddress) {}

    /// A frame with these addresses was received. Whether the stack gets it.
    #[inline]
    fn accepts(&self, _to: &MacAddress, _from: &MacAddress) -> bool {
        true
    }
}

/// How many queue pairs to run, and how long their rings are.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Queue pairs: 1 to what [`Datapath::new`] was told.
    pub queues: u16,
    /// Descriptors of a transmit ring, see [`RingSize`].
    pub tx_desc: u16,
    /// Descriptors of a receive ring, see [`RingSize`].
    pub rx_desc: u16,
    /// Whether programs of XDP may run on what is received. It takes other buffers.
    pub xdp: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queues: 1,
            tx_desc: RingSize::DEFAULT.get(),
            rx_desc: RingSize::DEFAULT.get(),
            xdp: false,
        }
    }
}
