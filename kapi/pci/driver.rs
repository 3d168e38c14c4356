// SPDX-License-Identifier: GPL-2.0

//! The driver trait and the adapter between it and `struct pci_driver`.

use core::{
    marker::PhantomData,
    mem::offset_of, //
};

use kernel::{
    bindings,
    device::{
        Core,
        CoreInternal, //
    },
    driver,
    error::{
        from_result,
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    pci,
    prelude::*,
    types::Opaque,
    ThisModule, //
};

/// What the bus says of the way to a device when it reports an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// Accesses work.
    Normal,
    /// Accesses are blocked until a reset.
    Frozen,
    /// The device is lost.
    PermanentFailure,
}

impl ChannelState {
    fn from_raw(state: bindings::pci_channel_state_t) -> Self {
        match state {
            bindings::pci_channel_io_normal => Self::Normal,
            bindings::pci_channel_io_frozen => Self::Frozen,
            _ => Self::PermanentFailure,
        }
    }
}

/// What a driver answers to an error report (`pci_ers_result_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The device works on without a reset.
    CanRecover,
    /// The device needs a reset of the slot.
    NeedReset,
    /// The device cannot be saved.
    Disconnect,
    /// The device works again.
    Recovered,
}

impl Recovery {
    fn into_raw(self) -> bindings::pci_ers_result_t {
        match self {
            Self::CanRecover => bindings::pci_ers_result_PCI_ERS_RESULT_CAN_RECOVER,
            Self::NeedReset => bindings::pci_ers_result_PCI_ERS_RESULT_NEED_RESET,
            Self::Disconnect => bindings::pci_ers_result_PCI_ERS_RESULT_DISCONNECT,
            Self::Recovered => bindings::pci_ers_result_PCI_ERS_RESULT_RECOVERED,
        }
    }
}

