// SPDX-License-Identifier: GPL-2.0

//! Queues are linked to their NAPI instance, and unlinked, under the RTNL: the core reads it there.

use kapi::kapi::net::{
    Device,
    Napi,
    Poll, //
};

/// As in a work item.
pub fn work<P: Poll>(napi: &mut Napi<P>, dev: &Device) {
    let _ = napi.link_queues(dev); //~ E0308
    napi.unlink_queues(dev); //~ E0308
}
