// SPDX-License-Identifier: GPL-2.0

//! The network device, as far as any context may use it. What needs the RTNL is in
//! [`config`](super::config).
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use core::{
    marker::PhantomData,
    mem::offset_of,
    ops::Deref,
    ptr::{
        addr_of,
        NonNull, //
    },
};

use crate::kapi::{
    binding::Binding,
    bindings, //
};
use kernel::{
    device, fmt,
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
};

use super::{
    addr::{
        MacAddress,
        ETH_ALEN, //
    },
    features::Features,
    queue::TxQueue,
    registration::Private,
    rtnl::{
        Context,
        Normal,
        Rtnl, //
    },
};

/// A network device (`struct net_device`).
///
/// Held as [`Arc<Device>`](Arc); the last one frees it. That may sleep, so it must not be dropped
/// in atomic context. `Ctx` says whether the RTNL is held, see [`rtnl`](super::rtnl). Methods
/// without a note on context may be called in any.
///
/// # Invariants
///
/// `raw` is a device that [`Device::alloc_ether`] made and that is not freed yet. Its private area
/// holds a valid [`Private`].
#[repr(transparent)]
pub struct Device<Ctx: Context = Normal> {
    raw: NonNull<bindings::net_device>,
    _ctx: PhantomData<Ctx>,
}

// SAFETY: A net_device may be used and freed by any thread, and what the methods of
// `Device<Normal>` do is safe from any thread. `Device<Rtnl>` is neither `Send` nor `Sync`.
unsafe impl Send for Device<Normal> {}

// SAFETY: What the methods of `Device<Normal>` do is safe from several threads at once.
unsafe impl Sync for Device<Normal> {}

// The hot paths compute these places themselves instead of calling C.
const _: () = {
    assert!(offset_of!(bindings::net_device, priv_) == bindings::KAPI_NETDEV_PRIV_OFFSET as usize);
    assert!(size_of::<bindings::netdev_queue>() == bindings::KAPI_NETDEV_QUEUE_SIZE as usize);
    // `priv` is aligned to a cache line.
    assert!(align_of::<Private>() <= 64);
};

impl Device {
    /// Allocates an Ethernet device below `parent`, named `eth%d`, with room for so many queues.
    /// Unbinding `parent` waits for it. Process context.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for no queue, [`ENOMEM`].
    pub fn alloc_ether(
        parent: &device::Device<device::Bound>,
        tx_queues: u32,
        rx_queues: u32,
    ) -> Result<Arc<Self>> {
        if tx_queues == 0 || rx_queues == 0 {
            return Err(EINVAL);
        }
        // CAST: The size of a small struct.
        let size = size_of::<Private>() as c_int;
        let binding = Binding::new(parent)?;
        // SAFETY: The counts are not zero. There are no other requirements.
        let raw = unsafe { bindings::alloc_etherdev_mqs(size, tx_queues, rx_queues) };
        let raw = NonNull::new(raw).ok_or(ENOMEM)?;

        // SAFETY: The device is new and ours alone. Its private area is large and aligned enough
        // for `Private` (asserted above), which is written before anything reads it. The parent
        // lives as long as `Private`, whose drop comes after `free_netdev`'s last use of it.
        unsafe {
            (*raw.as_ptr()).dev.parent = core::ptr::from_ref(parent).cast_mut().cast();
            Private::place(raw.as_ptr()).write(Private::new(binding));
        }
        // INVARIANT: Made and initialized just now. If `Arc::new` fails it drops, thus frees it.
        Ok(Arc::new(
            Self {
                raw,
                _ctx: PhantomData,
            },
            GFP_KERNEL,
        )?)
    }

