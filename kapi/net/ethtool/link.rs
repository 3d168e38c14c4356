// SPDX-License-Identifier: GPL-2.0

//! Speed, duplex and link modes.

use crate::kapi::bindings;

/// The number of link modes that the kernel knows.
const NBITS: u32 = bindings::ethtool_link_mode_bit_indices___ETHTOOL_LINK_MODE_MASK_NBITS;

/// Bits of a word of a bitmap of link modes.
const BITS: u32 = usize::BITS;

/// The words of a bitmap of link modes.
type Words = [usize; NBITS.div_ceil(BITS) as usize];

/// A link mode, or another property of a link that is advertised like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkMode(u32);

macro_rules! link_modes {
    ($($(#[$doc:meta])* $name:ident = $bit:ident;)*) => {
        impl LinkMode {
            $(
                $(#[$doc])*
                pub const $name: Self = Self(bindings::$bit);
            )*
        }
    };
}

link_modes! {
    /// 10 Mbit/s, half duplex.
    BASE_T_10_HALF = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_10baseT_Half_BIT;
    /// 10 Mbit/s, full duplex.
    BASE_T_10_FULL = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_10baseT_Full_BIT;
    /// 100 Mbit/s, half duplex.
    BASE_T_100_HALF = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_100baseT_Half_BIT;
    /// 100 Mbit/s, full duplex.
    BASE_T_100_FULL = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_100baseT_Full_BIT;
    /// 1000 Mbit/s, full duplex.
    BASE_T_1000_FULL = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_1000baseT_Full_BIT;
    /// 1000 Mbit/s over a backplane.
    BASE_KX_1000_FULL = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_1000baseKX_Full_BIT;
    /// 1000 Mbit/s over fibre.
    BASE_X_1000_FULL = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_1000baseX_Full_BIT;
    /// Autonegotiation.
    AUTONEG = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_Autoneg_BIT;
    /// Twisted pair port.
    TP = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_TP_BIT;
    /// MII port.
    MII = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_MII_BIT;
    /// Fibre port.
    FIBRE = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_FIBRE_BIT;
    /// Symmetric flow control.
    PAUSE = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_Pause_BIT;
    /// Asymmetric flow control.
    ASYM_PAUSE = ethtool_link_mode_bit_indices_ETHTOOL_LINK_MODE_Asym_Pause_BIT;
}

/// A set of link modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkModes(Words);

impl LinkModes {
    /// The set of these modes.
    pub fn of(modes: &[LinkMode]) -> Self {
        let mut set = Self::default();
        for &mode in modes {
            set.add(mode);
        }
        set
    }

    /// Adds a mode.
    pub fn add(&mut self, mode: LinkMode) {
        if let Some(word) = self.0.get_mut((mode.0 / BITS) as usize) {
            *word |= 1 << (mode.0 % BITS);
        }
    }

    /// Whether `mode` is here.
    pub fn contains(&self, mode: LinkMode) -> bool {
        let word = self.0.get((mode.0 / BITS) as usize);
        word.is_some_and(|word| word & (1 << (mode.0 % BITS)) != 0)
    }

    /// Whether all of these modes are in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(mine, theirs)| mine & !theirs == 0)
    }

    /// Whether nothing is here.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }
}

/// Whether both ends may send at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplex {
    /// No.
    Half,
    /// Yes.
    Full,
    /// Not known, as while the link is down.
    #[default]
    Unknown,
}

/// The kind of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Port {
    /// Twisted pair.
    TwistedPair,
    /// MII.
    Mii,
    /// Fibre.
    Fibre,
    /// Direct attach copper.
    DirectAttach,
    /// Nothing is plugged in, or nothing can be, as in a VF.
    None,
    /// Something else.
    #[default]
    Other,
}

/// Settings of a link.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkSettings {
    /// Mbit/s; [`None`] if unknown, as while the link is down.
    pub speed: Option<u32>,
    /// Duplex.
    pub duplex: Duplex,
    /// Kind of port.
    pub port: Port,
    /// Address of the PHY on its management bus.
    pub phy_address: u8,
    /// Whether the link is negotiated.
    pub autoneg: bool,
    /// What the device can do.
    pub supported: LinkModes,
    /// What it offers to its partner.
    pub advertising: LinkModes,
    /// What the partner offers.
    pub lp_advertising: LinkModes,
}

// CAST: -1, as the field has it.
const SPEED_UNKNOWN: u32 = bindings::SPEED_UNKNOWN as u32;

impl LinkSettings {
    pub(super) fn from_raw(raw: &bindings::ethtool_link_ksettings) -> Self {
        Self {
            speed: (raw.base.speed != SPEED_UNKNOWN).then_some(raw.base.speed),
            duplex: match u32::from(raw.base.duplex) {
                bindings::DUPLEX_HALF => Duplex::Half,
                bindings::DUPLEX_FULL => Duplex::Full,
                _ => Duplex::Unknown,
            },
            port: match u32::from(raw.base.port) {
                bindings::PORT_TP => Port::TwistedPair,
                bindings::PORT_MII => Port::Mii,
                bindings::PORT_FIBRE => Port::Fibre,
                bindings::PORT_DA => Port::DirectAttach,
                bindings::PORT_NONE => Port::None,
                _ => Port::Other,
            },
            phy_address: raw.base.phy_address,
            autoneg: u32::from(raw.base.autoneg) == bindings::AUTONEG_ENABLE,
            supported: LinkModes(raw.link_modes.supported),
            advertising: LinkModes(raw.link_modes.advertising),
            lp_advertising: LinkModes(raw.link_modes.lp_advertising),
        }
    }

    pub(super) fn store(&self, raw: &mut bindings::ethtool_link_ksettings) {
        raw.base.speed = self.speed.unwrap_or(SPEED_UNKNOWN);
        // CAST: These constants fit into the byte that the kernel keeps them in.
        raw.base.duplex = match self.duplex {
            Duplex::Half => bindings::DUPLEX_HALF,
            Duplex::Full => bindings::DUPLEX_FULL,
            Duplex::Unknown => bindings::DUPLEX_UNKNOWN,
        } as u8;
        raw.base.port = match self.port {
            Port::TwistedPair => bindings::PORT_TP,
            Port::Mii => bindings::PORT_MII,
            Port::Fibre => bindings::PORT_FIBRE,
            Port::DirectAttach => bindings::PORT_DA,
            Port::None => bindings::PORT_NONE,
            Port::Other => bindings::PORT_OTHER,
        } as u8;
        raw.base.phy_address = self.phy_address;
        raw.base.autoneg = self.autoneg.into();
        raw.link_modes.supported = self.supported.0;
        raw.link_modes.advertising = self.advertising.0;
        raw.link_modes.lp_advertising = self.lp_advertising.0;
    }
}
