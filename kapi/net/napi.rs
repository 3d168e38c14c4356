// SPDX-License-Identifier: GPL-2.0

//! NAPI: polling a queue in softirq context, one poller at a time.
//!
//! A [`Napi`] is registered with its device for as long as it lives. [`Napi::enable`] takes the
//! state that the poll function works on, [`Napi::disable`] gives it back: in between nobody but the
//! poll function can reach it, which is why [`Poll::poll`] gets `&mut self` without a lock.
//!
//! A poll function says by [`Polled`] how far it came. Completing the poll, which lets another CPU
//! begin the next one, is done when it has returned and its `&mut self` is over. What follows that, the
//! interrupt, is enabled by [`Poll::rearm`], which does not see the state.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use core::{
    cell::{
        Cell,
        UnsafeCell, //
    },
    marker::PhantomData,
    mem,
    ptr, //
};

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    types::Opaque, //
};

use super::{
    rx::{
        RxFrame,
        RxMeta, //
    },
    Device,
    Rtnl, //
};
use crate::kapi::bindings;

/// How far a poll function came.
#[must_use]
pub enum Polled {
    /// There may be more to do: it is called again soon, and the interrupt stays off.
    Again,
    /// All is done, and that included so many received frames. Polling ends, unless they are as many as
    /// the budget allowed.
    Done(usize),
}

/// The poll function of a queue (or of a pair of queues).
///
/// # Examples
///
/// ```
/// use crate::kapi::net::{
///     PagePool,
///     Poll,
///     PollContext,
///     Polled,
///     RxFrame,
///     RxMeta, //
/// };
///
/// struct Queue {
///     pool: PagePool,
/// }
///
/// impl Poll for Queue {
///     // What unmasks the interrupt.
///     type Irq = ();
///
///     fn poll(&mut self, ctx: &mut PollContext<'_>) -> Polled {
///         let Some(mut ctx) = ctx.receive() else {
///             return Polled::Done(0);
///         };
///         let owner = ctx.owner();
///         let page = self.pool.open(&owner).and_then(|mut pages| pages.alloc());
///         let Some(Ok(frame)) = page.map(|page| RxFrame::new(page, 60, &ctx)) else {
///             return Polled::Again;
///         };
///         ctx.gro_receive(frame, 0, &RxMeta::default());
///         Polled::Done(1)
///     }
///
///     fn rearm(_irq: &()) {}
/// }
/// ```
pub trait Poll: Send + 'static {
    /// What enabling the interrupt takes.
    type Irq: Send + Sync + 'static;

    /// Handles completions and at most [`RxContext::budget`] received frames. Softirq context (or
    /// the NAPI thread, or netpoll with interrupts off), never concurrently with itself.
    fn poll(&mut self, ctx: &mut PollContext<'_>) -> Polled;

    /// Enables the interrupt after a poll that was [done](Polled::Done). Softirq context.
    ///
    /// Not called if polling goes on all the same (busy polling, deferred interrupts). While this
    /// runs the next poll may run on another CPU, and [`Napi::disable`] may have returned.
    fn rearm(irq: &Self::Irq);
}

/// What a poll function may do with its NAPI instance.
pub struct PollContext<'a> {
    napi: *mut bindings::napi_struct,
    budget: c_int,
    /// A frame was redirected by a program, so that there is something to flush.
    redirected: Cell<bool>,
    _poll: PhantomData<&'a mut ()>,
}

impl PollContext<'_> {
    /// What receiving takes. [`None`] if only transmit completions may be handled: netpoll, a budget of
    /// zero.
    #[inline]
    pub fn receive(&mut self) -> Option<RxContext<'_>> {
        // CAST: Positive.
        let budget = self.budget as usize;
        // INVARIANT: With a budget this is no netpoll.
        (self.budget > 0).then_some(RxContext {
            napi: self.napi,
            budget,
            redirected: &self.redirected,
            _poll: PhantomData,
        })
    }

    /// The budget as the skb functions want it: zero where they must not assume softirq context.
    #[inline]
    pub(in crate::kapi) fn skb_budget(&self) -> c_int {
        self.budget
    }
}

/// What a poll function that may receive frames can do with its NAPI instance.
///
/// # Invariants
///
/// This context polls `napi`, with bottom halves off and interrupts on.
pub struct RxContext<'a> {
    napi: *mut bindings::napi_struct,
    budget: usize,
    redirected: &'a Cell<bool>,
    _poll: PhantomData<&'a mut ()>,
}

