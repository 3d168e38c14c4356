// SPDX-License-Identifier: GPL-2.0

//! Receive buffers: pages that stay mapped for the device and come back to their pool from anywhere
//! in the stack.
//!
//! C header: [`include/net/page_pool/helpers.h`](srctree/include/net/page_pool/helpers.h)

use core::{
    mem::{
        self,
        ManuallyDrop, //
    },
    ptr::NonNull, //
};

use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

use super::{
    napi::{
        Handle,
        NapiOwner, //
    },
    netdev_err,
    xdp::{
        self,
        RxqInfo, //
    },
    SkBuff, //
};
use crate::kapi::bindings;

/// Who is to get the frames that a pool's pages hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PoolUse {
    /// The stack. The headroom is what it likes: for headers that are put in front when a frame is
    /// forwarded, and for the alignment of the network header.
    Stack,
    /// A program of XDP before it: with the headroom of [`xdp::HEADROOM`], and mapped so that the device
    /// may send from there.
    Program,
}

impl PoolUse {
    fn headroom(self) -> u32 {
        match self {
            // SAFETY: Returns a constant.
            Self::Stack => unsafe { bindings::kapi_page_pool_headroom() },
            Self::Program => xdp::HEADROOM,
        }
    }
}

/// A pool of single pages for one receive queue.
///
/// Pages that the stack lets go of where the pool's NAPI instance runs come back to a cache without a
/// lock, from which they are taken without one, too: by [`PagePool::open`]. To be dropped with that
/// instance disabled, in process context; with one that is enabled, the pool is leaked.
///
/// # Invariants
///
/// `raw` is a page pool that this value owns; its NAPI instance and its device live as long.
pub struct PagePool {
    raw: NonNull<bindings::page_pool>,
    /// With [`PoolUse::Program`].
    rxq: Option<RxqInfo>,
    headroom: u32,
    room: u32,
    napi: Handle,
}

// SAFETY: What asks for a context of its own is asked for it where it is done, whoever has the pool.
unsafe impl Send for PagePool {}

impl PagePool {
    /// Makes a pool of about `entries` pages for queue `queue` of the device of `napi`, whose parent
    /// writes at most `max_len` bytes to each, behind the headroom of `purpose`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the headroom and `max_len` leave no room in a page for the skb's own data;
    /// else what `page_pool_create()` says.
    pub fn new(
        napi: Handle,
        queue: u32,
        entries: u32,
        purpose: PoolUse,
        max_len: u32,
    ) -> Result<Self> {
        let headroom = purpose.headroom();
        // SAFETY: Plain arithmetic in C, for the size that the skb's own data has there.
        let room = unsafe { bindings::kapi_page_pool_room(headroom) };
        // A headroom that does not fit shows as a wrapped, huge room.
        if headroom >= kernel::page::PAGE_SIZE as u32 || max_len > room {
            return Err(EINVAL);
        }
        let netdev = napi.device();
        // SAFETY: All three are live: `napi` holds the instance and the net device, and this one keeps
        // its parent bound.
        let raw = from_err_ptr(unsafe {
            bindings::kapi_page_pool_create(
                core::ptr::from_ref(netdev.parent()).cast_mut().cast(),
                netdev.as_raw(),
                napi.as_raw(),
                queue,
                entries,
                headroom,
                max_len,
                purpose == PoolUse::Program,
            )
        })?;
        let mut pool = Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
            rxq: None,
            headroom,
            room: max_len,
            napi,
        };
        if purpose == PoolUse::Program {
            // SAFETY: The pool is live, and its instance keeps the net device.
            let rxq = unsafe { RxqInfo::register(pool.napi.device(), queue, raw)? };
            pool.rxq = Some(rxq);
        }
        Ok(pool)
    }

    /// The queue as programs know it.
    #[inline]
    pub(super) fn rxq(&self) -> Option<&RxqInfo> {
        self.rxq.as_ref()
    }

    /// Lets pages be taken. [`None`] if `owner` is not that of the pool's own NAPI instance.
    #[inline]
    pub fn open<'a>(&'a mut self, owner: &'a NapiOwner<'_>) -> Option<PageSource<'a>> {
        // INVARIANT: It is the owner of that instance, as just tested.
        owner.owns(&self.napi).then_some(PageSource { pool: self })
    }
}

impl Drop for PagePool {
    fn drop(&mut self) {
        let raw = self.raw.as_ptr();
        let rxq = &mut self.rxq;
        let destroyed = self.napi.while_disabled(|| {
            // Holds the pool.
            *rxq = None;
            // SAFETY: Owned. The NAPI instance is disabled meanwhile: nothing comes back to the cache
            // without a lock. Pages still in the stack are waited for by the pool itself.
            unsafe { bindings::page_pool_destroy(raw) }
        });
        if !destroyed {
            netdev_err!(
                self.napi.device(),
                "a page pool is leaked: its NAPI instance is enabled\n"
            );
            // The pool goes on looking at the instance.
            mem::forget(self.napi.clone());
            mem::forget(self.rxq.take());
        }
    }
}

/// A pool from which pages can be taken.
///
/// # Invariants
///
/// While this lives, no other context uses what belongs to the pool's NAPI instance alone.
pub struct PageSource<'a> {
    pool: &'a mut PagePool,
}

impl PageSource<'_> {
    /// Takes a page. [`None`] without memory.
    #[inline]
    pub fn alloc(&mut self) -> Option<PoolPage> {
        let mut dma = 0;
        // SAFETY: The pool is live. By the type invariant this is where pages come back to its cache,
        // if they do, and `&mut` makes it the only consumer.
        let page = unsafe { bindings::kapi_page_pool_alloc(self.pool.raw.as_ptr(), &mut dma) };
        Some(PoolPage {
            raw: NonNull::new(page)?,
            dma: dma + u64::from(self.pool.headroom),
            headroom: self.pool.headroom,
            room: self.pool.room,
        })
    }
}

/// A page of a [`PagePool`], owned. Dropping it gives it back, which must not be done in a hard interrupt:
/// it would wait for whom it interrupts.
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

    /// Makes the page ready for the device again, which is done with it: sooner than giving it back and
    /// taking another. [`None`] if its pool does not keep such a page, which has gone back then.
    #[inline]
    pub fn renew(self) -> Option<Self> {
        // SAFETY: Owned, and from a pool, which outlives its pages.
        unsafe { bindings::kapi_page_pool_renew(self.as_raw()) }.then_some(self)
    }

    /// Copies a frame to where the device writes, in its place: for one without hardware. Returns its bytes.
    ///
    /// # Errors
    ///
    /// [`EMSGSIZE`] if there is no room for it.
    pub fn copy_from(&mut self, skb: &SkBuff) -> Result<u32> {
        let len = skb.len();
        if len > self.room {
            return Err(EMSGSIZE);
        }
        // SAFETY: The page is owned, with so much room after the headroom.
        to_result(unsafe {
            bindings::kapi_page_copy_skb(self.as_raw(), self.headroom, skb.as_raw())
        })?;
        Ok(len)
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
        // any context but a hard interrupt, and there it would be a deadlock.
        unsafe { bindings::kapi_page_pool_put(self.raw.as_ptr(), false) };
    }
}
