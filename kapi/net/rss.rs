// SPDX-License-Identifier: GPL-2.0

//! Receive side scaling, beside what [`ethtool`](super::ethtool::rss) shows and sets of it.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use crate::kapi::bindings;
use kernel::prelude::*;

use super::{
    Device,
    Rtnl, //
};

/// Fills `key` with the host's key, which is chosen by chance at boot, so that nobody can aim flows
/// at one queue. Process context, since the first call waits for randomness.
pub fn rss_key_fill(key: &mut [u8]) {
    // SAFETY: `key` is writable for its length, which is at most what the function can give; what
    // is beyond stays as it is.
    unsafe {
        bindings::netdev_rss_key_fill(
            key.as_mut_ptr().cast::<c_void>(),
            key.len().min(bindings::NETDEV_RSS_KEY_LEN as usize),
        )
    };
}

impl Device<Rtnl> {
    /// Whether the user has set the table by which flows are spread, and not taken it back: then
    /// the driver keeps it, else it may choose another.
    pub fn rss_configured(&self) -> bool {
        // SAFETY: Valid by the type invariant, and the RTNL is held.
        unsafe { bindings::netif_is_rxfh_configured(self.as_raw()) }
    }
}
