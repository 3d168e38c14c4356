// SPDX-License-Identifier: GPL-2.0

//! Limits on what a VF sends, see [`Limit`].

use kernel::io::Io;

use crate::{
    control::{
        device::POOLS,
        rate::Limit, //
    },
    regs::{
        iov::{
            RTTBCNRC,
            RTTBCNRM,
            RTTDQSEL, //
        },
        Bar0, //
    }, //
};

/// The window that links of 1000 Mbit/s need.
const WINDOW: u32 = 0x14;

/// Puts a pool's limit into force.
pub(crate) fn set(bar: &Bar0, pool: usize, limit: Limit) {
    for (queue, factor) in [(pool, limit.first), (pool + POOLS, limit.second)] {
        let Ok(queue) = u32::try_from(queue) else {
            continue;
        };
        bar.write_reg(RTTDQSEL::from(queue));
        bar.write_reg(RTTBCNRM::from(WINDOW));
        let rate = RTTBCNRC::from(factor.unwrap_or(0)).with_enable(factor.is_some());
        bar.write_reg(rate);
    }
}
