// SPDX-License-Identifier: GPL-2.0

//! `struct sk_buff`, owned: who has an [`SkBuff`] sends it on, gives it to the stack, or frees it by
//! dropping it.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    error::to_result,
    prelude::*, //
};

use super::{
    page_pool::PoolPage,
    Device,
    PollContext, //
};
use crate::kapi::{
    bindings,
    dma::{
        Mapper,
        Mapping, //
    }, //
};

/// What `ndo_start_xmit` did with a frame.
pub enum TxVerdict {
    /// Taken: on the ring, or dropped and counted.
    Ok,
    /// Not taken; the stack tries again later. Only for a queue that is (being) stopped.
    Busy(SkBuff),
}

/// An owned socket buffer.
///
/// # Invariants
///
/// `raw` is a valid `sk_buff` that nobody else frees.
pub struct SkBuff {
    raw: NonNull<bindings::sk_buff>,
}

// SAFETY: An skb belongs to no CPU or task.
unsafe impl Send for SkBuff {}

/// Page fragments that an skb has at most.
pub const MAX_FRAGS: u32 = bindings::KAPI_MAX_SKB_FRAGS;

/// A request to compute a checksum.
#[derive(Clone, Copy)]
pub struct TxChecksum {
    /// First byte that is summed, from the start of the frame. Here the transport header begins.
    pub start: u16,
    /// Where the result goes, from `start`.
    pub offset: u16,
    /// The checksum is SCTP's CRC32c.
    pub sctp: bool,
}

/// What the transmit path wants to know of a frame.
#[derive(Clone, Copy)]
pub struct TxInfo {
    raw: bindings::kapi_tx_info,
}

impl TxInfo {
    const fn flag(&self, flag: u32) -> bool {
        // CAST: The flags fill a byte.
        self.raw.flags & flag as u8 != 0
    }

    /// Bytes of the frame.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> u32 {
        self.raw.len
    }

    /// Bytes of it in the linear part.
    #[inline]
    pub fn headlen(&self) -> u32 {
        self.raw.headlen
    }

    /// Page fragments that follow the linear part.
    #[inline]
    pub fn nr_frags(&self) -> u32 {
        u32::from(self.raw.nr_frags)
    }

    /// Bytes of the largest page fragment.
    #[inline]
    pub fn max_frag(&self) -> u32 {
        self.raw.max_frag
    }

    /// EtherType, host byte order.
    #[inline]
    pub fn protocol(&self) -> u16 {
        self.raw.protocol
    }

    /// Offset of the network header.
    #[inline]
    pub fn l3_offset(&self) -> u16 {
        self.raw.l3_offset
    }

    /// The VLAN tag (TCI) to insert.
    #[inline]
    pub fn vlan(&self) -> Option<u16> {
        self.flag(bindings::KAPI_TX_VLAN)
            .then_some(self.raw.vlan_tci)
    }

    /// The checksum to compute.
    #[inline]
    pub fn checksum(&self) -> Option<TxChecksum> {
        self.flag(bindings::KAPI_TX_CSUM).then_some(TxChecksum {
            start: self.raw.csum_start,
            offset: self.raw.csum_offset,
            sctp: self.flag(bindings::KAPI_TX_SCTP_CRC),
        })
    }

    /// Payload bytes a segment and number of segments, of a frame to be segmented.
    #[inline]
    pub fn gso(&self) -> Option<(u16, u16)> {
        self.flag(bindings::KAPI_TX_GSO)
            .then_some((self.raw.gso_size, self.raw.gso_segs))
    }

    /// The last four bytes of the frame are the sender's own FCS.
    #[inline]
    pub fn has_fcs(&self) -> bool {
        self.flag(bindings::KAPI_TX_NO_FCS)
    }

    /// The sender wants the hardware's time of transmission.
    #[inline]
    pub fn wants_hw_timestamp(&self) -> bool {
        self.flag(bindings::KAPI_TX_HWTSTAMP)
    }
}

/// Where a frame's headers lie, for `ndo_features_check`.
#[derive(Clone, Copy)]
pub struct TxHeaders {
    /// Offset of the network header.
    pub l3_offset: u32,
    /// Offset of the first byte that is summed; means nothing without a pending checksum.
    pub l4_offset: u32,
    /// The frame is in a tunnel: these are the outer network and the inner transport header.
    pub encapsulated: bool,
}

