// SPDX-License-Identifier: GPL-2.0

//! A NAPI instance is not enabled while somebody relies on it being disabled.

use kapi::kapi::net::{
    Napi,
    PagePool,
    Poll, //
};
use kernel::prelude::*;

/// As in `open`.
pub fn open<P: Poll>(napi: &mut Napi<P>, poll: KBox<P>, pool: &mut PagePool) -> Result {
    let owner = napi.owner().ok_or(EBUSY)?;
    napi.enable(poll)?; //~ E0499
    let page = pool.open(&owner).and_then(|mut pages| pages.alloc());
    drop(page);
    Ok(())
}
