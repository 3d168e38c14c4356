// SPDX-License-Identifier: GPL-2.0

//! rigb

#[path = "../kapi/mod.rs"]
pub mod kapi;

use kernel::prelude::*;

module! {
    type: M,
    name: "rigb",
    authors: ["The rigb developers"],
    description: "x",
    license: "GPL",
}
struct M;
impl kernel::Module for M {
    fn init(_m: &'static ThisModule) -> Result<Self> { Ok(M) }
}
