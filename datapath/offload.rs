// SPDX-License-Identifier: GPL-2.0

//! What a frame wants the hardware to do, and the descriptor fields that say so.

use super::desc::{
    CmdType,
    Context,
    ContextIndex,
    Olinfo,
    L4, //
};

/// The work on a frame's headers that is left to the hardware.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// None: the frame is complete.
    None,
    /// Insert the transport checksum. The pseudo header's sum is already in its field.
    Checksum {
        /// Transport protocol.
        l4: L4,
        /// Bytes from the network header to the transport header.
        ip_len: u32,
    },
    /// Cut the payload into segments of `mss` bytes, each with headers and checksums of its own.
    Segment {
        /// Transport protocol: TCP, or UDP for datagrams of one size.
        l4: L4,
        /// The network header that precedes the transport header is IPv4.
        ipv4: bool,
        /// Bytes from the network header to the transport header.
        ip_len: u32,
        /// Bytes of the transport header.
        l4_len: u32,
        /// Payload bytes per segment.
        mss: u16,
    },
}

/// The transport protocol whose checksum goes `offset` bytes into the transport header.
///
/// `sctp` tells that it is SCTP's CRC32c. [`None`] for a protocol that the hardware does not know.
pub const fn transport(offset: u16, sctp: bool) -> Option<L4> {
    match (offset, sctp) {
        (6, false) => Some(L4::Udp),
        (16, false) => Some(L4::Tcp),
        (8, true) => Some(L4::Sctp),
        _ => None,
    }
}

/// A frame, as far as offloads go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Bytes in the frame, without FCS and without the tag that the hardware inserts.
    pub len: u32,
    /// Bytes before the network header.
    pub mac_len: u32,
    /// Tag to insert: priority, DEI and VLAN id.
    pub vlan: Option<u16>,
    /// What is left to the hardware.
    pub work: Work,
    /// The last four bytes are an FCS of the sender's own.
    pub has_fcs: bool,
}

/// Why a frame's wishes cannot be put into descriptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unencodable {
    /// The link-layer header is longer than MACLEN can state.
    MacHeader,
    /// The network header is longer than IPLEN can state.
    NetworkHeader,
    /// The transport header is longer than L4LEN can state, or the MSS is zero.
    Segmentation,
    /// The frame is longer than PAYLEN can state, or shorter than its own headers.
    Length,
}

/// The descriptor fields of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The context that must be loaded when the frame is sent.
    pub context: Option<Context>,
    /// Fields of every data descriptor of the frame.
    pub cmd: CmdType,
    /// Fields of the first data descriptor; the context's index is still to be added.
    pub olinfo: Olinfo,
    /// Header bytes that every segment repeats; zero without segmentation.
    pub header_len: u32,
}

impl Plan {
    /// For a frame of `len` bytes from which nothing is left to the hardware.
    ///
    /// # Errors
    ///
    /// [`Unencodable::Length`].
    #[inline]
    pub const fn plain(len: u32) -> Result<Self, Unencodable> {
        match Olinfo::new(len) {
            Some(olinfo) => Ok(Self {
                context: None,
                cmd: CmdType::DATA,
                olinfo,
                header_len: 0,
            }),
            None => Err(Unencodable::Length),
        }
    }
}

impl Frame {
    /// Translates the frame's wishes.
    ///
    /// # Errors
    ///
    /// A length does not fit its field: see [`Unencodable`]. Frames that passed [`fits`] and hold
    /// their own headers cannot fail.
    #[inline]
    pub const fn plan(&self) -> Result<Plan, Unencodable> {
        let mut cmd = CmdType::DATA;
        if self.has_fcs {
            cmd = cmd.without_fcs();
        }
        if self.vlan.is_some() {
            cmd = cmd.with_vlan();
        }
        match self.work {
            Work::None => self.plan_plain(cmd),
            Work::Checksum { l4, ip_len } => self.plan_checksum(cmd, l4, ip_len),
            Work::Segment {
                l4,
                ipv4,
                ip_len,
                l4_len,
                mss,
            } => self.plan_segment(cmd, l4, ipv4, [ip_len, l4_len], mss),
        }
    }

    const fn context(&self) -> Result<Context, Unencodable> {
        match (Context::new(self.mac_len), self.vlan) {
            (None, _) => Err(Unencodable::MacHeader),
            (Some(context), None) => Ok(context),
            (Some(context), Some(tci)) => Ok(context.with_vlan(tci)),
        }
    }

    #[inline]
    const fn plan_plain(&self, cmd: CmdType) -> Result<Plan, Unencodable> {
        let plain = match Plan::plain(self.len) {
            Ok(plain) => Plan { cmd, ..plain },
            Err(e) => return Err(e),
        };
        if self.vlan.is_none() {
            return Ok(plain);
        }
        match self.context() {
            Ok(with_tag) => Ok(Plan {
                context: Some(with_tag),
                ..plain
            }),
            Err(e) => Err(e),
        }
    }

