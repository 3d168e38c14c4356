// SPDX-License-Identifier: GPL-2.0

//! Driver for the physical function of the Intel 82576: a network interface, the manager of its
//! virtual functions, and the server of their mailboxes.
//!
//! | part | what it is |
//! |---|---|
//! | [`driver`] | binding to a device, SR-IOV, error recovery, power management. The only one that knows all others |
//! | [`adapter`] | the state of a port, and its locks. Its parts: [`queues`], [`rss`], [`link`], [`stats`] |
//! | [`netdev`], [`ethtool`], [`devlink`] | the network interface, and what the device is |
//! | [`pairs`] | the PF's queue pairs, from open to stop |
//! | [`neighbours`], [`learn`] | addresses behind the PF: a bridge's |
//! | [`recovery`] | reset of the port, and what follows it |
//! | [`watchdog`] | link and statistics |
//! | [`control`] | what is wanted of the switch and of VFs, and what the registers hold; no kernel types |
//! | [`iov`] | VFs |
//! | [`hw`], [`regs`] | the hardware |

#![deny(unsafe_code)]

#[path = "../control/mod.rs"]
pub mod control;
#[path = "../datapath/mod.rs"]
pub mod datapath;
#[allow(unsafe_code)]
#[path = "../kapi/mod.rs"]
pub mod kapi;
#[allow(dead_code, reason = "the VF's half is not used here")]
#[path = "../mbox/src/proto.rs"]
pub mod mbox;

mod adapter;
mod devlink;
mod driver;
mod ethtool;
pub mod heap;
mod hw;
mod iov;
mod learn;
mod link;
mod neighbours;
mod netdev;
mod pairs;
mod queues;
mod recovery;
mod regs;
mod rss;
mod stats;
mod watchdog;

kapi::pci::module_pci_driver! {
    type: driver::PfDriver,
    name: "rigb",
    authors: ["The rigb developers"],
    description: "Intel 82576 Gigabit Ethernet, physical function with SR-IOV",
    license: "GPL v2",
}
