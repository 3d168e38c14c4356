// SPDX-License-Identifier: GPL-2.0

//! The key of receive side scaling.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use crate::kapi::bindings;
use kernel::prelude::*;

/// Fills `key` with the host's key, which is chosen by chance at boot, so that nobody can aim flows
/// at one queue. Process context, since the first call waits for randomness.
pub fn rss_key_fill(key: &mut [u32]) {
    // SAFETY: `key` is writable for its length, which is at most what the function can give; what
    // is beyond stays as it is.
    unsafe {
        bindings::netdev_rss_key_fill(
            key.as_mut_ptr().cast::<c_void>(),
            size_of_val(key).min(bindings::NETDEV_RSS_KEY_LEN as usize),
        )
    };
}
