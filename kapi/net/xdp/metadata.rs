// SPDX-License-Identifier: GPL-2.0

//! What a program can ask of a received frame beside its data (`struct xdp_metadata_ops`).
//!
//! A program that asks is bound to its device. Only for such a one the driver is asked what its hardware said,
//! before the program runs ([`ProgramRun::run`](super::ProgramRun::run)), and the answer is kept behind the
//! `xdp_buff`: in the frame's place ([`XdpPlace`](super::XdpPlace)), or where a buffer of a socket has room
//! for a driver.
//!
//! C header: [`include/net/xdp.h`](srctree/include/net/xdp.h)

use core::{
    marker::PhantomData,
    mem::{
        align_of,
        offset_of,
        size_of,
        size_of_val,
        MaybeUninit, //
    },
    ptr::addr_of_mut, //
};

use kernel::prelude::*;

use crate::kapi::{
    bindings,
    net::{
        addr::ETH_P_8021Q,
        ops::optional,
        Driver, //
    }, //
};

/// A set of what a device tells programs: [`Driver::XDP_METADATA`].
///
/// # Examples
///
/// ```
/// use kapi::net::xdp::Metadata;
///
/// const TOLD: Metadata = Metadata::HASH.union(Metadata::VLAN_TAG);
///
/// const _: () = assert!(TOLD.contains(Metadata::HASH));
/// const _: () = assert!(!Metadata::NONE.contains(Metadata::VLAN_TAG));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metadata(u32);

impl Metadata {
    /// Nothing: programs that ask for any of it cannot be loaded for the device.
    pub const NONE: Self = Self(0);
    /// The RSS hash.
    pub const HASH: Self = Self(1);
    /// The 802.1Q tag that was taken out of the frame.
    pub const VLAN_TAG: Self = Self(2);

