// SPDX-License-Identifier: GPL-2.0

//! NAPI: polling a queue in softirq context, one poller at a time.
//!
//! A [`Napi`] is registered with its device for as long as it lives. [`Napi::enable`] takes the
//! state that the poll function works on, [`Napi::disable`] gives it back: in between nobody but the
//! poll function can reach it, which is why [`Poll::poll`] gets `&mut self` without a lock.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem,
    ptr, //
};

use kernel::{
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

use super::{
    Device,
    Rtnl,
    SkBuff, //
};
use crate::kapi::bindings;

/// The poll function of a queue (or of a pair of queues).
pub trait Poll: Send + 'static {
    /// Handles completions and at most `budget` received frames. Softirq context (or the NAPI
    /// thread), never concurrently with itself.
    ///
    /// Returns the number of received frames handled. A result below `budget` promises that
    /// [`PollContext::complete`] was called and that the interrupt was enabled again if that
    /// returned true. With a `budget` of zero (netpoll) only transmit completions may be handled.
    fn poll(&mut self, ctx: &mut PollContext<'_>, budget: usize) -> usize;
}

/// What a poll function may do with its NAPI instance.
pub struct PollContext<'a> {
    napi: *mut bindings::napi_struct,
    budget: c_int,
    _poll: PhantomData<&'a mut ()>,
}

impl PollContext<'_> {
    /// Ends polling after `done` received frames. False if polling goes on all the same (busy
    /// polling, deferred interrupts): the interrupt then stays off.
    #[inline]
    pub fn complete(&mut self, done: usize) -> bool {
        // SAFETY: `napi` is the instance that is being polled. CAST: `done` is at most the budget.
        unsafe { bindings::napi_complete_done(self.napi, done as c_int) }
    }

    /// Gives a received frame to GRO.
    #[inline]
    pub fn gro_receive(&mut self, skb: SkBuff) {
        // SAFETY: `napi` is the instance that is being polled; the skb's ownership passes on.
        unsafe { bindings::kapi_napi_gro_receive(self.napi, skb.into_raw()) };
    }

    /// The budget as the skb functions want it: zero where they must not assume softirq context.
    #[inline]
    pub(in crate::kapi) fn skb_budget(&self) -> c_int {
        self.budget
    }
}

/// The registered `napi_struct` and who is polled by it.
#[pin_data(PinnedDrop)]
struct Core {
    #[pin]
    napi: Opaque<bindings::napi_struct>,
    /// The `P` of the enabled [`Napi<P>`]; null while disabled. Written only while disabled.
    poll: UnsafeCell<*mut c_void>,
    dev: Arc<Device>,
}

// SAFETY: `napi` is only handed to functions that synchronise by themselves. `poll` is written by
// the one owner of `Napi` while NAPI is disabled and read by the poll callback while enabled.
unsafe impl Send for Core {}
// SAFETY: As above.
unsafe impl Sync for Core {}

#[pinned_drop]
impl PinnedDrop for Core {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Added in `Napi::new`, and disabled: `Napi` disables before it lets go.
        unsafe { bindings::kapi_napi_del(self.napi.get()) };
    }
}

/// A shared handle on a NAPI instance, for interrupt handlers and page pools.
#[derive(Clone)]
pub struct Handle(Arc<Core>);

impl Handle {
    /// Schedules polling. Any context; does nothing while disabled or already scheduled.
    #[inline]
    pub fn schedule(&self) {
        // SAFETY: The instance was added and is deleted only with the last handle.
        unsafe { bindings::kapi_napi_schedule(self.0.napi.get()) };
    }

    /// The raw instance.
    #[inline]
    pub(in crate::kapi) fn as_raw(&self) -> *mut bindings::napi_struct {
        self.0.napi.get()
    }
}

/// A NAPI instance whose poll function works on a `P`.
pub struct Napi<P: Poll> {
    core: Arc<Core>,
    enabled: Option<KBox<P>>,
    index: u32,
    /// The queues with its number point to it.
    linked: bool,
}

impl<P: Poll> Napi<P> {
    /// Adds instance `index` to `dev`, disabled. Process context; takes the device's lock.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `dev` has neither a transmit nor a receive queue of that number, [`ENOMEM`].
    pub fn new(dev: &Arc<Device>, index: u32) -> Result<Self> {
        if index >= dev.num_tx_queues().max(dev.num_rx_queues()) {
            return Err(EINVAL);
        }
        let number = i32::try_from(index)?;
        let core = Arc::pin_init(
            pin_init!(Core {
                napi <- Opaque::ffi_init(|napi: *mut bindings::napi_struct| {
                    // SAFETY: `napi` is memory for a napi_struct that stays in place; `dev` has room
                    // for the configuration of instance `index`, and lives as long as `Core`.
                    unsafe {
                        napi.write(Default::default());
                        bindings::kapi_napi_add(
                            dev.as_raw(),
                            napi,
                            Some(Self::poll_callback),
                            number,
                        );
                    }
                }),
                poll: UnsafeCell::new(ptr::null_mut()),
                dev: dev.clone(),
            }),
            GFP_KERNEL,
        )?;
        Ok(Self {
            core,
            enabled: None,
            index,
            linked: false,
        })
    }

