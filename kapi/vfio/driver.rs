// SPDX-License-Identifier: GPL-2.0

//! Binding to devices: a `struct pci_driver` of its own, as vfio-pci wants its device to be the
//! driver's data.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    bindings as kbindings,
    error::{
        from_result,
        to_result, //
    },
    pci,
    prelude::*,
    types::Opaque,
    ThisModule, //
};

use super::{
    bindings,
    device::BAR,
    ops::{
        allocate,
        register,
        Container,
        Data,
        Ops, //
    },
    Driver,
    Session, //
};

/// The id of a device that is given to this driver by name (`driver_override`) only, as libvirt and
/// `driverctl` do. It gets the alias `vfio_pci:`, by which they find the driver.
pub const fn device_id(vendor: pci::Vendor, device: u32) -> pci::DeviceId {
    let id = kbindings::pci_device_id {
        vendor: vendor.as_raw() as u32,
        device,
        subvendor: kbindings::PCI_ANY_ID as u32,
        subdevice: kbindings::PCI_ANY_ID as u32,
        class: 0,
        class_mask: 0,
        driver_data: 0,
        override_only: bindings::kapi_vfio_KAPI_VFIO_OVERRIDE,
    };
    // SAFETY: `DeviceId` is a transparent wrapper.
    unsafe { core::mem::transmute::<kbindings::pci_device_id, pci::DeviceId>(id) }
}

/// A registered driver.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Driver> {
    #[pin]
    driver: Opaque<kbindings::pci_driver>,
    #[pin]
    handlers: Opaque<kbindings::pci_error_handlers>,
    #[pin]
    ops: Opaque<bindings::vfio_device_ops>,
    _t: PhantomData<T>,
}

// SAFETY: Made and dropped by the module; C does not care by which thread.
unsafe impl<T: Driver> Send for Registration<T> {}
// SAFETY: Nothing of it can be reached by reference.
unsafe impl<T: Driver> Sync for Registration<T> {}

impl<T: Driver> Registration<T> {
    /// Registers the driver.
    ///
    /// # Errors
    ///
    /// What `pci_register_driver()` says.
    pub fn new(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(&this in Self {
            handlers <- Opaque::new(kbindings::pci_error_handlers {
                // SAFETY: A constant of C.
                error_detected: unsafe {
                    (*(&raw const bindings::vfio_pci_core_err_handlers)
                        .cast::<kbindings::pci_error_handlers>())
                    .error_detected
                },
                reset_done: Some(Self::reset_done),
                ..pin_init::zeroed()
            }),
            ops <- Opaque::new(Ops::<T>::table()),
            driver <- Opaque::try_ffi_init(|driver: *mut kbindings::pci_driver| {
                // SAFETY: Memory for a pci_driver that stays in place; the other two fields are
                // initialised, and stay with it.
                unsafe {
                    driver.write(kbindings::pci_driver {
                        name: T::NAME.as_char_ptr(),
                        id_table: T::ID_TABLE.as_ptr(),
                        probe: Some(Self::probe),
                        remove: Some(Self::remove),
                        err_handler: (*this.as_ptr()).handlers.get(),
                        driver_managed_dma: true,
                        ..pin_init::zeroed()
                    });
                    to_result(kbindings::__pci_register_driver(
                        driver,
                        module.as_ptr(),
                        T::NAME.as_char_ptr(),
                    ))
                }
            }),
            _t: PhantomData,
        })
    }

    /// The registration that a device is bound to.
    ///
    /// # Safety
    ///
    /// `pdev` is being bound or is bound to this driver.
    unsafe fn of<'a>(pdev: *mut kbindings::pci_dev) -> &'a Self {
        // SAFETY: `driver` is that of a registration, which goes only when no device is bound.
        unsafe {
            let driver = (*pdev).dev.driver;
            let driver = kernel::container_of!(driver, kbindings::pci_driver, driver);
            &*kernel::container_of!(Opaque::cast_from(driver), Self, driver)
        }
    }

