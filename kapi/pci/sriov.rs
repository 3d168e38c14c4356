// SPDX-License-Identifier: GPL-2.0

//! Virtual functions, from the physical function's side.
//!
//! All of it is for callbacks of the bus: the device lock is held, so that `sriov_numvfs`, probe and
//! unbind exclude each other.

use core::ptr::{
    self,
    NonNull, //
};

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

/// A VF whose device lock is held, and whose configuration space user space cannot reach.
struct LockedVf(NonNull<bindings::pci_dev>);

// SAFETY: The reference may be dropped by any thread. A mutex is to be unlocked by who locked it, which is so
// here: the core makes both callbacks of a reset from one thread.
unsafe impl Send for LockedVf {}

impl LockedVf {
    /// Locks `vf` unless somebody else has it: who binds, unbinds or resets it, or a reset of the whole
    /// bus. These save and restore it themselves.
    ///
    /// # Safety
    ///
    /// `vf` is valid.
    unsafe fn try_lock(vf: *mut bindings::pci_dev) -> Option<Self> {
        // SAFETY: By the requirements of this function.
        if unsafe { bindings::pci_dev_trylock(vf) } == 0 {
            return None;
        }
        // SAFETY: `vf` is valid, by the requirements of this function.
        NonNull::new(unsafe { bindings::pci_dev_get(vf) }).map(Self)
    }

    /// Locks `vf`, and waits for whoever has it.
    ///
    /// # Safety
    ///
    /// `vf` is valid, and its lock may be waited for: the caller has neither it nor the RTNL.
    unsafe fn lock(vf: *mut bindings::pci_dev) -> Option<Self> {
        // SAFETY: By the requirements of this function.
        unsafe { bindings::pci_dev_lock(vf) };
        // SAFETY: `vf` is valid, by the requirements of this function.
        NonNull::new(unsafe { bindings::pci_dev_get(vf) }).map(Self)
    }

    fn save(&self) {
        // SAFETY: Referenced and locked. What may fail are capabilities; the header is saved all the same.
        let _ = unsafe { bindings::pci_save_state(self.0.as_ptr()) };
    }

    /// Saves, but does not take from the core that it saves as well, unless the VF's driver has.
    fn keep(&self) {
        // SAFETY: Referenced and locked, so nobody writes this bit.
        let by_driver = unsafe { self.0.as_ref() }.state_saved() != 0;
        self.save();
        if !by_driver {
            // SAFETY: Referenced and locked; without a state this only forgets that there is one.
            let _ = unsafe { bindings::pci_load_saved_state(self.0.as_ptr(), ptr::null_mut()) };
        }
    }

    fn restore(&self) {
        // SAFETY: Referenced and locked. The core saved a first state when the device was made.
        unsafe { bindings::pci_restore_state(self.0.as_ptr()) };
    }
}

impl Drop for LockedVf {
    fn drop(&mut self) {
        // SAFETY: Locked and referenced by `try_lock`.
        unsafe {
            bindings::pci_dev_unlock(self.0.as_ptr());
            bindings::pci_dev_put(self.0.as_ptr());
        }
    }
}

/// VFs whose configuration space is saved, and that nobody else resets or restores until this is
/// dropped: what they saved meanwhile would be what the PF's reset has left.
pub struct SavedVfs(KVec<LockedVf>);

impl SavedVfs {
    /// None.
    pub const fn none() -> Self {
        Self(KVec::new())
    }

    /// Restores what was saved: memory access, bus mastering, interrupts. For
    /// [`Driver::reset_done`](super::Driver::reset_done).
    pub fn restore(self) {
        for vf in &self.0 {
            vf.restore();
        }
    }
}

/// Saves the configuration space of all VFs. A function level reset of the PF wipes it, and nobody
/// tells their drivers. For [`Driver::reset_prepare`](super::Driver::reset_prepare).
///
/// # Errors
///
/// [`ENOMEM`].
pub fn save_vfs(pdev: &pci::Device<Core<'_>>) -> Result<SavedVfs> {
    let mut saved = KVec::with_capacity(usize::from(pdev.num_vf()), GFP_KERNEL)?;
    for_each_vf(pdev, |vf| {
        // SAFETY: Referenced.
        if let Some(vf) = unsafe { LockedVf::try_lock(vf) } {
            vf.save();
            // There is room for all.
            let _ = saved.push(vf, GFP_KERNEL);
        }
    });
    Ok(SavedVfs(saved))
}

/// Keeps what VFs are set to for [`wake_vfs`]. The core saves them after [`Driver::suspend`](super::Driver::suspend),
/// which this is for, but not if going to sleep is given up before that.
pub fn keep_vfs(pdev: &pci::Device<Core<'_>>) {
    for_each_vf(pdev, |vf| {
        // SAFETY: Referenced. The core holds the PF's lock alone.
        if let Some(vf) = unsafe { LockedVf::lock(vf) } {
            vf.keep();
        }
    });
}

/// Restores what VFs had when the host went to sleep. For [`Driver::resume`](super::Driver::resume): the
/// core wakes devices side by side, and may have restored a VF before its PF had it again.
pub fn wake_vfs(pdev: &pci::Device<Core<'_>>) {
    for_each_vf(pdev, |vf| {
        // SAFETY: Referenced. The core holds the PF's lock alone.
        if let Some(vf) = unsafe { LockedVf::lock(vf) } {
            vf.restore();
        }
    });
}

/// Restores what VFs had when their state was saved last, by [`save_vfs`] or when they were made. For
/// [`Driver::slot_reset`](super::Driver::slot_reset), where the core takes the locks of VFs for their own
/// callbacks, so that nobody can hold them all the while.
pub fn restore_vfs(pdev: &pci::Device<Core<'_>>) {
    for_each_vf(pdev, |vf| {
        // SAFETY: Referenced.
        if let Some(vf) = unsafe { LockedVf::try_lock(vf) } {
            vf.restore();
        }
    });
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
