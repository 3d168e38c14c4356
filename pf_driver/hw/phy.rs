// SPDX-License-Identifier: GPL-2.0

//! The internal copper PHY, by IEEE 802.3 clause 22 registers (datasheet 3.5.3).

use kernel::{
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use super::sync::{
    Owned,
    Resource, //
};
use crate::regs::{
    general::MDIC,
    Bar0, //
};

/// Address of the internal PHY.
const PHY_ADDRESS: u32 = 1;
const OP_WRITE: u32 = 1;
const OP_READ: u32 = 2;

const ACCESS_TIMEOUT: Delta = Delta::from_millis(100);
const ACCESS_INTERVAL: Delta = Delta::from_micros(50);

/// How long the PHY takes to come up.
const POWER_UP_TIME: Delta = Delta::from_millis(2);

/// Control.
const BMCR: u32 = 0;
/// Status.
const BMSR: u32 = 1;
/// Identifier, high.
const PHYID1: u32 = 2;
/// What is advertised.
const ANAR: u32 = 4;
/// What the partner advertises.
const ANLPAR: u32 = 5;
/// What is advertised of 1000BASE-T.
const CTRL1000: u32 = 9;
/// What the partner advertises of 1000BASE-T.
const STAT1000: u32 = 10;
/// Crossover of this PHY.
const PORT_CTRL: u32 = 18;
/// Power management of this PHY.
const POWER_MGMT: u32 = 25;

const BMCR_FULL_DUPLEX: u16 = 1 << 8;
const BMCR_ANRESTART: u16 = 1 << 9;
const BMCR_PDOWN: u16 = 1 << 11;
const BMCR_ANENABLE: u16 = 1 << 12;
const BMCR_SPEED100: u16 = 1 << 13;
const BMSR_LSTATUS: u16 = 1 << 2;
const BMSR_ANEGCOMPLETE: u16 = 1 << 5;
const CTRL1000_HALF: u16 = 1 << 8;
const CTRL1000_FULL: u16 = 1 << 9;
/// Finds out by itself whether the cable crosses its pairs.
const PORT_CTRL_AUTO_MDIX: u16 = 1 << 12;
/// Crosses them, unless the former does.
const PORT_CTRL_FORCE_MDIX: u16 = 1 << 13;
/// Low power link up in D0: takes the slowest common speed.
const POWER_MGMT_D0_LPLU: u16 = 1 << 1;

/// IEEE 802.3 as the selector.
const ADVERTISE_CSMA: u16 = 0x0001;
/// 10 and 100 Mbit/s, both duplexes.
const ADVERTISE_SPEEDS: u16 = 0x01e0;

/// Pause bits as autonegotiation has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pause {
    /// Symmetric.
    pub(crate) sym: bool,
    /// Asymmetric.
    pub(crate) asym: bool,
}

impl Pause {
    fn from_register(value: u16) -> Self {
        Self {
            sym: value & 1 << 10 != 0,
            asym: value & 1 << 11 != 0,
        }
    }

    fn to_register(self) -> u16 {
        u16::from(self.sym) << 10 | u16::from(self.asym) << 11
    }
}

/// What an end of the link offers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Abilities {
    /// 10BASE-T half, full, 100BASE-TX half, full, from bit 0 on.
    pub(crate) slow: u16,
    /// 1000BASE-T full duplex.
    pub(crate) gigabit: bool,
    /// Flow control.
    pub(crate) pause: Pause,
}

/// A link without negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forced {
    /// 100 Mbit/s, not 10.
    pub(crate) fast: bool,
    /// Full duplex.
    pub(crate) full_duplex: bool,
}

/// The PHY, ours until this is dropped.
pub(crate) struct Phy<'a> {
    bar: &'a Bar0,
    _owned: Owned<'a>,
}

impl<'a> Phy<'a> {
    /// Waits for the PHY.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`].
    pub(crate) fn acquire(bar: &'a Bar0) -> Result<Self> {
        Ok(Self {
            bar,
            _owned: Owned::acquire(bar, Resource::Phy)?,
        })
    }

    fn access(&self, command: u32) -> Result<u16> {
        self.bar.write_reg(MDIC::from(command));
        let mdic = read_poll_timeout(
            || Ok(self.bar.read(MDIC)),
            |mdic| mdic.ready(),
            ACCESS_INTERVAL,
            ACCESS_TIMEOUT,
        )?;
        if mdic.error() {
            return Err(EIO);
        }
        // CAST: The lower half.
        Ok(mdic.into_raw() as u16)
    }

    fn read(&self, reg: u32) -> Result<u16> {
        self.access(reg << 16 | PHY_ADDRESS << 21 | OP_READ << 26)
    }

    fn write(&self, reg: u32, value: u16) -> Result {
        let command = u32::from(value) | reg << 16 | PHY_ADDRESS << 21 | OP_WRITE << 26;
        self.access(command).map(|_| ())
    }

    /// Makes sure that there is a PHY, and that it goes for the fastest link.
    fn prepare(&self) -> Result {
        let id = self.read(PHYID1)?;
        if id == 0 || id == 0xffff {
            return Err(ENODEV);
        }
        let power = self.read(POWER_MGMT)?;
        if power & POWER_MGMT_D0_LPLU != 0 {
            self.write(POWER_MGMT, power & !POWER_MGMT_D0_LPLU)?;
        }
        Ok(())
    }