/// The header template of a frame that the hardware segments.
#[derive(Clone, Copy)]
pub struct TsoHeader {
    /// Bytes that each segment repeats.
    pub hdr_len: u16,
    /// Offset of the transport header.
    pub l4_offset: u16,
    /// Bytes of the transport header.
    pub l4_len: u8,
    /// The network header is IPv4, with a checksum to compute.
    pub ipv4: bool,
    /// The transport is UDP, else TCP.
    pub udp: bool,
}

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

impl SkBuff {
    /// Takes ownership of `raw`.
    ///
    /// # Safety
    ///
    /// `raw` is valid, and the caller gives it up.
    #[inline]
    pub(in crate::kapi) unsafe fn from_raw(raw: NonNull<bindings::sk_buff>) -> Self {
        // INVARIANT: By the safety requirements.
        Self { raw }
    }

    /// Gives up ownership.
    #[inline]
    pub(in crate::kapi) fn into_raw(self) -> *mut bindings::sk_buff {
        ManuallyDrop::new(self).raw.as_ptr()
    }

    /// The raw pointer, still owned.
    #[inline]
    pub(in crate::kapi) fn as_raw(&self) -> *mut bindings::sk_buff {
        self.raw.as_ptr()
    }

    /// Bytes of the frame.
    #[inline]
    pub fn len(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { self.raw.as_ref() }.len
    }

    /// Whether the frame has no byte.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gathers what the transmit path needs.
    #[inline]
    pub fn tx_info(&self) -> TxInfo {
        let mut raw = bindings::kapi_tx_info::default();
        // SAFETY: By the type invariant; `raw` is writable.
        unsafe { bindings::kapi_skb_tx_info(self.as_raw(), &mut raw) };
        TxInfo { raw }
    }

    /// Tells where the headers lie.
    #[inline]
    pub fn tx_headers(&self) -> TxHeaders {
        let mut raw = bindings::kapi_tx_headers::default();
        // SAFETY: By the type invariant; `raw` is writable.
        unsafe { bindings::kapi_skb_tx_headers(self.as_raw(), &mut raw) };
        TxHeaders {
            l3_offset: raw.l3_offset,
            l4_offset: raw.l4_offset,
            encapsulated: raw.encapsulated,
        }
    }

    /// Bytes of page fragment `index`; zero if there is no such fragment.
    #[inline]
    pub fn frag_len(&self, index: u32) -> u32 {
        // SAFETY: By the type invariant.
        if index >= unsafe { bindings::kapi_skb_frags(self.as_raw()) } {
            return 0;
        }
        // SAFETY: By the type invariant, and the index was checked.
        unsafe { bindings::kapi_skb_frag_len(self.as_raw(), index) }
    }

    /// Turns the headers into the template that the hardware wants; for a frame with
    /// [`TxInfo::gso`] and [`TxInfo::checksum`].
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the frame has no partial checksum or is not GSO, [`ENOMEM`].
    #[inline]
    pub fn tso_prepare(&mut self, info: &TxInfo) -> Result<TsoHeader> {
        if info.gso().is_none() || info.checksum().is_none() {
            return Err(EINVAL);
        }
        let mut raw = bindings::kapi_tso::default();
        // SAFETY: By the type invariant; a GSO frame has its headers in the linear part.
        to_result(unsafe { bindings::kapi_skb_tso_prepare(self.as_raw(), &mut raw) })?;
        Ok(TsoHeader {
            hdr_len: raw.hdr_len,
            l4_offset: raw.l4_offset,
            l4_len: raw.l4_len,
            ipv4: raw.ipv4,
            udp: raw.udp,
        })
    }

    /// Pads with zeros to `len` bytes. The frame is gone if that fails.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    #[inline]
    pub fn pad_to(self, len: u32) -> Result<Self> {
        if self.len() >= len {
            return Ok(self);
        }
        let raw = self.into_raw();
        // SAFETY: Owned; on failure the function frees it.
        to_result(unsafe { bindings::kapi_skb_pad(raw, len) })?;
        let raw = NonNull::new(raw).ok_or(ENOMEM)?;
        // SAFETY: Still owned, since it was not freed.
        Ok(unsafe { Self::from_raw(raw) })
    }

    /// Brings all bytes into the linear part.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]; the frame is as it was.
    pub fn linearize(&mut self) -> Result {
        // SAFETY: By the type invariant.
        to_result(unsafe { bindings::kapi_skb_linearize(self.as_raw()) })
    }

