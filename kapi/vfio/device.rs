// SPDX-License-Identifier: GPL-2.0

//! An open device: its registers, and its interrupts.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    error::to_result,
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        Mutex,
        SpinLock, //
    }, //
};

use super::{
    bindings,
    vectors::{
        Change,
        Table, //
    }, //
};

/// Number of the BAR that is split.
pub(super) const BAR: u32 = 0;

/// The registers of BAR 0, inside of a callback of the VMM.
///
/// # Invariants
///
/// `core` is open while `'a` lasts.
pub struct Bar0<'a> {
    core: NonNull<bindings::vfio_pci_core_device>,
    len: usize,
    _open: PhantomData<&'a ()>,
}

impl Bar0<'_> {
    /// # Safety
    ///
    /// `core` is open while the result lives, and its BAR 0 has `len` bytes.
    pub(super) unsafe fn new(core: NonNull<bindings::vfio_pci_core_device>, len: usize) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            core,
            len,
            _open: PhantomData,
        }
    }

    fn check(&self, offset: u16) -> Result<u32> {
        let end = usize::from(offset) + size_of::<u32>();
        if offset % 4 != 0 || end > self.len {
            return Err(EINVAL);
        }
        Ok(u32::from(offset))
    }

    /// Whether the guest has the device's memory on. What is emulated answers only then.
    pub fn enabled(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::kapi_vfio_enabled(self.core.as_ptr()) }
    }

    /// Reads the register at `offset`. Waits for a reset of the device to end.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the guest has the device's memory off, [`EINVAL`] beyond the BAR.
    pub fn read32(&self, offset: u16) -> Result<u32> {
        let offset = self.check(offset)?;
        let mut value = 0;
        // SAFETY: By the type invariant; the offset is within the BAR.
        to_result(unsafe {
            bindings::kapi_vfio_read32(self.core.as_ptr(), BAR, offset, &mut value)
        })?;
        Ok(value)
    }

    /// As [`Self::read32`], but does not wait.
    ///
    /// # Errors
    ///
    /// Those of [`Self::read32`], and [`EAGAIN`] while the device is being reset.
    fn try_read32(&self, offset: u16) -> Result<u32> {
        let offset = self.check(offset)?;
        let mut value = 0;
        // SAFETY: By the type invariant; the offset is within the BAR.
        to_result(unsafe {
            bindings::kapi_vfio_try_read32(self.core.as_ptr(), BAR, offset, &mut value)
        })?;
        Ok(value)
    }

    /// Writes the register at `offset`. Waits for a reset of the device to end.
    ///
    /// # Errors
    ///
    /// Those of [`Self::read32`].
    pub fn write32(&self, offset: u16, value: u32) -> Result {
        let offset = self.check(offset)?;
        // SAFETY: By the type invariant; the offset is within the BAR.
        to_result(unsafe { bindings::kapi_vfio_write32(self.core.as_ptr(), BAR, offset, value) })
    }
}

/// The open device, if it is.
struct Open {
    core: NonNull<bindings::vfio_pci_core_device>,
    len: usize,
}

// SAFETY: The C device has locks of its own.
unsafe impl Send for Open {}

/// What outlives the open device.
#[pin_data]
pub(super) struct Shared {
    #[pin]
    open: Mutex<Option<Open>>,
    #[pin]
    vectors: SpinLock<Table>,
}

impl Shared {
    /// A device that is not open.
    pub(super) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                open <- new_mutex!(None),
                vectors <- new_spinlock!(Table::default()),
            }),
            GFP_KERNEL,
        )
    }

    /// # Safety
    ///
    /// `core` stays open until [`Self::close`], and its BAR 0 has `len` bytes.
    pub(super) unsafe fn open(&self, core: NonNull<bindings::vfio_pci_core_device>, len: usize) {
        *self.open.lock() = Some(Open { core, len });
    }

    /// Waits for those who use a [`Handle`] now, and ends all use.
    pub(super) fn close(&self) {
        *self.open.lock() = None;
        let old = core::mem::take(&mut *self.vectors.lock());
        drop(old);
    }

    /// Makes a change of vectors.
    pub(super) fn change_vectors(&self, mut change: Change) {
        if matches!(change, Change::Clear) {
            let old = core::mem::take(&mut *self.vectors.lock());
            drop(old);
            return;
        }
        change.apply(&mut self.vectors.lock());
        // With it go the eventfds that were there before, without the lock.
        drop(change);
    }
}

/// A way to an open device that does not keep it open.
#[derive(Clone)]
pub struct Handle(pub(super) Arc<Shared>);

impl Handle {
    /// Raises vector `vector` in the guest, as MSI-X would. Whether the VMM listens. Process
    /// context.
    pub fn raise(&self, vector: usize) -> bool {
        match self.0.vectors.lock().get(vector) {
            Some(Some(event)) => {
                event.signal();
                true
            }
            _ => false,
        }
    }

    /// Reads the register at `offset` of BAR 0. Process context; waits for a reset of the device.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] once the device is closed, and those of [`Bar0::read32`].
    pub fn read32(&self, offset: u16) -> Result<u32> {
        let open = self.0.open.lock();
        Self::bar(open.as_ref().ok_or(ENODEV)?).read32(offset)
    }

    /// As [`Self::read32`], but does not wait for anything.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if that would have to wait, [`ENODEV`] once the device is closed, and those of
    /// [`Bar0::read32`].
    pub fn try_read32(&self, offset: u16) -> Result<u32> {
        let open = self.0.open.try_lock().ok_or(EAGAIN)?;
        Self::bar(open.as_ref().ok_or(ENODEV)?).try_read32(offset)
    }

    fn bar(open: &Open) -> Bar0<'_> {
        // SAFETY: Open for as long as the caller holds the lock.
        unsafe { Bar0::new(open.core, open.len) }
    }
}