    #[inline]
    const fn plan_checksum(&self, cmd: CmdType, l4: L4, ip_len: u32) -> Result<Plan, Unencodable> {
        let Some(olinfo) = Olinfo::new(self.len) else {
            return Err(Unencodable::Length);
        };
        let context = match self.context() {
            Ok(context) => context.with_l4(ip_len, l4),
            Err(e) => return Err(e),
        };
        if context.is_none() {
            return Err(Unencodable::NetworkHeader);
        }
        Ok(Plan {
            context,
            cmd,
            olinfo: olinfo.with_l4_checksum(),
            header_len: 0,
        })
    }

    #[inline]
    const fn plan_segment(
        &self,
        cmd: CmdType,
        l4: L4,
        ipv4: bool,
        [ip_len, l4_len]: [u32; 2],
        mss: u16,
    ) -> Result<Plan, Unencodable> {
        let context = match self.context() {
            Ok(context) => context,
            Err(e) => return Err(e),
        };
        let Some(context) = context.with_l4(ip_len, l4) else {
            return Err(Unencodable::NetworkHeader);
        };
        let Some(context) = context.with_segmentation(ipv4, l4_len, mss) else {
            return Err(Unencodable::Segmentation);
        };
        // Each of the three fits its field by now, so the sum cannot overflow.
        let header_len = self.mac_len + ip_len + l4_len;
        let Some(payload) = self.len.checked_sub(header_len) else {
            return Err(Unencodable::Length);
        };
        let Some(mut olinfo) = Olinfo::new(payload) else {
            return Err(Unencodable::Length);
        };
        olinfo = olinfo.with_l4_checksum();
        if ipv4 {
            olinfo = olinfo.with_ipv4_checksum();
        }
        Ok(Plan {
            context: Some(context),
            cmd: cmd.with_segmentation(),
            olinfo,
            header_len,
        })
    }
}

/// Bytes that a frame puts on the wire, without FCS and preamble: headers count once per segment.
#[inline]
pub const fn wire_bytes(len: u32, segments: u32, header_len: u32) -> u32 {
    len.wrapping_add(segments.saturating_sub(1).wrapping_mul(header_len))
}

/// What the headers of a frame leave of the offloads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// All offloads can be used.
    All,
    /// Tag insertion only: the network header is too long for IPLEN.
    VlanOnly,
    /// No context describes the frame: the link-layer header is too long for MACLEN.
    Nothing,
}

/// Judges whether a context can describe headers of these lengths.
#[inline]
pub const fn fits(mac_len: u32, ip_len: u32) -> Fit {
    if mac_len > Context::MAX_MAC_LEN {
        Fit::Nothing
    } else if ip_len > Context::MAX_IP_LEN {
        Fit::VlanOnly
    } else {
        Fit::All
    }
}

/// What the two contexts of a queue hold, so that a descriptor is spent only on a change.
///
/// A TCP stream alternates between full segments and bare acknowledgements at most; with two
/// contexts a steady flow sends no context descriptor at all. The hardware keeps its contexts until
/// the queue is reset, and a new cache must be made with it.
#[derive(Clone, Debug, Default)]
pub struct ContextCache {
    held: [Option<Context>; 2],
    recent: ContextIndex,
}

/// Answer of [`ContextCache::select`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selected {
    /// The slot that the frame's data descriptor names.
    pub index: ContextIndex,
    /// A context descriptor must precede the frame.
    pub load: bool,
}

impl ContextCache {
    /// Nothing known: the first frame loads its context.
    pub const fn new() -> Self {
        Self {
            held: [None, None],
            recent: ContextIndex::Zero,
        }
    }

    fn slot(&mut self, index: ContextIndex) -> &mut Option<Context> {
        let [zero, one] = &mut self.held;
        match index {
            ContextIndex::Zero => zero,
            ContextIndex::One => one,
        }
    }

    /// Finds the context, or gives it the slot that was used longest ago.
    ///
    /// If the frame is not sent after all, [`Self::forget`] must be called.
    #[inline]
    pub fn select(&mut self, context: Context) -> Selected {
        let recent = self.recent;
        if *self.slot(recent) == Some(context) {
            return Selected {
                index: recent,
                load: false,
            };
        }
        let index = recent.other();
        self.recent = index;
        let slot = self.slot(index);
        if *slot == Some(context) {
            return Selected { index, load: false };
        }
        *slot = Some(context);
        Selected { index, load: true }
    }

    /// Forgets everything: the descriptor of the last [`Self::select`] never reached the hardware.
    pub fn forget(&mut self) {
        *self = Self::new();
    }
}
