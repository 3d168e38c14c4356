// SPDX-License-Identifier: GPL-2.0

//! What a PF writes: replies, and the control message.
//!
//! A reply repeats the header of its request with ACK or NACK, and with CTS while the VF is clear
//! to send. Only the reply to RESET has more than one word: it carries the MAC address, or NACK
//! when none is assigned, which is no failure. It never carries CTS.

use super::types::{
    mac_bytes,
    MacAddr, //
};
use super::wire::{
    info,
    op,
    Header,
    Message,
    Words,
    ACK,
    CTS,
    NACK,
    PF_FLAGS, //
};

/// A reply to RESET. `mac` is the address the VF is to use; without one it chooses its own.
pub fn reset_reply(mac: Option<MacAddr>) -> Message {
    let header = Header::new(op::RESET, 0);
    match mac {
        Some(mac) => {
            let (word1, word2) = mac.to_words();
            Message::three(header.with(ACK), word1, word2)
        }
        None => Message::three(header.with(NACK), 0, 0),
    }
}

/// The reply to any other request, given its header.
///
/// C igb clears the promiscuous multicast bit of a request that it grants before it answers; the
/// reply here does the same, so that both are equal bit for bit.
pub fn simple_reply(request: Header, granted: bool, clear_to_send: bool) -> Message {
    let mut header = request.without(PF_FLAGS);
    if granted && header.opcode() == op::SET_PROMISC {
        header = header.without(u32::from(info::PROMISC_MULTICAST) << 16);
    }
    let verdict = if granted { ACK } else { NACK };
    let cts = if clear_to_send { CTS } else { 0 };
    Message::header(header.with(verdict | cts))
}

/// The control message: the state of the link or of the PF may have changed.
pub fn control(clear_to_send: bool) -> Message {
    let cts = if clear_to_send { CTS } else { 0 };
    Message::header(Header::new(op::PF_CONTROL, 0).with(cts))
}

/// The bare NACK: the PF does not know this VF, or cannot serve it now; it has to start with a
/// reset. C igbvf takes nothing else as a reason to reset itself.
pub fn lost() -> Message {
    Message::header(Header::from_raw(NACK))
}

/// What a VF finds in the buffer after the PF's doorbell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromPf {
    /// The control message.
    Control {
        /// Whether the PF still serves this VF.
        clear_to_send: bool,
    },
    /// A NACK that belongs to no request: the VF has to start with a reset.
    Lost,
    /// A reply.
    Reply(RawReply),
    /// None of these.
    Malformed(u32),
}

/// A reply whose request is not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawReply {
    header: Header,
    word1: u32,
    word2: u32,
}

/// A reply that belongs to the request at hand, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The reset is done.
    Reset {
        /// The address that the PF assigned; without one the VF chooses its own.
        mac: Option<MacAddr>,
        /// Bits 31:16 of word 2. C igb leaves them zero. They are kept for a PF that offers
        /// more than the base protocol, and are nothing but a hint.
        hint: u16,
    },
    /// Carried out.
    Granted,
    /// Refused; the VF remains clear to send.
    Refused,
    /// Refused because the PF waits for a reset of this VF.
    NotReady,
}

impl FromPf {
    /// Sorts what the buffer holds.
    pub fn decode(words: &Words) -> Self {
        let header = Header::from_raw(words[0]);
        if header.without(CTS) == Header::new(op::PF_CONTROL, 0) {
            return Self::Control {
                clear_to_send: header.has(CTS),
            };
        }
        if header == Header::from_raw(NACK) {
            return Self::Lost;
        }
        // Exactly one of the two: a reply that says yes and no says nothing.
        if header.has(ACK) == header.has(NACK) {
            return Self::Malformed(words[0]);
        }
        Self::Reply(RawReply {
            header,
            word1: words[1],
            word2: words[2],
        })
    }
}

impl RawReply {
    /// The reply, if it belongs to the request that began with `request`.
    pub fn to(&self, request: Header) -> Option<Reply> {
        let echo = self.header.without(PF_FLAGS);
        let changed = request.without(u32::from(info::PROMISC_MULTICAST) << 16);
        let promisc = request.opcode() == op::SET_PROMISC && echo == changed;
        if echo != request && !promisc {
            return None;
        }
        if request.opcode() == op::RESET {
            let (bytes, hint) = mac_bytes(self.word1, self.word2);
            let mac = if self.header.has(ACK) {
                MacAddr::new(bytes)
            } else {
                None
            };
            return Some(Reply::Reset { mac, hint });
        }
        Some(if self.header.has(ACK) {
            Reply::Granted
        } else if self.header.has(CTS) {
            Reply::Refused
        } else {
            Reply::NotReady
        })
    }
}