    /// The same device, with the claim that the RTNL is held.
    ///
    /// # Safety
    ///
    /// This thread holds the RTNL for as long as the result lives.
    pub(in crate::kapi) unsafe fn assume_rtnl(&self) -> &Device<Rtnl> {
        // SAFETY: `Device` is transparent and `Ctx` is only a marker.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }

    /// Whether carrier events may be fired, see [`Device::carrier_on`].
    fn with_carrier_events(&self, f: impl FnOnce(*mut bindings::net_device)) {
        let _rcu = rcu::read_lock();
        if !self.private().is_gone() {
            f(self.as_raw());
        }
    }

    /// Says that the link is up. Nothing happens once the device is being unregistered.
    pub fn carrier_on(&self) {
        // A link event holds a reference to the device until it is handled. Unregistering waits for
        // these, so no event may be fired after that. The core waits for RCU readers between
        // `ndo_uninit`, which sets the flag that is tested here, and that wait.
        //
        // SAFETY: The pointer is valid by the type invariant; any context may call this.
        self.with_carrier_events(|dev| unsafe { bindings::netif_carrier_on(dev) });
    }

    /// Says that the link is down. To be called before registration as well, since a device starts
    /// with its link up.
    pub fn carrier_off(&self) {
        // SAFETY: As in `carrier_on`.
        self.with_carrier_events(|dev| unsafe { bindings::netif_carrier_off(dev) });
    }

    /// Whether the link is up.
    pub fn carrier_ok(&self) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::kapi_netif_carrier_ok(self.as_raw()) }
    }

    /// Whether the device is open. Already true in `open`, already false in `stop`.
    pub fn running(&self) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::kapi_netif_running(self.as_raw()) }
    }

    /// Whether a bridge has the device as a port, or is taking it in.
    pub fn is_bridge_port(&self) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::kapi_netif_is_bridge_port(self.as_raw()) }
    }

    /// Whether the device is usable: not [detached](Device::detach).
    pub fn present(&self) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::kapi_netif_device_present(self.as_raw()) }
    }

    /// The name. It can change at any time while the device is registered.
    pub fn name(&self) -> Name {
        let mut name = [0; bindings::IFNAMSIZ as usize];
        // SAFETY: Valid by the type invariant. `name` is always terminated; a torn read only gives
        // a mixture of two names.
        let from = unsafe { addr_of!((*self.as_raw()).name) }.cast::<u8>();
        for (i, byte) in name.iter_mut().enumerate() {
            // SAFETY: Within the array.
            *byte = unsafe { from.add(i).read_volatile() };
        }
        Name(name)
    }

    /// The parent: what does the DMA.
    pub fn parent(&self) -> &device::Device<device::Bound> {
        self.private().parent().device()
    }

    /// The address.
    pub fn dev_addr(&self) -> MacAddress {
        let mut addr = [0; ETH_ALEN];
        // SAFETY: Valid by the type invariant. `dev_addr` points to 32 bytes that live as long as
        // the device; the pointer does not change.
        let from = unsafe { (*self.as_raw()).dev_addr };
        for (i, byte) in addr.iter_mut().enumerate() {
            // SAFETY: One of these bytes. It may be written at the same time, hence volatile.
            *byte = unsafe { from.add(i).read_volatile() };
        }
        addr
    }

    /// The features that are on.
    pub fn features(&self) -> Features {
        // SAFETY: Valid by the type invariant.
        Features::from_raw(unsafe { addr_of!((*self.as_raw()).features).read_volatile() })
    }

    /// Largest frame payload in bytes.
    pub fn mtu(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { addr_of!((*self.as_raw()).mtu).read_volatile() }
    }

    fn flags(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { addr_of!((*self.as_raw()).flags).read_volatile() }
    }

    /// Whether every frame is wanted.
    pub fn promisc(&self) -> bool {
        self.flags() & bindings::net_device_flags_IFF_PROMISC != 0
    }

    /// Whether every multicast frame is wanted.
    pub fn allmulti(&self) -> bool {
        self.flags() & bindings::net_device_flags_IFF_ALLMULTI != 0
    }

    /// The number of transmit queues allocated.
    #[inline]
    pub fn num_tx_queues(&self) -> u32 {
        // SAFETY: Valid by the type invariant; constant.
        unsafe { (*self.as_raw()).num_tx_queues }
    }

    /// The number of receive queues allocated.
    #[inline]
    pub fn num_rx_queues(&self) -> u32 {
        // SAFETY: Valid by the type invariant; constant.
        unsafe { (*self.as_raw()).num_rx_queues }
    }

    /// The number of transmit queues in use.
    pub fn real_num_tx_queues(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { addr_of!((*self.as_raw()).real_num_tx_queues).read_volatile() }
    }

    /// The number of receive queues in use.
    pub fn real_num_rx_queues(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { addr_of!((*self.as_raw()).real_num_rx_queues).read_volatile() }
    }

    /// Transmit queue `index`, or [`None`] if there is no such.
    #[inline]
    pub fn tx_queue(&self, index: u32) -> Option<TxQueue<'_>> {
        TxQueue::new(self, index)
    }

    /// Lets the stack send on all queues, and makes it send what has waited.
    pub fn tx_wake_all(&self) {
        // SAFETY: Valid by the type invariant. The function looks whether it was registered.
        unsafe { bindings::kapi_netif_tx_wake_all(self.as_raw()) };
    }

    /// Stops all queues and waits for every running `start_xmit`. Not from hard interrupts and not
    /// from `start_xmit`.
    pub fn tx_disable(&self) {
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::kapi_netif_tx_disable(self.as_raw()) };
    }

    /// Implementation of [`netdev_printk!`](super::netdev_printk).
    #[doc(hidden)]
    pub fn printk(&self, level: &'static CStr, message: fmt::Arguments<'_>) {
        // SAFETY: Valid by the type invariant. `level` is one of the kernel's prefixes, and `%pA`
        // takes a pointer to `fmt::Arguments`.
        unsafe {
            bindings::netdev_printk(
                level.as_char_ptr(),
                self.as_raw(),
                c"%pA".as_char_ptr(),
                core::ptr::from_ref(&message).cast::<c_void>(),
            )
        };
    }
}