    /// The device.
    pub fn device(&self) -> &Arc<Device> {
        &self.core.dev
    }

    /// A handle for whoever schedules this instance.
    pub fn handle(&self) -> Handle {
        Handle(self.core.clone())
    }

    /// Tells the core which interrupt drives this instance. Process context.
    pub fn set_irq(&self, irq: u32) {
        // SAFETY: The instance is added. CAST: Linux interrupt numbers are `int` in C.
        unsafe { bindings::kapi_napi_set_irq(self.core.napi.get(), irq as c_int) };
    }

    /// Tells the core which queues this instance serves: those with its own number. To be taken back by
    /// [`Napi::unlink_queues`]: the core shows the instance of a queue to whoever asks, and looks at it
    /// then. An instance that is dropped before is leaked, and its device with it.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `dev` is not the device of this instance.
    pub fn link_queues(&mut self, dev: &Device<Rtnl>) -> Result {
        if !ptr::eq(dev.as_raw(), self.core.dev.as_raw()) {
            return Err(EINVAL);
        }
        self.linked = true;
        self.set_queues(dev, self.core.napi.get());
        Ok(())
    }

    /// Takes [`Napi::link_queues`] back.
    pub fn unlink_queues(&mut self, dev: &Device<Rtnl>) {
        if self.linked && ptr::eq(dev.as_raw(), self.core.dev.as_raw()) {
            self.linked = false;
            self.set_queues(dev, ptr::null_mut());
        }
    }

    /// `dev` is the instance's device, `napi` null or the instance.
    fn set_queues(&self, dev: &Device<Rtnl>, napi: *mut bindings::napi_struct) {
        if self.index < dev.num_rx_queues() {
            // SAFETY: The device is live, with the RTNL held, and the queue exists. `napi` is null, or
            // an instance that stays as long as queues are linked to it.
            unsafe {
                bindings::netif_queue_set_napi(
                    dev.as_raw(),
                    self.index,
                    bindings::netdev_queue_type_NETDEV_QUEUE_TYPE_RX,
                    napi,
                )
            };
        }
        if self.index < dev.num_tx_queues() {
            // SAFETY: As for the receive queue.
            unsafe {
                bindings::netif_queue_set_napi(
                    dev.as_raw(),
                    self.index,
                    bindings::netdev_queue_type_NETDEV_QUEUE_TYPE_TX,
                    napi,
                )
            };
        }
    }

    /// Hands `poll` to the poll function and lets it be scheduled. Process context.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if it is enabled already.
    pub fn enable(&mut self, poll: KBox<P>) -> Result {
        if self.enabled.is_some() {
            return Err(EBUSY);
        }
        let poll: &mut P = self.enabled.insert(poll);
        // SAFETY: Disabled: the callback does not run. The box stays until `disable()`.
        unsafe { *self.core.poll.get() = ptr::from_mut::<P>(poll).cast() };
        // SAFETY: The instance is added and disabled.
        unsafe { bindings::napi_enable(self.core.napi.get()) };
        Ok(())
    }

    /// Waits until the poll function is done and keeps it from being scheduled; returns what
    /// [`Napi::enable`] was given. Process context.
    pub fn disable(&mut self) -> Option<KBox<P>> {
        let poll = self.enabled.take()?;
        // SAFETY: The instance is added and enabled.
        unsafe { bindings::napi_disable(self.core.napi.get()) };
        // SAFETY: Disabled: the callback does not run.
        unsafe { *self.core.poll.get() = ptr::null_mut() };
        Some(poll)
    }

    /// The C callback.
    ///
    /// # Safety
    ///
    /// Called by the core with the instance of a `Napi<P>` that is enabled.
    unsafe extern "C" fn poll_callback(napi: *mut bindings::napi_struct, budget: c_int) -> c_int {
        // SAFETY: `napi` lies in a `Core`, which outlives the registration.
        let core = unsafe { &*kernel::container_of!(Opaque::cast_from(napi), Core, napi) };
        // SAFETY: While enabled this is the `P` of the box that `enable()` put there; the core runs
        // one poll at a time (NAPI_STATE_SCHED, and poll_owner against netpoll).
        let poll = unsafe { &mut *(*core.poll.get()).cast::<P>() };
        let mut ctx = PollContext {
            napi,
            budget,
            _poll: PhantomData,
        };
        let done = poll.poll(&mut ctx, usize::try_from(budget).unwrap_or(0));
        // CAST: At most the budget, which is an `int`.
        done as c_int
    }
}

impl<P: Poll> Drop for Napi<P> {
    fn drop(&mut self) {
        drop(self.disable());
        if self.linked {
            // Queues point to it, and would have to be changed under the RTNL.
            mem::forget(self.core.clone());
        }
    }
}
