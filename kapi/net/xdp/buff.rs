// SPDX-License-Identifier: GPL-2.0

//! A received frame in pages of a pool, as programs of XDP see it.

use core::{
    marker::PhantomData,
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ptr::{
        self,
        addr_of_mut,
        NonNull, //
    }, //
};

use super::metadata::Seen;
use crate::kapi::{
    bindings,
    net::{
        addr::{
            MacAddress,
            ETH_ALEN, //
        },
        page_pool::{
            PagePool,
            PoolPage, //
        },
        rx::{
            RxFrame,
            ETH_HLEN, //
        },
        skb::SkBuff, //
    }, //
};

/// Where what a program sees of a frame is put together: an [`XdpBuff`] can be moved, and this is not.
pub struct XdpPlace(MaybeUninit<Seen>);

impl XdpPlace {
    /// A place for one frame at a time.
    #[inline]
    pub const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }
}

impl Default for XdpPlace {
    fn default() -> Self {
        Self::new()
    }
}

/// A received frame as a program sees it: in one buffer.
///
/// # Invariants
///
/// `seen.xdp` describes a frame in `page`, from its Ethernet header on, and its queue, which `'a` keeps.
pub struct XdpBuff<'a> {
    seen: &'a mut Seen,
    page: PoolPage,
    _queue: PhantomData<&'a PagePool>,
}

impl<'a> XdpBuff<'a> {
    /// Makes a frame, in `place`, of the first `len` bytes that the device wrote to `page`, which is of `pool`.
    ///
    /// # Errors
    ///
    /// Gives the page back if `pool` is not for programs, if `len` is more than the page's room, or less
    /// than [`ETH_HLEN`].
    #[inline]
    pub fn new(
        place: &'a mut XdpPlace,
        page: PoolPage,
        len: u32,
        pool: &'a PagePool,
    ) -> core::result::Result<Self, PoolPage> {
        let Some(queue) = pool.rxq() else {
            return Err(page);
        };
        if len > page.room() || len < ETH_HLEN {
            return Err(page);
        }
        let seen = place.0.as_mut_ptr();
        // SAFETY: The queue is registered. The page is owned, and the length was checked against what
        // fits. The function fills what it is given, but for the transmit queue's place, where any
        // pointer is valid; what follows in `place` need not be.
        let seen = unsafe {
            bindings::kapi_xdp_prepare(
                addr_of_mut!((*seen).xdp),
                queue.as_raw(),
                page.as_raw(),
                page.headroom(),
                len,
            );
            (*seen).xdp.txq = ptr::null_mut();
            &mut *seen
        };
        // INVARIANT: Just now.
        Ok(Self {
            seen,
            page,
            _queue: PhantomData,
        })
    }

    /// The first bytes.
    #[inline]
    fn head<const N: usize>(&self) -> [u8; N] {
        const { assert!(N <= ETH_HLEN as usize) };
        // SAFETY: By the type invariant so many bytes are there, and nobody else writes them.
        unsafe { self.seen.xdp.data.cast::<[u8; N]>().read() }
    }

    /// Destination and source.
    #[inline]
    pub fn mac_addresses(&self) -> (MacAddress, MacAddress) {
        let [to, from]: [MacAddress; 2] = {
            let bytes: [u8; 2 * ETH_ALEN] = self.head();
            // SAFETY: The same bytes.
            unsafe { core::mem::transmute(bytes) }
        };
        (to, from)
    }

    /// The four bytes behind the addresses, if there are so many.
    #[inline]
    pub fn after_addresses(&self) -> Option<[u8; 4]> {
        const END: usize = 2 * ETH_ALEN + 4;
        // SAFETY: Both point into the page.
        let len = unsafe { self.seen.xdp.data_end.byte_offset_from(self.seen.xdp.data) };
        // CAST: 16.
        if len < END as isize {
            return None;
        }
        // SAFETY: As just tested.
        Some(unsafe {
            self.seen
                .xdp
                .data
                .byte_add(2 * ETH_ALEN)
                .cast::<[u8; 4]>()
                .read()
        })
    }

    /// What C and programs take it for. Behind it lies the rest of [`Seen`].
    #[inline]
    pub(super) fn as_raw(&mut self) -> *mut bindings::xdp_buff {
        ptr::from_mut::<Seen>(self.seen).cast()
    }

    /// The page is somebody else's now.
    #[inline]
    pub(super) fn forget(self) {
        let _buff = ManuallyDrop::new(self);
    }

    /// The frame is dropped: its page, if the device may write to it again.
    #[inline]
    pub(super) fn into_page(self) -> Option<PoolPage> {
        self.page.renew()
    }

    /// The frame goes to the stack. The page is given back without memory.
    #[inline]
    pub(super) fn into_skb(self) -> Option<RxFrame> {
        // SAFETY: By the type invariant, and this is softirq context: programs run in a poll.
        let raw = NonNull::new(unsafe { bindings::kapi_xdp_build_skb(&self.seen.xdp) })?;
        self.forget();
        // SAFETY: Fresh, and nobody else's. A program leaves an Ethernet header at least.
        Some(unsafe { RxFrame::from_skb(SkBuff::from_raw(raw)) })
    }
}
