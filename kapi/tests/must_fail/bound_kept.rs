// SPDX-License-Identifier: GPL-2.0

//! That the parent of a network device is bound is known for as long as the RTNL is held.

use kapi::kapi::net::{
    rtnl_lock,
    Device, //
};
use kernel::{
    device,
    prelude::*, //
};

/// As in a work item.
pub fn work(dev: &Device) -> Result<&device::Device<device::Bound>> {
    let rtnl = rtnl_lock();
    rtnl.device(dev).bound_parent() //~ E0515
}
