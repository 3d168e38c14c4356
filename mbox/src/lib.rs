// SPDX-License-Identifier: GPL-2.0

//! The mailbox between the physical function (PF) and the virtual functions (VF) of the Intel
//! 82576, as a crate of its own.
//!
//! This file exists for cargo alone: it carries the crate attributes and re-exports
//! [`proto.rs`](proto), which the kernel modules include by `#[path]`. Nothing below `proto.rs`
//! knows which of the two it is compiled by.

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

#[path = "proto.rs"]
mod proto;

pub use proto::*;

pub mod sim;
