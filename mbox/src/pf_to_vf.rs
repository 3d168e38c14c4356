// SPDX-License-Identifier: GPL-2.0

//! What a PF writes: replies, and the control message.
//!
//! A reply repeats the header of its request with ACK or NACK, and with CTS while the VF is clear
//! to send. Only the reply to RESET has more than one word: it carries the MAC address, or NACK
//! when none is assigned, which is no failure. It never carries CTS.
//!
//! To a VF with which more was agreed on, each other reply has four words ([`full_reply`]), but for
//! what is granted to NEGOTIATE and GET_STATE.

use super::caps::{
    Caps,
    Version,
    OFFER, //
};
use super::event::{
    Event,
    State, //
};
use super::refusal::Refusal;
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
    PF_FLAGS,
    TAG, //
};

/// A reply to RESET. `mac` is the address the VF is to use; without one it chooses its own.
pub fn reset_reply(mac: Option<MacAddr>) -> Message {
    let header = Header::new(op::RESET, 0);
    match mac {
        Some(mac) => {
            let (word1, word2) = mac.to_words();
            Message::three(header.with(ACK), word1, word2 | OFFER_BITS)
        }
        // FreeBSD's VF takes a NACK for that only with zeros behind it.
        None => Message::three(header.with(NACK), 0, 0),
    }
}

/// What a VF writes behind RESET, where a PF puts the address: no PF writes these words itself.
pub const RESET_MARK: u32 = u32::MAX;

// CAST: widens.
const OFFER_BITS: u32 = (OFFER as u32) << 16;

/// `reply`, of one word, for a VF with which `agreed` was agreed on.
pub fn full_reply(reply: Message, agreed: Caps, refusal: Refusal, generation: u32) -> Message {
    if agreed.is_none() {
        return reply;
    }
    let (code, detail) = if agreed.has(Caps::REASONS) {
        refusal.to_words()
    } else {
        (0, 0)
    };
    let generation = if agreed.has(Caps::EVENTS) {
        generation
    } else {
        0
    };
    Message::four(reply.first(), code, detail, generation)
}

/// What is granted to NEGOTIATE.
pub fn agreement(request: Header, version: Version, caps: Caps) -> Message {
    let header = simple_reply(request, true, true).first();
    Message::three(header, version.to_word(), caps.to_word())
}

/// What is granted to GET_STATE.
pub fn state_reply(request: Header, state: State) -> Message {
    let event = Event {
        state,
        ..Event::default()
    };
    event.encode(simple_reply(request, true, true).first())
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

/// The control message to a VF that is clear to send and has agreed on events.
pub fn event(event: &Event) -> Message {
    event.encode(control(true).first())
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
    words: Words,
}

/// A reply that belongs to the request at hand, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The reset is done.
    Reset {
        /// The address that the PF assigned; without one the VF chooses its own.
        mac: Option<MacAddr>,
        /// Whether the PF offers more than the base protocol ([`OFFER`]): nothing but a hint.
        offer: bool,
    },
    /// Carried out.
    Granted,
    /// Carried out in part, for the reason given.
    GrantedInPart(Refusal),
    /// Refused; the VF remains clear to send.
    Refused(Refusal),
    /// Refused because the PF waits for a reset of this VF.
    NotReady,
    /// What the PF agrees on.
    Agreed {
        /// The version.
        version: Version,
        /// The capabilities.
        caps: Caps,
    },
    /// What an event would say.
    State(State),
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
            words: *words,
        })
    }
}

impl RawReply {
    /// The reply, if it belongs to the request that began with `request`. `agreed` is what was
    /// agreed on before that request.
    pub fn to(&self, request: Header, agreed: Caps) -> Option<Reply> {
        let echo = self.header.without(PF_FLAGS);
        let changed = request.without(u32::from(info::PROMISC_MULTICAST) << 16);
        let promisc = request.opcode() == op::SET_PROMISC && echo == changed;
        if echo != request && !promisc && !self.is_short_for(request, agreed) {
            return None;
        }
        if request.opcode() == op::RESET {
            return Some(self.reset());
        }
        Some(if self.header.has(ACK) {
            self.granted(agreed)
        } else if self.header.has(CTS) {
            Reply::Refused(self.refusal(agreed))
        } else {
            Reply::NotReady
        })
    }

    /// Whether this is FreeBSD's reply to `request`: the opcode alone, but for SET_MAC_ADDR, whose
    /// information field it repeats.
    fn is_short_for(&self, request: Header, agreed: Caps) -> bool {
        agreed.is_none()
            && !request.has(TAG)
            && request.opcode() != op::SET_MAC_ADDR
            && self.header.without(PF_FLAGS) == Header::new(request.opcode(), 0)
    }

    /// Whether this refuses RESET and tells no address: the PF has left behind its reply what the
    /// VF had written there ([`RESET_MARK`]). FreeBSD's says so that a queue of the VF does not stop.
    pub fn refuses_reset(&self) -> bool {
        self.header == Header::new(op::RESET, 0).with(NACK)
            && self.words[1] == RESET_MARK
            && self.words[2] == RESET_MARK
    }

    /// The generation that the PF had when it replied, if the reply tells that.
    pub fn generation(&self, agreed: Caps) -> Option<u32> {
        let told = agreed.has(Caps::EVENTS) && self.header.has(CTS);
        let other =
            self.header.has(ACK) && matches!(self.header.opcode(), op::NEGOTIATE | op::GET_STATE);
        (told && !other).then_some(self.words[3])
    }

    fn reset(&self) -> Reply {
        let (bytes, spare) = mac_bytes(self.words[1], self.words[2]);
        let mac = if self.header.has(ACK) {
            MacAddr::new(bytes)
        } else {
            None
        };
        let offer = spare == OFFER;
        Reply::Reset { mac, offer }
    }

    fn granted(&self, agreed: Caps) -> Reply {
        match self.header.opcode() {
            op::NEGOTIATE => Reply::Agreed {
                version: Version::from_word(self.words[1]),
                caps: Caps::from_word(self.words[2]),
            },
            op::GET_STATE => Reply::State(Event::decode(&self.words).state),
            _ => match self.refusal(agreed) {
                Refusal::Undisclosed => Reply::Granted,
                remark => Reply::GrantedInPart(remark),
            },
        }
    }

    fn refusal(&self, agreed: Caps) -> Refusal {
        if agreed.has(Caps::REASONS) {
            Refusal::from_words(self.words[1], self.words[2])
        } else {
            Refusal::Undisclosed
        }
    }
}
