// SPDX-License-Identifier: GPL-2.0

//! The link: setup, state, flow control (datasheet 3.5).

use kernel::{
    io::Io,
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use super::{
    flush,
    phy::{
        Abilities,
        Forced,
        Pause,
        Phy, //
    }, //
};
use crate::regs::{
    general::{
        CONNSW,
        CTRL,
        CTRL_EXT,
        FCAH,
        FCAL,
        FCRTH,
        FCRTL,
        FCRTV,
        FCT,
        FCTTV,
        PCS_ANADV,
        PCS_CFG,
        PCS_LCTL,
        PCS_LPAB,
        PCS_LSTS,
        RXPBS,
        SERDESCTL,
        STATUS, //
    },
    Bar0, //
};

/// What the port is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// The internal PHY and a copper cable.
    Copper,
    /// A backplane or a fibre module.
    Serdes {
        /// The PCS negotiates. Where it does not, the link is forced: a partner that negotiates as
        /// well would never answer.
        negotiates: bool,
    },
}

/// CTRL_EXT.LINK_MODE of the internal PHY, of 1000BASE-KX, and of SerDes. SGMII (2) is to a PHY
/// outside.
const LINK_MODE_PHY: u32 = 0;
const LINK_MODE_KX: u32 = 1;
const LINK_MODE_SERDES: u32 = 3;

impl Media {
    /// What the hardware is strapped for; as an error the mode of a board that this driver cannot
    /// set up. `may_negotiate` is what the NVM says of the PCS.
    pub(crate) fn detect(bar: &Bar0, may_negotiate: bool) -> core::result::Result<Self, u32> {
        match bar.read(CTRL_EXT).link_mode().get() {
            LINK_MODE_PHY => Ok(Self::Copper),
            // Its own negotiation (clause 73) is not the PCS's.
            LINK_MODE_KX => Ok(Self::Serdes { negotiates: false }),
            LINK_MODE_SERDES => Ok(Self::Serdes {
                negotiates: may_negotiate,
            }),
            other => Err(other),
        }
    }

    /// Whether the link is negotiated, if nobody forces it.
    pub(crate) fn negotiates(self) -> bool {
        self != Self::Serdes { negotiates: false }
    }
}

/// The link at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkStatus {
    /// Mbit/s.
    pub(crate) speed: u32,
    /// Full duplex.
    pub(crate) full_duplex: bool,
}

/// The link, or none.
pub(crate) fn status(bar: &Bar0, media: Media) -> Option<LinkStatus> {
    let status = bar.read(STATUS);
    if status.into_raw() == u32::MAX {
        return None;
    }
    let up = match media {
        Media::Copper => status.lu(),
        Media::Serdes { .. } => {
            let pcs = bar.read(PCS_LSTS);
            pcs.link_ok() && pcs.sync_ok()
        }
    };
    up.then(|| LinkStatus {
        speed: match (media, status.speed().get()) {
            (Media::Copper, 0) => 10,
            (Media::Copper, 1) => 100,
            _ => 1000,
        },
        full_duplex: media != Media::Copper || status.fd(),
    })
}

/// How fast the link may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speed {
    /// What both ends can do, of this.
    Negotiated {
        /// As in [`Abilities::slow`].
        slow: u16,
        /// As in [`Abilities::gigabit`].
        gigabit: bool,
    },
    /// This. Only copper.
    Forced(Forced),
}

impl Speed {
    /// All that the PHY can do.
    pub(crate) const ALL: Self = Self::Negotiated {
        slow: 0b1111,
        gigabit: true,
    };

    /// What is offered with these pause frames, if the link is negotiated.
    pub(crate) fn abilities(self, flow: FlowControl) -> Option<Abilities> {
        match self {
            Self::Negotiated { slow, gigabit } => Some(Abilities {
                slow,
                gigabit,
                pause: flow.offer(),
            }),
            Self::Forced(_) => None,
        }
    }
}

/// How the link is to be, as the administrator has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Its speed.
    pub(crate) speed: Speed,
    /// The pause frames that are wanted.
    pub(crate) flow: FlowControl,
    /// Whether the partner has a say in that.
    pub(crate) negotiate_flow: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            speed: Speed::ALL,
            // A partner that was offered pause frames obeys those of a VF as well: a guest could
            // stop all that the port receives.
            flow: FlowControl::default(),
            negotiate_flow: true,
        }
    }
}

