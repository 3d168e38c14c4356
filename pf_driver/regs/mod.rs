// SPDX-License-Identifier: GPL-2.0

//! The registers of the 82576's physical function, under the names of the datasheet
//! (Intel 82576EB Gigabit Ethernet Controller Datasheet, chapter 8).
//!
//! One file for each block of the hardware. Abbreviations: RA receive address, MTA multicast table
//! array, VFTA VLAN filter table array, VLVF VLAN to pool filter, VMOLR VM offload register,
//! VMVIR VM VLAN insertion register, DTXSWC DMA transmit switch control, EICR extended interrupt
//! cause. A *pool* is the set of queues of one VF, or of the PF.

use crate::kapi::pci::Bar;

pub(crate) mod filter;
pub(crate) mod general;
pub(crate) mod iov;
pub(crate) mod irq;
pub(crate) mod queue;
pub(crate) mod stats;

/// Size of BAR 0 in bytes.
pub(crate) const BAR_SIZE: usize = 0x2_0000;

/// BAR 0, which holds all registers.
pub(crate) type Bar0 = Bar<BAR_SIZE>;
