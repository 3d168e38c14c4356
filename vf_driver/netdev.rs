// SPDX-License-Identifier: GPL-2.0

//! The network device: what the core asks of the driver.
//!
//! What concerns the PF is noted first and then asked for, if the PF serves this VF; if it does not,
//! or stops to, the service work asks for it later. So none of these operations fails for the want
//! of a PF.

use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

use crate::{
    adapter::{
        Adapter,
        Settings, //
    },
    datapath,
    kapi::net::{
        self,
        netdev_warn,
        xdp::{
            Metadata,
            Program,
            XdpFrames, //
        },
        xsk::XskPool,
        Device,
        Extack,
        FeatureSet,
        Features,
        MacAddress,
        QueueStatsRx,
        QueueStatsTx,
        Rtnl,
        RxMode,
        SkBuff,
        Softirq,
        Stats64,
        TxVerdict,
        XmitQueue, //
    },
    mbox::{
        refusal::Refusal,
        types::{
            MacAddr,
            VlanId, //
        },
        vf_to_pf::Request, //
    },
    replay::Why,
    wanted::{
        Filters,
        MAX_UNICAST, //
    },
};

/// Smallest and largest MTU. The largest is that of the 82576's PF.
pub(crate) const MTU_RANGE: (u32, u32) = (68, 9216);

/// The features of a VF.
///
/// The PF decides about VLAN stripping and the filter is always on, so neither can be switched here.
pub(crate) const fn features() -> FeatureSet {
    let base = datapath::feature_set();
    let always = Features::HW_VLAN_CTAG_RX.union(Features::HW_VLAN_CTAG_FILTER);
    FeatureSet {
        hw_features: base.hw_features.difference(Features::HW_VLAN_CTAG_RX),
        features: base.features.union(always),
        ..base
    }
}

#[vtable]
impl net::Driver for Adapter {
    type Vfs = net::vf::NoVfs;

    fn open(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>) -> Result {
        dev.carrier_off();
        // The mailbox is not watched while the interface is down. Without a PF the service work may
        // hold it for a while, waiting for an answer.
        if this.ready() {
            this.receive_events();
        }
        if this.ready() {
            this.open_rings(dev)?;
        }
        // Finds the link, or the PF.
        this.service.queue();
        Ok(())
    }

    fn stop(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>) {
        this.close_rings(dev);
        // The stack sets them again when it opens the interface, and does not tell of what changes in
        // between.
        if let Err(failure) = this.drop_filters(dev) {
            this.request_failed(failure);
        }
    }

    #[inline]
    fn start_xmit(
        this: ArcBorrow<'_, Self>,
        _dev: &Device,
        skb: SkBuff,
        queue: &mut XmitQueue<'_>,
    ) -> TxVerdict {
        this.datapath.xmit(skb, queue)
    }

    #[inline]
    fn features_check(
        this: ArcBorrow<'_, Self>,
        _dev: &Device,
        skb: &SkBuff,
        features: Features,
    ) -> Features {
        this.datapath.features_check(skb, features)
    }

    fn set_rx_mode(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, mode: RxMode<'_>) -> Result {
        let (filters, left_out) = Filters::from_mode(&mode)?;
        if left_out != 0 {
            netdev_warn!(
                dev,
                "{left_out} unicast addresses are not received: no more than {MAX_UNICAST} \
                 beside the device's own\n"
            );
        }
        let mut wanted = this.wanted.lock();
        wanted.groups.want(&mode)?;
        wanted.filters = filters;
        if this.ready() {
            if let Err(failure) = this.sync_filters(dev, &mut wanted) {
                this.request_failed(failure);
            }
        }
        Ok(())
    }

    fn set_mac_address(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, addr: MacAddress) -> Result {
        let mac = MacAddr::new(addr).ok_or(EADDRNOTAVAIL)?;
        // A PF that decides about the address refuses even the one that it has given.
        if this.ready() && addr != dev.dev_addr() {
            match this.ask(&Request::SetMac(mac)) {
                Ok(None) => {}
                Ok(Some(why)) => {
                    let help = "'ip link set PF vf N trust on' on the host lets this side choose";
                    let text = Why(why, help);
                    netdev_warn!(dev, "the PF refused MAC address {mac}: {text}\n");
                    return Err(why.into());
                }
                Err(failure) => this.request_failed(failure),
            }
        }
        this.wanted.lock().own_mac = Some(mac);
        Ok(())
    }

    fn change_mtu(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, mtu: u32) -> Result {
        if this.ready() {
            match this.ask_mtu(mtu) {
                Ok(None) => {}
                Ok(Some(why)) => {
                    netdev_warn!(dev, "the PF refused frames for an MTU of {mtu}: {why}\n");
                    return Err(why.into());
                }
                Err(failure) => this.request_failed(failure),
            }
        }
        dev.set_mtu(mtu);
        Ok(())
    }