/// Prepares the MAC for the link that `config` says; [`start`] follows. Its registers are shared
/// with the switch.
pub(crate) fn setup_mac(bar: &Bar0, media: Media, config: &Config) {
    setup_pause_frames(bar);
    match (media, config.speed) {
        // The MAC follows the PHY by itself.
        (Media::Copper, Speed::Negotiated { .. }) => bar.update(CTRL, |ctrl| {
            ctrl.with_slu(true).with_frcspd(false).with_frcdplx(false)
        }),
        // Both are told the same (datasheet 3.5.7: fully forced link).
        (Media::Copper, Speed::Forced(link)) => bar.update(CTRL, |ctrl| {
            let ctrl = ctrl.with_slu(true).with_frcspd(true).with_frcdplx(true);
            let ctrl = ctrl.with_fd(link.full_duplex);
            if link.fast {
                ctrl.with_const_speed::<SPEED_100>()
            } else {
                ctrl.with_const_speed::<SPEED_10>()
            }
        }),
        (Media::Serdes { .. }, _) => setup_serdes(bar),
    }
}

/// Lets the link come up as `config` says, unless it stands so. Returns whether it did not. Waits
/// for firmware that has the PHY.
///
/// # Errors
///
/// Those of [`Phy::negotiate`].
pub(crate) fn start(bar: &Bar0, media: Media, config: &Config) -> Result<bool> {
    match (media, config.speed) {
        (Media::Copper, Speed::Negotiated { slow, gigabit }) => {
            Phy::acquire(bar)?.negotiate(&Abilities {
                slow,
                gigabit,
                pause: config.flow.offer(),
            })
        }
        (Media::Copper, Speed::Forced(link)) => Phy::acquire(bar)?.force(link),
        (Media::Serdes { negotiates }, _) => {
            start_serdes(bar, negotiates, config.flow.offer());
            Ok(true)
        }
    }
}

/// Takes the link down, until [`start`].
///
/// # Errors
///
/// Those of [`Phy::power_down`].
pub(crate) fn rest(bar: &Bar0, media: Media) -> Result {
    match media {
        Media::Copper => Phy::acquire(bar)?.power_down(),
        Media::Serdes { .. } => {
            bar.update(PCS_CFG, |cfg| cfg.with_pcs_en(false));
            // The laser of a module.
            bar.update(CTRL_EXT, |ext| ext.with_sdp3_data(true));
            Ok(())
        }
    }
}

/// CTRL.SPEED.
const SPEED_10: u32 = 0;
const SPEED_100: u32 = 1;
const SPEED_1000: u32 = 2;

/// 1000 Mbit/s full duplex is all that SerDes can do: the MAC is forced, the PCS negotiates pause.
fn setup_serdes(bar: &Bar0) {
    const SERDESCTL_NO_LOOPBACK: u32 = 0x0400;

    bar.write_reg(SERDESCTL::from(SERDESCTL_NO_LOOPBACK));
    bar.update(CONNSW, |connsw| connsw.with_enrgsrc(true));
    bar.update(CTRL, |ctrl| {
        ctrl.with_slu(true)
            .with_const_swdpins::<3>()
            .with_frcspd(true)
            .with_frcdplx(true)
            .with_fd(true)
            .with_const_speed::<SPEED_1000>()
    });
}

/// How long the PCS and the laser take to come up, as C igb waits.
const PCS_START: Delta = Delta::from_millis(1);

/// Sleeps.
fn start_serdes(bar: &Bar0, negotiates: bool, offer: Pause) {
    let was_off = !bar.read(PCS_CFG).pcs_en();
    bar.update(CTRL_EXT, |ext| ext.with_sdp3_data(false).with_i2c_ena(true));
    bar.update(PCS_CFG, |cfg| cfg.with_pcs_en(true));
    if was_off {
        flush(bar);
        fsleep(PCS_START);
    }
    bar.update(PCS_ANADV, |adv| {
        adv.with_pause(offer.sym).with_asm_dir(offer.asym)
    });
    bar.update(PCS_LCTL, |lctl| {
        lctl.with_flv(false)
            .with_const_fsv::<SPEED_1000>()
            .with_fdv(true)
            .with_fsd(!negotiates)
            .with_force_link(false)
            .with_force_fc(!negotiates)
            .with_an_enable(negotiates)
            .with_an_restart(negotiates)
    });
}

