// SPDX-License-Identifier: GPL-2.0

//! Pages are taken from a pool where its NAPI instance is polled, or with that disabled.

use kapi::kapi::net::{
    PagePool,
    PoolPage, //
};

/// As in a work item.
pub fn work(pool: &mut PagePool) -> Option<PoolPage> {
    pool.alloc() //~ E0599
}
