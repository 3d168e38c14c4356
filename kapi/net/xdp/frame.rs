// SPDX-License-Identifier: GPL-2.0

//! Frames that were received somewhere and are to be sent without an skb, and what a transmit ring
//! has of them and of skbs.

use core::{
    marker::PhantomData,
    mem::{
        self,
        ManuallyDrop,
        MaybeUninit, //
    },
    num::NonZero,
    ops::Deref,
    ptr::{
        self,
        addr_of,
        addr_of_mut,
        NonNull, //
    }, //
};

use kernel::prelude::*;

use crate::kapi::{
    bindings,
    dma::{
        Mapper,
        Mapping, //
    },
    net::{
        addr::{
            MacAddress,
            ETH_ALEN, //
        },
        napi::PollContext,
        skb::SkBuff, //
    }, //
};

/// An owned frame (`struct xdp_frame`). Dropping it gives its memory back, which must not be done with
/// interrupts off.
///
/// # Invariants
///
/// `raw` is a valid frame that nobody else frees.
pub struct XdpFrame {
    raw: NonNull<bindings::xdp_frame>,
}

// SAFETY: A frame belongs to no CPU or task.
unsafe impl Send for XdpFrame {}

impl XdpFrame {
    /// Takes ownership of `raw`.
    ///
    /// # Safety
    ///
    /// `raw` is valid, and the caller gives it up.
    #[inline]
    pub(in crate::kapi::net) unsafe fn from_raw(raw: NonNull<bindings::xdp_frame>) -> Self {
        // INVARIANT: By the safety requirements.
        Self { raw }
    }

    /// Gives up ownership.
    #[inline]
    fn into_raw(self) -> *mut bindings::xdp_frame {
        ManuallyDrop::new(self).raw.as_ptr()
    }

    /// Bytes of the frame.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> u32 {
        if !self.has_frags() {
            return self.headlen();
        }
        // SAFETY: By the type invariant.
        unsafe { bindings::kapi_xdp_frame_len(self.raw.as_ptr()) }
    }

    /// Bytes of it in its first buffer.
    #[inline]
    fn headlen(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { self.raw.as_ref() }.len
    }

    /// Number of its buffers.
    #[inline]
    pub fn buffers(&self) -> u32 {
        if !self.has_frags() {
            return 1;
        }
        // SAFETY: By the type invariant.
        1 + unsafe { bindings::kapi_xdp_frame_frags(self.raw.as_ptr()) }
    }

    /// Bytes in buffer `index`; zero if there is no such buffer.
    #[inline]
    pub fn buffer_len(&self, index: u32) -> u32 {
        match index.checked_sub(1) {
            None => self.headlen(),
            Some(_) if index >= self.buffers() => 0,
            // SAFETY: By the type invariant; there is such a buffer.
            Some(frag) => unsafe { bindings::kapi_xdp_frag_len(self.raw.as_ptr(), frag) },
        }
    }

    /// Whether more buffers follow the first.
    #[inline]
    pub fn has_frags(&self) -> bool {
        // SAFETY: By the type invariant.
        let flags = unsafe { self.raw.as_ref() }.flags;
        flags & bindings::xdp_buff_flags_XDP_FLAGS_HAS_FRAGS != 0
    }

    /// Destination and source.
    #[inline]
    pub fn mac_addresses(&self) -> Option<(MacAddress, MacAddress)> {
        // CAST: Widens.
        if (self.headlen() as usize) < 2 * ETH_ALEN {
            return None;
        }
        // SAFETY: By the type invariant; so many bytes are there.
        let [to, from] = unsafe { self.raw.as_ref().data.cast::<[MacAddress; 2]>().read() };
        Some((to, from))
    }

    /// Maps the first buffer for the device to read.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it is empty, [`ENOMEM`] if there is no room in the IOMMU or the bounce buffer.
    #[inline]
    pub fn map(&self, mapper: &Mapper) -> Result<Mapping> {
        let len = NonZero::new(self.headlen()).ok_or(EINVAL)?;
        // SAFETY: `mapper`'s device and the frame are live.
        let addr = unsafe { bindings::kapi_xdp_map_frame(mapper.as_raw(), self.raw.as_ptr()) };
        Self::mapping(addr, len)
    }

    /// Maps buffer `index` for the device to read; 0 is the [first](Self::map).
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such buffer, or nothing in it; [`ENOMEM`] as above.
    pub fn map_buffer(&self, mapper: &Mapper, index: u32) -> Result<Mapping> {
        let Some(frag) = index.checked_sub(1) else {
            return self.map(mapper);
        };
        let len = NonZero::new(self.buffer_len(index)).ok_or(EINVAL)?;
        let (dev, frame) = (mapper.as_raw(), self.raw.as_ptr());
        // SAFETY: `mapper`'s device and the frame are live. It has that buffer, or this would be of no length.
        let addr = unsafe { bindings::kapi_xdp_map_frag(dev, frame, frag) };
        Self::mapping(addr, len)
    }

    #[inline]
    fn mapping(addr: u64, len: NonZero<u32>) -> Result<Mapping> {
        if addr == u64::MAX {
            return Err(ENOMEM);
        }
        // SAFETY: `addr` and `len` are what was just mapped, towards the device.
        Ok(unsafe { Mapping::to_device(addr, len) })
    }
}

