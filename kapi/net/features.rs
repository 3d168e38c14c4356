// SPDX-License-Identifier: GPL-2.0

//! Offload features of a network device.
//!
//! C header: [`include/linux/netdev_features.h`](srctree/include/linux/netdev_features.h)

use core::ops;

use crate::kapi::bindings;

/// A set of features (`netdev_features_t`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u64);

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $bit:ident;)*) => {
        impl Features {
            $(
                $(#[$doc])*
                pub const $name: Features = Features(1 << bindings::$bit);
            )*
        }
    };
}

features! {
    /// Transmit of buffers in several pieces.
    SG = NETIF_F_SG_BIT;
    /// Transmit checksum at any offset (not together with the protocol-bound ones).
    HW_CSUM = NETIF_F_HW_CSUM_BIT;
    /// Transmit checksum of TCP and UDP over IPv4.
    IP_CSUM = NETIF_F_IP_CSUM_BIT;
    /// Transmit checksum of TCP and UDP over IPv6.
    IPV6_CSUM = NETIF_F_IPV6_CSUM_BIT;
    /// Transmit CRC32c of SCTP.
    SCTP_CRC = NETIF_F_SCTP_CRC_BIT;
    /// Buffers in high memory.
    HIGHDMA = NETIF_F_HIGHDMA_BIT;
    /// TCP segmentation over IPv4.
    TSO = NETIF_F_TSO_BIT;
    /// TCP segmentation with CWR set in the first segment only.
    TSO_ECN = NETIF_F_TSO_ECN_BIT;
    /// TCP segmentation that may repeat IPv4 identifiers.
    TSO_MANGLEID = NETIF_F_TSO_MANGLEID_BIT;
    /// TCP segmentation over IPv6.
    TSO6 = NETIF_F_TSO6_BIT;
    /// UDP segmentation.
    GSO_UDP_L4 = NETIF_F_GSO_UDP_L4_BIT;
    /// Segmentation of the payload only: the stack prepares the outer headers.
    GSO_PARTIAL = NETIF_F_GSO_PARTIAL_BIT;
    /// Segmentation inside GRE.
    GSO_GRE = NETIF_F_GSO_GRE_BIT;
    /// Segmentation inside GRE with checksum.
    GSO_GRE_CSUM = NETIF_F_GSO_GRE_CSUM_BIT;
    /// Segmentation inside IPv4 tunnels.
    GSO_IPXIP4 = NETIF_F_GSO_IPXIP4_BIT;
    /// Segmentation inside IPv6 tunnels.
    GSO_IPXIP6 = NETIF_F_GSO_IPXIP6_BIT;
    /// Segmentation inside UDP tunnels.
    GSO_UDP_TUNNEL = NETIF_F_GSO_UDP_TUNNEL_BIT;
    /// Segmentation inside UDP tunnels with an outer checksum.
    GSO_UDP_TUNNEL_CSUM = NETIF_F_GSO_UDP_TUNNEL_CSUM_BIT;
    /// Receive checksum.
    RXCSUM = NETIF_F_RXCSUM_BIT;
    /// Receive flow hash.
    RXHASH = NETIF_F_RXHASH_BIT;
    /// Generic receive offload.
    GRO = NETIF_F_GRO_BIT;
    /// Large receive offload.
    LRO = NETIF_F_LRO_BIT;
    /// Insertion of 802.1Q tags.
    HW_VLAN_CTAG_TX = NETIF_F_HW_VLAN_CTAG_TX_BIT;
    /// Stripping of 802.1Q tags.
    HW_VLAN_CTAG_RX = NETIF_F_HW_VLAN_CTAG_RX_BIT;
    /// A receive filter of 802.1Q identifiers. The driver must have both VLAN operations.
    HW_VLAN_CTAG_FILTER = NETIF_F_HW_VLAN_CTAG_FILTER_BIT;
    /// Insertion of 802.1ad tags.
    HW_VLAN_STAG_TX = NETIF_F_HW_VLAN_STAG_TX_BIT;
    /// Stripping of 802.1ad tags.
    HW_VLAN_STAG_RX = NETIF_F_HW_VLAN_STAG_RX_BIT;
    /// Reception of frames with errors.
    RXALL = NETIF_F_RXALL_BIT;
    /// Reception with the frame check sequence kept.
    RXFCS = NETIF_F_RXFCS_BIT;
    /// Receive flow rules from user space.
    NTUPLE = NETIF_F_NTUPLE_BIT;
    /// Traffic control in hardware.
    HW_TC = NETIF_F_HW_TC_BIT;
    /// Internal loopback.
    LOOPBACK = NETIF_F_LOOPBACK_BIT;
}

impl Features {
    /// No feature.
    pub const NONE: Features = Features(0);

    /// What the stack cannot do to a frame without checksum offload: `NETIF_F_CSUM_MASK`.
    pub const CSUM_MASK: Features = Features::HW_CSUM
        .union(Features::IP_CSUM)
        .union(Features::IPV6_CSUM);

    /// All segmentation offloads: `NETIF_F_GSO_MASK`.
    pub const GSO_MASK: Features =
        Features((2 << bindings::NETIF_F_GSO_LAST) - (1 << bindings::NETIF_F_GSO_SHIFT));

    pub(in crate::kapi) const fn from_raw(bits: u64) -> Self {
        Features(bits)
    }

    /// The bits, as the kernel numbers them.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// All of both; usable in constants, as `|` is not.
    pub const fn union(self, other: Self) -> Self {
        Features(self.0 | other.0)
    }

    /// What is here and not in `other`; usable in constants, as `-` is not.
    pub const fn difference(self, other: Self) -> Self {
        Features(self.0 & !other.0)
    }

    /// Whether all of `other` is here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is here.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds (`on`) or removes `which`.
    pub fn set(&mut self, which: Self, on: bool) {
        if on {
            self.0 |= which.0;
        } else {
            self.0 &= !which.0;
        }
    }
}

impl ops::BitOr for Features {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Features(self.0 | other.0)
    }
}

impl ops::BitOrAssign for Features {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl ops::BitAnd for Features {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Features(self.0 & other.0)
    }
}

impl ops::BitAndAssign for Features {
    fn bitand_assign(&mut self, other: Self) {
        self.0 &= other.0;
    }
}

impl ops::BitXor for Features {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Features(self.0 ^ other.0)
    }
}

impl ops::Sub for Features {
    type Output = Self;

    /// What is here and not in `other`.
    fn sub(self, other: Self) -> Self {
        Features(self.0 & !other.0)
    }
}

impl ops::Not for Features {
    type Output = Self;

    fn not(self) -> Self {
        Features(!self.0)
    }
}

/// What a device can do, told once before it is registered.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeatureSet {
    /// What the user may switch.
    pub hw_features: Features,
    /// What is on from the start.
    pub features: Features,
    /// What VLAN devices above inherit.
    pub vlan_features: Features,
    /// What works on the inner headers of tunnels.
    pub hw_enc_features: Features,
    /// What works only by partial segmentation.
    pub gso_partial: Features,
}
