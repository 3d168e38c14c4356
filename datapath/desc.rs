// SPDX-License-Identifier: GPL-2.0

//! The 82576's advanced descriptors, as they lie in memory.
//!
//! Every descriptor is 16 bytes: two little-endian 64-bit words. The types here are built field by
//! field and turned into words at the end, so that a ring needs no layout of its own and stores a
//! descriptor with two plain writes. Intel 82576 datasheet, 7.1.5 (receive) and 7.2.2 (transmit).

/// 64-bit words in a descriptor.
pub const DESC_WORDS: usize = 2;

/// Bytes in a descriptor.
pub const DESC_BYTES: usize = 8 * DESC_WORDS;

/// Largest number of bytes that this driver puts behind one transmit data descriptor.
///
/// DTALEN has 16 bits; half of that keeps chunks of a large fragment aligned to a power of two.
pub const MAX_DATA_PER_DESC: u32 = 1 << 15;

/// DCMD, DTYP and DTALEN of an advanced transmit data descriptor (datasheet 7.2.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CmdType(u32);

impl CmdType {
    const DTYP_DATA: u32 = 0b0011 << 20;
    const EOP: u32 = 1 << 24;
    const IFCS: u32 = 1 << 25;
    const RS: u32 = 1 << 27;
    const DEXT: u32 = 1 << 29;
    const VLE: u32 = 1 << 30;
    const TSE: u32 = 1 << 31;

    /// A data descriptor whose frame gets its FCS from the hardware.
    pub const DATA: Self = Self(Self::DTYP_DATA | Self::DEXT | Self::IFCS);

    /// Has the hardware insert the VLAN tag of the context.
    #[must_use]
    pub const fn with_vlan(self) -> Self {
        Self(self.0 | Self::VLE)
    }

    /// Has the hardware segment the frame by the MSS of the context.
    #[must_use]
    pub const fn with_segmentation(self) -> Self {
        Self(self.0 | Self::TSE)
    }

    /// The frame brings its own FCS.
    #[must_use]
    pub const fn without_fcs(self) -> Self {
        Self(self.0 & !Self::IFCS)
    }

    /// The last descriptor of a frame. It alone asks for a status write-back.
    #[must_use]
    pub const fn last(self) -> Self {
        Self(self.0 | Self::EOP | Self::RS)
    }

    /// The bits, without a length.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// POPTS, IDX and PAYLEN of an advanced transmit data descriptor (datasheet 7.2.2.3).
///
/// Only the first data descriptor of a frame carries it; the others have [`Olinfo::NONE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Olinfo(u32);

impl Olinfo {
    const IDX_SHIFT: u32 = 4;
    const IXSM: u32 = 1 << 8;
    const TXSM: u32 = 1 << 9;
    const PAYLEN_SHIFT: u32 = 14;

    /// Largest payload length that the descriptor can state.
    pub const MAX_PAYLOAD: u32 = (1 << 18) - 1;

    /// Descriptors after the first of a frame.
    pub const NONE: Self = Self(0);

    /// A frame of `payload` bytes; `None` if the field cannot hold it.
    pub const fn new(payload: u32) -> Option<Self> {
        if payload > Self::MAX_PAYLOAD {
            return None;
        }
        Some(Self(payload << Self::PAYLEN_SHIFT))
    }

    /// Has the hardware insert the TCP, UDP or SCTP checksum.
    #[must_use]
    pub const fn with_l4_checksum(self) -> Self {
        Self(self.0 | Self::TXSM)
    }

    /// Has the hardware insert the IPv4 header checksum.
    #[must_use]
    pub const fn with_ipv4_checksum(self) -> Self {
        Self(self.0 | Self::IXSM)
    }

    /// Names the context that the frame uses.
    #[must_use]
    pub const fn with_context(self, index: ContextIndex) -> Self {
        Self(self.0 | index.bit() << Self::IDX_SHIFT)
    }

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// One of the two contexts that the hardware keeps per transmit queue (datasheet 7.2.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ContextIndex {
    /// Context 0.
    #[default]
    Zero,
    /// Context 1.
    One,
}

impl ContextIndex {
    const fn bit(self) -> u32 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Zero => Self::One,
            Self::One => Self::Zero,
        }
    }
}

/// An advanced transmit data descriptor in its read format.
///
/// `len` may not exceed [`MAX_DATA_PER_DESC`]; higher bits than DTALEN's are cut off.
pub const fn data_desc(addr: u64, len: u32, cmd: CmdType, olinfo: Olinfo) -> [u64; DESC_WORDS] {
    let low = cmd.bits() | (len & 0xffff);
    let high = olinfo.bits();
    [addr.to_le(), (low as u64 | (high as u64) << 32).to_le()]
}

