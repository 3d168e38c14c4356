// SPDX-License-Identifier: GPL-2.0

//! A place has one frame at a time, which does not outlive it.

use kapi::kapi::net::{
    xdp::{
        XdpBuff,
        XdpPlace, //
    },
    PagePool,
    PoolPage, //
};

/// As in a poll function.
pub fn twice(pool: &PagePool, one: PoolPage, two: PoolPage) {
    let mut place = XdpPlace::new();
    let first = XdpBuff::new(&mut place, one, 60, pool);
    let second = XdpBuff::new(&mut place, two, 60, pool); //~ E0499
    drop((first, second));
}

/// As in a poll function.
pub fn kept(pool: &PagePool, page: PoolPage) -> Option<XdpBuff<'_>> {
    let mut place = XdpPlace::new();
    XdpBuff::new(&mut place, page, 60, pool).ok() //~ E0515
}
