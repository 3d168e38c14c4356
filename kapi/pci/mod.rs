// SPDX-License-Identifier: GPL-2.0

//! PCI: what the `kernel` crate's [`kernel::pci`] does not wrap. SR-IOV, error recovery, power
//! management and shutdown callbacks, and resources that own what they need.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

mod bar;
mod driver;
#[cfg(not(kapi_vfio))]
pub mod sriov;

pub use self::{
    bar::Bar,
    driver::{
        Adapter,
        ChannelState,
        Driver,
        Recovery, //
    },
};

use kernel::{
    bindings,
    device::{
        Bound,
        Core,
        DeviceContext, //
    },
    dma::{
        Device as _,
        DmaMask, //
    },
    pci,
    prelude::*,
    sync::aref::ARef, //
};

use super::binding::Binding;

/// The C device behind `pdev`.
#[inline]
pub(in crate::kapi) fn raw<Ctx: DeviceContext>(pdev: &pci::Device<Ctx>) -> *mut bindings::pci_dev {
    // `pci::Device` is a transparent wrapper of an opaque `struct pci_dev`.
    core::ptr::from_ref(pdev).cast_mut().cast()
}

/// An enabled device with bus mastering. Dropping it turns both off, which unbinding waits for.
pub struct Enabled {
    pdev: ARef<pci::Device>,
    _binding: Binding,
}

impl Enabled {
    /// Enables memory access and bus mastering.
    ///
    /// # Errors
    ///
    /// What `pci_enable_device_mem()` says.
    pub fn new(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        let binding = Binding::new(pdev.as_ref())?;
        pdev.enable_device_mem()?;
        pdev.set_master();
        let pdev: &pci::Device = pdev;
        Ok(Self {
            pdev: pdev.into(),
            _binding: binding,
        })
    }
}

impl Drop for Enabled {
    fn drop(&mut self) {
        let raw = raw(&*self.pdev);
        // SAFETY: The device is still bound to the driver that enabled it in `new()`.
        unsafe { bindings::pci_clear_master(raw) };
        // A recovery that failed has left it disabled.
        if enabled(raw) {
            // SAFETY: It is bound to the driver that enabled it, and enabled.
            unsafe { bindings::pci_disable_device(raw) };
        }
    }
}

/// Lets the device address all memory, for streaming and coherent mappings.
///
/// # Errors
///
/// What `dma_set_mask_and_coherent()` says.
pub fn set_dma_mask_64(pdev: &pci::Device<Core<'_>>) -> Result {
    // SAFETY: In probe (or with the device lock held in another callback of the bus), before the
    // driver maps anything.
    unsafe { pdev.dma_set_mask_and_coherent(DmaMask::new::<64>()) }
}

/// Whether the core counts the device as enabled.
fn enabled(raw: *mut bindings::pci_dev) -> bool {
    // SAFETY: A live device; the count is read as `pci_is_enabled()` reads it.
    unsafe { (&raw const (*raw).enable_cnt.counter).read_volatile() > 0 }
}

/// Enables the device again after a reset or sleep, with bus mastering. What [`restore_state`] puts
/// back may take both away: it comes first.
///
/// # Errors
///
/// What `pci_enable_device_mem()` says.
pub fn reenable(pdev: &pci::Device<Core<'_>>) -> Result {
    // The core counts, and one driver counts once.
    if !enabled(raw(pdev)) {
        pdev.enable_device_mem()?;
    }
    pdev.set_master();
    Ok(())
}

/// Turns the device off for the time of a recovery or of sleep; [`reenable`] undoes it.
pub fn disable(pdev: &pci::Device<Core<'_>>) {
    if enabled(raw(pdev)) {
        // SAFETY: Bound to a driver that enabled it.
        unsafe { bindings::pci_disable_device(raw(pdev)) };
    }
}

/// Saves the configuration space, for [`restore_state`].
///
/// # Errors
///
/// What `pci_save_state()` says.
pub fn save_state(pdev: &pci::Device<Core<'_>>) -> Result {
    // SAFETY: A bound device, with the device lock held.
    kernel::error::to_result(unsafe { bindings::pci_save_state(raw(pdev)) })
}

