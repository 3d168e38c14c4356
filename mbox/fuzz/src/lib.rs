// SPDX-License-Identifier: GPL-2.0

//! What the fuzz targets do with their input. The tests of mbox run the same on random input, for
//! machines without libFuzzer.

#[path = "../../tests/mailbox/common.rs"]
mod common;
mod inputs;

pub use inputs::{
    decode,
    pf_server,
    snapshot,
    vf_client, //
};
