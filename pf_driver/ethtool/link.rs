// SPDX-License-Identifier: GPL-2.0

//! Speed, duplex and flow control, as ethtool shows and sets them.

use kernel::prelude::*;

use crate::{
    adapter::Adapter,
    hw::{
        link::{
            self,
            Config,
            FlowControl,
            Media,
            Speed, //
        },
        phy::{
            Abilities,
            Forced,
            Phy, //
        }, //
    },
    kapi::net::ethtool::{
        Duplex,
        LinkMode,
        LinkModes,
        LinkSettings,
        PauseParam,
        PauseStats,
        Port, //
    }, //
};

/// In the order of [`Abilities::slow`].
const SLOW_MODES: [LinkMode; 4] = [
    LinkMode::BASE_T_10_HALF,
    LinkMode::BASE_T_10_FULL,
    LinkMode::BASE_T_100_HALF,
    LinkMode::BASE_T_100_FULL,
];

/// The address of the internal PHY.
const PHY_ADDRESS: u8 = 1;

/// Autonegotiation's abilities as ethtool has them.
fn modes(abilities: &Abilities) -> LinkModes {
    let mut modes = LinkModes::of(&[LinkMode::AUTONEG]);
    for (bit, mode) in SLOW_MODES.into_iter().enumerate() {
        if abilities.slow & 1 << bit != 0 {
            modes.add(mode);
        }
    }
    if abilities.gigabit {
        modes.add(LinkMode::BASE_T_1000_FULL);
    }
    if abilities.pause.sym {
        modes.add(LinkMode::PAUSE);
    }
    if abilities.pause.asym {
        modes.add(LinkMode::ASYM_PAUSE);
    }
    modes
}

fn supported(media: Media) -> LinkModes {
    match media {
        Media::Copper => LinkModes::of(&[
            LinkMode::BASE_T_10_HALF,
            LinkMode::BASE_T_10_FULL,
            LinkMode::BASE_T_100_HALF,
            LinkMode::BASE_T_100_FULL,
            LinkMode::BASE_T_1000_FULL,
            LinkMode::AUTONEG,
            LinkMode::TP,
            LinkMode::PAUSE,
            LinkMode::ASYM_PAUSE,
        ]),
        Media::Serdes { negotiates } => {
            let mut modes = LinkModes::of(&[
                LinkMode::BASE_X_1000_FULL,
                LinkMode::FIBRE,
                LinkMode::PAUSE,
                LinkMode::ASYM_PAUSE,
            ]);
            if negotiates {
                modes.add(LinkMode::AUTONEG);
            }
            modes
        }
    }
}

/// The speeds of `offer`. What else is in there is not asked for here: pause frames have an
/// operation of their own. A link that was forced offered nothing, so who asks only for negotiation
/// offers nothing, too, and means all.
fn negotiated(offer: &LinkModes, before: Speed) -> Result<Speed> {
    let slow = SLOW_MODES
        .into_iter()
        .enumerate()
        .filter(|(_, mode)| offer.contains(*mode))
        .fold(0, |slow, (bit, _)| slow | 1 << bit);
    let gigabit = offer.contains(LinkMode::BASE_T_1000_FULL);
    match (slow, gigabit, before) {
        (0, false, Speed::Forced(_)) => Ok(Speed::ALL),
        (0, false, Speed::Negotiated { .. }) => Err(EINVAL),
        _ => Ok(Speed::Negotiated { slow, gigabit }),
    }
}

/// The speed of copper without negotiation. 1000BASE-T does not work so, by its standard: it is
/// then all that is offered, as with C igb.
fn forced(speed: Option<u32>, duplex: Duplex) -> Result<Speed> {
    let full_duplex = match duplex {
        Duplex::Full => true,
        Duplex::Half => false,
        Duplex::Unknown => return Err(EINVAL),
    };
    match (speed, full_duplex) {
        (Some(speed @ (10 | 100)), _) => Ok(Speed::Forced(Forced {
            fast: speed == 100,
            full_duplex,
        })),
        (Some(1000), true) => Ok(Speed::Negotiated {
            slow: 0,
            gigabit: true,
        }),
        _ => Err(EINVAL),
    }
}

