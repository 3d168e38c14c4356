// SPDX-License-Identifier: GPL-2.0

//! What the hardware is made to do, one file for each block. Nothing here keeps state of its own:
//! the state is in [`crate::control`] and [`crate::adapter`].
//!
//! Everything that waits does so sleeping, with a bound, in process context.

use kernel::io::{
    register::{
        RegisterArray,
        RegisterArrayLoc, //
    },
    Io, //
};

use crate::regs::{
    general::STATUS,
    Bar0, //
};

pub(crate) mod irq;
pub(crate) mod link;
pub(crate) mod manage;
pub(crate) mod nvm;
pub(crate) mod phy;
pub(crate) mod pool;
pub(crate) mod queue;
pub(crate) mod rate;
pub(crate) mod reset;
pub(crate) mod rss;
pub(crate) mod switch;
pub(crate) mod sync;

/// Makes earlier writes reach the device before this returns.
pub(crate) fn flush(bar: &Bar0) {
    let _ = bar.read(STATUS);
}

/// Writes element `index` of an array of registers. There is nothing to write for an index beyond
/// it, which only a mistake in this driver could give.
#[inline(always)]
pub(crate) fn put<T>(bar: &Bar0, index: usize, value: u32)
where
    T: RegisterArray<Storage = u32> + From<u32>,
    u32: From<T>,
{
    if let Some(loc) = RegisterArrayLoc::<T>::try_new(index) {
        bar.write(loc, T::from(value));
    }
}

/// Reads element `index` of an array of registers; zero beyond it, see [`put`].
#[inline(always)]
pub(crate) fn get<T>(bar: &Bar0, index: usize) -> u32
where
    T: RegisterArray<Storage = u32> + From<u32>,
    u32: From<T>,
{
    match RegisterArrayLoc::<T>::try_new(index) {
        Some(loc) => u32::from(bar.read(loc)),
        None => 0,
    }
}

/// The port of the device, 0 or 1.
pub(crate) fn lan_id(bar: &Bar0) -> u32 {
    bar.read(STATUS).lan_id().get()
}

/// Whether the device has fallen off the bus: then all registers read as ones.
pub(crate) fn is_gone(bar: &Bar0) -> bool {
    bar.read(STATUS).into_raw() == u32::MAX
}
