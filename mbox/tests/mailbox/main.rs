// SPDX-License-Identifier: GPL-2.0

//! The tests of the mailbox protocol.

mod c_peers;
mod common;
mod extension;
mod fuzz_inputs;
mod golden;
mod hostile_vf;
mod limits;
mod misconduct;
mod penalties;
mod pf;
mod roundtrip;
mod simulation;
mod vf;