    fn tx_timeout(this: ArcBorrow<'_, Self>, dev: &Device, queue: u32) {
        netdev_warn!(dev, "transmit queue {queue} is stuck, starting over\n");
        this.state.count_tx_timeout();
        this.start_over();
    }

    fn stats64(this: ArcBorrow<'_, Self>, _dev: &Device, stats: &mut Stats64) {
        this.datapath.stats64(stats);
        stats.multicast = this.hw_counters.multicast();
    }

    fn vlan_rx_add_vid(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, vid: u16) -> Result {
        this.set_vlan(dev, vid, true)
    }

    fn vlan_rx_kill_vid(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, vid: u16) -> Result {
        this.set_vlan(dev, vid, false)
    }

    const XDP_METADATA: Metadata = datapath::XDP_METADATA;
    const XDP_FRAGS: bool = true;

    fn set_program(
        this: ArcBorrow<'_, Self>,
        dev: &Device<Rtnl>,
        program: Option<Program>,
        extack: &mut Extack<'_>,
    ) -> Result {
        let wanted = program.is_some();
        datapath::check_program_mtu(dev, program.as_ref(), extack)?;
        let old = this.datapath.set_program(program);
        let settings = *this.settings.lock();
        let xdp = Settings {
            xdp: wanted,
            ..settings
        };
        if settings.xdp != wanted {
            // One program takes the place of another as it goes; with the first and the last one the
            // buffers change.
            let changed = this.change_rings(dev, xdp);
            if let (Err(err), true) = (changed, wanted) {
                drop(this.datapath.set_program(old));
                return Err(extack.fail(err, c"no memory for the buffers that programs need"));
            }
            // Without a program the buffers of one do as well.
        }
        this.limit_mtu(dev);
        Ok(())
    }

    fn add_xsk_pool(
        this: ArcBorrow<'_, Self>,
        dev: &Device<Rtnl>,
        queue: u16,
        pool: XskPool,
    ) -> Result {
        this.add_pool(dev, queue, pool)?;
        this.limit_mtu(dev);
        Ok(())
    }

    fn remove_xsk_pool(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, queue: u16) {
        this.remove_pool(dev, queue);
        this.limit_mtu(dev);
    }

    #[inline]
    fn xdp_xmit(
        this: ArcBorrow<'_, Self>,
        _dev: &Device,
        frames: &mut XdpFrames<'_>,
        softirq: &mut Softirq<'_>,
    ) {
        this.datapath.xdp_xmit(frames, softirq);
    }
}

impl Adapter {
    /// Tells the core which MTUs there are, with the program and the sockets that there are now.
    fn limit_mtu(&self, dev: &Device<Rtnl>) {
        let (min, max) = MTU_RANGE;
        dev.set_mtu_range(min, self.datapath.max_mtu(max));
    }

    /// Joins or leaves a VLAN. RTNL.
    fn set_vlan(&self, dev: &Device<Rtnl>, vid: u16, join: bool) -> Result {
        let id = VlanId::new(vid).ok_or(EINVAL)?;
        let mut joined = join;
        // Every VF is in VLAN 0, and asking for it makes C igb stop to strip tags.
        if !id.is_zero() {
            if self.ready() {
                match self.ask(&Request::SetVlan { vid: id, join }) {
                    // A VLAN that cannot be left is one that the PF put the VF into meanwhile.
                    Ok(Some(why)) if join => {
                        let help = "it may have put this VF into one, or have no room";
                        let text = Why(why, help);
                        netdev_warn!(dev, "the PF refused VLAN {vid}: {text}\n");
                        // A bridge that filters VLANs puts each of its ports into one, for frames
                        // without a tag. Behind a port VLAN these come and go all the same.
                        let hidden = matches!(why, Refusal::PortVlan | Refusal::Undisclosed);
                        if !(hidden && dev.is_bridge_port()) {
                            return Err(why.into());
                        }
                        joined = false;
                    }
                    Ok(_) => {}
                    Err(failure) => self.request_failed(failure),
                }
            }
            self.wanted.lock().vlans.set(id, join);
        }
        self.hw.set_vlan(vid, joined);
        Ok(())
    }
}

#[vtable]
impl net::QueueStats for Adapter {
    fn queue_stats_rx(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _queue: u32,
        stats: &mut QueueStatsRx,
    ) {
        *stats = this.datapath.queue_stats(0).rx_queue();
    }

    fn queue_stats_tx(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _queue: u32,
        stats: &mut QueueStatsTx,
    ) {
        *stats = this.datapath.queue_stats(0).tx_queue();
    }

    fn base_stats(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        rx: &mut QueueStatsRx,
        tx: &mut QueueStatsTx,
    ) {
        // The counters of the one queue live as long as the device.
        let none = datapath::QueueStats::default();
        (*rx, *tx) = (none.rx_queue(), none.tx_queue());
    }
}
