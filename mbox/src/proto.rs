// SPDX-License-Identifier: GPL-2.0

//! The PF/VF mailbox protocol of the Intel 82576.
//!
//! A VF asks its PF for what it may not do by itself: a reset, a MAC address, filters, VLANs, a
//! frame size. It does so over a shared buffer of sixteen words with one doorbell and one
//! acknowledge bit in each direction (82576 datasheet, section 7.10.2.9 "VF to PF mailbox").
//!
//! - [`wire`]: the bits of the first word, and the buffer.
//! - [`types`]: the values that messages carry. A value that exists is in range.
//! - [`vf_to_pf`], [`pf_to_vf`]: one type per message; decoding checks everything.
//! - [`port`]: what carries the words, seen from either side.
//! - [`pf`]: the decision about a request, a pure function. [`server`]: the PF end of one mailbox.
//! - [`vf`]: the client state machine of the VF.
//! - [`caps`], [`event`], [`refusal`]: the extension, for two sides that both have it.
//! - [`limit`], [`time`], [`reason`]: rate limits, time as a number, and words for the operator.
//! - `snapshot`: what a VF has, for another host. Not in the modules before one uses it.
//! - [`penalty`]: how much misbehaviour of a VF is borne.
//! - [`misconduct`]: not of the mailbox, but of VFs as well: what the card sees them do.
//!
//! No kernel type, no allocation, no `unsafe`, no panic: the same files are compiled into both
//! kernel modules and by cargo on the host, where they are tested and fuzzed.

#![deny(unsafe_code)]

pub mod caps;
pub mod event;
pub mod limit;
pub mod misconduct;
pub mod penalty;
pub mod pf;
pub mod pf_state;
pub mod pf_to_vf;
pub mod port;
pub mod reason;
pub mod refusal;
pub mod server;
#[cfg(not(MODULE))]
pub mod snapshot;
pub mod time;
pub mod types;
pub mod vf;
pub mod vf_to_pf;
pub mod wire;
