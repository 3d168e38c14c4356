// SPDX-License-Identifier: GPL-2.0

//! What a VF has sent and received.
//!
//! The hardware counts in 32 bits, of which bytes wrap in half a minute at full speed, and starts
//! from zero when the port is reset. The watchdog adds up, so that what is shown never goes back.

use crate::{
    control::vf_id::VfId,
    hw::get,
    kapi::net::VfStats,
    regs::{
        iov::POOLS,
        queue::RQDPC,
        stats::{
            PVFGORC,
            PVFGOTC,
            PVFGPRC,
            PVFGPTC,
            PVFMPRC, //
        },
        Bar0, //
    }, //
};

/// A counter that goes on where the hardware's wraps.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    last: u32,
    total: u64,
}

impl Counter {
    fn add(&mut self, now: u32) {
        self.total = self.total.wrapping_add(now.wrapping_sub(self.last).into());
        self.last = now;
    }
}

/// The traffic of a VF since it was enabled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    rx_packets: Counter,
    tx_packets: Counter,
    rx_bytes: Counter,
    tx_bytes: Counter,
    multicast: Counter,
    dropped: u64,
}

impl Traffic {
    /// Begins at what the hardware has counted for VF `vf` so far: that was another VF.
    pub(crate) fn start(bar: &Bar0, vf: VfId) -> Self {
        let mut traffic = Self::default();
        traffic.collect(bar, vf);
        for counter in traffic.counters() {
            counter.total = 0;
        }
        traffic.dropped = 0;
        traffic
    }

    fn counters(&mut self) -> [&mut Counter; 5] {
        [
            &mut self.rx_packets,
            &mut self.tx_packets,
            &mut self.rx_bytes,
            &mut self.tx_bytes,
            &mut self.multicast,
        ]
    }

    /// Adds what the hardware has counted since the last time.
    pub(super) fn collect(&mut self, bar: &Bar0, vf: VfId) {
        let vf = vf.index();
        self.rx_packets.add(get::<PVFGPRC>(bar, vf));
        self.tx_packets.add(get::<PVFGPTC>(bar, vf));
        self.rx_bytes.add(get::<PVFGORC>(bar, vf));
        self.tx_bytes.add(get::<PVFGOTC>(bar, vf));
        self.multicast.add(get::<PVFMPRC>(bar, vf));
        // Reading clears these.
        let drops = get::<RQDPC>(bar, vf).saturating_add(get::<RQDPC>(bar, vf + POOLS));
        self.dropped = self.dropped.saturating_add(drops.into());
    }

    /// The sums. Broadcast frames are not counted apart.
    pub(super) fn stats(&self) -> VfStats {
        VfStats {
            rx_packets: self.rx_packets.total,
            tx_packets: self.tx_packets.total,
            rx_bytes: self.rx_bytes.total,
            tx_bytes: self.tx_bytes.total,
            multicast: self.multicast.total,
            rx_dropped: self.dropped,
            ..VfStats::default()
        }
    }

    /// The port was reset: the hardware counts from zero.
    pub(super) fn restart(&mut self) {
        for counter in self.counters() {
            counter.last = 0;
        }
    }
}
