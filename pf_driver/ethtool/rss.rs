// SPDX-License-Identifier: GPL-2.0

//! `ethtool -x` and `-X`: how received flows are spread over the PF's queues.

use kernel::prelude::*;

use crate::{
    adapter::Adapter,
    control::device::Layout,
    hw::rss::{
        self,
        Key,
        TABLE_LEN, //
    },
    kapi::net::{
        ethtool::{
            FlowType,
            HashFields,
            HashFunction,
            Payload,
            RssChange,
            RssState, //
        },
        Device,
        Extack,
        Rtnl, //
    },
};

/// Whether the PF's queues are those of a pool.
fn in_pool(layout: Layout) -> bool {
    layout == Layout::Pools
}

impl Adapter {
    /// Spreads flows over the first `queues` of the PF's queues, before they start.
    pub(crate) fn write_rss_table(&self, dev: &Device<Rtnl>, layout: Layout, queues: u32) {
        let mut rss = self.rss.lock();
        rss::set_table(&self.bar, rss.choose(dev, queues), queues, in_pool(layout));
    }

    /// What is in force. While VFs leave the PF fewer queues than the user's table names, that is
    /// not what he has set.
    pub(super) fn rss_state(&self, dev: &Device<Rtnl>, state: &mut RssState<'_>) {
        let queues = self.queues.lock().plan.pairs();
        let mut rss = self.rss.lock();
        let table = rss.choose(dev, queues);
        state.set_table(table.iter().map(|&entry| rss::queue_of(entry, queues)));
        state.set_key(&rss.key);
        state.set_function(HashFunction::Toeplitz);
    }

    /// Sets table, key, or both, at once if the queues run. Frames that arrive meanwhile may go to
    /// a queue of the old or of the new way.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] for another hash function than Toeplitz.
    pub(super) fn set_rss_state(&self, change: &RssChange<'_>, extack: &mut Extack<'_>) -> Result {
        if !matches!(change.function, None | Some(HashFunction::Toeplitz)) {
            return Err(extack.fail(
                EOPNOTSUPP,
                c"the card knows the hash function toeplitz only",
            ));
        }
        let key: Option<Key> = match change.key {
            Some(key) => Some(key.try_into().map_err(|_| EINVAL)?),
            None => None,
        };
        let queues = self.queues.lock();
        let mut rss = self.rss.lock();
        if let Some(wanted) = change.table {
            let mut table = [0; TABLE_LEN];
            for (place, &queue) in table.iter_mut().zip(wanted) {
                *place = u8::try_from(queue)?;
            }
            rss.table = table;
            // The queues are given their table when they start.
            if queues.active() {
                let (layout, pairs) = (queues.plan.layout, queues.plan.pairs());
                rss::set_table(&self.bar, &rss.table, pairs, in_pool(layout));
            }
        }
        if let Some(key) = key {
            rss.key = key;
            rss::set_key(&self.bar, &key);
        }
        Ok(())
    }
}

/// What MRQC is set to: addresses, and ports for TCP. Ports of UDP would part the fragments of a
/// datagram, which have none but in the first.
pub(super) fn hash_fields(flow: FlowType) -> HashFields {
    match flow.payload {
        Payload::Tcp => HashFields::ADDRESSES.union(HashFields::PORTS),
        _ => HashFields::ADDRESSES,
    }
}
