// SPDX-License-Identifier: GPL-2.0

//! Transmit queues: stop and wake, byte queue limits, and state that belongs to the transmit lock.
//!
//! The core calls `ndo_start_xmit` with the queue's transmit lock held and bottom halves off, so
//! whatever only that path touches needs no lock of its own. [`XmitQueue`] is the proof of being in
//! that place, [`XmitCell`] the state that it opens.
//!
//! C headers: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h),
//! [`include/net/netdev_queues.h`](srctree/include/net/netdev_queues.h)

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    napi::Softirq,
    Device, //
};
use crate::kapi::bindings;

/// A transmit queue of a [`Device`], for the completion and the control path.
#[derive(Clone, Copy)]
pub struct TxQueue<'a> {
    raw: *mut bindings::netdev_queue,
    _dev: PhantomData<&'a Device>,
}

// SAFETY: All methods are made of atomic bit operations and BQL calls that may come from any CPU.
unsafe impl Send for TxQueue<'_> {}

impl<'a> TxQueue<'a> {
    /// Returns queue `index` of `dev`, or [`None`] if it has no such queue.
    #[inline]
    pub fn new(dev: &'a Device, index: u32) -> Option<Self> {
        if index >= dev.num_tx_queues() {
            return None;
        }
        // SAFETY: `dev` is a valid `net_device` and `index` was checked.
        let raw = unsafe { bindings::kapi_txq(dev.as_raw(), index) };
        Some(Self {
            raw,
            _dev: PhantomData,
        })
    }

    /// Lets the stack hand over frames, without the kick that [`TxQueue::wake`] gives.
    #[inline]
    pub fn start(self) {
        // SAFETY: `raw` is a queue of a live device.
        unsafe { bindings::kapi_txq_start(self.raw) };
    }

    /// Lets the stack hand over frames and schedules those that wait.
    #[inline]
    pub fn wake(self) {
        // SAFETY: `raw` is a queue of a live device. The function looks whether that was registered.
        unsafe { bindings::kapi_txq_wake(self.raw) };
    }

    /// Whether the driver stopped this queue.
    #[inline]
    pub fn stopped(self) -> bool {
        // SAFETY: `raw` is a queue of a live device.
        unsafe { bindings::kapi_txq_stopped(self.raw) }
    }

    /// Reports `packets` frames with `bytes` bytes as sent, and wakes the queue when `free()`, asked
    /// after a full barrier, is at least `wake_at`. Called from NAPI.
    ///
    /// Returns whether the queue was woken. `free` must read the consumer's index that was
    /// published before this call: the barrier pairs with the one in [`XmitQueue::maybe_stop`].
    #[inline]
    pub fn completed(
        self,
        packets: u32,
        bytes: u32,
        free: impl FnOnce() -> usize,
        wake_at: usize,
    ) -> bool {
        if packets == 0 {
            return false;
        }
        // SAFETY: `raw` is a queue of a live device; NAPI reports what start_xmit counted.
        unsafe { bindings::kapi_txq_completed_mb(self.raw, packets, bytes) };
        if free() < wake_at || !self.stopped() {
            return false;
        }
        self.wake();
        true
    }

    /// Forgets what BQL counts as in flight. For a ring that was emptied, with the queue stopped.
    #[inline]
    pub fn reset_bql(self) {
        // SAFETY: `raw` is a queue of a live device.
        unsafe { bindings::kapi_txq_reset(self.raw) };
    }
}

/// The transmit queue of the running `ndo_start_xmit`, or of [`XmitCell::lock`]: its lock is held and
/// bottom halves are off.
///
/// # Invariants
///
/// `raw` is a queue of a live device, and its transmit lock is held by this context for as long as
/// the value exists.
pub struct XmitQueue<'a> {
    raw: *mut bindings::netdev_queue,
    index: u16,
    _lock: PhantomData<&'a mut ()>,
}

impl XmitQueue<'_> {
    /// Describes the queue with number `index` whose lock the caller holds.
    ///
    /// # Safety
    ///
    /// `raw` is queue `index` of a live device; the caller holds its transmit lock during `'a` and
    /// makes no other `XmitQueue` of it in that time.
    #[inline]
    pub(in crate::kapi) unsafe fn new(raw: *mut bindings::netdev_queue, index: u16) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            raw,
            index,
            _lock: PhantomData,
        }
    }

    /// The queue's number.
    #[inline]
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Reports `bytes` as given to the ring. True if the hardware must be told of the new tail now:
    /// no further frame follows at once, or the queue is stopped.
    #[inline]
    pub fn sent(&self, bytes: u32) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::kapi_txq_sent(self.raw, bytes) }
    }

    /// Whether the driver has stopped this queue, for want of descriptors or altogether. Those who send
    /// beside the stack look themselves.
    #[inline]
    pub fn stopped(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::kapi_txq_stopped(self.raw) }
    }

    /// Reports `bytes` of those who send beside the stack as given to the ring.
    #[inline]
    pub fn sent_beside(&self, bytes: u32) {
        // SAFETY: By the type invariant.
        unsafe { bindings::kapi_txq_sent_xdp(self.raw, bytes) };
    }

    /// Stops the queue when `free()` is below `stop_below`, unless room appears meanwhile (at least
    /// `start_at`). True if the queue is stopped on return.
    ///
    /// `free` must give fresh information each time that it is called.
    #[inline]
    pub fn maybe_stop(&self, free: impl Fn() -> usize, stop_below: usize, start_at: usize) -> bool {
        if free() >= stop_below {
            return false;
        }
        // SAFETY: By the type invariant.
        unsafe { bindings::kapi_txq_stop_mb(self.raw) };
        // The completion may have made room, and looked at the stop bit, before it was set.
        if free() < start_at {
            return true;
        }
        // SAFETY: By the type invariant.
        unsafe { bindings::kapi_txq_start(self.raw) };
        false
    }
}

