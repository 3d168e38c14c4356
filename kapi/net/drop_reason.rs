// SPDX-License-Identifier: GPL-2.0

//! Why a frame is dropped, for who watches that: the trace event `skb:kfree_skb`, drop_monitor.
//!
//! C header: [`include/net/dropreason-core.h`](srctree/include/net/dropreason-core.h)

use crate::kapi::bindings;

/// A reason for [`SkBuff::drop_with`](super::SkBuff::drop_with) (`enum skb_drop_reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DropReason {
    /// None is known.
    NotSpecified = bindings::skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED,
    /// What describes the frame to the device, or the device to the stack, is not valid.
    DevHdr = bindings::skb_drop_reason_SKB_DROP_REASON_DEV_HDR,
    /// The device is not ready to send or to receive.
    DevReady = bindings::skb_drop_reason_SKB_DROP_REASON_DEV_READY,
    /// There is no room on the ring.
    FullRing = bindings::skb_drop_reason_SKB_DROP_REASON_FULL_RING,
    /// The headers are not where they can be read.
    HdrTrunc = bindings::skb_drop_reason_SKB_DROP_REASON_HDR_TRUNC,
    /// The frame is one that this host has sent.
    LocalMac = bindings::skb_drop_reason_SKB_DROP_REASON_LOCAL_MAC,
    /// There is no memory, or no room in the IOMMU.
    NoMem = bindings::skb_drop_reason_SKB_DROP_REASON_NOMEM,
    /// The frame is too long, or in too many pieces.
    PktTooBig = bindings::skb_drop_reason_SKB_DROP_REASON_PKT_TOO_BIG,
    /// The queue is emptied.
    QueuePurge = bindings::skb_drop_reason_SKB_DROP_REASON_QUEUE_PURGE,
    /// The headers do not allow segmentation.
    BadGso = bindings::skb_drop_reason_SKB_DROP_REASON_SKB_BAD_GSO,
    /// The checksum cannot be computed.
    SkbCsum = bindings::skb_drop_reason_SKB_DROP_REASON_SKB_CSUM,
}