/// Tells from the second word of a transmit descriptor whether the hardware is done with it (DD).
pub const fn tx_done(word1: u64) -> bool {
    u64::from_le(word1) >> 32 & 1 != 0
}

/// Transport protocol of a context (L4T).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum L4 {
    /// UDP: checksum at offset 6.
    Udp,
    /// TCP: checksum at offset 16.
    Tcp,
    /// SCTP: CRC32c at offset 8.
    Sctp,
}

/// An advanced transmit context descriptor, without its index (datasheet 7.2.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Context {
    /// VLAN 31:16, MACLEN 15:9, IPLEN 8:0.
    vlan_macip_lens: u32,
    /// L4T 12:11, IPV4 10, DEXT and DTYP as in a data descriptor.
    type_tucmd: u32,
    /// MSS 31:16, L4LEN 15:8.
    mss_l4len: u32,
}

impl Context {
    const DTYP_CONTEXT: u32 = 0b0010 << 20;
    const DEXT: u32 = 1 << 29;
    const IPV4: u32 = 1 << 10;
    const L4T_TCP: u32 = 0b01 << 11;
    const L4T_SCTP: u32 = 0b10 << 11;
    const MACLEN_SHIFT: u32 = 9;
    const VLAN_SHIFT: u32 = 16;
    const L4LEN_SHIFT: u32 = 8;
    const MSS_SHIFT: u32 = 16;
    const IDX_SHIFT: u32 = 4;

    /// Longest link-layer header that MACLEN can state, in bytes.
    pub const MAX_MAC_LEN: u32 = 127;
    /// Longest network header that IPLEN can state, in bytes.
    pub const MAX_IP_LEN: u32 = 511;
    /// Longest transport header that L4LEN can state, in bytes.
    pub const MAX_L4_LEN: u32 = 255;

    /// A context for frames whose link-layer header has `mac_len` bytes.
    ///
    /// `None` if the field cannot hold it.
    pub const fn new(mac_len: u32) -> Option<Self> {
        if mac_len > Self::MAX_MAC_LEN {
            return None;
        }
        Some(Self {
            vlan_macip_lens: mac_len << Self::MACLEN_SHIFT,
            type_tucmd: Self::DTYP_CONTEXT | Self::DEXT,
            mss_l4len: 0,
        })
    }

    /// Adds the tag to insert, as in the frame: priority, DEI and VLAN id.
    #[must_use]
    pub const fn with_vlan(mut self, tci: u16) -> Self {
        self.vlan_macip_lens |= (tci as u32) << Self::VLAN_SHIFT;
        self
    }

    /// Adds the network header's length and the transport protocol.
    ///
    /// `None` if the field cannot hold the length.
    pub const fn with_l4(mut self, ip_len: u32, l4: L4) -> Option<Self> {
        if ip_len > Self::MAX_IP_LEN {
            return None;
        }
        self.vlan_macip_lens |= ip_len;
        self.type_tucmd |= match l4 {
            L4::Udp => 0,
            L4::Tcp => Self::L4T_TCP,
            L4::Sctp => Self::L4T_SCTP,
        };
        Some(self)
    }

    /// Adds what segmentation needs: IP version, transport header's length, payload per segment.
    ///
    /// `None` if the length does not fit or the MSS is zero.
    pub const fn with_segmentation(mut self, ipv4: bool, l4_len: u32, mss: u16) -> Option<Self> {
        if l4_len > Self::MAX_L4_LEN || mss == 0 {
            return None;
        }
        if ipv4 {
            self.type_tucmd |= Self::IPV4;
        }
        self.mss_l4len = (mss as u32) << Self::MSS_SHIFT | l4_len << Self::L4LEN_SHIFT;
        Some(self)
    }

    /// The descriptor that loads this context into slot `index` of the queue.
    pub const fn words(self, index: ContextIndex) -> [u64; DESC_WORDS] {
        let last = self.mss_l4len | index.bit() << Self::IDX_SHIFT;
        [
            (self.vlan_macip_lens as u64).to_le(),
            (self.type_tucmd as u64 | (last as u64) << 32).to_le(),
        ]
    }
}

/// A receive descriptor in its read format: one buffer at `addr`, no header buffer.
///
/// The second word is where the write-back puts its status, so writing it also clears DD.
pub const fn rx_read_desc(addr: u64) -> [u64; DESC_WORDS] {
    [addr.to_le(), 0]
}