/// State that belongs to one transmit queue and is opened by that queue's lock.
///
/// # Examples
///
/// ```
/// use crate::kapi::net::{
///     DropReason,
///     SkBuff,
///     TxVerdict,
///     XmitCell,
///     XmitQueue, //
/// };
///
/// struct Sent(u64);
///
/// // Within `ndo_start_xmit`: no lock is taken.
/// fn start_xmit(cell: &XmitCell<Sent>, skb: SkBuff, queue: &mut XmitQueue<'_>) -> TxVerdict {
///     cell.with(queue, |sent, _queue| sent.0 += 1);
///     skb.drop_with(DropReason::DevReady);
///     TxVerdict::Ok
/// }
///
/// // Elsewhere, as in `ndo_open`.
/// fn begin(cell: &XmitCell<Sent>) -> u64 {
///     cell.replace(Sent(0)).0
/// }
/// ```
pub struct XmitCell<T> {
    raw: *mut bindings::netdev_queue,
    index: u16,
    _dev: Arc<Device>,
    value: UnsafeCell<T>,
}

// SAFETY: The value is reached only under the transmit lock (or by `&mut`), one context at a time.
unsafe impl<T: Send> Send for XmitCell<T> {}
// SAFETY: Shared, it gives out the value to whoever holds the transmit lock, one context at a time.
unsafe impl<T: Send> Sync for XmitCell<T> {}

impl<T> XmitCell<T> {
    /// Ties `value` to queue `index` of `dev`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `dev` has no such queue.
    pub fn new(dev: &Arc<Device>, index: u32, value: T) -> Result<Self> {
        let raw = TxQueue::new(dev, index).ok_or(EINVAL)?.raw;
        Ok(Self {
            raw,
            index: u16::try_from(index)?,
            _dev: dev.clone(),
            value: UnsafeCell::new(value),
        })
    }

    /// Runs `f` on the value in `ndo_start_xmit`. [`None`], without running it, if `queue` is not
    /// the queue of this cell.
    #[inline]
    pub fn with<R>(
        &self,
        queue: &mut XmitQueue<'_>,
        f: impl FnOnce(&mut T, &XmitQueue<'_>) -> R,
    ) -> Option<R> {
        if !core::ptr::eq(self.raw, queue.raw) {
            return None;
        }
        // SAFETY: The lock of this cell's queue is held by `queue`'s invariant, and `queue` is
        // borrowed mutably while `f` runs, so that nobody else has a reference to the value.
        let value = unsafe { &mut *self.value.get() };
        Some(f(value, queue))
    }

    /// Runs `f` on the value with the transmit lock, for frames that do not come from the stack. The queue
    /// may be stopped.
    #[inline]
    pub fn lock<R>(
        &self,
        _softirq: &mut Softirq<'_>,
        f: impl FnOnce(&mut T, &XmitQueue<'_>) -> R,
    ) -> R {
        // SAFETY: `raw` is a queue of the device that `_dev` keeps alive; bottom halves are off.
        unsafe { bindings::kapi_txq_lock_xdp(self.raw) };
        // SAFETY: The lock was taken just now, and `_softirq` is borrowed mutably while `f` runs, so that
        // nobody takes it here once more.
        let queue = unsafe { XmitQueue::new(self.raw, self.index) };
        // SAFETY: The lock excludes `with()`, `replace()` and other calls of this function.
        let result = f(unsafe { &mut *self.value.get() }, &queue);
        // SAFETY: Taken above.
        unsafe { bindings::kapi_txq_unlock_xdp(self.raw) };
        result
    }

    /// Puts `value` in place and returns the old one. Process context; takes the transmit lock with
    /// bottom halves off for the moment of the exchange.
    pub fn replace(&self, value: T) -> T {
        // SAFETY: `raw` is a queue of the device that `_dev` keeps alive.
        unsafe { bindings::kapi_txq_lock_bh(self.raw) };
        // SAFETY: The lock excludes `with()` and other calls of this function.
        let old = mem::replace(unsafe { &mut *self.value.get() }, value);
        // SAFETY: Taken above.
        unsafe { bindings::kapi_txq_unlock_bh(self.raw) };
        old
    }
}
