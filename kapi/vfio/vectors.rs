// SPDX-License-Identifier: GPL-2.0

//! The eventfds that a VMM has put in the place of MSI-X vectors.
//!
//! vfio-pci keeps them for itself, so VFIO_DEVICE_SET_IRQS is read a second time here. What MSI-X
//! masks is up to the VMM, which then takes the eventfd away or listens to it itself.

use core::{
    mem::offset_of,
    ptr::NonNull, //
};

use kernel::{
    error::from_err_ptr,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use super::bindings;

/// Most vectors that are kept.
pub(super) const MAX_VECTORS: usize = 16;

/// An eventfd.
pub(super) struct EventFd(NonNull<bindings::eventfd_ctx>);

// SAFETY: Reference counted and locked by itself.
unsafe impl Send for EventFd {}
// SAFETY: Its functions lock by themselves.
unsafe impl Sync for EventFd {}

impl EventFd {
    /// The eventfd that the current process has as `fd`.
    fn from_fd(fd: i32) -> Result<Self> {
        // SAFETY: Any number will do.
        let ctx = from_err_ptr(unsafe { bindings::eventfd_ctx_fdget(fd) })?;
        NonNull::new(ctx).map(Self).ok_or(EBADF)
    }

    /// Adds one. Any context.
    pub(super) fn signal(&self) {
        // SAFETY: Referenced.
        unsafe { bindings::kapi_eventfd_signal(self.0.as_ptr()) };
    }
}

impl Drop for EventFd {
    fn drop(&mut self) {
        // SAFETY: Referenced by `from_fd()`.
        unsafe { bindings::eventfd_ctx_put(self.0.as_ptr()) };
    }
}

/// The table of vectors.
pub(super) type Table = [Option<EventFd>; MAX_VECTORS];

/// What a VFIO_DEVICE_SET_IRQS changes.
pub(super) enum Change {
    /// Nothing here.
    None,
    /// There are no vectors any more.
    Clear,
    /// These are the eventfds of vectors from the first on.
    Set(usize, KVec<Option<EventFd>>),
}

impl Change {
    /// Reads the argument, a `struct vfio_irq_set`. What vfio-pci will refuse is no change.
    pub(super) fn read(argument: usize) -> Result<Self> {
        const HEADER: usize = offset_of!(bindings::vfio_irq_set, data);
        let mut header = UserSlice::new(UserPtr::from_addr(argument), HEADER).reader();
        // The fields, in their order.
        let _argsz: u32 = header.read()?;
        let flags: u32 = header.read()?;
        let index: u32 = header.read()?;
        let start: u32 = header.read()?;
        let count: u32 = header.read()?;
        let action = flags & bindings::VFIO_IRQ_SET_ACTION_TYPE_MASK;
        if index != bindings::kapi_vfio_KAPI_VFIO_MSIX
            || action != bindings::VFIO_IRQ_SET_ACTION_TRIGGER
        {
            return Ok(Self::None);
        }
        let start = usize::try_from(start)?;
        let count = usize::try_from(count)?;
        match flags & bindings::VFIO_IRQ_SET_DATA_TYPE_MASK {
            bindings::VFIO_IRQ_SET_DATA_NONE if count == 0 => Ok(Self::Clear),
            bindings::VFIO_IRQ_SET_DATA_EVENTFD
                if start <= MAX_VECTORS && count <= MAX_VECTORS - start =>
            {
                let address = argument.wrapping_add(HEADER);
                let length = count * size_of::<i32>();
                let mut fds = UserSlice::new(UserPtr::from_addr(address), length).reader();
                let mut events = KVec::with_capacity(count, GFP_KERNEL)?;
                for _ in 0..count {
                    let fd: i32 = fds.read()?;
                    let event = if fd < 0 {
                        None
                    } else {
                        Some(EventFd::from_fd(fd)?)
                    };
                    events.push(event, GFP_KERNEL)?;
                }
                Ok(Self::Set(start, events))
            }
            _ => Ok(Self::None),
        }
    }

    /// VFIO has begun with it and failed: it has taken back the vectors that it was to change, those
    /// with an eventfd of before as well.
    pub(super) fn failed(&mut self) {
        if let Self::Set(_, events) = self {
            events.iter_mut().for_each(|event| *event = None);
        }
    }

    /// Makes the change; what it replaces is left in it. Sleeps not.
    pub(super) fn apply(&mut self, table: &mut Table) {
        if let Self::Set(start, events) = self {
            for (old, new) in table.iter_mut().skip(*start).zip(events.iter_mut()) {
                core::mem::swap(old, new);
            }
        }
    }
}
