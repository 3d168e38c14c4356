// SPDX-License-Identifier: GPL-2.0

//! Limits on what a VF sends (datasheet 8.12, RTTDQSEL and RTTBCNRC): the hardware divides the
//! speed of the link by a factor, for each transmit queue.

use kernel::io::Io;

use crate::regs::{
    iov::{
        POOLS,
        RTTBCNRC,
        RTTBCNRM,
        RTTDQSEL, //
    },
    Bar0, //
};

/// Bits of a factor behind the point.
const FRACTION: u32 = 14;
/// The largest factor, a thousandth. The field has more bits, but C igb uses no larger one, and
/// bits above may be reserved.
const SLOWEST: u32 = 1000 << FRACTION;
/// The window that links of 1000 Mbit/s need.
const WINDOW: u32 = 0x14;

/// What the two transmit queues of a pool are limited to: values of RTTBCNRC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Queue `n` of pool `n`, which drivers use first.
    pub(crate) first: u32,
    /// Queue `n + 8`.
    pub(crate) second: u32,
}

impl Limit {
    /// The limit for a pool that may send `rate` Mbit/s on a link of `speed` Mbit/s. A rate of
    /// zero, and one that the link does not reach, is no limit.
    ///
    /// The hardware limits queues and not pools. The first queue gets all of the rate, and the
    /// second next to nothing, so that a VF gains nothing by using both.
    pub(crate) fn new(rate: u32, speed: u32) -> Self {
        if rate == 0 || rate >= speed {
            return Self::default();
        }
        let factor = (u64::from(speed) << FRACTION).div_ceil(rate.into());
        let raw = |factor: u32| {
            RTTBCNRC::from(factor.min(SLOWEST))
                .with_enable(true)
                .into_raw()
        };
        Self {
            first: raw(u32::try_from(factor).unwrap_or(SLOWEST)),
            second: raw(SLOWEST),
        }
    }
}

/// Puts a pool's limit into force.
pub(crate) fn set(bar: &Bar0, pool: usize, limit: Limit) {
    for (queue, value) in [(pool, limit.first), (pool + POOLS, limit.second)] {
        let Ok(queue) = u32::try_from(queue) else {
            continue;
        };
        bar.write_reg(RTTDQSEL::from(queue));
        bar.write_reg(RTTBCNRM::from(WINDOW));
        bar.write_reg(RTTBCNRC::from(value));
    }
}
