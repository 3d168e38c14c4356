// SPDX-License-Identifier: GPL-2.0

//! The page for the host: cargo's root of [`mod.rs`](page), which `rigb_vfio.ko` compiles as a
//! module of its own. Brings the mailbox protocol along, as that does.

#![no_std]
#![forbid(unsafe_code)]

#[path = "../../mbox/src/proto.rs"]
pub mod mbox;
#[path = "mod.rs"]
pub mod page;
