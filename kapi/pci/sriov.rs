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

/// SR-IOV of a physical function, by the names that upstream's series gives to methods of
/// [`pci::Device`]. When that has them itself, they are the ones that are called, and this can go.
pub trait SriovExt {
    /// Creates `count` VFs. They are probed before this returns. Process context, sleeps.
    ///
    /// # Errors
    ///
    /// What `pci_enable_sriov()` says: [`ENOSYS`] or [`ENODEV`] without the capability, [`EBUSY`] with
    /// VFs, [`ENOMEM`] without room for their BARs or bus numbers.
    fn enable_sriov(&self, count: u16) -> Result;

    /// Removes all VFs; their drivers are unbound before this returns. Process context, sleeps, and may
    /// wait for user space to let go of a VF.
    fn disable_sriov(&self);

    /// Number of VFs that exist.
    fn num_vf(&self) -> u16;
}

impl SriovExt for pci::Device<Core<'_>> {
    fn enable_sriov(&self, count: u16) -> Result {
        // SAFETY: A bound device, with the device lock held.
        to_result(unsafe { bindings::pci_enable_sriov(raw(self), i32::from(count)) })
    }

    fn disable_sriov(&self) {
        // SAFETY: A bound device, with the device lock held.
        unsafe { bindings::pci_disable_sriov(raw(self)) };
    }

    fn num_vf(&self) -> u16 {
        // SAFETY: A valid device.
        let count = unsafe { bindings::pci_num_vf(raw(self)) };
        u16::try_from(count).unwrap_or(0)
    }
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

/// Calls `f` with each VF of `pdev` that exists.
fn for_each_vf(pdev: &pci::Device<Core<'_>>, mut f: impl FnMut(*mut bindings::pci_dev)) {
    let mut vf: *mut bindings::pci_dev = core::ptr::null_mut();
    loop {
        // SAFETY: `vf` is null or referenced by the call before, which passes on to this call.
        vf = unsafe {
            bindings::pci_get_device(
                u32::from(pdev.vendor_id().as_raw()),
                bindings::PCI_ANY_ID as u32,
                vf,
            )
        };
        if vf.is_null() {
            return;
        }
        // SAFETY: `vf` is referenced; what is read does not change while the device exists, and
        // `physfn` is the member of the union that a VF has.
        let ours = unsafe { (*vf).is_virtfn() != 0 && (*vf).__bindgen_anon_1.physfn == raw(pdev) };
        if ours {
            f(vf);
        }
    }
}

/// Saves the configuration space of all VFs. A function level reset of the PF wipes it, and nobody
/// tells their drivers. For [`Driver::reset_prepare`](super::Driver::reset_prepare).
pub fn save_vfs(pdev: &pci::Device<Core<'_>>) {
    for_each_vf(pdev, |vf| {
        // SAFETY: Referenced. What fails to be saved is not restored.
        let _ = unsafe { bindings::pci_save_state(vf) };
    });
}

/// Restores what [`save_vfs`] saved: memory access, bus mastering, interrupts. For
/// [`Driver::reset_done`](super::Driver::reset_done).
pub fn restore_vfs(pdev: &pci::Device<Core<'_>>) {
    // SAFETY: Referenced. Without a saved state it does nothing.
    for_each_vf(pdev, |vf| unsafe { bindings::pci_restore_state(vf) });
}

/// Limits `sriov_totalvfs`: the core refuses more with [`ERANGE`]. The limit ends with the binding.
///
/// # Errors
///
/// What `pci_sriov_set_totalvfs()` says: [`ENOSYS`] without the capability, [`EINVAL`] for more
/// than the device has, [`EBUSY`] with VFs.
pub fn set_total_vfs(pdev: &pci::Device<Core<'_>>, count: u16) -> Result {
    // SAFETY: A bound device, with the device lock held.
    to_result(unsafe { bindings::pci_sriov_set_totalvfs(raw(pdev), count) })
}
