// SPDX-License-Identifier: GPL-2.0

//! The control plane for the host: cargo's root of [`mod.rs`](control), which `rigb.ko` compiles as
//! a module of its own, beside the mailbox protocol and memory as here.

#![forbid(unsafe_code)]

pub use ::mbox;

pub mod heap;

#[path = "mod.rs"]
pub mod control;
