// SPDX-License-Identifier: GPL-2.0

//! Driver for the physical function of the Intel 82576: a network interface, the manager of its
//! virtual functions, and the server of their mailboxes.
//!
//! | part | what it is |
//! |---|---|
//! | [`driver`] | binding to a device, SR-IOV, error recovery, power management |
//! | [`adapter`] | the state of a port, and its locks. Its parts: [`queues`], [`rss`], [`link`], [`stats`] |
//! | [`netdev`], [`ethtool`] | the network interface |
//! | [`pairs`] | the PF's queue pairs, from open to stop |
//! | [`neighbours`] | addresses behind the PF: a bridge's |
//! | [`recovery`] | reset of the port, and what follows it |
//! | [`watchdog`] | link and statistics |
//! | [`switch`] | filters, VLANs, pools: what is wanted, and what the registers hold |
//! | [`iov`] | VFs |
//! | [`hw`], [`regs`] | the hardware |

#![deny(unsafe_code)]

#[path = "../datapath/mod.rs"]
pub mod datapath;
#[allow(unsafe_code)]
#[path = "../kapi/mod.rs"]
pub mod kapi;
#[allow(dead_code, reason = "the VF's half is not used here")]
#[path = "../mbox/src/proto.rs"]
pub mod mbox;

mod adapter;
mod driver;
mod ethtool;
mod hw;
mod iov;
mod link;
mod neighbours;
mod netdev;
mod pairs;
mod queues;
mod recovery;
mod regs;
mod rss;
mod stats;
mod switch;
mod watchdog;

kapi::pci::module_pci_driver! {
    type: driver::PfDriver,
    name: "rigb",
    authors: ["The rigb developers"],
    description: "Intel 82576 Gigabit Ethernet, physical function with SR-IOV",
    license: "GPL v2",
}
