// SPDX-License-Identifier: GPL-2.0

//! MSI-X vectors and interrupt handlers that own what they need.
//!
//! [`kernel::irq`] borrows from the bound device and is therefore unsafe to construct. Here a
//! registration holds its vectors by reference count, and unbinding the device waits for the vectors.
//!
//! C headers: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h),
//! [`include/linux/pci.h`](srctree/include/linux/pci.h)

use kernel::{
    bindings,
    device::Bound,
    error::to_result,
    pci,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

pub use kernel::irq::IrqReturn;

use super::{
    binding::Binding,
    pci::raw, //
};

/// The MSI-X vectors of a device. Dropping them frees them.
///
/// # Invariants
///
/// The device has the vectors that this was made with, `len` of them.
pub struct Vectors {
    pdev: ARef<pci::Device>,
    len: u32,
    _binding: Binding,
}

impl Vectors {
    /// Allocates between `min` and `max` MSI-X vectors.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if fewer than `min` are to be had, [`EINVAL`] or another error if the device has
    /// no MSI-X.
    pub fn alloc_msix(pdev: &pci::Device<Bound>, min: u32, max: u32) -> Result<Arc<Self>> {
        let binding = Binding::new(pdev.as_ref())?;
        // SAFETY: A valid, bound device.
        let len =
            unsafe { bindings::pci_alloc_irq_vectors(raw(pdev), min, max, bindings::PCI_IRQ_MSIX) };
        to_result(len)?;
        let pdev: &pci::Device = pdev;
        // Made before the Arc, so that a failed allocation frees the vectors.
        // INVARIANT: Allocated just now, and only dropping this frees them.
        let vectors = Self {
            pdev: pdev.into(),
            len: u32::try_from(len)?,
            _binding: binding,
        };
        Ok(Arc::new(vectors, GFP_KERNEL)?)
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "an allocation is never empty")]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// The Linux interrupt number of vector `index`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such vector.
    pub fn irq_number(&self, index: u32) -> Result<u32> {
        if index >= self.len {
            return Err(EINVAL);
        }
        // SAFETY: The device is bound, and has the vectors by the type invariant.
        let irq = unsafe { bindings::pci_irq_vector(raw(&*self.pdev), index) };
        to_result(irq)?;
        Ok(u32::try_from(irq)?)
    }

    /// Waits until no handler of vector `index` runs that began before. Process context; not with a lock
    /// that a handler takes.
    pub fn synchronize(&self, index: u32) {
        if let Ok(irq) = self.irq_number(index) {
            // SAFETY: The vectors are the device's as long as this.
            unsafe { bindings::synchronize_irq(irq) };
        }
    }
}

impl Drop for Vectors {
    fn drop(&mut self) {
        // SAFETY: The device is still bound, so they are these vectors by the type invariant. Handlers
        // hold a reference count, so none is left.
        unsafe { bindings::pci_free_irq_vectors(raw(&*self.pdev)) };
    }
}

/// What an interrupt calls.
pub trait Handler: Send + Sync + 'static {
    /// Called with interrupts off. Must be short and must not sleep.
    fn handle(&self) -> IrqReturn;
}

/// A handler that is called whenever its vector fires, until it is dropped.
///
/// # Examples
///
/// ```
/// use crate::kapi::{
///     irq::{
///         Handler,
///         IrqReturn,
///         Registration,
///         Vectors, //
///     },
///     net::napi, //
/// };
/// use kernel::{
///     device::Bound,
///     pci,
///     prelude::*,
///     str::CString, //
/// };
///
/// struct QueueIrq(napi::Handle);
///
/// impl Handler for QueueIrq {
///     fn handle(&self) -> IrqReturn {
///         self.0.schedule();
///         IrqReturn::Handled
///     }
/// }
///
/// fn request(pdev: &pci::Device<Bound>, napi: napi::Handle) -> Result<Registration<QueueIrq>> {
///     let vectors = Vectors::alloc_msix(pdev, 1, 1)?;
///     let name = CString::try_from_fmt(fmt!("queue-0"))?;
///     Registration::request(&vectors, 0, name, QueueIrq(napi))
/// }
/// ```
///
/// # Invariants
///
/// `irq` is requested, with pointers to `handler` and to the name.
pub struct Registration<H: Handler> {
    irq: u32,
    handler: KBox<H>,
    /// What `/proc/interrupts` shows.
    _name: CString,
    _vectors: Arc<Vectors>,
}

impl<H: Handler> Registration<H> {
    /// Calls `handler` for vector `index` of `vectors` from now on. Process context.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such vector, [`ENOMEM`], and what `request_irq()` says.
    pub fn request(vectors: &Arc<Vectors>, index: u32, name: CString, handler: H) -> Result<Self> {
        let irq = vectors.irq_number(index)?;
        let handler = KBox::new(handler, GFP_KERNEL)?;
        // SAFETY: The vector is the device's as long as `vectors`. The box and the name stay in place
        // until `free_irq()`, and the type fits the callback.
        to_result(unsafe {
            bindings::request_threaded_irq(
                irq,
                Some(Self::callback),
                None,
                0,
                name.as_char_ptr(),
                core::ptr::from_ref(&*handler).cast_mut().cast(),
            )
        })?;
        // INVARIANT: Requested just now.
        Ok(Self {
            irq,
            handler,
            _name: name,
            _vectors: vectors.clone(),
        })
    }

    /// The Linux interrupt number.
    pub fn irq(&self) -> u32 {
        self.irq
    }

    /// # Safety
    ///
    /// `data` is the handler of a registration.
    unsafe extern "C" fn callback(_irq: c_int, data: *mut c_void) -> bindings::irqreturn_t {
        // SAFETY: By the safety requirements; handlers are `Sync`.
        let handler = unsafe { &*data.cast::<H>() };
        match handler.handle() {
            IrqReturn::None => bindings::irqreturn::IRQ_NONE,
            IrqReturn::Handled => bindings::irqreturn::IRQ_HANDLED,
        }
    }
}

impl<H: Handler> Drop for Registration<H> {
    fn drop(&mut self) {
        let handler = core::ptr::from_ref(&*self.handler).cast_mut().cast();
        // SAFETY: By the type invariant. A running handler is waited for.
        unsafe { bindings::free_irq(self.irq, handler) };
    }
}
