// SPDX-License-Identifier: GPL-2.0

//! `kapi/` as a crate of its own, which the cases beside this file use as a driver would.

#[path = "../../mod.rs"]
pub mod kapi;
