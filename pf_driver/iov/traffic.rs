// SPDX-License-Identifier: GPL-2.0

//! How a VF is set up, and what it has sent and received.
//!
//! The hardware counts in 32 bits, of which bytes wrap in half a minute at full speed, and starts
//! from zero when the port is reset. The watchdog adds up, so that what is shown never goes back.

use kernel::prelude::*;

use super::vf::Control;
use crate::{
    adapter::Adapter,
    hw::get,
    kapi::net::{
        LinkState,
        VfInfo,
        VfStats,
        ETH_P_8021Q, //
    },
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
    pub(crate) fn start(bar: &Bar0, vf: usize) -> Self {
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

    fn collect(&mut self, bar: &Bar0, vf: usize) {
        self.rx_packets.add(get::<PVFGPRC>(bar, vf));
        self.tx_packets.add(get::<PVFGPTC>(bar, vf));
        self.rx_bytes.add(get::<PVFGORC>(bar, vf));
        self.tx_bytes.add(get::<PVFGOTC>(bar, vf));
        self.multicast.add(get::<PVFMPRC>(bar, vf));
        // Reading clears these.
        let drops = get::<RQDPC>(bar, vf).saturating_add(get::<RQDPC>(bar, vf + POOLS));
        self.dropped = self.dropped.saturating_add(drops.into());
    }

    /// The port was reset: the hardware counts from zero.
    fn restart(&mut self) {
        for counter in self.counters() {
            counter.last = 0;
        }
    }
}

impl Control {
    /// Adds up what the hardware has counted for all VFs.
    pub(crate) fn collect_traffic(&mut self, bar: &Bar0) {
        if self.resetting {
            return;
        }
        for (index, vf) in self.vfs.iter_mut().enumerate() {
            vf.traffic.collect(bar, index);
        }
    }

    /// The hardware's counters are zero again.
    pub(super) fn restart_traffic(&mut self) {
        for vf in self.vfs.iter_mut() {
            vf.traffic.restart();
        }
    }
}

impl Adapter {
    /// How a VF is set up: what the hardware has.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(crate) fn vf_config(&self, vf: u32) -> Result<VfInfo> {
        let index = usize::try_from(vf)?;
        let mut control = self.control.lock();
        let trusted = control.vf(vf)?.config.trusted;
        let pool = control.switch.state.vfs.get(index).ok_or(EINVAL)?;
        Ok(VfInfo {
            mac: pool.mac.map_or([0; 6], |mac| *mac.bytes()),
            vlan: pool.port_vlan.map_or(0, |port| port.vid.get()),
            qos: pool.port_vlan.map_or(0, |port| port.qos),
            vlan_proto: ETH_P_8021Q,
            spoofchk: Some(pool.spoof_check),
            trusted: Some(trusted),
            rss_query: Some(false),
            link_state: if pool.quarantined {
                LinkState::Disable
            } else {
                pool.link_state
            },
            min_tx_rate: 0,
            max_tx_rate: pool.max_rate,
        })
    }

    /// What a VF has sent and received. Its frames to and from other functions of the port count as
    /// well; broadcast frames are not counted apart.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(crate) fn vf_stats(&self, vf: u32) -> Result<VfStats> {
        let mut control = self.control.lock();
        if !control.resetting && !crate::hw::is_gone(&self.bar) {
            control.collect_traffic(&self.bar);
        }
        let traffic = control.vf(vf)?.traffic;
        Ok(VfStats {
            rx_packets: traffic.rx_packets.total,
            tx_packets: traffic.tx_packets.total,
            rx_bytes: traffic.rx_bytes.total,
            tx_bytes: traffic.tx_bytes.total,
            multicast: traffic.multicast.total,
            rx_dropped: traffic.dropped,
            ..VfStats::default()
        })
    }
}
