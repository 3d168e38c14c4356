// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate of 7.3 lacks and both drivers need.
//!
//! Nothing here knows of a particular card; it is written as it could stand in `rust/kernel/`. The
//! principle is ownership: what a C callback can reach is owned by what registers the callback, so
//! that a registration which somebody forgets leaks but never dangles. See
//! `Documentation/architecture.rst` and `Documentation/unsafe.rst`.

// Compiled into each module, neither of which uses all of it.
#![allow(dead_code)]

mod bindings;
pub mod dma;
pub mod irq;
pub mod net;
pub mod pci;
pub mod spsc;
pub mod uevent;
pub mod work;
