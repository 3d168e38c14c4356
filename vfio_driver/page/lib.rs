// SPDX-License-Identifier: GPL-2.0

//! The page for the host: cargo's root of [`mod.rs`](page), which `rigb_vfio.ko` compiles as a
//! module of its own. Brings the mailbox protocol along, as that does.

#![no_std]
#![forbid(unsafe_code)]
// No panic in what a VF can reach.
#![warn(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

#[path = "../../mbox/src/proto.rs"]
pub mod mbox;
#[path = "mod.rs"]
pub mod page;
