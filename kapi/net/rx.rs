// SPDX-License-Identifier: GPL-2.0

//! Frames that are received: put together from pages of a pool, and given to the stack.

use core::{
    ops::Deref,
    ptr::NonNull, //
};

use super::{
    addr::ETH_ALEN,
    drop_reason::DropReason,
    napi::RxContext,
    page_pool::PoolPage,
    skb::{
        SkBuff,
        MAX_FRAGS, //
    }, //
};
use crate::kapi::bindings;

/// An Ethernet header: two addresses and a type. A shorter frame is none.
pub const ETH_HLEN: u32 = 2 * ETH_ALEN as u32 + 2;

/// What the hardware said of a received frame.
#[derive(Clone, Copy, Default)]
pub struct RxMeta {
    /// The transport checksum was verified.
    pub checksum_ok: bool,
    /// RSS hash, and whether it covers the ports.
    pub hash: Option<(u32, bool)>,
    /// The VLAN tag (TCI) that was stripped.
    pub vlan: Option<u16>,
}

/// A frame that is being received, from its Ethernet header on. Its data can be looked at as that of
/// any [`SkBuff`]; it goes to the stack by [`RxContext::gro_receive`], or is dropped.
///
/// # Invariants
///
/// `skb` was made of a page that was received: nobody else has it or its data, all its pages come from pools,
/// and its linear part holds an Ethernet header.
pub struct RxFrame {
    skb: SkBuff,
}

impl RxFrame {
    /// Makes a frame of the first `len` bytes that the device wrote to `page`.
    ///
    /// # Errors
    ///
    /// Gives the page back if there is no memory, if `len` is more than the page's room, or less than
    /// [`ETH_HLEN`].
    #[inline]
    pub fn new(
        page: PoolPage,
        len: u32,
        _ctx: &RxContext<'_>,
    ) -> core::result::Result<Self, PoolPage> {
        if len > page.room() || len < ETH_HLEN {
            return Err(page);
        }
        // SAFETY: The page is owned, and the length was checked against what fits. The skb comes from
        // a cache of this processor, which `_ctx` says is this context's: softirq, bottom halves off.
        let raw = unsafe { bindings::kapi_page_build_skb(page.as_raw(), page.headroom(), len) };
        match NonNull::new(raw) {
            Some(raw) => {
                page.forget();
                // SAFETY: Fresh, and nobody else's.
                let skb = unsafe { SkBuff::from_raw(raw) };
                // INVARIANT: Made just now, with so many bytes in the linear part.
                Ok(Self { skb })
            }
            None => Err(page),
        }
    }

    /// Takes a frame that a program passed.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    #[inline]
    pub(super) unsafe fn from_skb(skb: SkBuff) -> Self {
        // INVARIANT: By the safety requirements.
        Self { skb }
    }

    /// Appends the first `len` bytes that the device wrote to `page`.
    ///
    /// # Errors
    ///
    /// Gives the page back if the frame has no free fragment slot, or `len` is more than the room.
    #[inline]
    pub fn add_page(&mut self, page: PoolPage, len: u32) -> core::result::Result<(), PoolPage> {
        if len > page.room() || self.skb.nr_frags() >= MAX_FRAGS {
            return Err(page);
        }
        // SAFETY: The page is owned, the length and the slot were checked. By the type invariant the
        // skb is nobody else's, and gives its pages back to their pools.
        unsafe {
            bindings::kapi_page_add_to_skb(self.skb.as_raw(), page.as_raw(), page.headroom(), len)
        };
        page.forget();
        Ok(())
    }

    /// [`SkBuff::drop_with`].
    #[cold]
    pub fn drop_with(self, reason: DropReason) {
        self.skb.drop_with(reason);
    }

    /// Gives up ownership.
    #[inline]
    pub(super) fn into_raw(self) -> *mut bindings::sk_buff {
        self.skb.into_raw()
    }
}

impl Deref for RxFrame {
    type Target = SkBuff;

    #[inline]
    fn deref(&self) -> &SkBuff {
        &self.skb
    }
}
