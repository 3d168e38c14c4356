// SPDX-License-Identifier: GPL-2.0

//! Registration of a network device with the core, and what kapi keeps beside a device.

use core::{
    cell::UnsafeCell,
    ptr::addr_of_mut, //
};

use crate::kapi::{
    binding::Binding,
    bindings, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    types::ForeignOwnable,
};

use super::{
    driver::Driver,
    ethtool::{
        Ethtool,
        EthtoolVtable, //
    },
    ops::DriverVtable,
    rtnl::{
        rtnl_lock,
        Rtnl, //
    },
    stats::{
        QueueStats,
        QueueStatsVtable, //
    },
    xdp::MetadataVtable,
    xsk::Loan,
    Device, //
};

/// What kapi keeps in the private area of a net_device.
pub(super) struct Private {
    /// The driver's `Arc<T>`, or null. Written by [`Registration`] under the RTNL or while the core
    /// does not know the device.
    data: UnsafeCell<*mut c_void>,
    /// Whether a registration was tried: a device is registered once in its life.
    used: Atomic<bool>,
    /// Whether the core takes no more link events from this device.
    gone: Atomic<bool>,
    /// How many strings of each set the core was told of, see [`super::ethtool::strings`].
    string_counts: [Atomic<u32>; 2],
    /// What the driver has of buffers of sockets. Reached with the RTNL held.
    loans: UnsafeCell<KVec<Loan>>,
    parent: Binding,
}

impl Private {
    pub(super) fn new(parent: Binding) -> Self {
        Self {
            data: UnsafeCell::new(core::ptr::null_mut()),
            used: Atomic::new(false),
            gone: Atomic::new(false),
            string_counts: [Atomic::new(0), Atomic::new(0)],
            loans: UnsafeCell::new(KVec::new()),
            parent,
        }
    }

    /// Where it is.
    ///
    /// # Safety
    ///
    /// `dev` is a valid net_device that was allocated with room for a `Private`.
    #[inline]
    pub(super) unsafe fn place(dev: *mut bindings::net_device) -> *mut Private {
        // SAFETY: Only computes an address inside of the allocation.
        unsafe { addr_of_mut!((*dev).priv_) }.cast()
    }

    pub(super) fn parent(&self) -> &Binding {
        &self.parent
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }

    /// To be called from `ndo_uninit`: the core waits for RCU readers afterwards.
    pub(super) fn set_gone(&self) {
        self.gone.store(true, Relaxed);
    }

    pub(super) fn string_count(&self, set: usize) -> Option<&Atomic<u32>> {
        self.string_counts.get(set)
    }

    /// Runs `f`, which does not call this, on what the driver has of buffers of sockets.
    pub(super) fn loans<R>(&self, _dev: &Device<Rtnl>, f: impl FnOnce(&mut KVec<Loan>) -> R) -> R {
        // SAFETY: The RTNL is held, and nobody calls this in `f`.
        f(unsafe { &mut *self.loans.get() })
    }

    /// The driver's data.
    ///
    /// # Safety
    ///
    /// `T` is the type of the data that the device is being or was registered with. The caller is
    /// in an operation of the device, or holds the RTNL, for as long as the result lives.
    #[inline]
    pub(super) unsafe fn data<'a, T: 'static>(&self) -> Option<ArcBorrow<'a, T>> {
        // SAFETY: Written only when no operation runs, and under the RTNL.
        let data = unsafe { *self.data.get() };
        if data.is_null() {
            return None;
        }
        // SAFETY: Comes from `Arc::<T>::into_foreign`, and `Registration` takes it back only when
        // no operation runs, under the RTNL.
        Some(unsafe { <Arc<T> as ForeignOwnable>::borrow(data) })
    }
}

/// A registered device: user space sees it, and the core calls the operations of `T`.
///
/// Making and dropping one takes the RTNL and sleeps, so neither may be done with the RTNL held or
/// in what the core waits for while it holds it. Dropping closes the device and waits until
/// nobody refers to it any more; after that no operation runs. It is to be kept outside of `T`, or
/// neither is ever dropped. Unbinding the parent waits for it.
pub struct Registration<T: Driver + Ethtool + QueueStats> {
    dev: Arc<Device>,
    _data: core::marker::PhantomData<Arc<T>>,
}

// SAFETY: It owns an `Arc<Device>` and, by way of the device, an `Arc<T>`; `T` is `Send + Sync`.
unsafe impl<T: Driver + Ethtool + QueueStats> Send for Registration<T> {}

// SAFETY: Shared, it only gives out the device; `T` is `Sync`, too.
unsafe impl<T: Driver + Ethtool + QueueStats> Sync for Registration<T> {}

impl<T: Driver + Ethtool + QueueStats> Registration<T> {
    /// Registers `dev`, with `data` for its operations. Operations may run before this returns.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if `dev` was given here before, and what `register_netdev` says.
    pub fn new(dev: Arc<Device>, data: Arc<T>) -> Result<Self> {
        if dev.private().used.xchg(true, Relaxed) {
            return Err(EBUSY);
        }
        let raw = dev.as_raw();
        // SAFETY: The device is valid and, by the test above, unknown to the core and not being
        // registered by anybody else. The tables live for ever.
        unsafe {
            *dev.private().data.get() = data.into_foreign();
            (*raw).netdev_ops = DriverVtable::<T>::ops();
            (*raw).ethtool_ops = EthtoolVtable::<T>::ops();
            (*raw).stat_ops = QueueStatsVtable::<T>::ops();
            (*raw).xdp_features = DriverVtable::<T>::xdp_features();
            (*raw).xdp_metadata_ops = MetadataVtable::<T>::ops();
        }
        // SAFETY: All that the operations need is in place.
        if let Err(err) = to_result(unsafe { bindings::register_netdev(raw) }) {
            // SAFETY: It is not registered, and the data is of type `T`.
            unsafe { Self::release(&dev) };
            return Err(err);
        }
        Ok(Self {
            dev,
            _data: core::marker::PhantomData,
        })
    }

    /// The device.
    pub fn device(&self) -> &Arc<Device> {
        &self.dev
    }

    /// Takes the driver's data back and drops it.
    ///
    /// # Safety
    ///
    /// The device is not registered any more, and was registered, or tried to be, with a `T`.
    unsafe fn release(dev: &Device) {
        let data = {
            // Blinking LEDs (`ETHTOOL_PHYS_ID`) ends with a call that is made after the reference
            // to the device was given up, with the RTNL held ever since: this waits for it.
            let _rtnl = rtnl_lock();
            // SAFETY: No operation runs, and the RTNL is held.
            unsafe { core::ptr::replace(dev.private().data.get(), core::ptr::null_mut()) }
        };
        // SAFETY: Comes from `into_foreign` of `Self::new`, and is taken once.
        drop(unsafe { <Arc<T> as ForeignOwnable>::try_from_foreign(data) });
    }
}

impl<T: Driver + Ethtool + QueueStats> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: Registered by `Self::new`, once.
        unsafe { bindings::unregister_netdev(self.dev.as_raw()) };
        // SAFETY: Unregistered just now; `Self::new` registered it with a `T`.
        unsafe { Self::release(&self.dev) };
    }
}
