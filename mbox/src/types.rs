// SPDX-License-Identifier: GPL-2.0

//! The values that messages carry. Each type can only hold what is in range.

use core::fmt;

/// Length of a MAC address in bytes.
pub const MAC_LEN: usize = 6;

/// A unicast MAC address that is not zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; MAC_LEN]);

impl MacAddr {
    /// The address with these bytes, unless it is zero or has the group bit.
    pub const fn new(bytes: [u8; MAC_LEN]) -> Option<Self> {
        if bytes[0] & 1 != 0 {
            return None;
        }
        if (bytes[0] | bytes[1] | bytes[2] | bytes[3] | bytes[4] | bytes[5]) == 0 {
            return None;
        }
        Some(Self(bytes))
    }

    /// The bytes in the order of transmission.
    pub const fn bytes(&self) -> &[u8; MAC_LEN] {
        &self.0
    }

    /// The bytes as messages carry them, in words 1 and 2.
    pub(super) const fn to_words(self) -> (u32, u32) {
        let b = self.0;
        (
            u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            u32::from_le_bytes([b[4], b[5], 0, 0]),
        )
    }
}

/// The six bytes in words 1 and 2, and the 16 bits behind them.
pub(super) const fn mac_bytes(word1: u32, word2: u32) -> ([u8; MAC_LEN], u16) {
    let low = word1.to_le_bytes();
    let high = word2.to_le_bytes();
    (
        [low[0], low[1], low[2], low[3], high[0], high[1]],
        u16::from_le_bytes([high[2], high[3]]),
    )
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A VLAN identifier, 0 to 4094 (IEEE 802.1Q reserves 4095). Zero means "no VLAN, priority only".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(u16);

impl VlanId {
    /// The VLAN `id`, if it is one.
    pub const fn new(id: u16) -> Option<Self> {
        if id < 4095 {
            Some(Self(id))
        } else {
            None
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether it is VLAN 0, which every VF is always in.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// The longest frame a VF wants to receive, in bytes, with its checksum and one VLAN tag. See
/// [`Self::with_second_tag`] for the value of VMOLR.RLPML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxFrame(u16);

impl MaxFrame {
    /// The shortest Ethernet frame. Nothing below it makes sense.
    pub const MIN: Self = Self(64);
    /// What the 82576 can receive with the mailbox protocol's unit (9.5 KiB).
    pub const MAX: Self = Self(0x2600);
    /// An MTU of 1500 with header, checksum and VLAN tag: what a VF has after its reset.
    pub const STANDARD: Self = Self(1522);

    /// A frame of `bytes`, if within [`Self::MIN`] and [`Self::MAX`].
    pub const fn new(bytes: u32) -> Option<Self> {
        if bytes >= Self::MIN.0 as u32 && bytes <= Self::MAX.0 as u32 {
            // CAST: checked to fit.
            Some(Self(bytes as u16))
        } else {
            None
        }
    }

    /// The frame that carries an IP packet of `mtu` bytes: 14 bytes of header, 4 of VLAN tag, 4
    /// of checksum.
    pub const fn for_mtu(mtu: u16) -> Option<Self> {
        Self::new((mtu as u32).saturating_add(14 + 4 + 4))
    }

    /// The length in bytes.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What the device is to receive for a VF that wants this: a second tag more. The device takes
    /// tag and checksum out, so nothing longer than the VF wanted comes into its buffers.
    #[must_use]
    pub const fn with_second_tag(self) -> Self {
        let longer = self.0.saturating_add(4);
        Self(if longer < Self::MAX.0 {
            longer
        } else {
            Self::MAX.0
        })
    }
}

/// Hashes that fit into one message.
pub const MAX_HASHES: usize = 30;
/// Hashes that a VF may have, if it can name more than one message of them. All VFs together can fill
/// less than half of the table that they share.
pub const MAX_GROUPS: u16 = 256;

/// A multicast hash: bits 11:0 select one of the 4096 bits of the multicast table (MTA).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct McHash(u16);

impl McHash {
    /// The hash `value`, if it has no more than 12 bits.
    pub const fn new(value: u16) -> Option<Self> {
        if value <= 0xfff {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The hash of a multicast address, with the filter type that igb and igbvf use (RCTL.MO 0):
    /// bits 47:36 of the address.
    pub const fn of(address: &[u8; MAC_LEN]) -> Self {
        // CAST: both widen; the sum is masked to 12 bits.
        Self((address[4] as u16 >> 4 | (address[5] as u16) << 4) & 0xfff)
    }

    /// The hash.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Which 32-bit register of the MTA.
    pub const fn register(self) -> usize {
        // CAST: widens.
        (self.0 >> 5) as usize
    }

    /// Which bit of that register.
    pub const fn bit(self) -> u32 {
        // CAST: widens.
        (self.0 & 0x1f) as u32
    }
}

/// The multicast hashes of a message, at most [`MAX_HASHES`].
#[derive(Clone, Copy)]
pub struct HashList {
    hashes: [McHash; MAX_HASHES],
    len: u8,
    overflow: bool,
}

impl HashList {
    /// No hash.
    pub const EMPTY: Self = Self {
        hashes: [McHash(0); MAX_HASHES],
        len: 0,
        overflow: false,
    };

    /// Adds a hash. A list that is full notes that there are more ([`Self::overflow`]).
    pub fn push(&mut self, hash: McHash) {
        match self.hashes.get_mut(usize::from(self.len)) {
            Some(slot) => {
                *slot = hash;
                self.len = self.len.saturating_add(1);
            }
            None => self.overflow = true,
        }
    }

    /// Notes that the VF has more addresses than the list holds.
    pub fn set_overflow(&mut self) {
        self.overflow = true;
    }

    /// Whether the VF has more addresses than the list holds: only receiving all multicast
    /// frames serves it fully.
    pub fn overflow(&self) -> bool {
        self.overflow
    }

    /// The hashes.
    pub fn as_slice(&self) -> &[McHash] {
        self.hashes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The hashes, each once.
    pub fn distinct(&self) -> impl Iterator<Item = McHash> + '_ {
        let all = self.as_slice();
        let first =
            move |at: usize, hash: &McHash| all.iter().position(|other| other == hash) == Some(at);
        let list = all.iter().enumerate();
        list.filter(move |(at, hash)| first(*at, hash))
            .map(|(_, hash)| *hash)
    }
}

impl PartialEq for HashList {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice() && self.overflow == other.overflow
    }
}

impl Eq for HashList {}

impl fmt::Debug for HashList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashList")
            .field("hashes", &self.as_slice())
            .field("overflow", &self.overflow)
            .finish()
    }
}

/// Registers of the multicast table.
pub const MTA_WORDS: usize = 128;

/// A set of multicast hashes, as the multicast table has it: one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashSet {
    bits: [u32; MTA_WORDS],
}

impl HashSet {
    /// No hash.
    pub const EMPTY: Self = Self {
        bits: [0; MTA_WORDS],
    };

    /// The registers.
    pub const fn words(&self) -> &[u32; MTA_WORDS] {
        &self.bits
    }

    /// How many hashes there are.
    pub fn len(&self) -> u32 {
        self.bits
            .iter()
            .fold(0, |sum: u32, word| sum.saturating_add(word.count_ones()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|&word| word == 0)
    }

    /// Whether `hash` is one of them.
    pub fn contains(&self, hash: McHash) -> bool {
        self.bits
            .get(hash.register())
            .is_some_and(|word| word >> hash.bit() & 1 != 0)
    }

    /// The hashes, in order.
    pub fn iter(&self) -> impl Iterator<Item = McHash> + '_ {
        let all = (0..=u16::MAX).map_while(McHash::new);
        all.filter(|&hash| self.contains(hash))
    }

    /// Adds a hash.
    pub fn insert(&mut self, hash: McHash) {
        if let Some(word) = self.bits.get_mut(hash.register()) {
            *word |= 1 << hash.bit();
        }
    }

    /// Takes a hash out.
    pub fn remove(&mut self, hash: McHash) {
        if let Some(word) = self.bits.get_mut(hash.register()) {
            *word &= !(1 << hash.bit());
        }
    }

    /// Takes all hashes out.
    pub fn clear(&mut self) {
        self.bits = [0; MTA_WORDS];
    }
}

/// The promiscuous modes a VF asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promisc {
    /// All unicast frames of the wire.
    pub unicast: bool,
    /// All multicast frames of the wire.
    pub multicast: bool,
}
