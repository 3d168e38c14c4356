// SPDX-License-Identifier: GPL-2.0

//! The counters of the port. The hardware's clear when read and are of 32 bits, so they are added
//! up here, by the watchdog and whenever somebody wants to know.

use kernel::{
    io::Io,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

use crate::{
    adapter::Adapter,
    kapi::net::Stats64,
    regs::{
        stats::*,
        Bar0, //
    }, //
};

macro_rules! port_stats {
    ($($field:ident <- $register:ident;)*) => {
        /// The counters, under the names of their registers.
        pub(crate) struct PortStats {
            $(pub(crate) $field: Total,)*
            /// Good bytes received.
            pub(crate) gorc: Total,
            /// Good bytes sent.
            pub(crate) gotc: Total,
            /// Frames that the PF's queues dropped for want of descriptors.
            pub(crate) rqdpc: Total,
            /// Times that a transmit queue hung.
            pub(crate) tx_timeouts: Total,
        }

        impl PortStats {
            pub(crate) const fn new() -> Self {
                Self {
                    $($field: Total::new(),)*
                    gorc: Total::new(),
                    gotc: Total::new(),
                    rqdpc: Total::new(),
                    tx_timeouts: Total::new(),
                }
            }

            fn add_registers(&self, bar: &Bar0) {
                $(self.$field.add(bar.read($register).into_raw().into());)*
                self.gorc.add(octets(bar.read(GORCL).into_raw(), bar.read(GORCH).into_raw()));
                self.gotc.add(octets(bar.read(GOTCL).into_raw(), bar.read(GOTCH).into_raw()));
            }
        }
    };
}

fn octets(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// A sum. Added to under [`Adapter::link`], read anywhere.
pub(crate) struct Total(Atomic<u64>);

impl Total {
    const fn new() -> Self {
        Self(Atomic::new(0))
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.get().wrapping_add(count), Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

port_stats! {
    crcerrs <- CRCERRS;
    algnerrc <- ALGNERRC;
    rxerrc <- RXERRC;
    mpc <- MPC;
    scc <- SCC;
    ecol <- ECOL;
    mcc <- MCC;
    latecol <- LATECOL;
    colc <- COLC;
    dc <- DC;
    tncrs <- TNCRS;
    xonrxc <- XONRXC;
    xontxc <- XONTXC;
    xoffrxc <- XOFFRXC;
    xofftxc <- XOFFTXC;
    gprc <- GPRC;
    bprc <- BPRC;
    mprc <- MPRC;
    gptc <- GPTC;
    rnbc <- RNBC;
    ruc <- RUC;
    roc <- ROC;
    mgtprc <- MGTPRC;
    mgtpdc <- MGTPDC;
    mgtptc <- MGTPTC;
    mptc <- MPTC;
    bptc <- BPTC;
    tsctc <- TSCTC;
    tsctfc <- TSCTFC;
}

impl Adapter {
    /// Adds up what the hardware has counted since the last time.
    pub(crate) fn update_stats(&self) {
        let queues = self.queues.lock();
        let _one_at_a_time = self.link.lock();
        // Who resets the port waits for the link's lock first.
        if !self.in_reset() {
            self.stats.rqdpc.add(queues.take_drops());
            self.stats.add_registers(&self.bar);
        }
    }

    /// The statistics of the interface. Any context.
    pub(crate) fn add_stats64(&self, total: &mut Stats64) {
        self.datapath.stats64(total);
        let port = &self.stats;
        total.multicast = port.mprc.get();
        total.collisions = port.colc.get();
        total.rx_crc_errors = port.crcerrs.get();
        total.rx_frame_errors = port.algnerrc.get();
        total.rx_missed_errors = port.mpc.get();
        total.rx_fifo_errors = port.mpc.get() + port.rqdpc.get();
        total.rx_length_errors += port.ruc.get() + port.roc.get();
        total.rx_errors += port.crcerrs.get()
            + port.algnerrc.get()
            + port.rxerrc.get()
            + port.ruc.get()
            + port.roc.get();
        total.tx_aborted_errors = port.ecol.get();
        total.tx_window_errors = port.latecol.get();
        total.tx_carrier_errors = port.tncrs.get();
        total.tx_errors += port.ecol.get() + port.latecol.get();
    }

    /// The counters that `ethtool -S` shows for the port, with the names that C igb gives them.
    pub(crate) fn port_counters(&self) -> [(&'static str, u64); 35] {
        let port = &self.stats;
        [
            ("rx_packets", port.gprc.get()),
            ("tx_packets", port.gptc.get()),
            ("rx_bytes", port.gorc.get()),
            ("tx_bytes", port.gotc.get()),
            ("rx_broadcast", port.bprc.get()),
            ("tx_broadcast", port.bptc.get()),
            ("rx_multicast", port.mprc.get()),
            ("tx_multicast", port.mptc.get()),
            ("multicast", port.mprc.get()),
            ("collisions", port.colc.get()),
            ("rx_crc_errors", port.crcerrs.get()),
            ("rx_no_buffer_count", port.rnbc.get()),
            ("rx_missed_errors", port.mpc.get()),
            ("tx_aborted_errors", port.ecol.get()),
            ("tx_carrier_errors", port.tncrs.get()),
            ("tx_window_errors", port.latecol.get()),
            ("tx_abort_late_coll", port.latecol.get()),
            ("tx_deferred_ok", port.dc.get()),
            ("tx_single_coll_ok", port.scc.get()),
            ("tx_multi_coll_ok", port.mcc.get()),
            ("tx_timeout_count", port.tx_timeouts.get()),
            ("rx_long_length_errors", port.roc.get()),
            ("rx_short_length_errors", port.ruc.get()),
            ("rx_align_errors", port.algnerrc.get()),
            ("tx_tcp_seg_good", port.tsctc.get()),
            ("tx_tcp_seg_failed", port.tsctfc.get()),
            ("rx_flow_control_xon", port.xonrxc.get()),
            ("rx_flow_control_xoff", port.xoffrxc.get()),
            ("tx_flow_control_xon", port.xontxc.get()),
            ("tx_flow_control_xoff", port.xofftxc.get()),
            ("rx_long_byte_count", port.gorc.get()),
            ("tx_smbus", port.mgtptc.get()),
            ("rx_smbus", port.mgtprc.get()),
            ("dropped_smbus", port.mgtpdc.get()),
            ("rx_queue_drops", port.rqdpc.get()),
        ]
    }
}