    extern "C" fn probe(
        pdev: *mut kbindings::pci_dev,
        _id: *const kbindings::pci_device_id,
    ) -> c_int {
        from_result(|| {
            // SAFETY: Called by the bus while it binds this driver.
            let this = unsafe { Self::of(pdev) };
            // SAFETY: A valid device with a BAR 0.
            let bar_len = unsafe { kernel::bindings::pci_resource_len(pdev, BAR as c_int) };
            let bar_len = usize::try_from(bar_len)?;
            if bar_len < T::Session::TRAPPED {
                return Err(ENODEV);
            }
            let data = Data::<T>::new(bar_len)?;
            // The container gets the pointer that `remove()` makes the box of again.
            // SAFETY: It stays pinned.
            let data = KBox::into_raw(unsafe { Pin::into_inner_unchecked(data) });
            // SAFETY: The bus binds this driver, and `data` lives until `remove()`.
            unsafe { this.register(pdev, data) }.inspect_err(|_| {
                // SAFETY: The box of above, which nobody has now. It stayed pinned.
                drop(unsafe { Pin::new_unchecked(KBox::from_raw(data)) });
            })?;
            Ok(0)
        })
    }

    /// Registers a VFIO device for `pdev`, whose driver data it becomes.
    ///
    /// # Safety
    ///
    /// `pdev` is being bound to this driver, with its lock held. After success `data` lives until
    /// `remove()`.
    unsafe fn register(&self, pdev: *mut kbindings::pci_dev, data: *const Data<T>) -> Result {
        // SAFETY: The operations stay with the registration, `data` by the safety requirements.
        let core = unsafe { allocate::<T>(pdev, self.ops.get(), data) }?;
        // SAFETY: The device lock is held. The driver data are those of `remove()`.
        unsafe { kbindings::dev_set_drvdata(&mut (*pdev).dev, core.as_ptr().cast()) };
        // SAFETY: Allocated above, and the driver data is set.
        unsafe { register(core) }.inspect_err(|_| {
            // SAFETY: Nobody has it.
            unsafe {
                kbindings::dev_set_drvdata(&mut (*pdev).dev, core::ptr::null_mut());
                bindings::kapi_vfio_put(core.as_ptr());
            }
        })
    }

    /// # Safety
    ///
    /// `pdev` is bound to this driver: probe has succeeded.
    unsafe fn core(
        pdev: *mut kbindings::pci_dev,
    ) -> Option<NonNull<bindings::vfio_pci_core_device>> {
        // SAFETY: By the safety requirements.
        NonNull::new(unsafe { kbindings::dev_get_drvdata(&(*pdev).dev) }.cast())
    }

    extern "C" fn remove(pdev: *mut kbindings::pci_dev) {
        // SAFETY: Called by the bus for a bound device.
        let Some(core) = (unsafe { Self::core(pdev) }) else {
            return;
        };
        // SAFETY: Bound, so it is registered. This waits until no VMM has it open: afterwards no callback
        // runs or will.
        unsafe {
            bindings::vfio_pci_core_unregister_device(core.as_ptr());
            let data = (*core.as_ptr().cast::<Container<T>>()).data;
            kbindings::dev_set_drvdata(&mut (*pdev).dev, core::ptr::null_mut());
            bindings::kapi_vfio_put(core.as_ptr());
            drop(Pin::new_unchecked(KBox::from_raw(data.cast_mut())));
        }
    }

    extern "C" fn reset_done(pdev: *mut kbindings::pci_dev) {
        // SAFETY: Called by the bus for a bound device, with its lock held; a reset while it is
        // being probed finds no driver data.
        let Some(core) = (unsafe { Self::core(pdev) }) else {
            return;
        };
        // SAFETY: Bound, so that `data` is there.
        let data = unsafe { &*(*core.as_ptr().cast::<Container<T>>()).data };
        if let Some(session) = data.session() {
            session.reset_done();
        }
    }
}

#[pinned_drop]
impl<T: Driver> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Registered by `new()`. Unbinds all devices.
        unsafe { kbindings::pci_unregister_driver(self.driver.get()) };
    }
}

/// Declares a module that is one driver of VFIO devices.
#[macro_export]
macro_rules! kapi_module_vfio_driver {
    (type: $type:ty, $($f:tt)*) => {
        #[kernel::prelude::pin_data]
        struct VfioModule {
            #[pin]
            _driver: $crate::kapi::vfio::Registration<$type>,
        }

        impl kernel::InPlaceModule for VfioModule {
            fn init(
                module: &'static kernel::ThisModule,
            ) -> impl pin_init::PinInit<Self, kernel::error::Error> {
                kernel::try_pin_init!(Self {
                    _driver <- $crate::kapi::vfio::Registration::new(module),
                })
            }
        }

        kernel::prelude::module! {
            type: VfioModule,
            $($f)*
        }
    };
}
pub use crate::kapi_module_vfio_driver as module_vfio_driver;
