// SPDX-License-Identifier: GPL-2.0

//! Virtual functions, from the physical function's side.
//!
//! All of it is for callbacks of the bus: the device lock is held, so that `sriov_numvfs`, probe and
//! unbind exclude each other.

use kernel::{
    bindings,
    device::{
        Bound,
        Core, //
    },
    error::to_result,
    pci,
    prelude::*, //
};

use super::raw;

/// Creates `count` VFs. They are probed before this returns. Process context, sleeps.
///
/// # Errors
///
/// What `pci_enable_sriov()` says: [`ENOSYS`] or [`ENODEV`] without the capability, [`EBUSY`] with
/// VFs, [`ENOMEM`] without room for their BARs or bus numbers.
pub fn enable(pdev: &pci::Device<Core<'_>>, count: u16) -> Result {
    // SAFETY: A bound device, with the device lock held.
    to_result(unsafe { bindings::pci_enable_sriov(raw(pdev), i32::from(count)) })
}

/// Removes all VFs; their drivers are unbound before this returns. Process context, sleeps, and may
/// wait for user space to let go of a VF.
pub fn disable(pdev: &pci::Device<Core<'_>>) {
    // SAFETY: A bound device, with the device lock held.
    unsafe { bindings::pci_disable_sriov(raw(pdev)) };
}

/// Number of VFs that exist.
pub fn num_vfs(pdev: &pci::Device<Bound>) -> u16 {
    // SAFETY: A valid device.
    let count = unsafe { bindings::pci_num_vf(raw(pdev)) };
    u16::try_from(count).unwrap_or(0)
}

/// Number of VFs that are given to a guest, as far as the kernel can know: only xen-pciback says so.
pub fn vfs_assigned(pdev: &pci::Device<Bound>) -> u16 {
    // SAFETY: A valid device.
    let count = unsafe { bindings::pci_vfs_assigned(raw(pdev)) };
    u16::try_from(count).unwrap_or(0)
}

/// Number of VFs that the device can have.
pub fn total_vfs(pdev: &pci::Device<Bound>) -> u16 {
    // SAFETY: A valid device.
    let count = unsafe { bindings::pci_sriov_get_totalvfs(raw(pdev)) };
    u16::try_from(count).unwrap_or(0)
}
