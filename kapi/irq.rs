// SPDX-License-Identifier: GPL-2.0

//! MSI-X vectors and interrupt handlers that own what they need.
//!
//! [`kernel::irq`] borrows from the bound device and is therefore unsafe to construct. Here a
//! registration holds its vectors, and the vectors their device, by reference count. What is leaked
//! until the device is unbound stays: the vectors may be another driver's by then.
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
/// While `binding` lasts, the device has the vectors that this was made with, `len` of them.
pub struct Vectors {
    pdev: ARef<pci::Device>,
    binding: Arc<Binding>,
    len: u32,
}

impl Vectors {
    /// Allocates between `min` and `max` MSI-X vectors.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if fewer than `min` are to be had, [`EINVAL`] or another error if the device has
    /// no MSI-X.
    pub fn alloc_msix(pdev: &pci::Device<Bound>, min: u32, max: u32) -> Result<Arc<Self>> {
        // SAFETY: A valid, bound device.
        let len =
            unsafe { bindings::pci_alloc_irq_vectors(raw(pdev), min, max, bindings::PCI_IRQ_MSIX) };
        to_result(len)?;
        let binding = Binding::new(pdev.as_ref()).inspect_err(|_| {
            // SAFETY: Allocated just now.
            unsafe { bindings::pci_free_irq_vectors(raw(pdev)) }
        })?;
        let pdev: &pci::Device = pdev;
        // Made before the Arc, so that a failed allocation frees the vectors.
        // INVARIANT: Allocated just now, and only dropping this frees them.
        let vectors = Self {
            pdev: pdev.into(),
            binding,
            len: u32::try_from(len)?,
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
        // SAFETY: The device is referenced; of one without vectors the function says so.
        let irq = unsafe { bindings::pci_irq_vector(raw(&*self.pdev), index) };
        to_result(irq)?;
        Ok(u32::try_from(irq)?)
    }
}

impl Drop for Vectors {
    fn drop(&mut self) {
        self.binding.run(|| {
            // SAFETY: Bound, so they are these vectors by the type invariant. Handlers hold a reference
            // count, so none is left.
            unsafe { bindings::pci_free_irq_vectors(raw(&*self.pdev)) };
        });
    }
}

/// What an interrupt calls.
pub trait Handler: Send + Sync + 'static {
    /// Called with interrupts off. Must be short and must not sleep.
    fn handle(&self) -> IrqReturn;
}

/// A handler that is called whenever its vector fires, until it is dropped.
pub struct Registration<H: Handler> {
    irq: u32,
    /// What C has pointers to until `free_irq()`, which waits for a running handler: the handler, and
    /// the name that `/proc/interrupts` shows.
    kept: Option<(KBox<H>, CString)>,
    vectors: Arc<Vectors>,
}

impl<H: Handler> Registration<H> {
    /// Calls `handler` for vector `index` of `vectors` from now on. Process context.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such vector, [`ENODEV`] if their device is not bound any more,
    /// [`ENOMEM`], and what `request_irq()` says.
    pub fn request(vectors: &Arc<Vectors>, index: u32, name: CString, handler: H) -> Result<Self> {
        let irq = vectors.irq_number(index)?;
        let handler = KBox::new(handler, GFP_KERNEL)?;
        let mut requested = ENODEV.to_errno();
        vectors.binding.run(|| {
            // SAFETY: Bound, so the vector is this device's. The box and the name stay in place until
            // `free_irq()`, and the type fits the callback.
            requested = unsafe {
                bindings::request_threaded_irq(
                    irq,
                    Some(Self::callback),
                    None,
                    0,
                    name.as_char_ptr(),
                    core::ptr::from_ref(&*handler).cast_mut().cast(),
                )
            };
        });
        to_result(requested)?;
        Ok(Self {
            irq,
            kept: Some((handler, name)),
            vectors: vectors.clone(),
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
        let Some((handler, name)) = self.kept.take() else {
            return;
        };
        let freed = self.vectors.binding.run(|| {
            // SAFETY: Bound, so it is the interrupt that `request()` requested, with this pointer.
            unsafe {
                bindings::free_irq(self.irq, core::ptr::from_ref(&*handler).cast_mut().cast())
            };
        });
        if !freed {
            // It may still be called.
            core::mem::forget((handler, name));
        }
    }
}
