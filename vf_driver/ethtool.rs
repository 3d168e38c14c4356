// SPDX-License-Identifier: GPL-2.0

//! What ethtool shows and sets.

use kernel::{
    io::Io,
    prelude::*,
    sync::ArcBorrow, //
};

use crate::{
    adapter::{
        Adapter,
        Settings, //
    },
    counters,
    datapath::{
        Coalescing,
        Direction,
        RingSize,
        RxStats,
        SentStats,
        XmitStats, //
    },
    hw::{
        Hw,
        MAX_THROTTLE, //
    },
    kapi::net::{
        self,
        ethtool::{
            Channels,
            Coalesce,
            CoalesceParams,
            DriverInfo,
            Duplex,
            LinkSettings,
            Port,
            RegsDump,
            RingParam,
            SelfTest,
            StatValues,
            Strings, //
        },
        Device,
        Extack,
        Rtnl, //
    },
    regs, //
};

/// Version of the layout of the register dump, see `Documentation/register-dump.rst`.
const REGS_VERSION: u32 = 1;

/// Registers in a dump.
const REGS: usize = 17;

/// The registers of a dump, in order. Reading them has no side effect, so those of the mailbox and
/// the interrupt causes are not among them.
fn dump(hw: &Hw) -> [u32; REGS] {
    let io = hw.io();
    [
        io.read(regs::CTRL).into_raw(),
        io.read(regs::STATUS).into_raw(),
        io.read(regs::EIMS).into_raw(),
        io.read(regs::EIAC).into_raw(),
        io.read(regs::EIAM).into_raw(),
        io.read(regs::VTIVAR).into_raw(),
        io.read(regs::VTIVAR_MISC).into_raw(),
        io.read(regs::SRRCTL).into_raw(),
        io.read(regs::RXDCTL).into_raw(),
        io.read(regs::RDLEN).into_raw(),
        io.read(regs::RDH).into_raw(),
        io.read(regs::RDT).into_raw(),
        io.read(regs::TXCTL).into_raw(),
        io.read(regs::TXDCTL).into_raw(),
        io.read(regs::TDLEN).into_raw(),
        io.read(regs::TDH).into_raw(),
        io.read(regs::TDT).into_raw(),
    ]
}

/// Names of the mailbox's counters, in the order of [`mailbox_values`].
const MAILBOX_NAMES: [&str; 11] = [
    "mailbox_requests",
    "mailbox_resends",
    "mailbox_failures",
    "mailbox_notices",
    "mailbox_dropped",
    "mailbox_events",
    "mailbox_repeats",
    "recoveries",
    "tx_timeouts",
    // How many there are now.
    "refused_unicast",
    "refused_multicast",
];

fn mailbox_values(adapter: &Adapter) -> [u64; 11] {
    let (unicast, multicast) = {
        let wanted = adapter.wanted.lock();
        (wanted.refused_unicast(), wanted.groups.left_out())
    };
    let mailbox = adapter.control.counters();
    [
        mailbox.requests,
        mailbox.resends,
        mailbox.failures,
        mailbox.notices,
        mailbox.dropped,
        mailbox.events,
        mailbox.repeats,
        adapter.state.recoveries(),
        adapter.state.tx_timeouts(),
        u64::try_from(unicast).unwrap_or(u64::MAX),
        u64::try_from(multicast).unwrap_or(u64::MAX),
    ]
}

fn throttle(usecs: u32) -> Option<u16> {
    u16::try_from(usecs)
        .ok()
        .filter(|&usecs| usecs <= MAX_THROTTLE)
}

#[vtable]
impl net::Ethtool for Adapter {
    const COALESCE_PARAMS: CoalesceParams = CoalesceParams::RX_USECS
        .union(CoalesceParams::TX_USECS)
        .union(CoalesceParams::ADAPTIVE_RX)
        .union(CoalesceParams::ADAPTIVE_TX);

    const SOFTWARE_TX_TIMESTAMPS: bool = true;

    fn drvinfo(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, info: &mut DriverInfo<'_>) {
        info.set_fw_version(fmt!("N/A"));
    }