    /// What is in either of them.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What an RSS hash covers (`enum xdp_rss_hash_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RssType(bindings::xdp_rss_hash_type);

macro_rules! rss_types {
    ($($(#[$doc:meta])* $name:ident = $value:ident;)*) => {
        impl RssType {
            $(
                $(#[$doc])*
                pub const $name: Self = Self(bindings::$value);
            )*
        }
    };
}

rss_types! {
    /// The addresses of IPv4.
    IPV4 = xdp_rss_hash_type_XDP_RSS_TYPE_L3_IPV4;
    /// The addresses of IPv6.
    IPV6 = xdp_rss_hash_type_XDP_RSS_TYPE_L3_IPV6;
    /// The addresses of IPv6, with those of extension headers.
    IPV6_EX = xdp_rss_hash_type_XDP_RSS_TYPE_L3_IPV6_EX;
    /// The addresses of IPv4, and the ports of TCP.
    IPV4_TCP = xdp_rss_hash_type_XDP_RSS_TYPE_L4_IPV4_TCP;
    /// The addresses of IPv4, and the ports of UDP.
    IPV4_UDP = xdp_rss_hash_type_XDP_RSS_TYPE_L4_IPV4_UDP;
    /// The addresses of IPv6, and the ports of TCP.
    IPV6_TCP = xdp_rss_hash_type_XDP_RSS_TYPE_L4_IPV6_TCP;
    /// The addresses of IPv6, and the ports of UDP.
    IPV6_UDP = xdp_rss_hash_type_XDP_RSS_TYPE_L4_IPV6_UDP;
    /// The addresses of IPv6, with those of extension headers, and the ports of TCP.
    IPV6_TCP_EX = xdp_rss_hash_type_XDP_RSS_TYPE_L4_IPV6_TCP_EX;
    /// The addresses of IPv6, with those of extension headers, and the ports of UDP.
    IPV6_UDP_EX = xdp_rss_hash_type_XDP_RSS_TYPE_L4_IPV6_UDP_EX;
}

/// What the hardware said of a frame, for programs.
///
/// # Examples
///
/// ```
/// use kapi::net::xdp::{RssType, XdpMeta};
///
/// /// Of a frame of TCP, in VLAN 5.
/// pub fn told(hash: u32) -> XdpMeta {
///     XdpMeta {
///         hash: Some((hash, RssType::IPV4_TCP)),
///         vlan: Some(5),
///     }
/// }
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct XdpMeta {
    /// RSS hash, and what it covers.
    pub hash: Option<(u32, RssType)>,
    /// The VLAN tag (TCI) that was taken out of the frame.
    pub vlan: Option<u16>,
}

/// A frame as programs see it, and behind it what they can ask: for a program that is bound to its device.
#[repr(C)]
pub(super) struct Seen {
    pub(super) xdp: bindings::xdp_buff,
    pub(super) meta: MaybeUninit<XdpMeta>,
}

impl Seen {
    /// `enum xdp_buff_flags`.
    #[inline]
    pub(super) fn xdp_flags(&self) -> u32 {
        // SAFETY: Any number is valid for what this is a union with.
        unsafe { self.xdp.__bindgen_anon_1.__bindgen_anon_1.flags }
    }
}

// A buffer of a socket has the same place for it.
const _: () = {
    const PLACE: usize = offset_of!(bindings::xdp_buff_xsk, cb);
    assert!(offset_of!(bindings::xdp_buff_xsk, xdp) == offset_of!(Seen, xdp));
    assert!(PLACE == offset_of!(Seen, meta));
    assert!(align_of::<bindings::xdp_buff_xsk>() >= align_of::<Seen>());
    // SAFETY: Only its size is looked at.
    let buff: bindings::xdp_buff_xsk = unsafe { MaybeUninit::zeroed().assume_init() };
    assert!(size_of::<XdpMeta>() <= size_of_val(&buff.cb));
};

/// Keeps what a program can ask of a frame.
///
/// # Safety
///
/// `xdp` is that of a [`Seen`] or of a buffer of a socket, which nobody else uses.
#[inline]
pub(super) unsafe fn tell(xdp: *mut bindings::xdp_buff, meta: XdpMeta) {
    // SAFETY: By the safety requirements; both have room for it there.
    unsafe { addr_of_mut!((*xdp.cast::<Seen>()).meta).write(MaybeUninit::new(meta)) };
}

/// The `xdp_metadata_ops` of a driver.
pub(in crate::kapi::net) struct MetadataVtable<T>(PhantomData<T>);

impl<T: Driver> MetadataVtable<T> {
    const OPS: bindings::xdp_metadata_ops = {
        let set = T::XDP_METADATA;
        bindings::xdp_metadata_ops {
            // Nothing to tell it by.
            xmo_rx_timestamp: None,
            xmo_rx_hash: optional!(set.contains(Metadata::HASH), Self::rx_hash),
            xmo_rx_vlan_tag: optional!(set.contains(Metadata::VLAN_TAG), Self::rx_vlan_tag),
        }
    };

    /// The operations.
    pub(in crate::kapi::net) const fn ops() -> *const bindings::xdp_metadata_ops {
        &Self::OPS
    }

    /// What was kept of the frame that a program sees.
    ///
    /// # Safety
    ///
    /// `ctx` is the context of a program that is bound to a device of [`Driver`], and runs.
    #[inline]
    unsafe fn kept<'a>(ctx: *const bindings::xdp_md) -> &'a XdpMeta {
        // SAFETY: What programs know as `xdp_md` is an `xdp_buff`. One that is bound to a device runs nowhere
        // else: not in the stack's place (`xdpgeneric`), by maps, or in tests. There `ProgramRun` has written
        // this before.
        unsafe { (*ctx.cast::<Seen>()).meta.assume_init_ref() }
    }

    /// # Safety
    ///
    /// Called by a program that is bound to a device registered with a `T`, with its context. The other
    /// pointers are to memory of its own.
    unsafe extern "C" fn rx_hash(
        ctx: *const bindings::xdp_md,
        hash: *mut u32,
        covers: *mut bindings::xdp_rss_hash_type,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        match unsafe { Self::kept(ctx) }.hash {
            Some((value, RssType(kind))) => {
                // SAFETY: By the requirements of this function.
                unsafe {
                    *hash = value;
                    *covers = kind;
                }
                0
            }
            None => ENODATA.to_errno(),
        }
    }

    /// # Safety
    ///
    /// As of [`Self::rx_hash`].
    unsafe extern "C" fn rx_vlan_tag(
        ctx: *const bindings::xdp_md,
        proto: *mut bindings::__be16,
        tci: *mut u16,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        match unsafe { Self::kept(ctx) }.vlan {
            Some(tag) => {
                // SAFETY: By the requirements of this function.
                unsafe {
                    *proto = ETH_P_8021Q.to_be();
                    *tci = tag;
                }
                0
            }
            None => ENODATA.to_errno(),
        }
    }
}
