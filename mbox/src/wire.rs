// SPDX-License-Identifier: GPL-2.0

//! The buffer, and the bits of its first word.
//!
//! Word 0 of each message is a header: flags in bits 31:29, a sequence tag or zero in bits 28:24,
//! an information field in bits 23:16 whose meaning depends on the message, the opcode in bits
//! 15:0. A reply is the header of its request with a flag added.

/// Words of the mailbox buffer.
pub const MAILBOX_WORDS: usize = 16;

/// The whole buffer, as one side reads it.
pub type Words = [u32; MAILBOX_WORDS];

/// The request was carried out.
pub const ACK: u32 = 1 << 31;
/// The request was refused.
pub const NACK: u32 = 1 << 30;
/// Clear to send: the VF has completed its reset handshake and the PF serves its requests.
pub const CTS: u32 = 1 << 29;
/// The flags only a PF sets.
pub const PF_FLAGS: u32 = ACK | NACK | CTS;
/// The sequence tag. Zero unless both sides agreed on tags.
pub const TAG: u32 = 0x1f << 24;

/// Opcodes, in bits 15:0 of word 0.
pub mod op {
    /// The VF driver starts: forget what it asked for before, and tell it its MAC address.
    pub const RESET: u16 = 0x01;
    /// Set the MAC address, or change the additional unicast filters.
    pub const SET_MAC_ADDR: u16 = 0x02;
    /// Replace the list of multicast hashes.
    pub const SET_MULTICAST: u16 = 0x03;
    /// Join or leave a VLAN.
    pub const SET_VLAN: u16 = 0x04;
    /// Set the longest frame to receive.
    pub const SET_LPE: u16 = 0x05;
    /// Set or leave promiscuous modes.
    pub const SET_PROMISC: u16 = 0x06;
    /// Agree on what both sides speak beyond the messages above.
    pub const NEGOTIATE: u16 = 0x08;
    /// Ask what the PF would tell with an event.
    pub const GET_STATE: u16 = 0x10;
    /// Add multicast hashes to the list, or take some out of it.
    pub const CHANGE_MULTICAST: u16 = 0x11;
    /// From the PF without a request: link or PF state has changed, look.
    pub const PF_CONTROL: u16 = 0x0100;
}

/// Values of the information field.
pub mod info {
    /// SET_MAC_ADDR: drop all additional unicast filters of this VF.
    pub const FILTER_CLEAR: u8 = 0x01;
    /// SET_MAC_ADDR: add one unicast filter.
    pub const FILTER_ADD: u8 = 0x02;
    /// SET_MULTICAST, CHANGE_MULTICAST: the hash count.
    pub const MULTICAST_COUNT: u8 = 0x1f;
    /// CHANGE_MULTICAST: take out; zero adds.
    pub const MULTICAST_LEAVE: u8 = 0x40;
    /// SET_MULTICAST: the VF has more addresses than fit. Sent by Intel's shared code (DPDK,
    /// FreeBSD); C igb takes it as a count beyond 30, with the same result. CHANGE_MULTICAST: the VF
    /// has more than it may name.
    pub const MULTICAST_OVERFLOW: u8 = 0x80;
    /// SET_VLAN: join; zero leaves.
    pub const VLAN_ADD: u8 = 0x01;
    /// SET_PROMISC: receive all unicast frames. Never granted.
    pub const PROMISC_UNICAST: u8 = 0x01;
    /// SET_PROMISC: receive all multicast frames.
    pub const PROMISC_MULTICAST: u8 = 0x02;
}

/// The first word of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header(u32);

impl Header {
    /// A header with neither flags nor reserved bits.
    pub const fn new(opcode: u16, info: u8) -> Self {
        // CAST: both widen.
        Self(opcode as u32 | (info as u32) << 16)
    }

    /// The header as found in the buffer.
    pub const fn from_raw(word: u32) -> Self {
        Self(word)
    }

    /// The word to write.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// Bits 15:0.
    pub const fn opcode(self) -> u16 {
        // CAST: truncation is meant.
        self.0 as u16
    }

    /// Bits 23:16.
    pub const fn info(self) -> u8 {
        // CAST: truncation is meant.
        (self.0 >> 16) as u8
    }

    /// Whether any bit of `mask` is set.
    pub const fn has(self, mask: u32) -> bool {
        self.0 & mask != 0
    }

    /// The header with the bits of `mask` set.
    #[must_use]
    pub const fn with(self, mask: u32) -> Self {
        Self(self.0 | mask)
    }

    /// The header with the bits of `mask` cleared.
    #[must_use]
    pub const fn without(self, mask: u32) -> Self {
        Self(self.0 & !mask)
    }
}

/// An encoded message: the words to write into the buffer, from its start.
///
/// Words beyond the message keep what they held before, so a reader may look only at those that
/// the message defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    words: Words,
    len: u8,
}

impl Message {
    /// A message of one word.
    pub const fn header(header: Header) -> Self {
        let mut words = [0; MAILBOX_WORDS];
        words[0] = header.raw();
        Self { words, len: 1 }
    }

    /// A message of two words.
    pub const fn two(header: Header, word1: u32) -> Self {
        let mut message = Self::header(header);
        message.words[1] = word1;
        message.len = 2;
        message
    }

    /// A message of three words.
    pub const fn three(header: Header, word1: u32, word2: u32) -> Self {
        let mut message = Self::two(header, word1);
        message.words[2] = word2;
        message.len = 3;
        message
    }

    /// A message of four words.
    pub const fn four(header: Header, word1: u32, word2: u32, word3: u32) -> Self {
        let mut message = Self::three(header, word1, word2);
        message.words[3] = word3;
        message.len = 4;
        message
    }

    /// A message of eight words.
    pub fn eight(head: [u32; 8]) -> Self {
        let mut words = [0; MAILBOX_WORDS];
        for (to, from) in words.iter_mut().zip(head) {
            *to = from;
        }
        Self { words, len: 8 }
    }

    /// The same message with a sequence tag, of which bits 4:0 count.
    #[must_use]
    pub const fn tagged(mut self, tag: u8) -> Self {
        // CAST: widens.
        let tag = (tag as u32) << 24 & TAG;
        self.words[0] = self.first().without(TAG).with(tag).raw();
        self
    }

    /// A message that fills the buffer.
    pub const fn full(words: Words) -> Self {
        // CAST: sixteen fits.
        Self {
            words,
            len: MAILBOX_WORDS as u8,
        }
    }

    /// The words to write.
    pub fn words(&self) -> &[u32] {
        self.words.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The first word.
    pub const fn first(&self) -> Header {
        Header(self.words[0])
    }

    /// The message as the other side reads it, if the rest of the buffer was zero.
    pub const fn padded(&self) -> &Words {
        &self.words
    }
}
