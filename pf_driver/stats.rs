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

            /// Adds what the hardware has counted since the last time.
            pub(crate) fn add_registers(&self, bar: &Bar0) {
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

/// A sum. Added to under [`Adapter::link`](crate::adapter::Adapter::link), read anywhere.
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

impl PortStats {
    /// What of these is in the statistics of the interface. Any context.
    pub(crate) fn add_to(&self, total: &mut Stats64) {
        total.multicast = self.mprc.get();
        total.collisions = self.colc.get();
        total.rx_crc_errors = self.crcerrs.get();
        total.rx_frame_errors = self.algnerrc.get();
        total.rx_missed_errors = self.mpc.get();
        total.rx_fifo_errors = self.mpc.get() + self.rqdpc.get();
        total.rx_length_errors += self.ruc.get() + self.roc.get();
        total.rx_errors += self.crcerrs.get()
            + self.algnerrc.get()
            + self.rxerrc.get()
            + self.ruc.get()
            + self.roc.get();
        total.tx_aborted_errors = self.ecol.get();
        total.tx_window_errors = self.latecol.get();
        total.tx_carrier_errors = self.tncrs.get();
        total.tx_errors += self.ecol.get() + self.latecol.get();
    }

    /// What `ethtool -S` shows for the port, with the names that C igb gives it.
    pub(crate) fn counters(&self) -> [(&'static str, u64); 35] {
        [
            ("rx_packets", self.gprc.get()),
            ("tx_packets", self.gptc.get()),
            ("rx_bytes", self.gorc.get()),
            ("tx_bytes", self.gotc.get()),
            ("rx_broadcast", self.bprc.get()),
            ("tx_broadcast", self.bptc.get()),
            ("rx_multicast", self.mprc.get()),
            ("tx_multicast", self.mptc.get()),
            ("multicast", self.mprc.get()),
            ("collisions", self.colc.get()),
            ("rx_crc_errors", self.crcerrs.get()),
            ("rx_no_buffer_count", self.rnbc.get()),
            ("rx_missed_errors", self.mpc.get()),
            ("tx_aborted_errors", self.ecol.get()),
            ("tx_carrier_errors", self.tncrs.get()),
            ("tx_window_errors", self.latecol.get()),
            ("tx_abort_late_coll", self.latecol.get()),
            ("tx_deferred_ok", self.dc.get()),
            ("tx_single_coll_ok", self.scc.get()),
            ("tx_multi_coll_ok", self.mcc.get()),
            ("tx_timeout_count", self.tx_timeouts.get()),
            ("rx_long_length_errors", self.roc.get()),
            ("rx_short_length_errors", self.ruc.get()),
            ("rx_align_errors", self.algnerrc.get()),
            ("tx_tcp_seg_good", self.tsctc.get()),
            ("tx_tcp_seg_failed", self.tsctfc.get()),
            ("rx_flow_control_xon", self.xonrxc.get()),
            ("rx_flow_control_xoff", self.xoffrxc.get()),
            ("tx_flow_control_xon", self.xontxc.get()),
            ("tx_flow_control_xoff", self.xofftxc.get()),
            ("rx_long_byte_count", self.gorc.get()),
            ("tx_smbus", self.mgtptc.get()),
            ("rx_smbus", self.mgtprc.get()),
            ("dropped_smbus", self.mgtpdc.get()),
            ("rx_queue_drops", self.rqdpc.get()),
        ]
    }
}