impl Drop for XdpFrame {
    fn drop(&mut self) {
        // SAFETY: Owned.
        unsafe { bindings::xdp_return_frame(self.raw.as_ptr()) };
    }
}

/// A frame that the device which received it is to send.
///
/// # Invariants
///
/// Its buffers are in pages of order 0 that are of a pool for programs.
pub struct XdpTx(XdpFrame);

impl XdpTx {
    /// Takes ownership of `raw`.
    ///
    /// # Safety
    ///
    /// As the type invariant says; `raw` is valid, and the caller gives it up.
    #[inline]
    pub(super) unsafe fn from_raw(raw: NonNull<bindings::xdp_frame>) -> Self {
        // INVARIANT: By the safety requirements.
        // SAFETY: By the safety requirements.
        Self(unsafe { XdpFrame::from_raw(raw) })
    }

    /// Lets the device read the first buffer where its pool has it mapped, and says where that is. `mapper` is
    /// for the device that received it.
    #[inline]
    pub fn sync(&self, mapper: &Mapper) -> u64 {
        // SAFETY: The device and the frame are live; the page has a pool, by the type invariant. For
        // another device this is a bug that the IOMMU layer reports.
        unsafe { bindings::kapi_xdp_sync_frame(mapper.as_raw(), self.0.raw.as_ptr()) }
    }

    /// The same of buffer `index`. [`None`] if there is no such buffer.
    pub fn sync_buffer(&self, mapper: &Mapper, index: u32) -> Option<u64> {
        let Some(frag) = index.checked_sub(1) else {
            return Some(self.sync(mapper));
        };
        let (dev, frame) = (mapper.as_raw(), self.0.raw.as_ptr());
        // SAFETY: As above; there is such a buffer.
        (index < self.buffers()).then(|| unsafe { bindings::kapi_xdp_sync_frag(dev, frame, frag) })
    }

    /// The frame, for the time when it is on a ring.
    #[inline]
    pub fn into_frame(self) -> XdpFrame {
        self.0
    }
}

impl Deref for XdpTx {
    type Target = XdpFrame;

    #[inline]
    fn deref(&self) -> &XdpFrame {
        &self.0
    }
}

/// Frames that another device's poll wants sent: those of a running `ndo_xdp_xmit`.
///
/// # Invariants
///
/// `raw` points to `count` frames, of which those from `taken` on are the caller's of that operation,
/// for this value to take.
pub struct XdpFrames<'a> {
    raw: *mut *mut bindings::xdp_frame,
    count: usize,
    taken: usize,
    _frames: PhantomData<&'a mut ()>,
}

impl XdpFrames<'_> {
    /// # Safety
    ///
    /// `raw` points to `count` valid frames that may be taken, from the first on, while the result
    /// lives.
    pub(in crate::kapi) unsafe fn new(raw: *mut *mut bindings::xdp_frame, count: usize) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            raw,
            count,
            taken: 0,
            _frames: PhantomData,
        }
    }

    /// Frames that were taken.
    #[inline]
    pub(in crate::kapi) fn taken(&self) -> usize {
        self.taken
    }

    /// Frames that were not taken yet.
    #[inline]
    pub fn left(&self) -> usize {
        self.count - self.taken
    }

    /// Gives the frames to `send`, one after the other, until it gives one back: that one and all that
    /// follow are not sent. (Another one that is given back is freed, and the one that came counts
    /// as sent.)
    #[inline]
    pub fn send(&mut self, mut send: impl FnMut(XdpFrame) -> core::result::Result<(), XdpFrame>) {
        while self.taken < self.count {
            // SAFETY: By the type invariant.
            let raw = unsafe { *self.raw.add(self.taken) };
            let Some(frame) = NonNull::new(raw) else {
                return;
            };
            // SAFETY: By the type invariant it may be taken.
            if let Err(back) = send(unsafe { XdpFrame::from_raw(frame) }) {
                if ptr::eq(back.raw.as_ptr(), raw) {
                    // Its owner keeps it.
                    back.into_raw();
                    return;
                }
            }
            // INVARIANT: It was taken.
            self.taken += 1;
        }
    }
}

/// Gives frames that were sent back in bulk, at the end of a poll.
///
/// # Invariants
///
/// `raw.count` is initialised, and as many pages of `raw.q` are, and owned.
pub struct XdpBulk<'a> {
    raw: MaybeUninit<bindings::xdp_frame_bulk>,
    _poll: PhantomData<&'a PollContext<'a>>,
}

