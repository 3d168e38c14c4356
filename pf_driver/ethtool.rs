// SPDX-License-Identifier: GPL-2.0

//! What ethtool shows and sets.
//!
//! - [`dump`]: what the registers hold;
//! - [`rss`]: how received flows are spread over queues.

mod dump;
mod rss;

use kernel::{
    io::Io,
    pci::Vendor,
    prelude::*,
    sync::{
        atomic::Relaxed,
        ArcBorrow, //
    }, //
};

mod link;

use crate::{
    adapter::Adapter,
    control::{
        device::Layout,
        vf_id::VfId, //
    },
    datapath::{
        Coalescing,
        Direction,
        QueueStats,
        RingSize,
        RxStats,
        SentStats,
        XmitStats, //
    },
    hw::{
        nvm,
        rss::{
            KEY_LEN,
            TABLE_LEN, //
        }, //
    },
    iov::debugfs,
    kapi::net::{
        ethtool::{
            Channels,
            Coalesce,
            CoalesceParams,
            DriverInfo,
            Ethtool,
            FlowType,
            HashFields,
            IdState,
            LinkSettings,
            PauseParam,
            PauseStats,
            RegsDump,
            RingParam,
            RssChange,
            RssState,
            SelfTest,
            StatValues,
            Strings, //
        },
        Device,
        Extack,
        Rtnl, //
    },
    queues::Plan,
    regs::general::LEDCTL,
};

/// Longest interval between interrupts, in microseconds: EITR has 13 bits for it. C igb takes more
/// and sets what is left of it in these.
const MAX_USECS: u16 = (1 << 13) - 1;
/// All LEDs on and blinking.
const LEDS_BLINK: u32 = 0x8e8e_8e8e;

const TESTS: [&str; 3] = [
    "NVM test      (offline)",
    "Reset test    (offline)",
    "Link test  (on/offline)",
];

#[vtable]
impl Ethtool for Adapter {
    const COALESCE_PARAMS: CoalesceParams =
        CoalesceParams::RX_USECS.union(CoalesceParams::ADAPTIVE_RX);
    const SOFTWARE_TX_TIMESTAMPS: bool = true;
    // CAST: 128 and 40.
    const RSS_TABLE_LEN: u32 = TABLE_LEN as u32;
    const RSS_KEY_LEN: u32 = KEY_LEN as u32;

    fn drvinfo(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, info: &mut DriverInfo<'_>) {
        info.set_fw_version(fmt!("{}", this.identity.image));
    }

