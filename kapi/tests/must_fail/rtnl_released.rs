// SPDX-License-Identifier: GPL-2.0

//! What needs the RTNL is not done when it has been released.

use kapi::kapi::net::{
    rtnl_lock,
    Device, //
};

/// As in a work item.
pub fn work(dev: &Device) {
    let rtnl = rtnl_lock();
    let locked = rtnl.device(dev);
    drop(rtnl); //~ E0505
    locked.set_mtu(1500);
}
