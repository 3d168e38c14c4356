// SPDX-License-Identifier: GPL-2.0

//! Statistics of a device and of its queues.
//!
//! C headers: [`include/uapi/linux/if_link.h`](srctree/include/uapi/linux/if_link.h),
//! [`include/net/netdev_queues.h`](srctree/include/net/netdev_queues.h)

use crate::kapi::bindings;
use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

use super::{
    driver::RtnlCall,
    Device,
    Driver,
    Rtnl, //
};

/// Declares a struct of counters and how it is given to C.
macro_rules! counters {
    (
        $(#[$doc:meta])*
        pub struct $name:ident: $ty:ty => $raw:ident, $to_c:expr;
        $($(#[$fdoc:meta])* $field:ident,)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $ty,)*
        }

        impl $name {
            pub(in crate::kapi) fn store(&self, to: &mut bindings::$raw) {
                $(to.$field = ($to_c)(self.$field);)*
            }
        }
    };
}

counters! {
    /// Statistics of a device since it was created. `include/uapi/linux/if_link.h` defines each.
    pub struct Stats64: u64 => rtnl_link_stats64, |value| value;
    /// Good frames received.
    rx_packets,
    /// Frames sent.
    tx_packets,
    /// Bytes in `rx_packets`, without the frame check sequence.
    rx_bytes,
    /// Bytes in `tx_packets`, without the frame check sequence.
    tx_bytes,
    /// Bad frames received, sum of the detailed receive errors.
    rx_errors,
    /// Frames not sent because of an error, sum of the detailed transmit errors.
    tx_errors,
    /// Good frames dropped for want of memory or the like.
    rx_dropped,
    /// Frames dropped on their way out.
    tx_dropped,
    /// Multicast frames received.
    multicast,
    /// Collisions.
    collisions,
    /// Frames of wrong length.
    rx_length_errors,
    /// Receiver overflows.
    rx_over_errors,
    /// Frames with a bad CRC.
    rx_crc_errors,
    /// Frames with an alignment error.
    rx_frame_errors,
    /// Receive FIFO errors.
    rx_fifo_errors,
    /// Frames the host was too slow for.
    rx_missed_errors,
    /// Aborted transmissions.
    tx_aborted_errors,
    /// Transmissions that lost the carrier.
    tx_carrier_errors,
    /// Transmit FIFO errors.
    tx_fifo_errors,
    /// Heartbeat (signal quality) errors.
    tx_heartbeat_errors,
    /// Late collisions.
    tx_window_errors,
}

/// Absent counters are all ones to the core (`NETDEV_STAT_NOT_SET`).
fn or_unset(value: Option<u64>) -> u64 {
    value.unwrap_or(u64::MAX)
}

counters! {
    /// Statistics of a receive queue; [`None`] is not reported.
    pub struct QueueStatsRx: Option<u64> => netdev_queue_stats_rx, or_unset;
    /// Bytes given to the stack.
    bytes,
    /// Packets given to the stack.
    packets,
    /// Buffers that could not be allocated.
    alloc_fail,
    /// Packets that the device dropped.
    hw_drops,
    /// Of these, for want of descriptors.
    hw_drop_overruns,
    /// Packets with a full checksum from the device.
    csum_complete,
    /// Packets whose checksum the device found good.
    csum_unnecessary,
    /// Packets whose checksum the device did not look at.
    csum_none,
    /// Packets with a bad checksum; they go to the stack.
    csum_bad,
}

counters! {
    /// Statistics of a transmit queue; [`None`] is not reported.
    pub struct QueueStatsTx: Option<u64> => netdev_queue_stats_tx, or_unset;
    /// Bytes sent.
    bytes,
    /// Packets sent; those of a segmented one count as the stack gave it.
    packets,
    /// Packets that the device dropped.
    hw_drops,
    /// Of these, because they were malformed.
    hw_drop_errors,
    /// Packets that needed no checksum.
    csum_none,
    /// Packets whose checksum the device computed.
    needs_csum,
    /// Packets that the device segmented.
    hw_gso_packets,
    /// Bytes that the device segmented.
    hw_gso_bytes,
    /// Packets that came out of segmentation.
    hw_gso_wire_packets,
    /// Bytes that came out of segmentation.
    hw_gso_wire_bytes,
    /// Times the queue was stopped because it was full.
    stop,
    /// Times it was woken.
    wake,
}

/// Statistics by queue (netlink `qstats-get`, `netdev_stat_ops`).
///
/// All run under the RTNL, and only while the device is up, except
/// [`base_stats`](Self::base_stats).
#[vtable]
pub trait QueueStats: Driver {
    /// Statistics of receive queue `queue`, below the real number of receive queues.
    fn queue_stats_rx(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _queue: u32,
        _stats: &mut QueueStatsRx,
    ) {
        kernel::build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Statistics of transmit queue `queue`, below the real number of transmit queues.
    fn queue_stats_tx(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _queue: u32,
        _stats: &mut QueueStatsTx,
    ) {
        kernel::build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// What the queues of now do not hold: counts of queues that are gone or down. A counter set
    /// here, to zero as well, is thereby said to be right for the device as a whole; the core adds
    /// the live queues. Both are [`Default`] on entry.
    fn base_stats(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _rx: &mut QueueStatsRx,
        _tx: &mut QueueStatsTx,
    ) {
        kernel::build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }
}

/// The `netdev_stat_ops` of a driver.
pub(super) struct QueueStatsVtable<T>(core::marker::PhantomData<T>);

impl<T: QueueStats> QueueStatsVtable<T> {
    const OPS: bindings::netdev_stat_ops = bindings::netdev_stat_ops {
        get_queue_stats_rx: if T::HAS_QUEUE_STATS_RX {
            Some(Self::get_queue_stats_rx)
        } else {
            None
        },
        get_queue_stats_tx: if T::HAS_QUEUE_STATS_TX {
            Some(Self::get_queue_stats_tx)
        } else {
            None
        },
        get_base_stats: if T::HAS_BASE_STATS {
            Some(Self::get_base_stats)
        } else {
            None
        },
    };

    /// The operations, or null where the driver has none.
    pub(super) const fn ops() -> *const bindings::netdev_stat_ops {
        if T::HAS_QUEUE_STATS_RX || T::HAS_QUEUE_STATS_TX || T::HAS_BASE_STATS {
            &Self::OPS
        } else {
            core::ptr::null()
        }
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL; `out` is its own.
    unsafe extern "C" fn get_queue_stats_rx(
        dev: *mut bindings::net_device,
        queue: c_int,
        out: *mut bindings::netdev_queue_stats_rx,
    ) {
        // SAFETY: By the requirements of this function.
        let call = unsafe { RtnlCall::<T>::new(dev) };
        if let (Some(this), Ok(queue)) = (call.this(), u32::try_from(queue)) {
            let mut stats = QueueStatsRx::default();
            T::queue_stats_rx(this, call.dev(), queue, &mut stats);
            // SAFETY: By the requirements of this function.
            stats.store(unsafe { &mut *out });
        }
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL; `out` is its own.
    unsafe extern "C" fn get_queue_stats_tx(
        dev: *mut bindings::net_device,
        queue: c_int,
        out: *mut bindings::netdev_queue_stats_tx,
    ) {
        // SAFETY: By the requirements of this function.
        let call = unsafe { RtnlCall::<T>::new(dev) };
        if let (Some(this), Ok(queue)) = (call.this(), u32::try_from(queue)) {
            let mut stats = QueueStatsTx::default();
            T::queue_stats_tx(this, call.dev(), queue, &mut stats);
            // SAFETY: By the requirements of this function.
            stats.store(unsafe { &mut *out });
        }
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL; `rx_out` and `tx_out`
    /// are its own.
    unsafe extern "C" fn get_base_stats(
        dev: *mut bindings::net_device,
        rx_out: *mut bindings::netdev_queue_stats_rx,
        tx_out: *mut bindings::netdev_queue_stats_tx,
    ) {
        // SAFETY: By the requirements of this function.
        let call = unsafe { RtnlCall::<T>::new(dev) };
        if let Some(this) = call.this() {
            let mut rx = QueueStatsRx::default();
            let mut tx = QueueStatsTx::default();
            T::base_stats(this, call.dev(), &mut rx, &mut tx);
            // SAFETY: By the requirements of this function.
            unsafe {
                rx.store(&mut *rx_out);
                tx.store(&mut *tx_out);
            }
        }
    }
}
