// SPDX-License-Identifier: GPL-2.0

//! The part of the data path that knows no kernel: descriptor formats, offloads, ring arithmetic.
//!
//! The drivers compile the same files as modules of `mod.rs`; this crate exists to test them on the
//! host. See `make -C datapath test`.

#![no_std]
#![forbid(unsafe_code)]

pub mod desc;
pub mod offload;
pub mod queue_ctl;
pub mod ring;
pub mod rx_status;
pub mod tso;
