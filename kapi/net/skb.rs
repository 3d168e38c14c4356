// SPDX-License-Identifier: GPL-2.0

//! `struct sk_buff`, owned: who has an [`SkBuff`] sends it on, gives it to the stack, or frees it by
//! dropping it.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use core::{
    mem::ManuallyDrop,
    num::NonZero,
    ptr::{
        addr_of,
        NonNull, //
    }, //
};

use kernel::{
    error::to_result,
    page::PAGE_SIZE,
    prelude::*, //
};

use super::{
    addr::{
        MacAddress,
        ETH_ALEN, //
    },
    DropReason,
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
    /// Not taken; the stack tries again later. Only for a queue that is (being) stopped. The frame is
    /// the one that came; another one is freed, as the one that came must have been taken.
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

/// Where an SCTP header has its CRC32c.
const SCTP_CSUM_OFFSET: u16 = 8;

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

/// How long a frame is, and in how many buffers.
#[derive(Clone, Copy)]
pub struct TxShape {
    /// Bytes of the frame.
    pub len: u32,
    /// Bytes of it in the linear part.
    pub headlen: u32,
    /// Page fragments that follow the linear part.
    pub nr_frags: u32,
}

/// What the sender of a frame leaves to the hardware.
#[derive(Clone, Copy)]
pub struct TxWishes {
    /// Offset of the network header.
    pub l3_offset: u16,
    /// The VLAN tag (TCI) to insert.
    pub vlan: Option<u16>,
    /// The checksum to compute.
    pub checksum: Option<TxChecksum>,
    /// Payload bytes a segment and number of segments, of a frame to be segmented.
    pub gso: Option<(u16, u16)>,
    /// The last four bytes of the frame are the sender's own FCS.
    pub has_fcs: bool,
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

/// The headers of a frame that the hardware is to segment, to be changed: no other skb has these bytes.
pub struct GsoHeaders<'a> {
    /// All bytes of the frame until behind the shortest transport header that there may be: 20 of TCP, 8 of UDP.
    pub bytes: &'a mut [u8],
    /// Offset of the network header; of the outer one in a tunnel.
    pub l3_offset: u16,
    /// Offset of the transport header whose checksum is pending.
    pub l4_offset: u16,
    /// The transport is UDP, else TCP.
    pub udp: bool,
}

/// Bytes of the shortest TCP header.
const TCP_MIN_LEN: u16 = 20;
/// Bytes of a UDP header.
const UDP_LEN: u16 = 8;

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

    /// Destination and source of an Ethernet frame that begins with its header, as one that is to
    /// be sent does, and an [`RxFrame`](super::RxFrame).
    #[inline]
    pub fn mac_addresses(&self) -> Option<(MacAddress, MacAddress)> {
        let skb = self.as_raw();
        // SAFETY: By the type invariant; so many bytes lie in the linear part.
        unsafe {
            let headlen = (*skb).len.wrapping_sub((*skb).data_len);
            // CAST: Widens.
            if (headlen as usize) < 2 * ETH_ALEN {
                return None;
            }
            let [to, from] = (*skb).data.cast::<[MacAddress; 2]>().read();
            Some((to, from))
        }
    }

    /// The four bytes behind the addresses: the EtherType, and what follows. For the frames of
    /// [`SkBuff::mac_addresses`].
    #[inline]
    pub fn after_addresses(&self) -> Option<[u8; 4]> {
        const END: usize = 2 * ETH_ALEN + 4;
        let skb = self.as_raw();
        // SAFETY: By the type invariant; so many bytes lie in the linear part.
        unsafe {
            let headlen = (*skb).len.wrapping_sub((*skb).data_len);
            // CAST: Widens.
            if (headlen as usize) < END {
                return None;
            }
            Some((*skb).data.add(2 * ETH_ALEN).cast::<[u8; 4]>().read())
        }
    }

    /// The part of the data that describes fragments and segmentation.
    #[inline]
    fn shared_info(&self) -> *const bindings::skb_shared_info {
        let skb = self.as_raw();
        // SAFETY: By the type invariant; `end` is an offset on 64-bit machines, and there it lies.
        unsafe { (*skb).head.add((*skb).end as usize) }
            .cast_const()
            .cast()
    }

    /// Number of page fragments.
    #[inline]
    pub(super) fn nr_frags(&self) -> u32 {
        // SAFETY: Valid as long as the skb.
        u32::from(unsafe { (*self.shared_info()).nr_frags })
    }

    /// How long the frame is, and in how many buffers. Reads the fields in place, as C's inlines do.
    #[inline]
    pub fn tx_shape(&self) -> TxShape {
        let skb = self.as_raw();
        // SAFETY: By the type invariant.
        let (len, data_len) = unsafe { ((*skb).len, (*skb).data_len) };
        TxShape {
            len,
            headlen: len.wrapping_sub(data_len),
            nr_frags: self.nr_frags(),
        }
    }

    /// Whether the frame is to be sent as it is: the hardware has to do nothing of [`TxWishes`].
    #[inline]
    pub fn is_plain(&self) -> bool {
        // SAFETY: By the type invariant. Nobody writes these fields while the frame is being sent.
        unsafe {
            let fields = (*self.as_raw()).__bindgen_anon_4.__bindgen_anon_1.as_ref();
            u32::from(fields.ip_summed()) != bindings::KAPI_CSUM_PARTIAL
                && fields.__bindgen_anon_2.vlan_all == 0
                && fields.no_fcs() == 0
                && (*self.shared_info()).gso_size == 0
        }
    }

    /// What is left to the hardware.
    #[inline]
    pub fn tx_wishes(&self) -> TxWishes {
        let skb = self.as_raw();
        let shinfo = self.shared_info();
        // SAFETY: By the type invariant. Nobody writes these fields while the frame is being sent;
        // `dataref` and others that clones change are not touched.
        unsafe {
            let fields = (*skb).__bindgen_anon_4.__bindgen_anon_1.as_ref();
            // CAST: Offsets into the linear part, which has less than 64 KiB before the headers.
            let data = (*skb).data.offset_from((*skb).head) as u16;
            let sum = fields.__bindgen_anon_1.__bindgen_anon_1;
            let vlan = fields.__bindgen_anon_2;
            let partial = u32::from(fields.ip_summed()) == bindings::KAPI_CSUM_PARTIAL;
            let gso_size = (*shinfo).gso_size;
            TxWishes {
                l3_offset: fields.network_header.wrapping_sub(data),
                vlan: (vlan.vlan_all != 0).then_some(vlan.__bindgen_anon_1.vlan_tci),
                checksum: partial.then(|| TxChecksum {
                    start: sum.csum_start.wrapping_sub(data),
                    offset: sum.csum_offset,
                    sctp: sum.csum_offset == SCTP_CSUM_OFFSET && bindings::kapi_skb_is_sctp(skb),
                }),
                gso: (gso_size != 0).then(|| (gso_size, (*shinfo).gso_segs)),
                has_fcs: fields.no_fcs() != 0,
            }
        }
    }

    /// Tells where the headers lie.
    #[inline]
    pub fn tx_headers(&self) -> TxHeaders {
        let skb = self.as_raw();
        // SAFETY: By the type invariant.
        unsafe {
            let fields = (*skb).__bindgen_anon_4.__bindgen_anon_1.as_ref();
            // CAST: As in `tx_wishes()`.
            let data = (*skb).data.offset_from((*skb).head) as u16;
            let sum = fields.__bindgen_anon_1.__bindgen_anon_1;
            TxHeaders {
                l3_offset: u32::from(fields.network_header.wrapping_sub(data)),
                l4_offset: u32::from(sum.csum_start.wrapping_sub(data)),
                encapsulated: fields.encapsulation() != 0,
            }
        }
    }

    /// Bytes of page fragment `index`; zero if there is no such fragment.
    #[inline]
    pub fn frag_len(&self, index: u32) -> u32 {
        if index >= self.nr_frags().min(MAX_FRAGS) {
            return 0;
        }
        let shinfo = self.shared_info();
        // SAFETY: Valid as long as the skb, and the index was checked.
        unsafe {
            (*addr_of!((*shinfo).frags)
                .cast::<bindings::skb_frag_t>()
                .add(index as usize))
            .len
        }
    }

    /// The headers of a GSO frame, which the driver makes a template for the segments. They become this skb's
    /// own if it shares them with a clone; the payload behind them stays shared.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the frame has no partial checksum or is not GSO, or if its headers are not all in
    /// the linear part; [`ENOMEM`].
    #[inline]
    pub fn gso_headers(&mut self) -> Result<GsoHeaders<'_>> {
        let TxWishes {
            l3_offset,
            checksum: Some(TxChecksum { start, .. }),
            gso: Some(_),
            ..
        } = self.tx_wishes()
        else {
            return Err(EINVAL);
        };
        // SAFETY: Valid as long as the skb.
        let udp = unsafe { (*self.shared_info()).gso_type } & bindings::KAPI_GSO_UDP_L4 != 0;
        let end = start.checked_add(if udp { UDP_LEN } else { TCP_MIN_LEN });
        let end = u32::from(end.ok_or(EINVAL)?);
        if l3_offset > start || end > self.tx_shape().headlen {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariant. The offsets from the first byte stay as they are.
        to_result(unsafe { bindings::kapi_skb_cow_head(self.as_raw()) })?;
        // SAFETY: So many bytes lie in the linear part. They are headers, which nobody else has after
        // `skb_cow_head()`: clones have the payload alone, which begins behind them. CAST: Widens.
        let bytes = unsafe { core::slice::from_raw_parts_mut((*self.as_raw()).data, end as usize) };
        Ok(GsoHeaders {
            bytes,
            l3_offset,
            l4_offset: start,
            udp,
        })
    }

    /// Pads with zeros to `len` bytes.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for more than a page, [`ENOMEM`].
    #[inline]
    pub fn pad_to(&mut self, len: u32) -> Result {
        if self.len() >= len {
            return Ok(());
        }
        // C takes it for an `int`, and adds to it.
        if len > PAGE_SIZE as u32 {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariant. The function does not free it.
        to_result(unsafe { bindings::kapi_skb_pad(self.as_raw(), len) })
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

    /// Takes the software time stamp, as late as possible before the doorbell, of a frame whose sender
    /// wants one. C's `skb_tx_timestamp()` also asks the PHY's driver; no device of
    /// [`Device`](super::Device) has a PHY of phylib.
    #[inline]
    pub fn tx_timestamp(&self) {
        // SAFETY: Valid as long as the skb.
        let tx_flags = u32::from(unsafe { (*self.shared_info()).tx_flags });
        if tx_flags & bindings::KAPI_SW_TSTAMP != 0 {
            // SAFETY: By the type invariant.
            unsafe { bindings::kapi_skb_tx_timestamp(self.as_raw()) };
        }
    }

    /// Maps the linear part for the device to read.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it is empty, [`ENOMEM`] if there is no room in the IOMMU or the bounce buffer.
    #[inline]
    pub fn map_head(&self, mapper: &Mapper) -> Result<Mapping> {
        // SAFETY: By the type invariant.
        let headlen = unsafe { (*self.as_raw()).len.wrapping_sub((*self.as_raw()).data_len) };
        let len = NonZero::new(headlen).ok_or(EINVAL)?;
        // SAFETY: `mapper`'s device and the skb are live.
        let addr = unsafe { bindings::kapi_skb_map_head(mapper.as_raw(), self.as_raw()) };
        Self::mapping(addr, len)
    }

    /// Maps page fragment `index` for the device to read.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such fragment, or nothing in it; [`ENOMEM`] as above.
    #[inline]
    pub fn map_frag(&self, mapper: &Mapper, index: u32) -> Result<Mapping> {
        let len = NonZero::new(self.frag_len(index)).ok_or(EINVAL)?;
        // SAFETY: `mapper`'s device and the skb are live, and there is such a fragment.
        let addr = unsafe { bindings::kapi_skb_map_frag(mapper.as_raw(), self.as_raw(), index) };
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

    /// Frees a frame that is dropped, and says why to who watches. Any context.
    #[cold]
    pub fn drop_with(self, reason: DropReason) {
        // SAFETY: Owned. CAST: What it is made of.
        unsafe { bindings::dev_kfree_skb_any_reason(self.into_raw(), reason as u32) };
    }

    /// Frees a frame that was sent. In a poll function, so that freed skbs are reused in bulk.
    #[inline]
    pub fn consume(self, ctx: &PollContext<'_>) {
        // SAFETY: Owned; the budget says truly whether this is softirq context.
        unsafe { bindings::napi_consume_skb(self.into_raw(), ctx.skb_budget()) };
    }
}

impl Drop for SkBuff {
    fn drop(&mut self) {
        let reason = DropReason::NotSpecified;
        // SAFETY: Owned. CAST: What it is made of.
        unsafe { bindings::dev_kfree_skb_any_reason(self.as_raw(), reason as u32) };
    }
}
