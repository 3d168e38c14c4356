// SPDX-License-Identifier: GPL-2.0

//! The tests of the mailbox protocol.

// A test may stop where the protocol may not.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod c_peers;
mod common;
mod extension;
mod fuzz_inputs;
mod golden;
mod hostile_vf;
mod limits;
mod pf;
mod roundtrip;
mod simulation;
mod vf;
