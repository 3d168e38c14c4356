// SPDX-License-Identifier: GPL-2.0

//! Driver for the virtual functions of the Intel 82576: a complete network card that depends on
//! PCI alone.
//!
//! | file | what it is |
//! |---|---|
//! | `driver.rs` | PCI: probe, unbind, resets, sleep |
//! | `adapter.rs` | the shared state, and its locks |
//! | `netdev.rs`, `ethtool.rs` | what the network core and user space ask for |
//! | `service.rs` | the work that follows the link and recovers |
//! | `rings.rs`, `irq.rs` | what exists while the interface is up |
//! | `wanted.rs`, `groups.rs` | what the stack wants, and what the PF was asked for |
//! | `replay.rs`, `multicast.rs`, `refusal_log.rs` | asking the PF for it |
//! | `pf_state.rs`, `events.rs` | what the PF tells by itself |
//! | `control.rs`, `port.rs` | the mailbox |
//! | `hw.rs`, `regs.rs`, `counters.rs` | the registers |
//!
//! The frames themselves are the business of `datapath/`, the messages that of `mbox/`.

#![deny(unsafe_code)]

#[path = "../datapath/mod.rs"]
pub mod datapath;
#[path = "../kapi/mod.rs"]
#[allow(unsafe_code, reason = "the only home of it")]
pub mod kapi;
#[path = "../mbox/src/proto.rs"]
pub mod mbox;

mod adapter;
mod control;
mod counters;
mod driver;
mod ethtool;
mod events;
mod flag;
mod groups;
mod hw;
mod irq;
mod multicast;
mod netdev;
mod pf_state;
mod port;
mod refusal_log;
mod regs;
mod replay;
mod rings;
mod service;
mod wanted;

kapi::pci::module_pci_driver! {
    type: driver::VfDriver,
    name: "rigbvf",
    authors: ["The rigb developers"],
    description: "Intel 82576 virtual function network driver",
    license: "GPL v2",
}
