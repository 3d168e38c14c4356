// SPDX-License-Identifier: GPL-2.0

//! A queue whose buffers are those of sockets.

use core::{
    mem,
    ptr::{
        self,
        NonNull, //
    }, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    XskBuff,
    XskPool, //
};
use crate::kapi::{
    bindings,
    net::{
        addr::{
            MacAddress,
            ETH_ALEN, //
        },
        rx::ETH_HLEN,
        xdp::RxqInfo,
        Device, //
    }, //
};

/// What a queue has of the buffers of its sockets: those that the device may write to, by the number of a
/// descriptor, and the frame that is being received. Without a pool it does nothing.
///
/// # Invariants
///
/// What is not null in `slots` and `head` is a buffer of `pool`. (User space may give one buffer several times,
/// so it may be there more than once.)
pub struct XskQueue {
    pool: Option<XskPool>,
    slots: KVec<*mut bindings::xdp_buff>,
    head: *mut bindings::xdp_buff,
    /// Frames of sockets that were given away to be sent.
    in_flight: u32,
    rxq: RxqInfo,
    _dev: Arc<Device>,
}

// SAFETY: The pointers are to buffers of the pool, which is `Send`.
unsafe impl Send for XskQueue {}

impl XskQueue {
    /// A queue of `count` descriptors that is queue `queue` of `dev`, without a pool. Process context.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(dev: &Arc<Device>, queue: u32, count: usize) -> Result<Self> {
        Ok(Self {
            pool: None,
            slots: KVec::from_elem(ptr::null_mut(), count, GFP_KERNEL)?,
            head: ptr::null_mut(),
            in_flight: 0,
            rxq: RxqInfo::register_xsk(dev, queue)?,
            _dev: dev.clone(),
        })
    }

    /// Takes its pool. Another one that it had is dropped.
    pub fn start(&mut self, pool: XskPool) {
        drop(self.stop());
        // SAFETY: The pool is live, and the queue's as long as it has buffers of it.
        unsafe { bindings::xp_set_rxq_info(pool.as_raw(), self.rxq.as_raw()) };
        self.pool = Some(pool);
    }

    /// Gives the pool back, with all buffers. The device has let go of them.
    pub fn stop(&mut self) -> Option<XskPool> {
        self.discard();
        for slot in &mut self.slots {
            free(mem::replace(slot, ptr::null_mut()));
        }
        self.in_flight = 0;
        self.pool.take()
    }

    /// Takes up to `count` buffers for the descriptors from `from` on, which have none, and tells `each` the
    /// descriptor and the address for the device. How many there were: user space decides.
    #[inline]
    pub fn fill(&mut self, from: usize, count: usize, mut each: impl FnMut(usize, u64)) -> usize {
        let (Some(pool), Some(slots)) = (&self.pool, self.slots.get_mut(from..)) else {
            return 0;
        };
        // CAST: A ring's length.
        let max = slots.len().min(count) as u32;
        // SAFETY: The pool is live, used by `&mut`, and has room for so many here.
        let got = unsafe { bindings::xp_alloc_batch(pool.as_raw(), slots.as_mut_ptr(), max) };
        // CAST: Widens.
        for (slot, at) in slots.iter().take(got as usize).zip(from..) {
            // SAFETY: A buffer of the pool, which is mapped, just put there.
            each(at, unsafe { (*slot.cast::<bindings::xdp_buff_xsk>()).dma });
        }
        got as usize
    }

    /// Adds the `len` bytes that the device has written to the buffer of descriptor `at` to the frame that is
    /// being received. A frame of several buffers is put together in the first of them. False, with all of it
    /// dropped, if it does not fit there; then or if the descriptor has no buffer.
    #[inline]
    pub fn append(&mut self, at: usize, len: u32) -> bool {
        let Some(pool) = &self.pool else {
            return false;
        };
        let room = pool.frame_size();
        let Some(slot) = self.slots.get_mut(at) else {
            return false;
        };
        let buff = mem::replace(slot, ptr::null_mut());
        if buff.is_null() {
            return false;
        }
        if len > room {
            free(buff);
            self.discard();
            return false;
        }
        if self.head.is_null() {
            // SAFETY: By the type invariant; so many bytes fit.
            unsafe { bindings::kapi_xsk_received(buff, len) };
            self.head = buff;
            return true;
        }
        let added = self.extend(buff, len, room);
        free(buff);
        if !added {
            self.discard();
        }
        added
    }

    /// Copies what is in `buff` behind what is in the first one, if it fits.
    #[cold]
    fn extend(&mut self, buff: *mut bindings::xdp_buff, len: u32, room: u32) -> bool {
        if ptr::eq(self.head, buff) {
            // Given twice, and overwritten by the device itself.
            return false;
        }
        // SAFETY: By the type invariant both are buffers of the pool; nobody else has them. `data_end` of the
        // first is behind its `data`, where it has `room` bytes. Different buffers of a pool do not
        // overlap unless user space has said so of unaligned ones, hence `copy`.
        unsafe {
            let head = &mut *self.head;
            // CAST: Not negative, and no more than a buffer's.
            let used = head.data_end.byte_offset_from(head.data) as u32;
            if used + len > room {
                return false;
            }
            bindings::kapi_xsk_received(buff, len);
            // CAST: Widens.
            let bytes = len as usize;
            ptr::copy((*buff).data.cast::<u8>(), head.data_end.cast::<u8>(), bytes);
            head.data_end = head.data_end.byte_add(bytes);
        }
        true
    }

    /// The frame, which is complete. [`None`] if there is none, or it is shorter than an Ethernet header.
    #[inline]
    pub fn frame(&mut self) -> Option<XskBuff<'_>> {
        let raw = NonNull::new(mem::replace(&mut self.head, ptr::null_mut()))?;
        // SAFETY: A buffer of the pool, which the result borrows. Its length is tested at once.
        let buff = unsafe { XskBuff::from_raw(raw) };
        (buff.len() >= ETH_HLEN).then_some(buff)
    }

    /// Drops what there is of the frame that is being received.
    pub fn discard(&mut self) {
        free(mem::replace(&mut self.head, ptr::null_mut()));
    }

    /// Gives what the sockets want sent to `each`, up to `max` frames, and says how many there were. Each of
    /// them is to be told to [`XskQueue::completed`] later, in their order.
    #[inline]
    pub fn send(&mut self, max: u32, mut each: impl FnMut(XskDesc<'_>)) -> u32 {
        let Some(pool) = &self.pool else {
            return 0;
        };
        if max == 0 {
            return 0;
        }
        // SAFETY: The pool is live, and used by `&mut`.
        let count = unsafe { bindings::xsk_tx_peek_release_desc_batch(pool.as_raw(), max) };
        if count == 0 {
            return 0;
        }
        self.in_flight = self.in_flight.wrapping_add(count);
        // SAFETY: As above. So many descriptors are there until the next call.
        let descs = unsafe { bindings::kapi_xsk_tx_descs(pool.as_raw()) };
        // CAST: Widens.
        for at in 0..count as usize {
            each(XskDesc {
                pool,
                // SAFETY: As above.
                raw: unsafe { &*descs.add(at) },
            });
        }
        count
    }

    /// Tells the sockets that so many more frames were sent, or never will be; no more than there are.
    #[inline]
    pub fn completed(&mut self, frames: u32) {
        let frames = frames.min(self.in_flight);
        if let (Some(pool), true) = (&self.pool, frames != 0) {
            self.in_flight -= frames;
            // SAFETY: The pool is live, and used by `&mut`. So many came from `send()`.
            unsafe { bindings::xsk_tx_completed(pool.as_raw(), frames) };
        }
    }

    /// Has the sockets wake the poll function when they want to send.
    #[inline]
    pub fn ask_for_sends(&mut self) {
        if let Some(pool) = self.asks() {
            // SAFETY: The pool is live, and used by `&mut`.
            unsafe { bindings::xsk_set_tx_need_wakeup(pool.as_raw()) };
        }
    }

    /// Has the sockets wake the poll function when they have given buffers for reception, or tells them that
    /// they need not. False if they do not know of this, and never wake it for that.
    #[inline]
    pub fn ask_for_buffers(&mut self, wanted: bool) -> bool {
        let Some(pool) = self.asks() else {
            return false;
        };
        // SAFETY: The pool is live, and used by `&mut`.
        unsafe {
            if wanted {
                bindings::xsk_set_rx_need_wakeup(pool.as_raw());
            } else {
                bindings::xsk_clear_rx_need_wakeup(pool.as_raw());
            }
        }
        true
    }

    /// The pool, if its sockets can be asked to wake.
    #[inline]
    fn asks(&mut self) -> Option<&mut XskPool> {
        self.pool
            .as_mut()
            // SAFETY: The pool is live.
            .filter(|pool| unsafe { bindings::xsk_uses_need_wakeup(pool.as_raw()) })
    }
}