    fn ringparam(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> RingParam {
        let settings = *this.settings.lock();
        RingParam {
            rx_max: u32::from(RingSize::MAX),
            tx_max: u32::from(RingSize::MAX),
            rx: u32::from(settings.rx_desc),
            tx: u32::from(settings.tx_desc),
        }
    }

    fn set_ringparam(
        this: ArcBorrow<'_, Self>,
        dev: &Device<Rtnl>,
        wanted: &RingParam,
        _extack: &mut Extack<'_>,
    ) -> Result {
        let tx = RingSize::nearest(wanted.tx).get();
        let rx = RingSize::nearest(wanted.rx).get();
        let old = *this.settings.lock();
        if (tx, rx) == (old.tx_desc, old.rx_desc) {
            return Ok(());
        }
        let settings = Settings {
            tx_desc: tx,
            rx_desc: rx,
            ..old
        };
        this.change_rings(dev, settings)
    }

    fn channels(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> Channels {
        Channels {
            max_combined: 1,
            combined: 1,
            max_other: 1,
            other: 1,
            ..Default::default()
        }
    }

    fn set_channels(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, wanted: &Channels) -> Result {
        // The only number within the limits is the one there is.
        if wanted.combined == 1 && wanted.other == 1 {
            Ok(())
        } else {
            Err(EINVAL)
        }
    }

    fn coalesce(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> Result<Coalesce> {
        let moderation = this.datapath.moderation();
        let rx = moderation.wanted(Direction::Rx);
        let tx = moderation.wanted(Direction::Tx);
        Ok(Coalesce {
            rx_usecs: u32::from(rx.usecs),
            tx_usecs: u32::from(tx.usecs),
            adaptive_rx: rx.adaptive,
            adaptive_tx: tx.adaptive,
            ..Default::default()
        })
    }

    fn set_coalesce(
        this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        wanted: &Coalesce,
        extack: &mut Extack<'_>,
    ) -> Result {
        let (Some(rx), Some(tx)) = (throttle(wanted.rx_usecs), throttle(wanted.tx_usecs)) else {
            return Err(extack.fail(ERANGE, c"an interrupt is delayed by 0 to 8191 microseconds"));
        };
        let rx = Coalescing {
            adaptive: wanted.adaptive_rx,
            usecs: rx,
        };
        let tx = Coalescing {
            adaptive: wanted.adaptive_tx,
            usecs: tx,
        };
        this.set_coalescing(Direction::Rx, rx);
        this.set_coalescing(Direction::Tx, tx);
        Ok(())
    }

    fn stat_names(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, names: &mut Strings<'_>) {
        for name in XmitStats::NAMES {
            names.push(fmt!("tx_queue_0_{name}"));
        }
        for name in SentStats::NAMES {
            names.push(fmt!("tx_queue_0_{name}"));
        }
        for name in RxStats::NAMES {
            names.push(fmt!("rx_queue_0_{name}"));
        }
        for name in counters::NAMES {
            names.push(fmt!("{name}"));
        }
        for name in MAILBOX_NAMES {
            names.push(fmt!("{name}"));
        }
    }

    fn stat_values(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, values: &mut StatValues<'_>) {
        let stats = this.datapath.queue_stats(0);
        // Without a PF they may have been zeroed, or be about to be.
        if this.ready() {
            this.hw_counters.update(&this.hw);
        }
        let mut push = |value| values.push(value);
        stats.xmit.values().for_each(&mut push);
        stats.sent.values().for_each(&mut push);
        stats.rx.values().for_each(&mut push);
        this.hw_counters.totals().into_iter().for_each(&mut push);
        mailbox_values(&this).into_iter().for_each(&mut push);
    }

    fn test_names(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, names: &mut Strings<'_>) {
        names.push(fmt!("Link test   (on/offline)"));
        names.push(fmt!("PF contact  (on/offline)"));
    }

    fn self_test(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, test: &mut SelfTest<'_>) {
        // As for the dump below.
        let no_link = this.control.halted() || this.hw.link().is_none();
        test.set_result(0, u64::from(no_link));
        test.set_result(1, u64::from(!this.ready()));
    }

    fn link_ksettings(
        this: ArcBorrow<'_, Self>,
        dev: &Device<Rtnl>,
        settings: &mut LinkSettings,
    ) -> Result {
        // A VF has no port of its own, and sees but the result of what its PF negotiates.
        settings.port = Port::None;
        if this.control.halted() || !dev.carrier_ok() {
            return Ok(());
        }
        if let Some(link) = this.hw.link() {
            settings.speed = Some(link.speed);
            settings.duplex = if link.full_duplex {
                Duplex::Full
            } else {
                Duplex::Half
            };
        }
        Ok(())
    }

    fn regs_len(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> usize {
        REGS
    }

    fn regs(this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, out: &mut RegsDump<'_>) -> u32 {
        // The device may be in a reset of the bus, or asleep, and must not be touched then. It does
        // not become so during the dump: who halts the mailbox waits for the RTNL before he goes on.
        if this.control.halted() {
            return REGS_VERSION;
        }
        for value in dump(&this.hw) {
            out.push(value);
        }
        REGS_VERSION
    }
}
