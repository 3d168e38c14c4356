// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate of 7.3 lacks and both drivers need.
//!
//! Nothing here knows of a particular card; it is written as it could stand in `rust/kernel/`. The
//! principle is ownership: what a C callback can reach is owned by what registers the callback, so
//! that a registration which somebody forgets leaks what it reaches. See
//! `Documentation/architecture.rst`, and `Documentation/unsafe.rst` for what this does not cover.
//!
//! The network drivers compile what is for networks, the driver of VFIO devices (`vfio`) what is
//! for those, and so none depends on a module that it does not use.

mod binding;
mod bindings;
#[cfg(not(kapi_vfio))]
pub mod dma;
#[cfg(not(kapi_vfio))]
pub mod irq;
#[cfg(not(kapi_vfio))]
pub mod net;
pub mod pci;
#[cfg(any(kapi_vfio, kapi_port_host))]
pub mod port;
#[cfg(not(kapi_vfio))]
pub mod spsc;
#[cfg(not(kapi_vfio))]
pub mod uevent;
#[cfg(kapi_vfio)]
pub mod vfio;
pub mod work;