impl Drop for XskQueue {
    fn drop(&mut self) {
        drop(self.stop());
    }
}

/// Gives a buffer back to its pool.
#[inline]
fn free(buff: *mut bindings::xdp_buff) {
    if let Some(raw) = NonNull::new(buff) {
        // SAFETY: Comes from an `XskQueue`, whose invariant says that it is a buffer of its pool.
        drop(unsafe { XskBuff::from_raw(raw) });
    }
}

/// A frame that a socket wants sent, in one piece.
pub struct XskDesc<'a> {
    pool: &'a XskPool,
    raw: &'a bindings::xdp_desc,
}

impl XskDesc<'_> {
    /// Bytes; one at least.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> u32 {
        self.raw.len
    }

    /// Lets the device read the frame, and says where that is.
    #[inline]
    pub fn sync(&self) -> u64 {
        // SAFETY: The pool is live and mapped; the core has checked the descriptor.
        unsafe { bindings::kapi_xsk_sync_desc(self.pool.as_raw(), self.raw) }
    }

    /// Destination and source, if there are so many bytes. User space may change them.
    #[inline]
    pub fn mac_addresses(&self) -> Option<(MacAddress, MacAddress)> {
        // CAST: Widens.
        if (self.len() as usize) < 2 * ETH_ALEN {
            return None;
        }
        // SAFETY: The core has checked that the pool has so many bytes there. User space may write to them
        // meanwhile, hence volatile.
        let [to, from] = unsafe {
            bindings::xp_raw_get_data(self.pool.as_raw(), self.raw.addr)
                .cast::<[MacAddress; 2]>()
                .read_volatile()
        };
        Some((to, from))
    }
}