    /// Computes a pending checksum in software.
    ///
    /// # Errors
    ///
    /// What `skb_checksum_help()` says.
    pub fn checksum_help(&mut self) -> Result {
        // SAFETY: By the type invariant.
        to_result(unsafe { bindings::kapi_skb_checksum_help(self.as_raw()) })
    }

    /// Takes the software time stamp, as late as possible before the doorbell.
    #[inline]
    pub fn tx_timestamp(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::kapi_skb_tx_timestamp(self.as_raw()) };
    }

    /// Maps the linear part for the device to read.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] if there is no room in the IOMMU or the bounce buffer.
    #[inline]
    pub fn map_head(&self, mapper: &Mapper, info: &TxInfo) -> Result<Mapping> {
        // SAFETY: `mapper`'s device and the skb are live.
        let addr = unsafe { bindings::kapi_skb_map_head(mapper.as_raw(), self.as_raw()) };
        Self::mapping(addr, info.headlen())
    }

    /// Maps page fragment `index` for the device to read.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such fragment, [`ENOMEM`] as above.
    #[inline]
    pub fn map_frag(&self, mapper: &Mapper, index: u32) -> Result<Mapping> {
        let mut len = 0;
        // SAFETY: By the type invariant.
        if index >= unsafe { bindings::kapi_skb_frags(self.as_raw()) } {
            return Err(EINVAL);
        }
        // SAFETY: `mapper`'s device and the skb are live, and the index was checked.
        let addr =
            unsafe { bindings::kapi_skb_map_frag(mapper.as_raw(), self.as_raw(), index, &mut len) };
        Self::mapping(addr, len)
    }

    #[inline]
    fn mapping(addr: u64, len: u32) -> Result<Mapping> {
        if addr == u64::MAX {
            return Err(ENOMEM);
        }
        // SAFETY: `addr` and `len` are what was just mapped, towards the device.
        Ok(unsafe { Mapping::to_device(addr, len) })
    }

    /// Frees a frame that was sent. In a poll function, so that freed skbs are reused in bulk.
    #[inline]
    pub fn consume(self, ctx: &PollContext<'_>) {
        // SAFETY: Owned; the budget says truly whether this is softirq context.
        unsafe { bindings::napi_consume_skb(self.into_raw(), ctx.skb_budget()) };
    }

    /// Makes a frame of the first `len` bytes that the device wrote to `page`.
    ///
    /// # Errors
    ///
    /// Gives the page back if there is no memory, or if `len` is more than the page's room.
    #[inline]
    pub fn from_page(page: PoolPage, len: u32) -> core::result::Result<Self, PoolPage> {
        if len > page.room() {
            return Err(page);
        }
        // SAFETY: The page is owned, and the length was checked against what fits.
        let raw = unsafe { bindings::kapi_page_build_skb(page.as_raw(), page.headroom(), len) };
        match NonNull::new(raw) {
            Some(raw) => {
                page.forget();
                // SAFETY: Fresh, and nobody else's.
                Ok(unsafe { Self::from_raw(raw) })
            }
            None => Err(page),
        }
    }

    /// Appends the first `len` bytes that the device wrote to `page`.
    ///
    /// # Errors
    ///
    /// Gives the page back if the frame has no free fragment slot, or `len` is more than the room.
    #[inline]
    pub fn add_page(&mut self, page: PoolPage, len: u32) -> core::result::Result<(), PoolPage> {
        // SAFETY: By the type invariant.
        let frags = unsafe { bindings::kapi_skb_frags(self.as_raw()) };
        if len > page.room() || frags >= bindings::KAPI_MAX_SKB_FRAGS {
            return Err(page);
        }
        // SAFETY: The page is owned, the length and the slot were checked.
        unsafe {
            bindings::kapi_page_add_to_skb(self.as_raw(), page.as_raw(), page.headroom(), len)
        };
        page.forget();
        Ok(())
    }

    /// Fills in what the stack wants to know of a frame received on `queue` of `dev`, and takes the
    /// Ethernet header off. To be given to [`PollContext::gro_receive`] next.
    #[inline]
    pub fn set_received(&mut self, dev: &Device, queue: u16, meta: &RxMeta) {
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
        // SAFETY: By the type invariant, and `dev` is live.
        unsafe {
            bindings::kapi_skb_receive(
                self.as_raw(),
                dev.as_raw(),
                queue,
                flags,
                hash,
                meta.vlan.unwrap_or(0),
            )
        };
    }
}

impl Drop for SkBuff {
    fn drop(&mut self) {
        // SAFETY: Owned.
        unsafe { bindings::kapi_skb_free_any(self.as_raw()) };
    }
}
