// SPDX-License-Identifier: GPL-2.0

//! What this port shares with the other port and with firmware (datasheet 4.6).

use kernel::{
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    prelude::*,
    time::Delta, //
};

use super::lan_id;
use crate::regs::{
    general::{
        SWSM,
        SW_FW_SYNC, //
    },
    Bar0, //
};

/// How long the other port may keep a semaphore of a few register accesses.
const GATE_TIMEOUT: Delta = Delta::from_millis(100);
const GATE_INTERVAL: Delta = Delta::from_micros(50);
/// How long firmware or the other port may keep a resource.
const RESOURCE_TIMEOUT: Delta = Delta::from_millis(1000);
const RESOURCE_INTERVAL: Delta = Delta::from_millis(5);

/// Something that only one of drivers and firmware may use at a time.
#[derive(Clone, Copy)]
pub(crate) enum Resource {
    /// The EEPROM.
    Nvm,
    /// The PHY of this port.
    Phy,
}

impl Resource {
    fn mask(self, bar: &Bar0) -> u32 {
        match self {
            Self::Nvm => 1,
            Self::Phy => 2 << lan_id(bar),
        }
    }
}

/// A resource that is ours until this is dropped.
pub(crate) struct Owned<'a> {
    bar: &'a Bar0,
    mask: u32,
}

impl<'a> Owned<'a> {
    /// Waits for `resource`.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`] if others keep it for too long.
    pub(crate) fn acquire(bar: &'a Bar0, resource: Resource) -> Result<Self> {
        let mask = resource.mask(bar);
        read_poll_timeout(
            || try_take(bar, mask),
            |taken| *taken,
            RESOURCE_INTERVAL,
            RESOURCE_TIMEOUT,
        )?;
        Ok(Self { bar, mask })
    }
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        // Without the gate the bit is cleared all the same: keeping it would block all for ever.
        let _gate = Gate::enter(self.bar);
        self.bar.update(SW_FW_SYNC, |sync| {
            SW_FW_SYNC::from(sync.into_raw() & !self.mask)
        });
    }
}

fn try_take(bar: &Bar0, mask: u32) -> Result<bool> {
    let _gate = Gate::enter(bar)?;
    let sync = bar.read(SW_FW_SYNC).into_raw();
    if sync & (mask | mask << 16) != 0 {
        return Ok(false);
    }
    bar.write_reg(SW_FW_SYNC::from(sync | mask));
    Ok(true)
}

/// Access to SW_FW_SYNC.
struct Gate<'a>(&'a Bar0);

impl<'a> Gate<'a> {
    fn enter(bar: &'a Bar0) -> Result<Self> {
        let poll = |op: &mut dyn FnMut() -> bool| {
            read_poll_timeout(|| Ok(op()), |free| *free, GATE_INTERVAL, GATE_TIMEOUT)
        };
        poll(&mut || !bar.read(SWSM).smbi())?;
        // From here on leaving clears both bits.
        let gate = Self(bar);
        poll(&mut || {
            bar.update(SWSM, |swsm| swsm.with_swesmbi(true));
            bar.read(SWSM).swesmbi()
        })?;
        Ok(gate)
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        self.0
            .update(SWSM, |swsm| swsm.with_smbi(false).with_swesmbi(false));
    }
}