/// A PCI driver with all callbacks of `struct pci_driver` that a network card needs.
///
/// All callbacks run in process context with the device lock held, so that they exclude each other;
/// they may sleep. Those that are left out are absent for the bus as well.
#[vtable]
pub trait Driver: Sized + 'static {
    /// What the table says of each device id.
    type IdInfo: 'static;

    /// What the driver keeps for a bound device. Dropped after [`Driver::unbind`], and when the
    /// device was not unbound by a callback (a failed probe keeps nothing).
    type Data: Send + Sync + 'static;

    /// The device ids.
    const ID_TABLE: pci::IdTable<Self::IdInfo>;

    /// Makes a device ready.
    fn probe(
        pdev: &pci::Device<Core<'_>>,
        info: Option<&Self::IdInfo>,
    ) -> impl PinInit<Self::Data, Error>;

    /// Takes leave of a device. `this` is dropped afterwards.
    fn unbind(_pdev: &pci::Device<Core<'_>>, _this: Pin<&Self::Data>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Quiesces the device for a reboot, kexec included.
    fn shutdown(_pdev: &pci::Device<Core<'_>>, _this: Pin<&Self::Data>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `sriov_numvfs` was written: make `num_vfs` VFs, or remove all for zero. Returns how many
    /// there are. The core refuses a change from one non-zero number to another by itself.
    fn sriov_configure(
        _pdev: &pci::Device<Core<'_>>,
        _this: Pin<&Self::Data>,
        _num_vfs: u16,
    ) -> Result<u16> {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The bus met an error at this device (AER).
    fn error_detected(
        _pdev: &pci::Device<Core<'_>>,
        _this: Pin<&Self::Data>,
        _state: ChannelState,
    ) -> Recovery {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The slot was reset after [`Recovery::NeedReset`].
    fn slot_reset(_pdev: &pci::Device<Core<'_>>, _this: Pin<&Self::Data>) -> Recovery {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Error recovery is over: traffic may flow.
    fn error_resume(_pdev: &pci::Device<Core<'_>>, _this: Pin<&Self::Data>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The function is about to be reset (FLR, sysfs `reset`).
    fn reset_prepare(_pdev: &pci::Device<Core<'_>>, _this: Pin<&Self::Data>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The function was reset.
    fn reset_done(_pdev: &pci::Device<Core<'_>>, _this: Pin<&Self::Data>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The system goes to sleep or hibernates.
    fn suspend(_pdev: &pci::Device<Core<'_>>, _this: Pin<&Self::Data>) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The system is back.
    fn resume(_pdev: &pci::Device<Core<'_>>, _this: Pin<&Self::Data>) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// The adapter between a [`Driver`] and `struct pci_driver`.
pub struct Adapter<T: Driver>(PhantomData<T>);

// SAFETY: `pci_driver` is a C type that embeds a `struct device_driver` at the given offset, and
// `T::Data` is what `probe_callback()` stores.
unsafe impl<T: Driver> driver::DriverLayout for Adapter<T> {
    type DriverType = bindings::pci_driver;
    type DriverData<'bound> = T::Data;
    const DEVICE_DRIVER_OFFSET: usize = offset_of!(bindings::pci_driver, driver);
}

// SAFETY: `unregister()` undoes what a successful `register()` did.
unsafe impl<T: Driver> driver::RegistrationOps for Adapter<T> {
    unsafe fn register(
        reg: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        // SAFETY: `reg` is being set up: nobody else has it. The tables live for ever; C only reads
        // them, though it takes them by a pointer to mutable.
        unsafe {
            let drv = &mut *reg.get();
            drv.name = name.as_char_ptr();
            drv.id_table = T::ID_TABLE.as_ptr();
            drv.probe = Some(Self::probe_callback);
            if T::HAS_UNBIND {
                drv.remove = Some(Self::remove_callback);
            }
            if T::HAS_SHUTDOWN {
                drv.shutdown = Some(Self::shutdown_callback);
            }
            if T::HAS_SRIOV_CONFIGURE {
                drv.sriov_configure = Some(Self::sriov_configure_callback);
            }
            drv.err_handler = core::ptr::from_ref(&Self::ERROR_HANDLERS);
            if T::HAS_SUSPEND && T::HAS_RESUME {
                drv.driver.pm = core::ptr::from_ref(&Self::PM_OPS);
            }
        }
        // SAFETY: Set up above; `reg` stays in place until `unregister()`.
        to_result(unsafe {
            bindings::__pci_register_driver(reg.get(), module.as_ptr(), name.as_char_ptr())
        })
    }

    unsafe fn unregister(reg: &Opaque<Self::DriverType>) {
        // SAFETY: Registered, by the safety requirements.
        unsafe { bindings::pci_unregister_driver(reg.get()) }
    }
}

impl<T: Driver> Adapter<T> {
    const ERROR_HANDLERS: bindings::pci_error_handlers = bindings::pci_error_handlers {
        error_detected: if T::HAS_ERROR_DETECTED {
            Some(Self::error_detected_callback)
        } else {
            None
        },
        slot_reset: if T::HAS_SLOT_RESET {
            Some(Self::slot_reset_callback)
        } else {
            None
        },
        resume: if T::HAS_ERROR_RESUME {
            Some(Self::error_resume_callback)
        } else {
            None
        },
        reset_prepare: if T::HAS_RESET_PREPARE {
            Some(Self::reset_prepare_callback)
        } else {
            None
        },
        reset_done: if T::HAS_RESET_DONE {
            Some(Self::reset_done_callback)
        } else {
            None
        },
        ..pin_init::zeroed()
    };

    const PM_OPS: bindings::dev_pm_ops = bindings::dev_pm_ops {
        suspend: Some(Self::suspend_callback),
        resume: Some(Self::resume_callback),
        freeze: Some(Self::suspend_callback),
        thaw: Some(Self::resume_callback),
        poweroff: Some(Self::suspend_callback),
        restore: Some(Self::resume_callback),
        ..pin_init::zeroed()
    };

    /// The device of a callback.
    ///
    /// # Safety
    ///
    /// `pdev` is valid for `'a`, and this is a callback of the bus: the device lock is held.
    unsafe fn device<'a>(pdev: *mut bindings::pci_dev) -> &'a pci::Device<CoreInternal<'a>> {
        // SAFETY: By the safety requirements; `pci::Device` is a transparent wrapper.
        unsafe { &*pdev.cast::<pci::Device<CoreInternal<'a>>>() }
    }

    /// The device of a callback and what the driver keeps for it.
    ///
    /// # Safety
    ///
    /// As [`Self::device`], and the device is bound to this driver: probe succeeded, and what it
    /// returned was not dropped yet.
    unsafe fn bound<'a>(
        pdev: *mut bindings::pci_dev,
    ) -> (&'a pci::Device<CoreInternal<'a>>, Pin<&'a T::Data>) {
        // SAFETY: By the safety requirements.
        let pdev = unsafe { Self::device(pdev) };
        // SAFETY: By the safety requirements; `probe_callback()` stored a `T::Data`.
        let data = unsafe { pdev.as_ref().drvdata_borrow::<T::Data>() };
        (pdev, data)
    }

    extern "C" fn probe_callback(
        pdev: *mut bindings::pci_dev,
        id: *const bindings::pci_device_id,
    ) -> c_int {
        // SAFETY: The bus calls this with a valid device and holds its lock.
        let pdev = unsafe { Self::device(pdev) };
        // SAFETY: `DeviceId` is a transparent wrapper of `struct pci_device_id`.
        let id = unsafe { &*id.cast::<pci::DeviceId>() };
        // SAFETY: `id` comes from the table, is a dynamic id made in its image, or has no data.
        let info =
            unsafe { kernel::device_id::RawDeviceIdIndex::info_unchecked_opt::<T::IdInfo>(id) };
        from_result(|| {
            pdev.as_ref().set_drvdata(T::probe(pdev, info))?;
            Ok(0)
        })
    }

    extern "C" fn remove_callback(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called once for a bound device, before its data is dropped.
        let (pdev, this) = unsafe { Self::bound(pdev) };
        T::unbind(pdev, this);
    }

    extern "C" fn shutdown_callback(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called for a bound device.
        let (pdev, this) = unsafe { Self::bound(pdev) };
        T::shutdown(pdev, this);
    }

    extern "C" fn sriov_configure_callback(pdev: *mut bindings::pci_dev, num: c_int) -> c_int {
        // SAFETY: Called for a bound device, with its lock held (drivers/pci/iov.c).
        let (pdev, this) = unsafe { Self::bound(pdev) };
        from_result(|| {
            let num = u16::try_from(num)?;
            Ok(c_int::from(T::sriov_configure(pdev, this, num)?))
        })
    }

    extern "C" fn error_detected_callback(
        pdev: *mut bindings::pci_dev,
        state: bindings::pci_channel_state_t,
    ) -> bindings::pci_ers_result_t {
        // SAFETY: Called for a bound device, with its lock held (drivers/pci/pcie/err.c).
        let (pdev, this) = unsafe { Self::bound(pdev) };
        T::error_detected(pdev, this, ChannelState::from_raw(state)).into_raw()
    }

    extern "C" fn slot_reset_callback(pdev: *mut bindings::pci_dev) -> bindings::pci_ers_result_t {
        // SAFETY: Called for a bound device, with its lock held (drivers/pci/pcie/err.c).
        let (pdev, this) = unsafe { Self::bound(pdev) };
        T::slot_reset(pdev, this).into_raw()
    }

    extern "C" fn error_resume_callback(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called for a bound device, with its lock held (drivers/pci/pcie/err.c).
        let (pdev, this) = unsafe { Self::bound(pdev) };
        T::error_resume(pdev, this);
    }

    extern "C" fn reset_prepare_callback(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called for a bound device, with its lock held (drivers/pci/pci.c).
        let (pdev, this) = unsafe { Self::bound(pdev) };
        T::reset_prepare(pdev, this);
    }

    extern "C" fn reset_done_callback(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called for a bound device, with its lock held (drivers/pci/pci.c).
        let (pdev, this) = unsafe { Self::bound(pdev) };
        T::reset_done(pdev, this);
    }

    extern "C" fn suspend_callback(dev: *mut bindings::device) -> c_int {
        // SAFETY: The device of a PCI driver lies in a `pci_dev`.
        let pdev = unsafe { kernel::container_of!(dev, bindings::pci_dev, dev) };
        // SAFETY: Called for a bound device, with its lock held (drivers/base/power/main.c).
        let (pdev, this) = unsafe { Self::bound(pdev) };
        from_result(|| T::suspend(pdev, this).map(|()| 0))
    }

    extern "C" fn resume_callback(dev: *mut bindings::device) -> c_int {
        // SAFETY: The device of a PCI driver lies in a `pci_dev`.
        let pdev = unsafe { kernel::container_of!(dev, bindings::pci_dev, dev) };
        // SAFETY: Called for a bound device, with its lock held (drivers/base/power/main.c).
        let (pdev, this) = unsafe { Self::bound(pdev) };
        from_result(|| T::resume(pdev, this).map(|()| 0))
    }
}
