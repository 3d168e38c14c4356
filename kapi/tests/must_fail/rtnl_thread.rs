// SPDX-License-Identifier: GPL-2.0

//! The evidence that this thread holds the RTNL does not go to another.

use kapi::kapi::net::{
    Device,
    Rtnl,
    RtnlGuard, //
};

fn send<T: Send>(_: T) {}

/// As in an operation of a device.
pub fn open(dev: &Device<Rtnl>) {
    send(dev); //~ E0277
}

/// As in a work item.
pub fn work(guard: RtnlGuard) {
    send(guard); //~ E0277
}