    fn ringparam(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> RingParam {
        let plan = this.queues.lock().plan;
        RingParam {
            rx_max: RingSize::MAX.into(),
            tx_max: RingSize::MAX.into(),
            rx: plan.rx_desc.into(),
            tx: plan.tx_desc.into(),
        }
    }

    fn set_ringparam(
        this: ArcBorrow<'_, Self>,
        dev: &Device<Rtnl>,
        wanted: &RingParam,
        extack: &mut Extack<'_>,
    ) -> Result {
        let size = |count: u32| {
            let min = u32::from(RingSize::MIN);
            let max = u32::from(RingSize::MAX);
            u16::try_from(count.clamp(min, max).next_multiple_of(8)).map_err(|_| EINVAL)
        };
        let old = this.queues.lock().plan;
        let plan = Plan {
            tx_desc: size(wanted.tx)?,
            rx_desc: size(wanted.rx)?,
            ..old
        };
        if (plan.tx_desc, plan.rx_desc) == (old.tx_desc, old.rx_desc) {
            return Ok(());
        }
        this.replan(dev, plan, || Ok(()))
            .map_err(|err| extack.fail(err, c"no memory for rings of this size"))
    }

    fn channels(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> Channels {
        let queues = this.queues.lock();
        Channels {
            max_combined: queues.plan.layout.max_pairs().min(queues.max_pairs),
            combined: queues.plan.pairs(),
            max_other: 1,
            other: 1,
            ..Channels::default()
        }
    }

    fn set_channels(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, wanted: &Channels) -> Result {
        if wanted.other != 1 || wanted.rx != 0 || wanted.tx != 0 {
            return Err(EINVAL);
        }
        let mut plan = this.queues.lock().plan;
        match plan.layout {
            Layout::Single => plan.wanted = wanted.combined,
            Layout::Pools => plan.wanted_in_pool = wanted.combined,
        }
        this.replan(dev, plan, || Ok(()))
    }

    fn coalesce(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> Result<Coalesce> {
        let wanted = this.datapath.moderation().wanted(Direction::Rx);
        Ok(Coalesce {
            rx_usecs: wanted.usecs.into(),
            adaptive_rx: wanted.adaptive,
            ..Coalesce::default()
        })
    }

    fn set_coalesce(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        wanted: &Coalesce,
        extack: &mut Extack<'_>,
    ) -> Result {
        let usecs = u16::try_from(wanted.rx_usecs).unwrap_or(u16::MAX);
        if usecs > MAX_USECS {
            return Err(extack.fail(EINVAL, c"rx-usecs can be 0 to 8191"));
        }
        this.set_coalescing(Coalescing {
            adaptive: wanted.adaptive_rx,
            usecs,
        });
        Ok(())
    }

    fn stat_names(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, names: &mut Strings<'_>) {
        for (name, _) in this.stats.counters() {
            names.push(fmt!("{}", name));
        }
        for queue in 0..dev.num_tx_queues() {
            for name in Iterator::chain(SentStats::NAMES.iter(), XmitStats::NAMES) {
                names.push(fmt!("tx_queue_{}_{}", queue, name));
            }
            for name in RxStats::NAMES {
                names.push(fmt!("rx_queue_{}_{}", queue, name));
            }
        }
        for vf in VfId::all() {
            for name in debugfs::COUNTERS {
                names.push(fmt!("vf{}_{}", vf, name));
            }
        }
    }

    fn stat_values(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, values: &mut StatValues<'_>) {
        this.update_stats();
        for (_, value) in this.stats.counters() {
            values.push(value);
        }
        for queue in 0..dev.num_tx_queues() {
            let QueueStats { xmit, sent, rx } = this.queue_stats(queue);
            sent.values().for_each(|value| values.push(value));
            xmit.values().for_each(|value| values.push(value));
            rx.values().for_each(|value| values.push(value));
        }
        let control = this.vfs.control.lock();
        for value in control.vf_counters().flatten() {
            values.push(value);
        }
    }

    fn test_names(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, names: &mut Strings<'_>) {
        for name in TESTS {
            names.push(fmt!("{}", name));
        }
    }

    fn self_test(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, test: &mut SelfTest<'_>) {
        // Before the reset: afterwards the link takes its time.
        test.set_result(2, u64::from(!this.link_up() && !this.link_rests()));
        if test.offline() {
            let nvm = nvm::check(&this.bar);
            test.set_result(0, u64::from(nvm.is_err()));
            let reset = this.reset_port(dev);
            test.set_result(1, u64::from(reset.is_err()));
        }
    }

    fn link_ksettings(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        settings: &mut LinkSettings,
    ) -> Result {
        this.link_settings(settings)
    }

    fn set_link_ksettings(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        wanted: &LinkSettings,
    ) -> Result {
        this.set_link_settings(wanted)
    }

    fn pauseparam(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> PauseParam {
        this.pause()
    }

    fn set_pauseparam(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        wanted: PauseParam,
    ) -> Result {
        this.set_pause(wanted)
    }

    fn pause_stats(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> PauseStats {
        this.update_stats();
        this.pause_frames()
    }

    fn msglevel(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> u32 {
        this.msglevel.load(Relaxed)
    }

    fn set_msglevel(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, level: u32) {
        this.msglevel.store(level, Relaxed);
    }

    fn nway_reset(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>) -> Result {
        if !dev.running() {
            return Err(EAGAIN);
        }
        this.renegotiate()
    }

    fn set_phys_id(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, state: IdState) -> Result<u8> {
        match state {
            IdState::Active => {
                // What they show otherwise is the board's choice, by its NVM.
                this.leds.store(this.bar.read(LEDCTL).into_raw(), Relaxed);
                // The hardware blinks by itself.
                this.bar.write_reg(LEDCTL::from(LEDS_BLINK));
            }
            IdState::Inactive => {
                // The RTNL was free meanwhile. A reset has them as the NVM says.
                if !this.vfs.in_reset() {
                    this.bar.write_reg(LEDCTL::from(this.leds.load(Relaxed)));
                }
            }
            IdState::On | IdState::Off => return Err(EINVAL),
        }
        Ok(0)
    }

    fn regs_len(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> usize {
        dump::WORDS
    }

    fn regs(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, out: &mut RegsDump<'_>) -> u32 {
        dump::dump(&this.bar, out);
        dump::VERSION
    }

    fn eeprom_len(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> usize {
        2 * nvm::words(&this.bar)
    }

    fn eeprom(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        offset: usize,
        out: &mut [u8],
    ) -> Result<u32> {
        nvm::read(&this.bar, offset, out)?;
        Ok(u32::from(this.identity.device) << 16 | u32::from(Vendor::INTEL.as_raw()))
    }

    fn rx_ring_count(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> u32 {
        // The core's own number is that of the last time that the interface was up.
        this.queues.lock().plan.pairs()
    }

    fn rss(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>, state: &mut RssState<'_>) -> Result {
        this.rss_state(dev, state);
        Ok(())
    }

    fn set_rss(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        change: &RssChange<'_>,
        extack: &mut Extack<'_>,
    ) -> Result {
        this.set_rss_state(change, extack)
    }

    fn rss_fields(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        flow: FlowType,
    ) -> Result<HashFields> {
        Ok(rss::hash_fields(flow))
    }
}