impl<'a> RxContext<'a> {
    /// The device that is polled.
    #[inline]
    pub(super) fn dev(&self) -> *mut bindings::net_device {
        // SAFETY: The instance is live, by the type invariant, and has a device.
        unsafe { (*self.napi).dev }
    }

    /// The raw instance.
    #[inline]
    pub(super) fn napi(&self) -> *mut bindings::napi_struct {
        self.napi
    }

    /// To be set by who has redirected a frame.
    #[inline]
    pub(super) fn redirected(&self) -> &'a Cell<bool> {
        self.redirected
    }

    /// Evidence that bottom halves are off.
    #[inline]
    pub fn softirq(&mut self) -> Softirq<'_> {
        // INVARIANT: By the type invariant.
        Softirq {
            _context: PhantomData,
        }
    }

    /// Frames that may be received.
    #[inline]
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Evidence that the instance is polled here.
    #[inline]
    pub fn owner(&self) -> NapiOwner<'_> {
        // INVARIANT: By the type invariant.
        NapiOwner {
            napi: self.napi,
            _owner: PhantomData,
        }
    }

    /// Gives a frame that was received on `queue` to GRO.
    #[inline]
    pub fn gro_receive(&mut self, frame: RxFrame, queue: u16, meta: &RxMeta) {
        let mut flags = 0;
        let mut hash = 0;
        if meta.checksum_ok {
            flags |= bindings::KAPI_RX_CSUM_OK;
        }
        if let Some((value, l4)) = meta.hash {
            hash = value;
            flags |= bindings::KAPI_RX_HASH;
            if l4 {
                flags |= bindings::KAPI_RX_HASH_L4;
            }
        }
        if meta.vlan.is_some() {
            flags |= bindings::KAPI_RX_VLAN;
        }
        // SAFETY: By the type invariant this context polls `napi`. The frame's ownership passes on; by
        // its type invariant it begins with an Ethernet header and is nobody else's.
        unsafe {
            bindings::kapi_napi_gro_receive(
                self.napi,
                frame.into_raw(),
                queue,
                flags,
                hash,
                meta.vlan.unwrap_or(0),
            )
        };
    }
}

/// Evidence that bottom halves are off here, and interrupts on. To be borrowed mutably by what takes a lock.
///
/// # Invariants
///
/// This is so while the value lives.
pub struct Softirq<'a> {
    _context: PhantomData<(&'a mut (), *mut ())>,
}

impl Softirq<'_> {
    /// # Safety
    ///
    /// As the type invariant says.
    #[inline]
    pub(in crate::kapi) unsafe fn new() -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            _context: PhantomData,
        }
    }

    /// The number of this processor.
    #[inline]
    pub fn cpu(&self) -> u32 {
        // SAFETY: By the type invariant nothing moves this context.
        unsafe { bindings::kapi_processor_id() }
    }
}

/// Evidence that no other context uses what belongs to a NAPI instance alone: this one polls it, or has
/// it disabled.
///
/// # Invariants
///
/// While this lives, `napi` is polled by this context with bottom halves off, or is disabled.
pub struct NapiOwner<'a> {
    napi: *mut bindings::napi_struct,
    _owner: PhantomData<&'a mut ()>,
}

impl NapiOwner<'_> {
    /// Whether this is about the instance of `handle`.
    #[inline]
    pub(super) fn owns(&self, handle: &Handle) -> bool {
        ptr::eq(self.napi, handle.as_raw())
    }
}

/// A [`Poll::Irq`] whose type only the poll callback knows.
trait Irq: Send + Sync {}

impl<T: Send + Sync> Irq for T {}

/// The registered `napi_struct` and who is polled by it.
///
/// # Invariants
///
/// `napi` is registered with `poll_callback()` of the [`Napi<P>`] that made this; `irq` is a `P::Irq`.
#[pin_data(PinnedDrop)]
struct Core {
    #[pin]
    napi: Opaque<bindings::napi_struct>,
    /// The `P` of the enabled [`Napi<P>`]; null while disabled. Written only while disabled.
    poll: UnsafeCell<*mut c_void>,
    /// Whether it may be enabled. Held by what must not happen then.
    #[pin]
    enabled: Mutex<bool>,
    irq: KBox<dyn Irq>,
    dev: Arc<Device>,
}

