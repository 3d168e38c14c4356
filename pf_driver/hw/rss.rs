// SPDX-License-Identifier: GPL-2.0

//! How received flows are spread over queues (datasheet 7.1.1.7).

use kernel::io::Io;

use super::put;
use crate::regs::{
    filter::{
        RETA,
        RETA_REGS,
        RFCTL,
        RSSRK,
        RSSRK_REGS,
        RXCSUM, //
    },
    Bar0, //
};

/// The key of the hash function.
pub(crate) type Key = [u32; RSSRK_REGS];

/// Spreads flows over `queues` queues with `key`, and has checksums checked.
///
/// The table holds output indices: queue numbers without pools; with them 0 or 1 of the pool.
pub(crate) fn setup(bar: &Bar0, key: &Key, queues: u32) {
    for (index, &word) in key.iter().enumerate() {
        put::<RSSRK>(bar, index, word);
    }
    set_table(bar, queues, false);
    bar.update(RXCSUM, |csum| {
        csum.with_ipofld(true)
            .with_tuofld(true)
            .with_crcofl(true)
            .with_pcsd(true)
    });
    bar.update(RFCTL, |rfctl| {
        rfctl
            .with_nfsw_dis(true)
            .with_nfsr_dis(true)
            .with_ipv6_ex_dis(true)
    });
}

/// Spreads flows evenly over `queues` queues. With pools a pool's two queues are told apart by bit 3
/// in Intel's own drivers, and by bit 0 in QEMU's model: entries have both.
pub(crate) fn set_table(bar: &Bar0, queues: u32, pools: bool) {
    let entries = 4 * RETA_REGS;
    for register in 0..RETA_REGS {
        let mut value = 0;
        for slot in 0..4 {
            // CAST: Below 128 * 8.
            let queue = (4 * register + slot) as u32 * queues.max(1) / entries as u32;
            let entry = if pools { queue | queue << 3 } else { queue };
            value |= entry << (8 * slot);
        }
        put::<RETA>(bar, register, value);
    }
}