    /// Whether all of `bits` are in the status now. A loss of the link is latched there: the second
    /// read is the present.
    fn stands(&self, bits: u16) -> Result<bool> {
        let _ = self.read(BMSR)?;
        Ok(self.read(BMSR)? & bits == bits)
    }

    /// Finding out the crossover takes negotiation: without that the pairs are as in the plug.
    fn set_crossover(&self, auto: bool) -> Result {
        let old = self.read(PORT_CTRL)?;
        let mut new = old & !(PORT_CTRL_AUTO_MDIX | PORT_CTRL_FORCE_MDIX);
        if auto {
            new |= PORT_CTRL_AUTO_MDIX;
        }
        if new != old {
            self.write(PORT_CTRL, new)?;
        }
        Ok(())
    }

    /// Powers the PHY up and has it negotiate with this offer. A link that stands with the same
    /// offer is left alone, so that a reset of the MAC does not take the cable's link down. Returns
    /// whether it was not.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is no PHY, [`EIO`], [`ETIMEDOUT`].
    pub(crate) fn negotiate(&self, offer: &Abilities) -> Result<bool> {
        self.prepare()?;
        self.set_crossover(true)?;
        let anar = ADVERTISE_CSMA | offer.slow << 5 & ADVERTISE_SPEEDS | offer.pause.to_register();
        let old = self.read(CTRL1000)?;
        let mut gigabit = old & !(CTRL1000_HALF | CTRL1000_FULL);
        if offer.gigabit {
            gigabit |= CTRL1000_FULL;
        }
        let control = self.read(BMCR)?;
        let same = self.read(ANAR)? == anar
            && old == gigabit
            && control & (BMCR_ANENABLE | BMCR_PDOWN) == BMCR_ANENABLE;
        if same && self.stands(BMSR_LSTATUS | BMSR_ANEGCOMPLETE)? {
            return Ok(false);
        }
        self.write(ANAR, anar)?;
        self.write(CTRL1000, gigabit)?;
        self.restart()?;
        Ok(true)
    }

    /// Powers the PHY up without negotiation. A link that stands so is left alone; returns whether
    /// it was not.
    ///
    /// # Errors
    ///
    /// Those of [`Phy::negotiate`].
    pub(crate) fn force(&self, link: Forced) -> Result<bool> {
        self.prepare()?;
        self.set_crossover(false)?;
        let mut control = 0;
        if link.fast {
            control |= BMCR_SPEED100;
        }
        if link.full_duplex {
            control |= BMCR_FULL_DUPLEX;
        }
        if self.read(BMCR)? == control && self.stands(BMSR_LSTATUS)? {
            return Ok(false);
        }
        // A negotiation that is broken off takes down the link that was, so that the partner looks
        // anew. And the MAC of QEMU's card sees no link before the first negotiation after a reset.
        self.restart()?;
        self.write(BMCR, control)?;
        Ok(true)
    }

    /// Powers the PHY down: there is no link then. It keeps what it was told.
    ///
    /// # Errors
    ///
    /// Those of [`Phy::negotiate`].
    pub(crate) fn power_down(&self) -> Result {
        self.prepare()?;
        let control = self.read(BMCR)?;
        if control & BMCR_PDOWN == 0 {
            self.write(BMCR, control | BMCR_PDOWN)?;
        }
        Ok(())
    }

    /// Negotiates again.
    ///
    /// # Errors
    ///
    /// [`EIO`], [`ETIMEDOUT`].
    pub(crate) fn restart(&self) -> Result {
        let mut control = self.read(BMCR)?;
        if control & BMCR_PDOWN != 0 {
            // It takes no order while it comes up.
            control &= !BMCR_PDOWN;
            self.write(BMCR, control)?;
            fsleep(POWER_UP_TIME);
        }
        self.write(BMCR, control | BMCR_ANENABLE | BMCR_ANRESTART)
    }

    /// What this end offers.
    ///
    /// # Errors
    ///
    /// [`EIO`], [`ETIMEDOUT`].
    pub(crate) fn advertised(&self) -> Result<Abilities> {
        let anar = self.read(ANAR)?;
        Ok(Abilities {
            slow: (anar & ADVERTISE_SPEEDS) >> 5,
            gigabit: self.read(CTRL1000)? & CTRL1000_FULL != 0,
            pause: Pause::from_register(anar),
        })
    }

    /// What the partner offers, or nothing before negotiation is done.
    ///
    /// # Errors
    ///
    /// [`EIO`], [`ETIMEDOUT`].
    pub(crate) fn partner(&self) -> Result<Option<Abilities>> {
        if self.read(BMSR)? & BMSR_ANEGCOMPLETE == 0 {
            return Ok(None);
        }
        let anlpar = self.read(ANLPAR)?;
        Ok(Some(Abilities {
            slow: (anlpar & ADVERTISE_SPEEDS) >> 5,
            gigabit: self.read(STAT1000)? & 1 << 11 != 0,
            pause: Pause::from_register(anlpar),
        }))
    }
}
