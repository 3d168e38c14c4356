// SPDX-License-Identifier: GPL-2.0

//! A mapped BAR that owns its mapping.

use kernel::{
    bindings,
    device::Bound,
    io::{
        IoBackend,
        IoBase,
        IoCapable,
        Mmio,
        MmioBackend,
        MmioRaw,
        Region, //
    },
    pci,
    prelude::*,
    ptr::KnownSize,
    sync::aref::ARef, //
};

use super::raw;
use crate::kapi::binding::Binding;

/// A BAR, requested and mapped, of at least `SIZE` bytes.
///
/// [`kernel::pci::Bar`] borrows from the bound device; this one owns the mapping, so that interrupt
/// handlers and network callbacks can share it by reference count. Unbinding waits for it: at its
/// address the bus may have another device afterwards.
///
/// # Examples
///
/// ```
/// use crate::kapi::pci::Bar;
/// use kernel::{
///     device::Bound,
///     io::{
///         register,
///         Io, //
///     },
///     pci,
///     prelude::*, //
/// };
///
/// register! {
///     /// What the device does.
///     CTRL(u32) @ 0x0 {
///         /// It resets itself.
///         26:26 reset => bool;
///     }
/// }
///
/// fn reset(pdev: &pci::Device<Bound>) -> Result {
///     let bar = Bar::<0x1000>::map(pdev, 0, c"example")?;
///     (&bar).write_reg(CTRL::zeroed().with_reset(true));
///     Ok(())
/// }
/// ```
///
/// # Invariants
///
/// `io` is the mapping of BAR `num` of `pdev`, made and only undone by this value.
pub struct Bar<const SIZE: usize> {
    pdev: ARef<pci::Device>,
    io: MmioRaw<Region<SIZE>>,
    num: i32,
    _binding: Binding,
}

impl<const SIZE: usize> Bar<SIZE> {
    /// Requests and maps BAR `num`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such BAR or it is smaller than `SIZE`, [`EBUSY`] if somebody else
    /// has it, [`ENOMEM`].
    pub fn map(pdev: &pci::Device<Bound>, num: u32, name: &'static CStr) -> Result<Self> {
        let len = usize::try_from(pdev.resource_len(num)?)?;
        if len < SIZE {
            return Err(EINVAL);
        }
        let num = i32::try_from(num)?;
        let binding = Binding::new(pdev.as_ref())?;
        let dev = raw(pdev);
        // SAFETY: A valid device and BAR number, and a name that lives for ever.
        if unsafe { bindings::pci_request_region(dev, num, name.as_char_ptr()) } != 0 {
            return Err(EBUSY);
        }
        // SAFETY: As above; the region is ours.
        let addr = unsafe { bindings::pci_iomap(dev, num, 0) };
        let io = if addr.is_null() {
            Err(ENOMEM)
        } else {
            MmioRaw::new_region(addr.addr(), len).inspect_err(|_| {
                // SAFETY: Mapped above.
                unsafe { bindings::pci_iounmap(dev, addr) }
            })
        };
        match io {
            // INVARIANT: Mapped above.
            Ok(io) => {
                let pdev: &pci::Device = pdev;
                Ok(Self {
                    pdev: pdev.into(),
                    io,
                    num,
                    _binding: binding,
                })
            }
            Err(err) => {
                // SAFETY: Requested above.
                unsafe { bindings::pci_release_region(dev, num) };
                Err(err)
            }
        }
    }
}

impl<const SIZE: usize> Drop for Bar<SIZE> {
    fn drop(&mut self) {
        let dev = raw(&*self.pdev);
        // SAFETY: By the type invariant; the device is still bound.
        unsafe {
            bindings::pci_iounmap(dev, self.io.addr() as *mut c_void);
            bindings::pci_release_region(dev, self.num);
        }
    }
}

impl<'a, const SIZE: usize> IoBase<'a> for &'a Bar<SIZE> {
    type Backend = BarBackend;
    type Target = Region<SIZE>;

    #[inline]
    fn as_view(self) -> BarView<'a, Self::Target> {
        // SAFETY: By the type invariant the range is mapped while `self` lives.
        BarView(unsafe { Mmio::from_raw(self.io) })
    }
}

/// A [`Mmio`] whose accesses are instructions of their own.
///
/// The kernel's is accessed by C functions, though `readl()` and `writel()` are one instruction each
/// in C: each frame that is sent rings a doorbell.
pub struct BarView<'a, T: ?Sized>(Mmio<'a, T>);

impl<T: ?Sized> Copy for BarView<'_, T> {}
impl<T: ?Sized> Clone for BarView<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T: ?Sized + KnownSize> IoBase<'a> for BarView<'a, T> {
    type Backend = BarBackend;
    type Target = T;

    #[inline]
    fn as_view(self) -> Self {
        self
    }
}

/// The accesses of a [`BarView`], of 32 bits as all registers are.
pub struct BarBackend;

impl IoBackend for BarBackend {
    type View<'a, T: ?Sized + KnownSize> = BarView<'a, T>;

    #[inline]
    fn as_ptr<'a, T: ?Sized + KnownSize>(view: Self::View<'a, T>) -> *mut T {
        MmioBackend::as_ptr(view.0)
    }

    #[inline]
    unsafe fn project_view<'a, T: ?Sized + KnownSize, U: ?Sized + KnownSize>(
        view: Self::View<'a, T>,
        ptr: *mut U,
    ) -> Self::View<'a, U> {
        // SAFETY: By the safety requirements.
        BarView(unsafe { MmioBackend::project_view(view.0, ptr) })
    }
}

#[cfg(CONFIG_X86_64)]
impl IoCapable<u32> for BarBackend {
    #[inline(always)]
    fn io_read(view: BarView<'_, u32>) -> u32 {
        let value;
        // SAFETY: The pointer is valid for MMIO. As in C's `readl()`, nothing that touches memory
        // moves across.
        unsafe {
            core::arch::asm!("mov {:e}, dword ptr [{}]", out(reg) value, in(reg) Self::as_ptr(view),
                options(nostack, preserves_flags))
        };
        value
    }

    #[inline(always)]
    fn io_write(view: BarView<'_, u32>, value: u32) {
        // SAFETY: As above, of `writel()`.
        unsafe {
            core::arch::asm!("mov dword ptr [{}], {:e}", in(reg) Self::as_ptr(view), in(reg) value,
                options(nostack, preserves_flags))
        };
    }
}

#[cfg(not(CONFIG_X86_64))]
impl IoCapable<u32> for BarBackend {
    #[inline]
    fn io_read(view: BarView<'_, u32>) -> u32 {
        MmioBackend::io_read(view.0)
    }

    #[inline]
    fn io_write(view: BarView<'_, u32>, value: u32) {
        MmioBackend::io_write(view.0, value);
    }
}
