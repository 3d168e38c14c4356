// SPDX-License-Identifier: GPL-2.0

//! A pool is on one queue.

use kapi::kapi::net::xsk::{
    XskPool,
    XskQueue, //
};

/// As after `ndo_bpf`.
pub fn start(one: &mut XskQueue, two: &mut XskQueue, pool: XskPool) {
    one.start(pool);
    two.start(pool); //~ E0382
}
