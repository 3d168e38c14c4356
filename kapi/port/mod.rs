// SPDX-License-Identifier: GPL-2.0

//! A mailbox that another module has: the interface between a PF's driver (`host`) and a driver
//! that completes a VF (`client`).
//!
//! Neither module needs the other to be loaded. C header: `kapi/shim/port.h`.

#[cfg(kapi_vfio)]
pub mod client;
#[cfg(kapi_port_host)]
pub mod host;

use super::bindings;

/// Words of a mailbox.
pub const WORDS: usize = bindings::RIGB_PORT_WORDS as usize;
/// Numbers that a mailbox counts.
pub const COUNTERS: usize = bindings::RIGB_PORT_COUNTERS as usize;

/// Whether a table of the other module that begins with `version` and `size` has all that a `T` has,
/// which is the table as this module knows it.
fn fits<T>(version: u32, size: u32) -> bool {
    // CAST: Widens.
    version == bindings::RIGB_PORT_VERSION && size as usize >= size_of::<T>()
}

/// A request was rung for.
const REQUEST: u32 = 1 << 0;
/// A message was acknowledged.
const ACK: u32 = 1 << 1;