/// Restores what [`save_state`] saved.
pub fn restore_state(pdev: &pci::Device<Core<'_>>) {
    // SAFETY: A bound device, with the device lock held.
    unsafe { bindings::pci_restore_state(raw(pdev)) };
}

/// Lets the answer to a request of the device take 16 to 55 ms, where configuration space has its
/// default, 50 us to 50 ms, of which devices take the shorter half.
///
/// # Errors
///
/// [`EINVAL`] and the like, if the capability cannot be read or written.
pub fn extend_completion_timeout(pdev: &pci::Device<Core<'_>>) -> Result {
    // CAST: Of a register of 16 bits.
    const FIELD: u16 = bindings::PCI_EXP_DEVCTL2_COMP_TIMEOUT as u16;
    const DEVCTL2: i32 = bindings::PCI_EXP_DEVCTL2 as i32;
    const FROM_16_TO_55_MS: u16 = 0b0101;
    let mut control = 0;
    // SAFETY: A bound device, and a valid place for the word.
    let read = unsafe { bindings::pcie_capability_read_word(raw(pdev), DEVCTL2, &mut control) };
    pci_result(read)?;
    if control & FIELD != 0 {
        return Ok(());
    }
    // SAFETY: A bound device; nobody else changes this register.
    pci_result(unsafe {
        bindings::pcie_capability_clear_and_set_word_unlocked(
            raw(pdev),
            DEVCTL2,
            FIELD,
            FROM_16_TO_55_MS,
        )
    })
}

/// What the accessors of configuration space return: an error number, or a positive PCIBIOS code.
fn pci_result(code: i32) -> Result {
    match code {
        0 => Ok(()),
        code if code < 0 => Err(Error::from_errno(code)),
        _ => Err(EIO),
    }
}

/// What a device is, by the name that upstream's series gives it, as for SR-IOV.
pub trait DeviceExt {
    /// Whether the device is a virtual function.
    fn is_virtfn(&self) -> bool;
}

impl DeviceExt for pci::Device {
    fn is_virtfn(&self) -> bool {
        // SAFETY: Set when the device was made and never changed.
        unsafe { (*raw(self)).is_virtfn() != 0 }
    }
}

/// Whether the device still answers on the bus. A virtual function does so only while its physical
/// function has VF Enable, which a reset ends until its driver is done.
pub fn device_present(pdev: &pci::Device<Bound>) -> bool {
    const CLASS: i32 = bindings::PCI_CLASS_REVISION as i32;
    // Of a virtual function this asks the physical one.
    // SAFETY: A valid device; the function only reads configuration space.
    if !unsafe { bindings::pci_device_is_present(raw(pdev)) } {
        return false;
    }
    let mut class = u32::MAX;
    // SAFETY: A valid device, and a valid place for the word.
    let read = unsafe { bindings::pci_read_config_dword(raw(pdev), CLASS, &mut class) };
    pci_result(read).is_ok() && class != u32::MAX
}

/// The serial number in the device's configuration space, if it has one.
pub fn serial_number(pdev: &pci::Device<Bound>) -> Option<u64> {
    // SAFETY: A valid device; the function only reads configuration space.
    let number = unsafe { bindings::pci_get_dsn(raw(pdev)) };
    (number != 0).then_some(number)
}

/// The name on the bus, as in `0000:01:00.0`.
pub fn name(pdev: &pci::Device<Bound>) -> &CStr {
    let dev: &kernel::device::Device<Bound> = pdev.as_ref();
    dev.name()
}

/// Declares a module that is one PCI driver with the callbacks of [`Driver`].
#[macro_export]
macro_rules! kapi_module_pci_driver {
    ($($f:tt)*) => {
        kernel::module_driver!(<T>, $crate::kapi::pci::Adapter<T>, { $($f)* });
    };
}
pub use crate::kapi_module_pci_driver as module_pci_driver;
