// SPDX-License-Identifier: GPL-2.0

//! What needs the RTNL asks for it.

use kapi::kapi::net::Device;

/// As in a work item.
pub fn work(dev: &Device) {
    dev.set_mtu(1500); //~ E0599
}
