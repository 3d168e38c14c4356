// SPDX-License-Identifier: GPL-2.0

//! Variant drivers of vfio-pci: they give a device to a VMM as vfio-pci does, but for the beginning
//! of BAR 0, which they emulate.
//!
//! A [`Driver`] is asked at each open whether it wants that, and then has a [`Session`] until the
//! VMM closes the device. Without a session everything is as with vfio-pci itself.
//!
//! C headers: [`include/linux/vfio.h`](srctree/include/linux/vfio.h),
//! [`include/linux/vfio_pci_core.h`](srctree/include/linux/vfio_pci_core.h)

mod bindings;
mod device;
mod driver;
mod ops;
mod vectors;

pub use self::{
    device::{
        Bar0,
        Handle, //
    },
    driver::{
        device_id,
        module_vfio_driver,
        Registration, //
    },
};

use kernel::{
    device::Bound,
    pci,
    prelude::*,
    sync::Arc, //
};

/// A variant driver.
pub trait Driver: Sized + 'static {
    /// What there is while a device is open.
    type Session: Session;

    /// The name of the driver.
    const NAME: &'static CStr;
    /// The devices, made with [`device_id`].
    const ID_TABLE: pci::IdTable<()>;

    /// A VMM opens a device, which was just reset. None for what vfio-pci would do. Process
    /// context.
    ///
    /// # Errors
    ///
    /// Opening fails with what is returned.
    fn open(pdev: &pci::Device<Bound>, handle: Handle) -> Result<Option<Arc<Self::Session>>>;
}

/// An open device.
///
/// All is called in process context; `read` and `write` by as many threads at once as the VMM has.
pub trait Session: Send + Sync + 'static {
    /// How many bytes at the beginning of BAR 0 are emulated. The rest of the BAR can be mapped, from
    /// the next page on.
    const TRAPPED: usize;

    /// The VMM reads `width` (1, 2 or 4) bytes at `offset`, which is aligned to that.
    ///
    /// # Errors
    ///
    /// Fails the VMM's read.
    fn read(&self, bar: &Bar0<'_>, offset: usize, width: usize) -> Result<u32>;

    /// The VMM writes the lower `width` (1, 2 or 4) bytes of `value` at `offset`, which is aligned
    /// to that.
    ///
    /// # Errors
    ///
    /// Fails the VMM's write.
    fn write(&self, bar: &Bar0<'_>, offset: usize, width: usize, value: u32) -> Result;

    /// The function was reset. The device cannot be accessed now.
    fn reset_done(&self);

    /// The VMM has closed the device, or died. It can still be accessed.
    fn close(&self);
}
