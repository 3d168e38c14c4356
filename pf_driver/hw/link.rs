// SPDX-License-Identifier: GPL-2.0

//! The link: setup, state, flow control (datasheet 3.5).

use kernel::{
    io::Io,
    prelude::*, //
};

use super::phy::{
    Pause,
    Phy, //
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
    Serdes,
}

/// CTRL_EXT.LINK_MODE of the internal PHY.
const LINK_MODE_PHY: u32 = 0;

impl Media {
    /// What the hardware is strapped for.
    pub(crate) fn detect(bar: &Bar0) -> Self {
        if bar.read(CTRL_EXT).link_mode().get() == LINK_MODE_PHY {
            Self::Copper
        } else {
            Self::Serdes
        }
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
        Media::Serdes => {
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
        full_duplex: media == Media::Serdes || status.fd(),
    })
}

/// What is offered to the partner: both directions.
pub(crate) const PAUSE_OFFER: Pause = Pause {
    sym: true,
    asym: true,
};

/// Lets the link come up. The MAC follows the PHY's speed by itself.
///
/// # Errors
///
/// Those of [`Phy::start`].
pub(crate) fn start(bar: &Bar0, media: Media) -> Result {
    setup_pause_frames(bar);
    match media {
        Media::Copper => {
            bar.update(CTRL, |ctrl| {
                ctrl.with_slu(true).with_frcspd(false).with_frcdplx(false)
            });
            Phy::acquire(bar)?.start(PAUSE_OFFER)
        }
        Media::Serdes => {
            start_serdes(bar);
            Ok(())
        }
    }
}

/// 1000 Mbit/s full duplex is all that SerDes can do: the MAC is forced, the PCS negotiates pause.
fn start_serdes(bar: &Bar0) {
    const SERDESCTL_NO_LOOPBACK: u32 = 0x0400;
    const SPEED_1000: u32 = 2;

    bar.write_reg(SERDESCTL::from(SERDESCTL_NO_LOOPBACK));
    bar.update(CTRL_EXT, |ext| ext.with_sdp3_data(false).with_i2c_ena(true));
    bar.update(CONNSW, |connsw| connsw.with_enrgsrc(true));
    bar.update(CTRL, |ctrl| {
        ctrl.with_slu(true)
            .with_const_swdpins::<3>()
            .with_frcspd(true)
            .with_frcdplx(true)
            .with_fd(true)
            .with_const_speed::<SPEED_1000>()
    });
    bar.update(PCS_CFG, |cfg| cfg.with_pcs_en(true));
    bar.update(PCS_ANADV, |adv| {
        adv.with_pause(PAUSE_OFFER.sym)
            .with_asm_dir(PAUSE_OFFER.asym)
    });
    bar.update(PCS_LCTL, |lctl| {
        lctl.with_flv(false)
            .with_const_fsv::<SPEED_1000>()
            .with_fdv(true)
            .with_fsd(false)
            .with_force_link(false)
            .with_force_fc(false)
            .with_an_enable(true)
            .with_an_restart(true)
    });
}

/// Negotiates again.
///
/// # Errors
///
/// Those of [`Phy::restart`].
pub(crate) fn restart(bar: &Bar0, media: Media) -> Result {
    match media {
        Media::Copper => Phy::acquire(bar)?.restart(),
        Media::Serdes => {
            bar.update(PCS_LCTL, |lctl| lctl.with_an_restart(true));
            Ok(())
        }
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
    bar.write_reg(FCRTL::from(1 << 31 | low));
    bar.write_reg(FCRTH::from(high));
    bar.write_reg(FCRTV::from(0xffff / 2));
}

/// Which pause frames are to be obeyed and sent, by what both ends offered (IEEE 802.3 table
/// 28B-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlowControl {
    /// Obey.
    pub(crate) rx: bool,
    /// Send.
    pub(crate) tx: bool,
}

impl FlowControl {
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

    /// What follows from negotiation. Nothing if the partner does not negotiate.
    ///
    /// # Errors
    ///
    /// [`EIO`], [`ETIMEDOUT`].
    pub(crate) fn negotiated(bar: &Bar0, media: Media) -> Result<Self> {
        let theirs = match media {
            Media::Copper => Phy::acquire(bar)?.partner()?.map(|partner| partner.pause),
            Media::Serdes => bar.read(PCS_LSTS).an_complete().then(|| {
                let partner = bar.read(PCS_LPAB);
                Pause {
                    sym: partner.pause(),
                    asym: partner.asm_dir(),
                }
            }),
        };
        Ok(theirs.map_or_else(Self::default, |theirs| Self::resolve(PAUSE_OFFER, theirs)))
    }
}
