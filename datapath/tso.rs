// SPDX-License-Identifier: GPL-2.0

//! The headers of a frame that the hardware segments (datasheet 7.2.4): a template, which it copies to each
//! segment with lengths and checksums of its own.
//!
//! The hardware adds the length of a segment to the template's transport checksum, which therefore is that
//! of the pseudo header without a length. It writes the IPv4 header that lies before the transport header, and
//! sums it. With `GSO_PARTIAL` the headers of a tunnel lie between the two. They are the same in all segments,
//! and what they would add to the sum is taken away from it in advance.

use super::desc::L4;

/// Where the fields lie that are changed, in bytes from the beginning of their header.
const IPV4_TOTAL_LENGTH: usize = 2;
const IPV4_CHECKSUM: usize = 10;
const IPV4_MIN_LEN: usize = 20;
const IPV6_PAYLOAD_LENGTH: usize = 4;
const TCP_DATA_OFFSET: usize = 12;
const TCP_CHECKSUM: usize = 16;
const UDP_CHECKSUM: usize = 6;
const UDP_LEN: u8 = 8;

/// The headers of a frame, from its first byte to the last one that is looked at here.
#[derive(Debug)]
pub struct Headers<'a> {
    /// All bytes until behind the least transport header, 20 of TCP or 8 of UDP.
    pub bytes: &'a mut [u8],
    /// Offset of the network header; the outer one of a tunnel.
    pub l3_offset: usize,
    /// Offset of the transport header whose checksum is pending; the inner one of a tunnel.
    pub l4_offset: usize,
    /// Its protocol: TCP or UDP.
    pub l4: L4,
}

/// What a template is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Template {
    /// The network header is IPv4, with a checksum to compute.
    pub ipv4: bool,
    /// Bytes of the transport header.
    pub l4_len: u8,
}

impl Headers<'_> {
    /// Makes the headers of a frame of `len` bytes a template. [`None`] if they are not what they should be;
    /// some fields may be changed even then.
    pub fn into_template(self, len: u32) -> Option<Template> {
        let (before, l4) = self.bytes.split_at_mut_checked(self.l4_offset)?;
        let (_, l3) = before.split_at_mut_checked(self.l3_offset)?;
        let payload = len.checked_sub(u32::try_from(self.l4_offset).ok()?)?;
        let ipv4 = clear_lengths(l3)?;
        let (l4_len, checksum) = match self.l4 {
            L4::Udp => (UDP_LEN, UDP_CHECKSUM),
            L4::Tcp => ((l4.get(TCP_DATA_OFFSET)? >> 4) * 4, TCP_CHECKSUM),
            L4::Sctp => return None,
        };
        let field = field(l4, checksum)?;
        *field = take_away(*field, payload);
        Some(Template { ipv4, l4_len })
    }
}

/// Clears what the hardware fills in. Whether `l3`, a network header and all until the transport header, is
/// that of IPv4.
fn clear_lengths(l3: &mut [u8]) -> Option<bool> {
    if l3.len() < IPV4_MIN_LEN {
        return None;
    }
    let first = *l3.first()?;
    if first >> 4 != 4 {
        *field(l3, IPV6_PAYLOAD_LENGTH)? = [0; 2];
        return Some(false);
    }
    let header_len = usize::from(first & 0xf) * 4;
    if header_len < IPV4_MIN_LEN {
        return None;
    }
    let between = sum(l3.get(header_len..)?);
    *field(l3, IPV4_TOTAL_LENGTH)? = [0; 2];
    *field(l3, IPV4_CHECKSUM)? = (!fold(between)).to_be_bytes();
    Some(true)
}

/// Two bytes of a header.
fn field(header: &mut [u8], offset: usize) -> Option<&mut [u8; 2]> {
    header.get_mut(offset..)?.first_chunk_mut()
}

/// The Internet checksum's sum of bytes (RFC 1071), not folded. For headers: of 128 KiB it would overflow.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(0, |sum: u32, word| {
        let high = word.first().copied().unwrap_or(0);
        let low = word.get(1).copied().unwrap_or(0);
        sum.wrapping_add(u16::from_be_bytes([high, low]).into())
    })
}

/// The sixteen bits that a sum stands for.
const fn fold(sum: u32) -> u16 {
    // CAST: What is left has sixteen bits: the first addition gives 0x1fffe at most, the second 0xffff.
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
}

/// A sum without `len`, which is part of it.
const fn take_away(sum: [u8; 2], len: u32) -> [u8; 2] {
    // To subtract is to add to the complement.
    let rest = !u16::from_be_bytes(sum);
    (!fold(fold(len) as u32 + rest as u32)).to_be_bytes()
}