/// Negotiates again.
///
/// # Errors
///
/// [`EINVAL`] where nothing is negotiated, and those of [`Phy::restart`].
pub(crate) fn restart(bar: &Bar0, media: Media) -> Result {
    match media {
        Media::Copper => Phy::acquire(bar)?.restart(),
        Media::Serdes { negotiates: true } => {
            bar.update(PCS_LCTL, |lctl| lctl.with_an_restart(true));
            Ok(())
        }
        Media::Serdes { negotiates: false } => Err(EINVAL),
    }
}

/// The format of pause frames (IEEE 802.3 annex 31B), and the FIFO levels that send them.
fn setup_pause_frames(bar: &Bar0) {
    const LONGEST_FRAME: u32 = 0x2600;
    bar.write_reg(FCT::from(0x8808));
    bar.write_reg(FCAH::from(0x0000_0100));
    bar.write_reg(FCAL::from(0x00c2_8001));
    bar.write_reg(FCTTV::from(0xffff));
    // After XOFF a frame of ours delays it, and one of the partner's is on the wire already.
    let fifo = bar.read(RXPBS).size().get() << 10;
    let high = fifo.saturating_sub(2 * LONGEST_FRAME) & 0xfff0;
    let low = high.saturating_sub(16);
    bar.write_reg(FCRTL::from(low).with_xone(true));
    bar.write_reg(FCRTH::from(high));
    bar.write_reg(FCRTV::from(0xffff / 2));
}

/// Which pause frames are to be obeyed and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlowControl {
    /// Obey.
    pub(crate) rx: bool,
    /// Send.
    pub(crate) tx: bool,
}

impl FlowControl {
    /// Whether there are pause frames at all.
    pub(crate) fn any(self) -> bool {
        self.rx || self.tx
    }

    /// What is offered to the partner for it (IEEE 802.3 table 28B-2). Nobody can offer to obey
    /// only: that is in the offer of both, and what the partner then grants too much is not used.
    fn offer(self) -> Pause {
        Pause {
            sym: self.rx,
            asym: self.rx || self.tx,
        }
    }

    /// By what both ends offered (IEEE 802.3 table 28B-3).
    fn resolve(ours: Pause, theirs: Pause) -> Self {
        if ours.sym && theirs.sym {
            return Self { rx: true, tx: true };
        }
        let asym = ours.asym && theirs.asym;
        Self {
            rx: asym && ours.sym,
            tx: asym && theirs.sym,
        }
    }

    /// What `config` gives with this partner, for a link in full duplex or not. Pause frames are
    /// for full duplex only. Nothing if it is up to a partner that does not negotiate.
    ///
    /// # Errors
    ///
    /// [`EIO`], [`ETIMEDOUT`].
    pub(crate) fn of_link(
        bar: &Bar0,
        media: Media,
        config: &Config,
        full_duplex: bool,
    ) -> Result<Self> {
        let wanted = config.flow;
        match (full_duplex, config.negotiate_flow, config.speed) {
            (true, false, _) => Ok(wanted),
            (true, true, Speed::Negotiated { .. }) => {
                let granted = Self::negotiated(bar, media, wanted.offer())?;
                Ok(Self {
                    rx: granted.rx && wanted.rx,
                    tx: granted.tx && wanted.tx,
                })
            }
            _ => Ok(Self::default()),
        }
    }

    fn negotiated(bar: &Bar0, media: Media, offer: Pause) -> Result<Self> {
        let theirs = match media {
            Media::Copper => Phy::acquire(bar)?.partner()?.map(|partner| partner.pause),
            Media::Serdes { .. } => bar.read(PCS_LSTS).an_complete().then(|| {
                let partner = bar.read(PCS_LPAB);
                Pause {
                    sym: partner.pause(),
                    asym: partner.asm_dir(),
                }
            }),
        };
        Ok(theirs.map_or_else(Self::default, |theirs| Self::resolve(offer, theirs)))
    }
}
