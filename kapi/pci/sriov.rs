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
    prelude::*,
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

use super::raw;
use crate::kapi::bindings as shim;

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

/// How long all VFs together are waited for. A reset of a VF takes about 0.1 s. A reset of the whole bus
/// holds the locks until after this, and so may a VFIO driver that is unbound from an open VF.
const LOCK_LIMIT: Delta = Delta::from_secs(2);

/// A VF whose device lock is held, and whose configuration space user space cannot reach.
struct LockedVf {
    vf: NonNull<bindings::pci_dev>,
    /// The thread that has, or waits for, the lock, if it is not the one that made this.
    holder: Option<NonNull<shim::kapi_vf_holder>>,
}

// SAFETY: The reference may be dropped by any thread. A mutex is to be unlocked by who locked it, which is so
// here: the core makes both callbacks of a reset from one thread, and a holder unlocks what it locked.
unsafe impl Send for LockedVf {}

impl LockedVf {
    /// Locks `vf`, or has a thread wait for its lock: [`Self::wait`] is to be called then.
    ///
    /// Who resets a VF saves and restores it, but a reset of the PF in between wipes what is restored: so
    /// that has to be waited for. The caller may have the lock itself, in a reset of the whole bus,
    /// so the wait needs an end, and trying again and again never succeeds against a guest that resets
    /// its VF again and again.
    ///
    /// # Safety
    ///
    /// `vf` is valid.
    unsafe fn begin(vf: *mut bindings::pci_dev) -> Result<Self> {
        // SAFETY: By the requirements of this function.
        let holder = if unsafe { bindings::pci_dev_trylock(vf) } != 0 {
            None
        } else {
            // SAFETY: By the requirements of this function.
            Some(NonNull::new(unsafe { shim::kapi_vf_holder_start(vf.cast()) }).ok_or(ENOMEM)?)
        };
        // SAFETY: `vf` is valid, by the requirements of this function.
        let vf = unsafe { bindings::pci_dev_get(vf) };
        // SAFETY: A reference to a valid device is not null.
        let vf = unsafe { NonNull::new_unchecked(vf) };
        Ok(Self { vf, holder })
    }

    /// Waits until the VF is locked, [`LOCK_LIMIT`] from `start` at most. Whether it is.
    fn wait(&self, start: Instant<Monotonic>) -> bool {
        let Some(holder) = self.holder else {
            return true;
        };
        let left = (LOCK_LIMIT.as_millis() - start.elapsed().as_millis()).max(0);
        // SAFETY: Started by `begin`, and not stopped before this is dropped.
        // CAST: Between 0 and the limit.
        unsafe { shim::kapi_vf_holder_wait(holder.as_ptr(), left as u32) }
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
        let vf = NonNull::new(unsafe { bindings::pci_dev_get(vf) })?;
        Some(Self { vf, holder: None })
    }

    fn save(&self) {
        // SAFETY: Referenced and locked. What may fail are capabilities; the header is saved all the same.
        let _ = unsafe { bindings::pci_save_state(self.vf.as_ptr()) };
    }

    /// Saves, but does not take from the core that it saves as well, unless the VF's driver has.
    fn keep(&self) {
        // SAFETY: Referenced and locked, so nobody writes this bit.
        let by_driver = unsafe { self.vf.as_ref() }.state_saved() != 0;
        self.save();
        if !by_driver {
            // SAFETY: Referenced and locked; without a state this only forgets that there is one.
            let _ = unsafe { bindings::pci_load_saved_state(self.vf.as_ptr(), ptr::null_mut()) };
        }
    }

    fn restore(&self) {
        // SAFETY: Referenced and locked. The core saved a first state when the device was made.
        unsafe { bindings::pci_restore_state(self.vf.as_ptr()) };
    }
}

impl Drop for LockedVf {
    fn drop(&mut self) {
        match self.holder {
            // SAFETY: Started by `begin`. It unlocks the VF.
            Some(holder) => unsafe { shim::kapi_vf_holder_stop(holder.as_ptr()) },
            // SAFETY: Locked by who made this.
            None => unsafe { bindings::pci_dev_unlock(self.vf.as_ptr()) },
        }
        // SAFETY: Referenced by who made this.
        unsafe { bindings::pci_dev_put(self.vf.as_ptr()) };
    }
}

/// Locks all VFs that can be locked within [`LOCK_LIMIT`].
///
/// # Errors
///
/// [`ENOMEM`].
fn lock_vfs(pdev: &pci::Device<Core<'_>>) -> Result<KVec<LockedVf>> {
    let mut vfs = KVec::with_capacity(usize::from(pdev.num_vf()), GFP_KERNEL)?;
    let mut result = Ok(());
    for_each_vf(pdev, |vf| {
        // SAFETY: Referenced.
        let vf = unsafe { LockedVf::begin(vf) };
        result = result.and(vf.and_then(|vf| Ok(vfs.push(vf, GFP_KERNEL)?)));
    });
    result?;
    let start = Instant::now();
    vfs.retain(|vf| vf.wait(start));
    Ok(vfs)
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
    let saved = lock_vfs(pdev)?;
    for vf in &saved {
        vf.save();
    }
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
///
/// # Errors
///
/// [`ENOMEM`].
pub fn restore_vfs(pdev: &pci::Device<Core<'_>>) -> Result {
    SavedVfs(lock_vfs(pdev)?).restore();
    Ok(())
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
