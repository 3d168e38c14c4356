// SPDX-License-Identifier: GPL-2.0

//! The network interface.

use kernel::{
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

use crate::{
    adapter::Adapter,
    control::{
        admin::MacRefusal,
        device::Layout, //
    },
    datapath,
    iov::{
        card::Control,
        manager::VfManager, //
    },
    kapi::net::{
        self,
        netdev_err,
        netdev_warn,
        rtnl_lock,
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
        PrivFlag,
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
    mbox::types::{
        HashSet,
        MacAddr,
        McHash, //
    },
    queues::Plan, //
};

/// The least and the largest MTU: what IPv4 needs, and what fits into the hardware's 9.5 KiB with
/// room to spare.
const MTU_RANGE: (u32, u32) = (68, 9216);
/// How long a transmit queue may stand still, in milliseconds.
const TX_TIMEOUT_MS: u32 = 5000;

/// What the interface can do.
fn feature_set() -> FeatureSet {
    let mut set = datapath::feature_set();
    let filter = Features::HW_VLAN_CTAG_FILTER;
    set.hw_features |= filter | Features::RXALL;
    set.features |= filter;
    set
}

/// Sets up a new interface before it is registered.
///
/// # Errors
///
/// None that can happen before registration.
pub(crate) fn setup(ndev: &Arc<Device>, mac: &MacAddress) -> Result {
    let rtnl = rtnl_lock();
    let dev = rtnl.device(ndev);
    dev.set_dev_addr(mac);
    dev.set_features_init(feature_set())?;
    dev.set_priv_flags(PrivFlag::UnicastFilter | PrivFlag::LiveAddrChange)?;
    let (min, max) = MTU_RANGE;
    dev.set_mtu_range(min, max);
    dev.set_watchdog_timeout(TX_TIMEOUT_MS);
    dev.carrier_off();
    Ok(())
}

impl Adapter {
    /// Changes what the PF receives. If that does not fit into the hardware, `undo` takes it back.
    fn change_pf(
        &self,
        change: impl FnOnce(&mut Control),
        undo: impl FnOnce(&mut Control),
    ) -> Result {
        let mut control = self.vfs.control.lock();
        change(&mut control);
        let committed = self.vfs.commit(&mut control);
        if committed.is_err() {
            undo(&mut control);
        }
        Ok(committed?)
    }

    /// Takes in what the stack has changed while the interface was absent, when the core calls no
    /// operation: it refuses most changes, but not those of the receive mode nor the end of a VLAN.
    pub(crate) fn catch_up(&self, dev: &Device<Rtnl>) {
        {
            let mut control = self.vfs.control.lock();
            control.switch.state.pf.keep_vlans(&dev.vlans());
            // Fewer VLANs always fit.
            let _ = self.vfs.commit(&mut control);
        }
        dev.update_rx_mode();
    }

    /// Tells the core which MTUs there are, with the program and the sockets that there are now.
    fn limit_mtu(&self, dev: &Device<Rtnl>) {
        let (min, max) = MTU_RANGE;
        dev.set_mtu_range(min, self.datapath.max_mtu(max));
    }

    fn set_vlan(&self, vid: u16, join: bool) -> Result {
        self.change_pf(
            |control| control.switch.state.pf.set_vlan(vid, join),
            |control| control.switch.state.pf.set_vlan(vid, !join),
        )
    }
}

#[vtable]
impl net::Driver for Adapter {
    type Vfs = VfManager;

    fn open(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>) -> Result {
        this.ensure_alive()?;
        this.up(dev).inspect_err(|err| {
            netdev_err!(
                this.ndev,
                "cannot start the queues (error {}); with little memory, try fewer or shorter ones: ethtool -L, ethtool -G\n",
                err.to_errno()
            );
        })?;
        this.works_again();
        this.show_link(true);
        this.power_link();
        Ok(())
    }

    fn stop(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>) {
        this.show_link(false);
        this.close(dev);
        this.power_link();
    }

    #[inline]
    fn start_xmit(
        this: ArcBorrow<'_, Self>,
        _dev: &Device,
        skb: SkBuff,
        queue: &mut XmitQueue<'_>,
    ) -> TxVerdict {
        if this.neighbours.watched() {
            if let Some((to, from)) = skb.mac_addresses() {
                this.neighbours.sent(&to, &from);
            }
        }
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

    fn set_rx_mode(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, mode: RxMode<'_>) -> Result {
        let mut unicast = KVec::with_capacity(mode.uc.len(), GFP_KERNEL)?;
        for addr in mode.uc {
            unicast.push(addr, GFP_KERNEL)?;
        }
        let mut groups = HashSet::EMPTY;
        for addr in mode.mc {
            groups.insert(McHash::of(&addr));
        }
        let mut control = this.vfs.control.lock();
        let (all, promiscuous) = (mode.allmulti, mode.promisc);
        control.set_rx_mode(&*this.bar, &*this.vfs, unicast, groups, all, promiscuous)?;
        this.vfs.follow(&control);
        Ok(())
    }

    fn set_mac_address(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, addr: MacAddress) -> Result {
        let mac = MacAddr::new(addr).ok_or(EINVAL)?;
        let mut control = this.vfs.control.lock();
        let set = control.set_pf_mac(&*this.bar, &*this.vfs, mac);
        if set == Err(MacRefusal::Reserved) {
            netdev_warn!(this.ndev, "{} is the address of a VF: choose another, or give the VF another with 'ip link set {} vf N mac ADDRESS'\n", mac, *this.ndev);
        }
        this.vfs.follow(&control);
        Ok(set?)
    }

    fn change_mtu(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, mtu: u32) -> Result {
        // Frames longer than a buffer take several, so the rings stay as they are.
        let old = dev.mtu();
        this.change_pf(
            |control| control.switch.state.pf.mtu = mtu,
            |control| control.switch.state.pf.mtu = old,
        )?;
        dev.set_mtu(mtu);
        // Has the VFs told.
        this.vfs.works.mailbox.queue();
        Ok(())
    }

    fn tx_timeout(this: ArcBorrow<'_, Self>, _dev: &Device, queue: u32) {
        this.stats.tx_timeouts.add(1);
        netdev_err!(
            this.ndev,
            "transmit queue {} stands still: resetting the port\n",
            queue
        );
        this.works.reset.queue();
    }

    fn stats64(this: ArcBorrow<'_, Self>, _dev: &Device, stats: &mut Stats64) {
        this.datapath.stats64(stats);
        this.stats.add_to(stats);
    }

    fn vlan_rx_add_vid(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, vid: u16) -> Result {
        this.set_vlan(vid, true)
    }

    fn vlan_rx_kill_vid(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, vid: u16) -> Result {
        if vid == 0 {
            return Ok(());
        }
        this.set_vlan(vid, false)
    }

    fn fix_features(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        mut features: Features,
    ) -> Features {
        // One bit of the card, CTRL.VME, is for both.
        if features.contains(Features::HW_VLAN_CTAG_RX) {
            features |= Features::HW_VLAN_CTAG_TX;
        } else {
            features = features.difference(Features::HW_VLAN_CTAG_TX);
        }
        // The table of VLANs is what brings tagged frames to the PF's pool.
        if this.vfs.control.lock().has_vfs() {
            features |= Features::HW_VLAN_CTAG_FILTER;
        }
        features
    }

    fn set_features(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, features: Features) -> Result {
        fn set(control: &mut Control, features: Features) {
            let pf = &mut control.switch.state.pf;
            pf.filter_vlans = features.contains(Features::HW_VLAN_CTAG_FILTER);
            pf.strip_vlans = features.contains(Features::HW_VLAN_CTAG_RX);
            pf.keep_bad = features.contains(Features::RXALL);
        }
        let old = dev.features();
        this.change_pf(
            |control| set(control, features),
            |control| set(control, old),
        )
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
        let plan = this.queues.lock().plan;
        let xdp = Plan {
            xdp: wanted,
            ..plan
        };
        if plan.xdp != wanted {
            // One program takes the place of another as it goes; with the first and the last one the
            // buffers change.
            let changed = this.replan(dev, xdp, || Ok(()));
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

    fn vfs(&self) -> &VfManager {
        &self.vfs
    }
}

/// The number of queues that the interface is allocated with.
pub(crate) const MAX_QUEUES: u32 = Layout::Single.max_pairs();

#[vtable]
impl net::QueueStats for Adapter {
    fn queue_stats_rx(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        queue: u32,
        stats: &mut QueueStatsRx,
    ) {
        *stats = this.queue_stats(queue).rx_queue();
    }

    fn queue_stats_tx(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        queue: u32,
        stats: &mut QueueStatsTx,
    ) {
        *stats = this.queue_stats(queue).tx_queue();
    }

    fn base_stats(
        this: ArcBorrow<'_, Self>,
        dev: &Device<Rtnl>,
        rx: &mut QueueStatsRx,
        tx: &mut QueueStatsTx,
    ) {
        // Counters stay with their queue when it goes out of use.
        let none = datapath::QueueStats::default();
        (*rx, *tx) = (none.rx_queue(), none.tx_queue());
        let sum = |total: &mut Option<u64>, more: Option<u64>| {
            if let (Some(total), Some(more)) = (total, more) {
                *total += more;
            }
        };
        let live = if dev.running() {
            dev.real_num_rx_queues()
        } else {
            0
        };
        for queue in live..MAX_QUEUES {
            let stats = this.queue_stats(queue);
            let (more_rx, more_tx) = (stats.rx_queue(), stats.tx_queue());
            sum(&mut rx.bytes, more_rx.bytes);
            sum(&mut rx.packets, more_rx.packets);
            sum(&mut rx.alloc_fail, more_rx.alloc_fail);
            sum(&mut rx.csum_unnecessary, more_rx.csum_unnecessary);
            sum(&mut rx.csum_none, more_rx.csum_none);
            sum(&mut rx.csum_bad, more_rx.csum_bad);
            sum(&mut tx.bytes, more_tx.bytes);
            sum(&mut tx.packets, more_tx.packets);
            sum(&mut tx.stop, more_tx.stop);
            sum(&mut tx.wake, more_tx.wake);
        }
    }
}

impl Adapter {
    /// The statistics of queue pair `queue`; zeros for one that does not exist.
    pub(crate) fn queue_stats(&self, queue: u32) -> datapath::QueueStats {
        u16::try_from(queue)
            .map(|queue| self.datapath.queue_stats(queue))
            .unwrap_or_default()
    }
}