// SAFETY: `napi` is only handed to functions that synchronise by themselves. `poll` is written by
// the one owner of `Napi` while NAPI is disabled and read by the poll callback while enabled. `irq`
// may be shared and dropped by any thread.
unsafe impl Send for Core {}
// SAFETY: See `Send`.
unsafe impl Sync for Core {}

#[pinned_drop]
impl PinnedDrop for Core {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Added in `Napi::new`, and disabled: `Napi` disables before it lets go. This also
        // waits for RCU readers, thus for a poll callback that has completed its poll but not
        // returned yet: it still uses `irq`.
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

    /// The device.
    pub(super) fn device(&self) -> &Device {
        &self.0.dev
    }

    /// The raw instance.
    #[inline]
    pub(super) fn as_raw(&self) -> *mut bindings::napi_struct {
        self.0.napi.get()
    }

    /// Runs `f` with the instance disabled. False, without running it, if it is enabled. Process
    /// context.
    pub(super) fn while_disabled(&self, f: impl FnOnce()) -> bool {
        let enabled = self.0.enabled.lock();
        if !*enabled {
            f();
        }
        !*enabled
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
    /// Adds instance `index` to `dev`, disabled; `irq` is for [`Poll::rearm`]. Process context; takes
    /// the device's lock.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `dev` has neither a transmit nor a receive queue of that number, [`ENOMEM`].
    pub fn new(dev: &Arc<Device>, index: u32, irq: P::Irq) -> Result<Self> {
        if index >= dev.num_tx_queues().max(dev.num_rx_queues()) {
            return Err(EINVAL);
        }
        let number = i32::try_from(index)?;
        let irq: KBox<dyn Irq> = KBox::new(irq, GFP_KERNEL)?;
        // INVARIANT: `irq` is a `P::Irq`, and the callback is that of this type.
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
                enabled <- new_mutex!(false),
                irq,
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

    /// Evidence that the instance is disabled. [`None`] while it is enabled.
    pub fn owner(&mut self) -> Option<NapiOwner<'_>> {
        // INVARIANT: Only `enable()` enables it, and takes `&mut self`.
        self.enabled.is_none().then_some(NapiOwner {
            napi: self.core.napi.get(),
            _owner: PhantomData,
        })
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
        *self.core.enabled.lock() = true;
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
        *self.core.enabled.lock() = false;
        Some(poll)
    }

    /// The C callback.
    ///
    /// # Safety
    ///
    /// Called by the core with the instance of a `Napi<P>` that is enabled.
    unsafe extern "C" fn poll_callback(napi: *mut bindings::napi_struct, budget: c_int) -> c_int {
        // SAFETY: `napi` lies in a `Core`, which is freed an RCU grace period after the end of the
        // registration; bottom halves (or interrupts) are off until this returns, which RCU waits for.
        let core = unsafe { &*kernel::container_of!(Opaque::cast_from(napi), Core, napi) };
        let mut ctx = PollContext {
            napi,
            budget,
            redirected: Cell::new(false),
            _poll: PhantomData,
        };
        let polled = {
            // SAFETY: While enabled this is the `P` of the box that `enable()` put there. The core runs
            // one poll at a time (NAPI_STATE_SCHED, and poll_owner against netpoll) until it is
            // completed below, when this reference is over.
            let poll = unsafe { &mut *(*core.poll.get()).cast::<P>() };
            poll.poll(&mut ctx)
        };
        if ctx.redirected.get() {
            // SAFETY: In the poll that redirected, which is not completed yet.
            unsafe { bindings::xdp_do_flush() };
        }
        let frames = match polled {
            // CAST: Widens. A budget is not negative.
            Polled::Done(frames) if frames < budget as usize => frames,
            // A poll that used up its budget must not be completed.
            Polled::Done(_) | Polled::Again => return budget,
        };
        // CAST: Below the budget, which is an `int`.
        let frames = frames as c_int;
        // SAFETY: `napi` is being polled here, did not use up its budget, and is completed once.
        if unsafe { bindings::napi_complete_done(napi, frames) } {
            // SAFETY: By the type invariant of `Core` it is a `P::Irq`.
            P::rearm(unsafe { &*ptr::from_ref(&*core.irq).cast::<P::Irq>() });
        }
        frames
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
