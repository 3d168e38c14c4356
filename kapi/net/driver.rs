// SPDX-License-Identifier: GPL-2.0

//! What a driver does for its network device.

use core::{
    marker::PhantomData,
    mem::ManuallyDrop, //
};

use crate::kapi::bindings;
use kernel::{
    error::VTABLE_DEFAULT_ERROR,
    prelude::*,
    sync::ArcBorrow, //
};

use super::{
    addr::{
        MacAddress,
        RxMode, //
    },
    features::Features,
    queue::XmitQueue,
    skb::{
        SkBuff,
        TxVerdict, //
    },
    stats::Stats64,
    vf::VfAdmin,
    xdp::{
        Metadata,
        Program,
        XdpFrames, //
    },
    xsk::XskPool,
    Device,
    Extack,
    Rtnl,
    Softirq, //
};

/// The operations of a network device (`struct net_device_ops`).
///
/// `this` is what the device was [registered](super::Registration) with. Operations that get a
/// [`Device<Rtnl>`] run with the RTNL held, in process context, one at a time, and may sleep.
/// Operations that are left out are absent for the core as well. None runs before the start of
/// registration or after the end of unregistration.
///
/// The device's *own* VFs are set up by the operations of [`VfAdmin`].
#[vtable]
pub trait Driver: Sized + Send + Sync + 'static {
    /// Who has the device's own VFs, by [`vfs`](Self::vfs); [`NoVfs`](super::vf::NoVfs) without any.
    type Vfs: VfAdmin;

    /// Brings the interface up. If it fails the driver must have undone everything.
    fn open(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>) -> Result;

    /// Brings the interface down. The core has stopped the queues, and no `start_xmit` runs. The
    /// addresses of [`set_rx_mode`](Self::set_rx_mode) may be set until this returns, not after.
    fn stop(this: ArcBorrow<'_, Self>, dev: &Device<Rtnl>);

    /// Sends a frame. Atomic context, with the lock of `queue` held; sometimes with interrupts off.
    /// Runs while the device is open, but may be called concurrently with a reset by the driver
    /// itself, unless that disables the queues.
    fn start_xmit(
        this: ArcBorrow<'_, Self>,
        dev: &Device,
        skb: SkBuff,
        queue: &mut XmitQueue<'_>,
    ) -> TxVerdict;

    /// Takes features away that do not fit this frame. Atomic context, no lock.
    fn features_check(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device,
        _skb: &SkBuff,
        _features: Features,
    ) -> Features {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets what the device shall receive (`ndo_set_rx_mode_async`). The lists are snapshots.
    ///
    /// Called, from a work item or from the system call that changed a list, only while the device
    /// is open and present: an open calls it after [`open`](Self::open). After an error the core
    /// tries again after 1, 2, 4 and 8 seconds, then gives up until the next change;
    /// [`stop`](Self::stop) ends that.
    fn set_rx_mode(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _mode: RxMode<'_>) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Takes a new address, unicast and not zero; the device's [`dev_addr`](Device::dev_addr)
    /// becomes `addr` when this succeeds. Without this operation the address cannot be changed.
    fn set_mac_address(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _addr: MacAddress,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Takes a new MTU, in the range of [`set_mtu_range`](Device::set_mtu_range), and makes it
    /// known by [`set_mtu`](Device::set_mtu) at the moment it fits. Without this operation the core
    /// does the latter alone.
    fn change_mtu(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _mtu: u32) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Queue `queue` was stopped for too long. Atomic context; all transmit queues are locked.
    fn tx_timeout(_this: ArcBorrow<'_, Self>, _dev: &Device, _queue: u32) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Adds up the statistics. Must not sleep; may run at any time, and several times at once, also
    /// during `open`, `stop` and while the device is closed. `stats` is zero on entry.
    fn stats64(_this: ArcBorrow<'_, Self>, _dev: &Device, _stats: &mut Stats64) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Receives 802.1Q VLAN `vid` from now on, also while the device is closed. VLAN 0 is added
    /// when the device is opened.
    fn vlan_rx_add_vid(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _vid: u16) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Ends [`vlan_rx_add_vid`](Self::vlan_rx_add_vid).
    fn vlan_rx_kill_vid(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _vid: u16) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Resolves what does not go together in a wished set of features.
    fn fix_features(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _features: Features,
    ) -> Features {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Switches the hardware from [`Device::features`] to `features`.
    fn set_features(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _features: Features,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// What programs of XDP can ask of a received frame, if the driver tells it as it
    /// [shows](super::xdp::ProgramRun::run) them one. The device is known to tell that.
    const XDP_METADATA: Metadata = Metadata::NONE;

    /// Whether programs may be shown frames of several buffers, and such frames be
    /// [sent](Self::xdp_xmit). The device is known for it.
    const XDP_FRAGS: bool = false;

    /// Runs another program of XDP for received frames, or none. With this operation the device is known to
    /// have programs pass, drop, send and redirect frames. After an error the old program stays.
    ///
    /// Also called with none at the end of the registration, when an error has no consequence but a
    /// warning.
    fn set_program(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _program: Option<Program>,
        _extack: &mut Extack<'_>,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Has queue `queue` use the buffers of sockets, which the device itself writes and reads: received frames
    /// go there, and what the sockets want sent is sent, by the queue's NAPI instance, with which it is
    /// [linked](super::Napi::link_queues). With this operation the device is known to support AF_XDP without
    /// copies. The queue has no other pool; it may go out of use, and come back, with this one.
    ///
    /// After an error the core does without, or refuses the socket. The pool is to be dropped then.
    fn add_xsk_pool(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _queue: u16,
        _pool: XskPool,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Takes back what [`add_xsk_pool`](Self::add_xsk_pool) did: the device is to let go of the buffers, and
    /// the pool to be dropped, which is waited for. Also called for queues without one.
    fn remove_xsk_pool(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _queue: u16) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sends frames that were redirected here, beside [`start_xmit`](Self::start_xmit), and tells the
    /// hardware at once. May be called while the device is closed or absent. What is not taken is
    /// dropped by the caller.
    fn xdp_xmit(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device,
        _frames: &mut XdpFrames<'_>,
        _softirq: &mut Softirq<'_>,
    ) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// What the administrator does to the device's own VFs.
    fn vfs(&self) -> &Self::Vfs {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A running operation that the core called under the RTNL.
///
/// # Invariants
///
/// `dev` is registered, or being (un)registered, with a `T`, and the RTNL is held.
pub(super) struct RtnlCall<T> {
    dev: ManuallyDrop<Device<Rtnl>>,
    _data: PhantomData<T>,
}

impl<T: Driver> RtnlCall<T> {
    /// # Safety
    ///
    /// As the type invariant says, for as long as the result lives.
    pub(super) unsafe fn new(dev: *mut bindings::net_device) -> Self {
        // INVARIANT: By the requirements of this function.
        Self {
            // SAFETY: All devices that are registered with a `T` are made by `Device`.
            dev: unsafe { Device::from_raw(dev) },
            _data: PhantomData,
        }
    }

    /// The device.
    pub(super) fn dev(&self) -> &Device<Rtnl> {
        &self.dev
    }

    /// The driver's data; gone only for the call that [`super::Registration`] tells of.
    pub(super) fn this(&self) -> Option<ArcBorrow<'_, T>> {
        // SAFETY: By the type invariant.
        unsafe { self.dev.private().data::<T>() }
    }

    /// Runs an operation, and gives what it says as C would.
    pub(super) fn run(
        &self,
        f: impl FnOnce(ArcBorrow<'_, T>, &Device<Rtnl>) -> Result<c_int>,
    ) -> c_int {
        let result = self
            .this()
            .ok_or(ENODEV)
            .and_then(|this| f(this, self.dev()));
        result.unwrap_or_else(|err| err.to_errno())
    }

    /// As [`run`](Self::run), for an operation on a VF.
    pub(super) fn run_vf(
        &self,
        vf: c_int,
        f: impl FnOnce(ArcBorrow<'_, T>, &Device<Rtnl>, u32) -> Result,
    ) -> c_int {
        self.run(|this, dev| {
            f(this, dev, u32::try_from(vf).map_err(|_| EINVAL)?)?;
            Ok(0)
        })
    }
}