impl PollContext<'_> {
    /// What takes frames of XDP that were sent. [`None`] where nothing of XDP may be touched: netpoll, a
    /// budget of zero.
    #[inline]
    pub fn xdp_bulk(&self) -> Option<XdpBulk<'_>> {
        if self.skb_budget() == 0 {
            return None;
        }
        let mut raw = MaybeUninit::<bindings::xdp_frame_bulk>::uninit();
        // SAFETY: In the value.
        unsafe { addr_of_mut!((*raw.as_mut_ptr()).count).write(0) };
        // INVARIANT: None of them.
        Some(XdpBulk {
            raw,
            _poll: PhantomData,
        })
    }
}

impl XdpBulk<'_> {
    /// Gives `frame` back.
    #[inline]
    pub fn give(&mut self, frame: XdpFrame) {
        // SAFETY: Owned. By the type invariant the bulk is what C made of it. This poll is waited for by
        // RCU.
        unsafe { bindings::xdp_return_frame_bulk(frame.into_raw(), self.raw.as_mut_ptr()) };
    }
}

impl Drop for XdpBulk<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe {
            if addr_of!((*self.raw.as_ptr()).count).read() != 0 {
                bindings::kapi_xdp_flush_bulk(self.raw.as_mut_ptr());
            }
        }
    }
}

/// What a slot of a transmit ring owns: an skb or a frame of XDP, in one word. Or it owns nothing: its frame is
/// in the buffers of a socket, or it has a part of a frame of XDP that another slot owns.
///
/// # Invariants
///
/// `raw` is an owned `sk_buff`, or, with the bit [`Self::XDP`] set, an owned `xdp_frame`, or is just
/// [`Self::XSK`] or [`Self::PART`]. The first two are aligned to words.
pub struct TxFrame {
    raw: NonNull<u8>,
}

/// What a [`TxFrame`] is.
pub enum TxKind {
    /// The stack's.
    Skb(SkBuff),
    /// A frame of XDP.
    Xdp(XdpFrame),
    /// One of a socket of AF_XDP.
    Xsk,
    /// A part of a frame of XDP.
    Part,
}

const _: () = {
    assert!(mem::align_of::<bindings::xdp_frame>() > TxFrame::KINDS);
    assert!(mem::align_of::<bindings::sk_buff>() > TxFrame::KINDS);
};

impl TxFrame {
    const XDP: usize = 1;
    const XSK: usize = 2;
    /// The bits that say what it is.
    const KINDS: usize = Self::XDP | Self::XSK;
    const PART: usize = Self::KINDS;

    /// A frame in the buffers of a socket.
    #[inline]
    pub fn xsk() -> Self {
        // INVARIANT: Just that.
        // SAFETY: Not zero.
        let raw = unsafe { NonNull::new_unchecked(ptr::without_provenance_mut(Self::XSK)) };
        Self { raw }
    }

    /// A part of a frame of XDP.
    #[inline]
    pub fn part() -> Self {
        // INVARIANT: Just that.
        // SAFETY: Not zero.
        let raw = unsafe { NonNull::new_unchecked(ptr::without_provenance_mut(Self::PART)) };
        Self { raw }
    }

    /// Whether it is a frame of XDP or AF_XDP.
    #[inline]
    pub fn is_xdp(&self) -> bool {
        self.raw.as_ptr().addr() & Self::KINDS != 0
    }

    /// What it is.
    #[inline]
    pub fn into_kind(self) -> TxKind {
        let raw = ManuallyDrop::new(self).raw.as_ptr();
        if raw.addr() & Self::KINDS == 0 {
            // SAFETY: By the type invariant.
            return TxKind::Skb(unsafe { SkBuff::from_raw(NonNull::new_unchecked(raw.cast())) });
        }
        if raw.addr() == Self::XSK {
            return TxKind::Xsk;
        }
        if raw.addr() == Self::PART {
            return TxKind::Part;
        }
        let raw = raw.wrapping_sub(Self::XDP).cast();
        // SAFETY: By the type invariant.
        TxKind::Xdp(unsafe { XdpFrame::from_raw(NonNull::new_unchecked(raw)) })
    }
}

impl From<SkBuff> for TxFrame {
    #[inline]
    fn from(skb: SkBuff) -> Self {
        // INVARIANT: Owned until now.
        // SAFETY: An skb is not null.
        let raw = unsafe { NonNull::new_unchecked(skb.into_raw().cast()) };
        Self { raw }
    }
}

impl From<XdpFrame> for TxFrame {
    #[inline]
    fn from(frame: XdpFrame) -> Self {
        let raw = frame.into_raw().cast::<u8>().wrapping_add(Self::XDP);
        // INVARIANT: Owned until now.
        // SAFETY: A frame is not null, and its address is even.
        let raw = unsafe { NonNull::new_unchecked(raw) };
        Self { raw }
    }
}

// SAFETY: As both kinds.
unsafe impl Send for TxFrame {}

impl Drop for TxFrame {
    #[inline]
    fn drop(&mut self) {
        // INVARIANT: It is not used any more.
        drop(TxFrame { raw: self.raw }.into_kind());
    }
}
