// SPDX-License-Identifier: GPL-2.0

//! VFIO driver for the virtual functions of the Intel 82576, with a mailbox in software.
//!
//! Gives a VF to a VMM as vfio-pci does, but traps the first page of its registers and emulates the
//! mailbox there. The PF's driver serves that in place of the card's. Without a `rigb.ko` that has
//! the PF, this is vfio-pci.
//!
//! | part | what it is |
//! |---|---|
//! | [`driver`] | binding to a device, and what happens when a VMM opens it |
//! | [`session`] | an open device: what connects guest, page and PF |
//! | [`page`] | the trapped page, pure |
//!
//! See `Documentation/virtual-mailbox.rst`.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
#[path = "../kapi/mod.rs"]
pub mod kapi;
#[allow(dead_code, reason = "only the registers are used here")]
#[path = "../mbox/src/proto.rs"]
pub mod mbox;
#[allow(dead_code, reason = "the tests look closer")]
pub mod page;

mod driver;
mod session;

kapi::vfio::module_vfio_driver! {
    type: driver::VfDriver,
    name: "rigb_vfio",
    authors: ["The rigb developers"],
    description: "Intel 82576 virtual function for VFIO, with a virtual mailbox",
    license: "GPL v2",
}
