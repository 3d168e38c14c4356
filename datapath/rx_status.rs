// SPDX-License-Identifier: GPL-2.0

//! What the hardware writes back about a received buffer.
//!
//! Intel 82576 datasheet, 7.1.5.2. The second word alone tells whether the buffer is done, where the
//! frame ends, its length, checksums, errors and tag; one 64-bit read takes all of it. The first
//! word holds the RSS hash and need not be read where nobody wants it.

/// The second word of a receive descriptor after write-back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RxStatus(u64);

/// Verdict of the hardware about the checksums of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksum {
    /// Not looked at: the stack must verify.
    Unchecked,
    /// The transport checksum, and the IPv4 header's if there is one, are right.
    Good,
    /// One of them is wrong. The stack decides: it counts the error in the right protocol.
    Bad,
}

/// How much of a frame the RSS hash covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashKind {
    /// Addresses only.
    L3,
    /// Addresses and ports.
    L4,
}

/// What an RSS hash covers, in all detail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashType {
    /// Addresses and ports of TCP over IPv4.
    Ipv4Tcp,
    /// Addresses of IPv4.
    Ipv4,
    /// Addresses and ports of TCP over IPv6.
    Ipv6Tcp,
    /// Addresses of IPv6, from extension headers where these have some.
    Ipv6Ex,
    /// Addresses of IPv6.
    Ipv6,
    /// As of the two before, and ports of TCP.
    Ipv6TcpEx,
    /// Addresses and ports of UDP over IPv4.
    Ipv4Udp,
    /// Addresses and ports of UDP over IPv6.
    Ipv6Udp,
    /// As of [`Self::Ipv6Ex`], and ports of UDP.
    Ipv6UdpEx,
}

/// A received frame's RSS hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RssHash {
    /// The Toeplitz hash.
    pub value: u32,
    /// What it covers.
    pub kind: HashKind,
}

impl RxStatus {
    const DD: u64 = 1 << 0;
    const EOP: u64 = 1 << 1;
    const IXSM: u64 = 1 << 2;
    const VP: u64 = 1 << 3;
    const UDPCS: u64 = 1 << 4;
    const L4CS: u64 = 1 << 5;
    const LOOPBACK: u64 = 1 << 18;
    const L4E: u64 = 1 << 29;
    const IPE: u64 = 1 << 30;
    /// CE, SE, SEQ, CXE and RXE: the frame itself is damaged.
    const FRAME_ERRORS: u64 = 1 << 24 | 1 << 25 | 1 << 26 | 1 << 28 | 1 << 31;

    /// 60 bytes: the shortest frame without its FCS.
    const SHORTEST: u16 = 60;

    /// Takes the word as read from the ring.
    #[inline]
    pub const fn new(word1: u64) -> Self {
        Self(u64::from_le(word1))
    }

    const fn has(self, bits: u64) -> bool {
        self.0 & bits != 0
    }

    /// The hardware is done with the buffer.
    #[inline]
    pub const fn done(self) -> bool {
        self.has(Self::DD)
    }

    /// The frame ends in this buffer. The fields below are valid for such descriptors only.
    #[inline]
    pub const fn end_of_packet(self) -> bool {
        self.has(Self::EOP)
    }

    /// Bytes that were written to this buffer.
    #[inline]
    pub const fn len(self) -> u16 {
        // CAST: PKT_LEN is the 16 bits above the status.
        (self.0 >> 32) as u16
    }

    /// Nothing was written to this buffer.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The frame is damaged: CRC, symbol, sequence, carrier extension or another receive error.
    #[inline]
    pub const fn frame_error(self) -> bool {
        self.has(Self::FRAME_ERRORS)
    }

    /// The tag that the hardware took out: priority, DEI and VLAN id.
    ///
    /// On the 82576 it is little-endian for looped-back frames too; the byte swap of those is an
    /// i350 affair.
    #[inline]
    pub const fn vlan(self) -> Option<u16> {
        if self.has(Self::VP) {
            // CAST: the VLAN tag is the upper 16 bits.
            Some((self.0 >> 48) as u16)
        } else {
            None
        }
    }

    /// The frame came from another function of the same port.
    #[inline]
    pub const fn looped_back(self) -> bool {
        self.has(Self::LOOPBACK)
    }

    /// The verdict about the checksums of a frame of `frame_len` bytes.
    ///
    /// The 82576 flags a correct SCTP checksum as wrong in frames of 60 bytes; such a frame
    /// is [`Checksum::Unchecked`].
    #[inline]
    pub const fn checksum(self, frame_len: u32) -> Checksum {
        if self.has(Self::IXSM) {
            return Checksum::Unchecked;
        }
        if self.has(Self::L4E | Self::IPE) {
            if frame_len == Self::SHORTEST as u32 {
                return Checksum::Unchecked;
            }
            return Checksum::Bad;
        }
        if self.has(Self::L4CS | Self::UDPCS) {
            return Checksum::Good;
        }
        Checksum::Unchecked
    }
}

/// Whether `bytes`, which follow the addresses of a frame, are an 802.1Q tag with this priority, DEI
/// and VLAN.
///
/// Where tags are to stay in frames the descriptor does not say whether they did: VP may be set of a
/// frame that has its tag, and with pools the hardware takes tags out of replicated frames whatever
/// the pool wants.
#[inline]
pub const fn is_tag(bytes: [u8; 4], tci: u16) -> bool {
    let [high, low] = tci.to_be_bytes();
    matches!(bytes, [0x81, 0x00, a, b] if a == high && b == low)
}

/// Reads the RSS hash from the first word of a descriptor after write-back.
///
/// `None` where no hash function matched the frame.
#[inline]
pub const fn rss_hash(word0: u64) -> Option<RssHash> {
    let word0 = u64::from_le(word0);
    let kind = match word0 & 0xf {
        // TCP over IPv4, IPv6, IPv6 with extensions; UDP likewise.
        1 | 3 | 6 | 7 | 8 | 9 => HashKind::L4,
        // IPv4, IPv6 with extensions, IPv6.
        2 | 4 | 5 => HashKind::L3,
        _ => return None,
    };
    // CAST: the hash is the upper half.
    Some(RssHash {
        value: (word0 >> 32) as u32,
        kind,
    })
}

/// Reads from the first word of a descriptor after write-back what its RSS hash covers.
///
/// `None` where there is none.
#[inline]
pub const fn rss_type(word0: u64) -> Option<HashType> {
    Some(match u64::from_le(word0) & 0xf {
        1 => HashType::Ipv4Tcp,
        2 => HashType::Ipv4,
        3 => HashType::Ipv6Tcp,
        4 => HashType::Ipv6Ex,
        5 => HashType::Ipv6,
        6 => HashType::Ipv6TcpEx,
        7 => HashType::Ipv4Udp,
        8 => HashType::Ipv6Udp,
        9 => HashType::Ipv6UdpEx,
        _ => return None,
    })
}
