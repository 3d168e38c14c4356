// SPDX-License-Identifier: GPL-2.0

//! Receive side scaling: a hash of each frame's flow picks an entry of a table, and that the queue.

use crate::kapi::bindings;
use kernel::prelude::*;

/// How flows are hashed (`ETH_RSS_HASH_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashFunction {
    /// Toeplitz, with a key.
    Toeplitz,
    /// Exclusive or.
    Xor,
    /// CRC-32.
    Crc32,
}

/// The bits of C for a [`HashFunction`].
const TOEPLITZ: u8 = 1 << bindings::ETH_RSS_HASH_TOP_BIT;
const XOR: u8 = 1 << bindings::ETH_RSS_HASH_XOR_BIT;
const CRC32: u8 = 1 << bindings::ETH_RSS_HASH_CRC32_BIT;

impl HashFunction {
    /// [`None`] for no change, and [`EOPNOTSUPP`] for what nobody knows.
    fn from_raw(raw: u8) -> Result<Option<Self>> {
        match raw {
            0 => Ok(None),
            TOEPLITZ => Ok(Some(Self::Toeplitz)),
            XOR => Ok(Some(Self::Xor)),
            CRC32 => Ok(Some(Self::Crc32)),
            _ => Err(EOPNOTSUPP),
        }
    }
}

/// Where a driver says how flows are spread. The core does not always ask for all of it: what it
/// does not want is dropped.
pub struct RssState<'a> {
    function: &'a mut u8,
    table: &'a mut [u32],
    key: &'a mut [u8],
}

impl<'a> RssState<'a> {
    pub(super) fn new(function: &'a mut u8, table: &'a mut [u32], key: &'a mut [u8]) -> Self {
        Self {
            function,
            table,
            key,
        }
    }

    /// Sets the hash function.
    pub fn set_function(&mut self, function: HashFunction) {
        *self.function = match function {
            HashFunction::Toeplitz => TOEPLITZ,
            HashFunction::Xor => XOR,
            HashFunction::Crc32 => CRC32,
        };
    }

    /// Sets the queue of each entry of the table, from the first on.
    pub fn set_table(&mut self, queues: impl IntoIterator<Item = u32>) {
        for (place, queue) in self.table.iter_mut().zip(queues) {
            *place = queue;
        }
    }

    /// Sets the key, from the first byte on.
    pub fn set_key(&mut self, key: &[u8]) {
        for (place, &byte) in self.key.iter_mut().zip(key) {
            *place = byte;
        }
    }
}

/// A change of how flows are spread. What is [`None`] stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct RssChange<'a> {
    /// The hash function.
    pub function: Option<HashFunction>,
    /// The queue of each entry: as many as [`Ethtool::RSS_TABLE_LEN`](super::Ethtool) says, all
    /// below [`Ethtool::rx_ring_count`](super::Ethtool::rx_ring_count).
    pub table: Option<&'a [u32]>,
    /// The key: as many bytes as [`Ethtool::RSS_KEY_LEN`](super::Ethtool) says.
    pub key: Option<&'a [u8]>,
}

impl<'a> RssChange<'a> {
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] for a hash function that nobody knows.
    pub(super) fn new(
        function: u8,
        table: Option<&'a [u32]>,
        key: Option<&'a [u8]>,
    ) -> Result<Self> {
        Ok(Self {
            function: HashFunction::from_raw(function)?,
            table,
            key,
        })
    }
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// IPsec: AH or ESP.
    Ipsec,
    /// Anything else, and fragments.
    Other,
}

/// A kind of flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowType {
    /// IPv6, else IPv4.
    pub ipv6: bool,
    /// What is above.
    pub payload: Payload,
}

impl FlowType {
    /// [`EINVAL`] for what is not IP, and for tunnels.
    pub(super) fn from_raw(raw: u32) -> Result<Self> {
        let (ipv6, payload) = match raw {
            bindings::TCP_V4_FLOW => (false, Payload::Tcp),
            bindings::UDP_V4_FLOW => (false, Payload::Udp),
            bindings::SCTP_V4_FLOW => (false, Payload::Sctp),
            bindings::AH_ESP_V4_FLOW | bindings::AH_V4_FLOW | bindings::ESP_V4_FLOW => {
                (false, Payload::Ipsec)
            }
            bindings::IPV4_FLOW => (false, Payload::Other),
            bindings::TCP_V6_FLOW => (true, Payload::Tcp),
            bindings::UDP_V6_FLOW => (true, Payload::Udp),
            bindings::SCTP_V6_FLOW => (true, Payload::Sctp),
            bindings::AH_ESP_V6_FLOW | bindings::AH_V6_FLOW | bindings::ESP_V6_FLOW => {
                (true, Payload::Ipsec)
            }
            bindings::IPV6_FLOW => (true, Payload::Other),
            _ => return Err(EINVAL),
        };
        Ok(Self { ipv6, payload })
    }
}

/// Which fields of a frame are hashed: a set of `RXH_*` bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashFields(u32);

impl HashFields {
    /// Source and destination of IP.
    pub const ADDRESSES: Self = Self(bindings::RXH_IP_SRC | bindings::RXH_IP_DST);
    /// Source and destination port.
    pub const PORTS: Self = Self(bindings::RXH_L4_B_0_1 | bindings::RXH_L4_B_2_3);

    /// All of both.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }
}
