// SPDX-License-Identifier: GPL-2.0

//! Limits on what a VF sends (datasheet 8.12, RTTDQSEL and RTTBCNRC): the card divides the speed of the
//! link by a factor, for each transmit queue.

/// Bits of a factor behind the point.
const FRACTION: u32 = 14;
/// The largest factor, a thousandth. The field has more bits, but C igb uses no larger one, and
/// bits above may be reserved.
const SLOWEST: u32 = 1000 << FRACTION;

/// What the two transmit queues of a pool are limited to: factors of RTTBCNRC, or no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Queue `n` of pool `n`, which drivers use first.
    pub first: Option<u32>,
    /// Queue `n + 8`.
    pub second: Option<u32>,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self {
        first: None,
        second: None,
    };

    /// The limit for a pool that may send `rate` Mbit/s on a link of `speed` Mbit/s. A rate of
    /// zero, and one that the link does not reach, is no limit.
    ///
    /// The card limits queues and not pools. The first queue gets all of the rate, and the second
    /// next to nothing, so that a VF gains nothing by using both.
    pub fn new(rate: u32, speed: u32) -> Self {
        if rate == 0 || rate >= speed {
            return Self::NONE;
        }
        let factor = (u64::from(speed) << FRACTION).div_ceil(rate.into());
        Self {
            first: Some(u32::try_from(factor).map_or(SLOWEST, |factor| factor.min(SLOWEST))),
            second: Some(SLOWEST),
        }
    }
}
