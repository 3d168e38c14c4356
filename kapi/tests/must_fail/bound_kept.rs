// SPDX-License-Identifier: GPL-2.0

//! That the parent of a network device is bound is known for as long as that device is held.

use kapi::kapi::net::Device;
use kernel::{
    device,
    sync::Arc, //
};

/// As in a work item.
pub fn work(dev: Arc<Device>) -> &'static device::Device<device::Bound> {
    dev.parent() //~ E0515
}
