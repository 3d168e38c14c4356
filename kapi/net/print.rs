// SPDX-License-Identifier: GPL-2.0

//! Messages of a network device: `netdev_info!(dev, "...\n", ...)`, prefixed with driver, bus
//! address and name as the kernel's `netdev_info()` does. `dev` derefs to a [`Device`]; the macros
//! are re-exported by [`kapi::net`](super).
//!
//! [`Device`]: super::Device

use crate::kapi::bindings;

/// Prints at a level given as the kernel's prefix.
#[doc(hidden)]
#[macro_export]
macro_rules! netdev_printk {
    ($level:literal, $dev:expr, $($f:tt)*) => {
        $crate::kapi::net::Device::printk(&$dev, $level, ::kernel::prelude::fmt!($($f)*))
    }
}

/// Prints an error.
#[macro_export]
macro_rules! netdev_err {
    ($($f:tt)*) => { $crate::netdev_printk!(c"\x013", $($f)*) }
}

/// Prints a warning.
#[macro_export]
macro_rules! netdev_warn {
    ($($f:tt)*) => { $crate::netdev_printk!(c"\x014", $($f)*) }
}

/// Prints a notice.
#[macro_export]
macro_rules! netdev_notice {
    ($($f:tt)*) => { $crate::netdev_printk!(c"\x015", $($f)*) }
}

/// Prints information.
#[macro_export]
macro_rules! netdev_info {
    ($($f:tt)*) => { $crate::netdev_printk!(c"\x016", $($f)*) }
}

/// Whether a message about traffic may be printed now: one limit for all network code.
pub fn net_ratelimit() -> bool {
    // SAFETY: Callable from any context.
    unsafe { bindings::net_ratelimit() != 0 }
}

/// Classes of messages, as `ethtool -s DEV msglvl` chooses among them (`NETIF_MSG_*`).
pub mod msg {
    use crate::kapi::bindings;

    /// The driver and what it found.
    pub const DRV: u32 = bindings::KAPI_NETIF_MSG_DRV;
    /// Finding and setting up the device.
    pub const PROBE: u32 = bindings::KAPI_NETIF_MSG_PROBE;
    /// The link.
    pub const LINK: u32 = bindings::KAPI_NETIF_MSG_LINK;
}
