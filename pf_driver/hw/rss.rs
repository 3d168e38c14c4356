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

/// Bytes of the key.
pub(crate) const KEY_LEN: usize = 4 * RSSRK_REGS;
/// Entries of the table.
pub(crate) const TABLE_LEN: usize = 4 * RETA_REGS;

/// The key of the hash function, Toeplitz.
pub(crate) type Key = [u8; KEY_LEN];

/// The queue of the PF for each remainder of the hash by 128.
pub(crate) type Table = [u8; TABLE_LEN];

/// Has flows hashed with `key` and brought to the first queue, and checksums checked.
pub(crate) fn setup(bar: &Bar0, key: &Key) {
    set_key(bar, key);
    set_table(bar, &[0; TABLE_LEN], 1, false);
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

/// The words of `bytes`, as bytes.
fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> + '_ {
    bytes
        .chunks_exact(4)
        .filter_map(|word| word.try_into().ok())
}

/// Sets the key: its first byte is the first that the hash takes.
pub(crate) fn set_key(bar: &Bar0, key: &Key) {
    for (index, word) in words(key).enumerate() {
        put::<RSSRK>(bar, index, u32::from_le_bytes(word));
    }
}

/// The queue that an entry of a table stands for while there are `queues`. One for a queue beyond
/// goes to `entry % queues`: the user's table stays what it is while VFs take queues of the PF's
/// away, but a frame must not get to a VF's queue, or to none.
pub(crate) fn queue_of(entry: u8, queues: u32) -> u32 {
    u32::from(entry) % queues.max(1)
}

/// Spreads flows over the first `queues` queues, by [`queue_of`].
///
/// Without pools an entry of the hardware's is the number of a queue. With pools a pool's two queues
/// are told apart by bit 3 in Intel's own drivers, and by bit 0 in QEMU's model: entries have both.
pub(crate) fn set_table(bar: &Bar0, table: &Table, queues: u32, pools: bool) {
    for (register, word) in words(table).enumerate() {
        let entries = word.map(|entry| {
            // CAST: Not larger than the entry.
            let queue = queue_of(entry, queues) as u8;
            if pools {
                queue | queue << 3
            } else {
                queue
            }
        });
        put::<RETA>(bar, register, u32::from_le_bytes(entries));
    }
}
