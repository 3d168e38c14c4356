// SPDX-License-Identifier: GPL-2.0

//! Receive buffers: pages that stay mapped for the device and come back to their pool from anywhere
//! in the stack.
//!
//! C header: [`include/net/page_pool/helpers.h`](srctree/include/net/page_pool/helpers.h)

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    device,
    error::{
        from_err_ptr, //
    },
    prelude::*, //
};

use super::{
    napi::Handle,
    Device, //
};
use crate::kapi::bindings;

/// Headroom that the stack likes: for headers that are put in front when a frame is forwarded, and
/// for the alignment of the network header.
pub fn default_headroom() -> u32 {
    // SAFETY: Returns a constant.
    unsafe { bindings::kapi_page_pool_headroom() }
}

/// A pool of single pages for one receive queue.
///
/// # Invariants
///
/// `raw` is a page pool that this value owns; its NAPI instance and its device live as long.
pub struct PagePool {
    raw: NonNull<bindings::page_pool>,
    headroom: u32,
    room: u32,
    _napi: Handle,
}

// SAFETY: Allocation takes `&mut self`, so that there is one consumer wherever the pool is moved.
unsafe impl Send for PagePool {}

impl PagePool {
    /// Makes a pool of about `entries` pages for queue `queue` of `netdev`, which the device `dev`
    /// writes from byte `headroom` on, at most `max_len` bytes.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `headroom` and `max_len` leave no room in a page for the skb's own data;
    /// else what `page_pool_create()` says.
    pub fn new(
        dev: &device::Device<device::Bound>,
        netdev: &Device,
        napi: Handle,
        queue: u32,
        entries: u32,
        headroom: u32,
        max_len: u32,
    ) -> Result<Self> {
        // SAFETY: Plain arithmetic in C, for the size that the skb's own data has there.
        let room = unsafe { bindings::kapi_page_pool_room(headroom) };
        // A headroom that does not fit shows as a wrapped, huge room.
        if headroom >= kernel::page::PAGE_SIZE as u32 || max_len > room {
            return Err(EINVAL);
        }
        // SAFETY: All three are live; the pool holds the device, `_napi` the instance, and with it
        // the net device.
        let raw = from_err_ptr(unsafe {
            bindings::kapi_page_pool_create(
                core::ptr::from_ref(dev).cast_mut().cast(),
                netdev.as_raw(),
                napi.as_raw(),
                queue,
                entries,
                headroom,
                max_len,
            )
        })?;
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
            headroom,
            room: max_len,
            _napi: napi,
        })
    }

    /// Takes a page. [`None`] without memory. NAPI context, or with NAPI disabled.
    #[inline]
    pub fn alloc(&mut self) -> Option<PoolPage> {
        let mut dma = 0;
        // SAFETY: The pool is live, and `&mut self` makes this the only consumer.
        let page = unsafe { bindings::kapi_page_pool_alloc(self.raw.as_ptr(), &mut dma) };
        Some(PoolPage {
            raw: NonNull::new(page)?,
            dma: dma + u64::from(self.headroom),
            headroom: self.headroom,
            room: self.room,
        })
    }
}

impl Drop for PagePool {
    fn drop(&mut self) {
        // SAFETY: Owned. Pages still in the stack are waited for by the pool itself.
        unsafe { bindings::page_pool_destroy(self.raw.as_ptr()) };
    }
}

/// A page of a [`PagePool`], owned. Dropping it gives it back.
pub struct PoolPage {
    raw: NonNull<bindings::page>,
    dma: u64,
    headroom: u32,
    room: u32,
}

// SAFETY: A page belongs to no CPU; giving it back synchronises by itself.
unsafe impl Send for PoolPage {}

impl PoolPage {
    /// Where the device writes, after the headroom.
    #[inline]
    pub fn dma_address(&self) -> u64 {
        self.dma
    }

    /// Bytes that the device may write there.
    #[inline]
    pub fn room(&self) -> u32 {
        self.room
    }

    /// Bytes before that.
    #[inline]
    pub(in crate::kapi) fn headroom(&self) -> u32 {
        self.headroom
    }

    /// The raw page.
    #[inline]
    pub(in crate::kapi) fn as_raw(&self) -> *mut bindings::page {
        self.raw.as_ptr()
    }

    /// Lets go of the page without giving it back: it belongs to an skb now.
    #[inline]
    pub(in crate::kapi) fn forget(self) {
        let _page = ManuallyDrop::new(self);
    }
}

impl Drop for PoolPage {
    fn drop(&mut self) {
        // SAFETY: Owned, and from a pool, which outlives its pages. Not the direct way: this may be
        // any context.
        unsafe { bindings::kapi_page_pool_put(self.raw.as_ptr(), false) };
    }
}
