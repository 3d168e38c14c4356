// SPDX-License-Identifier: GPL-2.0

//! How received flows are spread over the PF's queues: what is wanted.

use crate::{
    hw::rss::{
        Key,
        Table,
        KEY_LEN,
        TABLE_LEN, //
    },
    kapi::net::{
        self,
        Device,
        Rtnl, //
    }, //
};

/// How flows are spread. Outlives resets, and the time in which the interface is down.
pub(crate) struct Rss {
    /// The key of the hash.
    pub(crate) key: Key,
    /// The user's table while [`Device::rss_configured`], else the default that was chosen last:
    /// the core does not call the driver for a table that is just what it has shown before, so that
    /// one may become the user's by itself.
    ///
    /// It may name queues that there are not, see [`queue_of`](crate::hw::rss::queue_of).
    pub(crate) table: Table,
}

impl Rss {
    /// The host's key. Process context.
    pub(crate) fn new() -> Self {
        let mut key = [0; KEY_LEN];
        net::rss_key_fill(&mut key);
        Self {
            key,
            table: [0; TABLE_LEN],
        }
    }

    /// The table for `queues` queues: the user's, or one that is even, like that of the core.
    pub(crate) fn choose(&mut self, dev: &Device<Rtnl>, queues: u32) -> &Table {
        if !dev.rss_configured() {
            for (index, queue) in (0..).zip(&mut self.table) {
                // CAST: Below the 16 queues of the card.
                *queue = (index % queues.max(1)) as u8;
            }
        }
        &self.table
    }
}