impl<Ctx: Context> Device<Ctx> {
    /// The C device.
    #[inline]
    pub(in crate::kapi) fn as_raw(&self) -> *mut bindings::net_device {
        self.raw.as_ptr()
    }

    /// What kapi keeps beside the device.
    #[inline]
    pub(super) fn private(&self) -> &Private {
        // SAFETY: By the type invariant.
        unsafe { &*Private::place(self.as_raw()) }
    }

    /// A value to borrow a [`Device`] from in a callback. It must not be dropped.
    ///
    /// # Safety
    ///
    /// `raw` fulfils the type invariant, and `Ctx` is true, for as long as the result lives.
    #[inline]
    pub(super) unsafe fn from_raw(
        raw: *mut bindings::net_device,
    ) -> core::mem::ManuallyDrop<Device<Ctx>> {
        core::mem::ManuallyDrop::new(Device {
            // SAFETY: Valid, thus not null.
            raw: unsafe { NonNull::new_unchecked(raw) },
            _ctx: PhantomData,
        })
    }
}

impl Deref for Device<Rtnl> {
    type Target = Device;

    #[inline]
    fn deref(&self) -> &Device {
        // SAFETY: `Device` is transparent and `Normal` claims nothing.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

impl<Ctx: Context> Drop for Device<Ctx> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the device is not freed yet, and this is its last owner: a
        // registered one is owned by its `Registration` as well. `Private` is not needed by
        // `free_netdev`; it is moved out since it drops the parent, which `free_netdev` may name.
        unsafe {
            let private = Private::place(self.as_raw()).read();
            bindings::free_netdev(self.as_raw());
            drop(private);
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// The name of a device at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name([u8; bindings::IFNAMSIZ as usize]);

impl Name {
    /// The bytes, without the terminator. User space chose them: any but `/`, `:` and white space.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or(&[])
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(kernel::str::BStr::from_bytes(self.as_bytes()), f)
    }
}
