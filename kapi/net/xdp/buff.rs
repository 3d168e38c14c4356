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

/// A received frame as a program sees it. Dropping it gives its pages back.
///
/// # Examples
///
/// ```
/// use kapi::net::{
///     xdp::{ProgramRun, Verdict, XdpBuff, XdpMeta, XdpPlace},
///     PagePool, PoolPage,
/// };
///
/// /// Shows a frame of two buffers to a program. One that does not fit is dropped.
/// pub fn show(
///     program: &ProgramRun<'_>,
///     pool: &PagePool,
///     (first, first_len): (PoolPage, u32),
///     (second, second_len): (PoolPage, u32),
/// ) -> Option<Verdict> {
///     if !program.sees_frags() {
///         return None;
///     }
///     let mut place = XdpPlace::new();
///     let mut buff = XdpBuff::new(&mut place, first, first_len, pool).ok()?;
///     buff.add_page(second, second_len).ok()?;
///     Some(program.run(buff, XdpMeta::default))
/// }
/// ```
///
/// # Invariants
///
/// `seen.xdp` describes a frame that begins in `page`, with its Ethernet header, and its queue, which `'a` keeps.
/// If it has more buffers, these are pages of the same pool as `page`, which it owns. All are of order 0.
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

    /// Appends the first `len` bytes that the device wrote to `page`, as a buffer of its own.
    ///
    /// # Errors
    ///
    /// Gives the page back if `len` is more than its room, if it is of another pool than the first one, or if the
    /// frame has as many buffers as an skb can have.
    #[inline(never)]
    pub fn add_page(&mut self, page: PoolPage, len: u32) -> core::result::Result<(), PoolPage> {
        if len > page.room() {
            return Err(page);
        }
        if len == 0 {
            return Ok(());
        }
        let (xdp, headroom) = (self.as_raw(), page.headroom());
        // SAFETY: By the type invariant. The page is owned, and the length was checked.
        if !unsafe { bindings::kapi_xdp_add_page(xdp, page.as_raw(), headroom, len) } {
            return Err(page);
        }
        // INVARIANT: The function has looked whose page that is.
        page.forget();
        Ok(())
    }

    /// Whether more buffers follow the first.
    #[inline]
    fn has_frags(&self) -> bool {
        self.seen.xdp_flags() & bindings::xdp_buff_flags_XDP_FLAGS_HAS_FRAGS != 0
    }

    /// Bytes, in all buffers.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> u32 {
        // SAFETY: Both point into the page.
        let head = unsafe { self.seen.xdp.data_end.byte_offset_from(self.seen.xdp.data) };
        // CAST: No more than a page.
        let head = head as u32;
        if !self.has_frags() {
            return head;
        }
        // SAFETY: By the type invariant.
        head + unsafe { bindings::kapi_xdp_frags_size(&self.seen.xdp) }
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

    /// The pages are somebody else's now.
    #[inline]
    pub(super) fn forget(self) {
        let _buff = ManuallyDrop::new(self);
    }

    /// The frame is dropped: its first page, if the device may write to it again.
    #[inline]
    pub(super) fn into_page(self) -> Option<PoolPage> {
        let buff = ManuallyDrop::new(self);
        if buff.has_frags() {
            // SAFETY: Not dropped, and only its first page is looked at again.
            unsafe { buff.put_frags() };
        }
        // SAFETY: Never looked at again.
        unsafe { ptr::read(&buff.page) }.renew()
    }

    /// Gives the pages behind the first one back.
    ///
    /// # Safety
    ///
    /// Once, at the end: the frame owns them no longer, and is neither looked at nor dropped afterwards.
    unsafe fn put_frags(&self) {
        // SAFETY: By the type invariant and the safety requirements.
        unsafe { bindings::kapi_xdp_put_frags(&self.seen.xdp) };
    }

    /// The frame goes to the stack. The pages are given back without memory.
    #[inline]
    pub(super) fn into_skb(self) -> Option<RxFrame> {
        // SAFETY: By the type invariant, and this is softirq context: programs run in a poll.
        let raw = NonNull::new(unsafe { bindings::kapi_xdp_build_skb(&self.seen.xdp) })?;
        self.forget();
        // SAFETY: Fresh, and nobody else's. A program leaves an Ethernet header at least.
        Some(unsafe { RxFrame::from_skb(SkBuff::from_raw(raw)) })
    }
}

impl Drop for XdpBuff<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.has_frags() {
            // SAFETY: Its end. The first page is dropped afterwards.
            unsafe { self.put_frags() };
        }
    }
}