impl Adapter {
    /// Whether there is a link now.
    pub(super) fn link_up(&self) -> bool {
        !self.vfs.in_reset() && link::status(&self.bar, self.media).is_some()
    }

    /// What `ethtool DEV` shows.
    ///
    /// # Errors
    ///
    /// [`EIO`] and [`ETIMEDOUT`] if the PHY does not answer.
    pub(super) fn link_settings(&self, settings: &mut LinkSettings) -> Result {
        let (config, status) = {
            let link = self.link.lock();
            (link.config, link.status)
        };
        settings.supported = supported(self.media);
        settings.autoneg =
            self.media.negotiates() && matches!(config.speed, Speed::Negotiated { .. });
        match self.media {
            Media::Copper => {
                settings.port = Port::TwistedPair;
                settings.phy_address = PHY_ADDRESS;
                if let Some(offer) = self.resting_offer() {
                    settings.advertising = modes(&offer);
                } else if settings.autoneg && !self.vfs.in_reset() {
                    let phy = Phy::acquire(&self.bar)?;
                    settings.advertising = modes(&phy.advertised()?);
                    if let Some(partner) = phy.partner()? {
                        settings.lp_advertising = modes(&partner);
                    }
                }
                settings.advertising.add(LinkMode::TP);
            }
            Media::Serdes { .. } => {
                settings.port = Port::Fibre;
                settings.advertising = settings.supported;
            }
        }
        if let Some(status) = status {
            settings.speed = Some(status.speed);
            settings.duplex = if status.full_duplex {
                Duplex::Full
            } else {
                Duplex::Half
            };
        }
        Ok(())
    }

    /// `ethtool -s DEV`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for what the port cannot do, and those of [`Adapter::configure_link`].
    pub(super) fn set_link_settings(&self, wanted: &LinkSettings) -> Result {
        let offers_more = !wanted.advertising.is_subset(&supported(self.media));
        if wanted.autoneg && offers_more {
            return Err(EINVAL);
        }
        let config = self.link.lock().config;
        let speed = match self.media {
            Media::Copper => {
                if wanted.port != Port::TwistedPair || wanted.phy_address != PHY_ADDRESS {
                    return Err(EINVAL);
                }
                if wanted.autoneg {
                    negotiated(&wanted.advertising, config.speed)?
                } else {
                    forced(wanted.speed, wanted.duplex)?
                }
            }
            // There is one speed, which is in force all the time.
            Media::Serdes { negotiates } => {
                let gigabit = wanted.speed == Some(1000) && wanted.duplex == Duplex::Full;
                let possible = if wanted.autoneg { negotiates } else { gigabit };
                if wanted.port != Port::Fibre || !possible {
                    return Err(EINVAL);
                }
                Speed::ALL
            }
        };
        self.configure_link(Config { speed, ..config })
    }

    /// What `ethtool -a DEV` shows: what was asked for. What came of it is in what both ends offer.
    pub(super) fn pause(&self) -> PauseParam {
        let config = self.link.lock().config;
        PauseParam {
            autoneg: config.negotiate_flow && self.media.negotiates(),
            rx: config.flow.rx,
            tx: config.flow.tx,
        }
    }

    /// `ethtool -A DEV`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if negotiation is asked for where the link is forced or has none, and those of
    /// [`Adapter::configure_link`].
    pub(super) fn set_pause(&self, wanted: PauseParam) -> Result {
        let config = self.link.lock().config;
        let forced = matches!(config.speed, Speed::Forced(_)) || !self.media.negotiates();
        if wanted.autoneg && forced {
            return Err(EINVAL);
        }
        self.configure_link(Config {
            flow: FlowControl {
                rx: wanted.rx,
                tx: wanted.tx,
            },
            negotiate_flow: wanted.autoneg,
            ..config
        })?;
        self.warn_of_pause();
        Ok(())
    }

    /// Pause frames so far. An XON is one, of no time.
    pub(super) fn pause_frames(&self) -> PauseStats {
        PauseStats {
            tx: self.stats.xontxc.get() + self.stats.xofftxc.get(),
            rx: self.stats.xonrxc.get() + self.stats.xoffrxc.get(),
        }
    }
}
