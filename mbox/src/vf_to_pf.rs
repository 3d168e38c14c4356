// SPDX-License-Identifier: GPL-2.0

//! Requests: what a VF may ask of its PF.
//!
//! | opcode | info | words | request |
//! |---|---|---|---|
//! | 0x01 | 0 | 1 | [`Request::Reset`] |
//! | 0x02 | 0 | 3: MAC address | [`Request::SetMac`] |
//! | 0x02 | 1 | 3: zero or a MAC address | [`Request::ClearFilters`] |
//! | 0x02 | 2 | 3: MAC address | [`Request::AddFilter`] |
//! | 0x03 | count, 0x80 = more | 16: 16-bit hashes | [`Request::SetMulticast`] |
//! | 0x04 | 1 = join, 0 = leave | 2: VLAN id | [`Request::SetVlan`] |
//! | 0x05 | 0 | 2: bytes | [`Request::SetMaxFrame`] |
//! | 0x06 | 1 = unicast, 2 = multicast | 1 | [`Request::SetPromisc`] |
//! | 0x08 | 0 | 3: version, capabilities | [`Request::Negotiate`] |
//! | 0x10 | 0 | 1 | [`Request::GetState`] |
//! | 0x11 | count, 0x40 = leave, 0x80 = more | 16: 16-bit hashes | [`Request::ChangeMulticast`] |
//!
//! The last three are the extension's. A client sends NEGOTIATE to a PF that offers it, and the other
//! two only after that.

use super::caps::{
    Caps,
    Version, //
};
use super::types::{
    mac_bytes,
    HashList,
    MacAddr,
    MaxFrame,
    McHash,
    Promisc,
    VlanId,
    MAX_HASHES, //
};
use super::wire::{
    info,
    op,
    Header,
    Message,
    Words,
    MAILBOX_WORDS,
    PF_FLAGS,
    TAG, //
};

/// A request, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The driver of the VF starts, or starts again.
    Reset,
    /// Use this MAC address.
    SetMac(MacAddr),
    /// Drop all additional unicast filters.
    ClearFilters {
        /// Carried, not used: C igb refuses this message unless it holds a valid address, C
        /// igbvf sends none. A client that gives its own MAC address is served by every PF.
        filler: Option<MacAddr>,
    },
    /// Receive frames for this address as well.
    AddFilter(MacAddr),
    /// Replace the multicast hashes.
    SetMulticast(HashList),
    /// Join or leave a VLAN.
    SetVlan {
        /// The VLAN.
        vid: VlanId,
        /// Join, or else leave.
        join: bool,
    },
    /// Receive frames up to this length.
    SetMaxFrame(MaxFrame),
    /// Set the promiscuous modes to exactly these.
    SetPromisc(Promisc),
    /// Agree on what both speak beyond the base protocol.
    Negotiate {
        /// The latest version that the VF speaks.
        version: Version,
        /// What the VF wants. Bits that the PF does not know are not granted.
        caps: Caps,
    },
    /// Say what an event would say.
    GetState,
    /// Add to the multicast hashes, or take some out of them.
    ChangeMulticast {
        /// The hashes. [`HashList::overflow`] says that the VF has more than it may name.
        list: HashList,
        /// Take out, or else add.
        leave: bool,
    },
}

/// Why a buffer is not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The buffer holds what the PF itself wrote: a spurious doorbell. It must not be answered,
    /// for the answer would overwrite a reply that the VF has yet to read.
    NotARequest,
    /// No such opcode.
    UnknownOpcode(u16),
    /// A bit is set that the message does not define; the word's index.
    ReservedBits(u8),
    /// The information field has a value that the message does not define.
    BadInfo(u8),
    /// More multicast hashes than the buffer holds.
    BadCount(u8),
    /// A multicast hash of more than 12 bits.
    BadHash(u16),
    /// Zero, or a group address.
    BadMac([u8; 6]),
    /// Not a VLAN id.
    BadVlan(u32),
    /// A frame length that is out of range, in bytes.
    BadFrameSize(u32),
    /// A version that does not exist.
    BadVersion(u32),
}

impl Request {
    /// Reads a request from the buffer. Words beyond the message are not looked at: they hold
    /// what earlier messages left there. A sequence tag that was agreed on is to be cleared before.
    ///
    /// # Errors
    ///
    /// A [`Reject`] that names the first thing found wrong.
    pub fn decode(words: &Words) -> Result<Self, Reject> {
        let header = Header::from_raw(words[0]);
        if header.has(PF_FLAGS) || header.opcode() == op::PF_CONTROL {
            return Err(Reject::NotARequest);
        }
        match header.opcode() {
            op::RESET | op::SET_MAC_ADDR | op::SET_MULTICAST => {}
            op::SET_VLAN | op::SET_LPE | op::SET_PROMISC => {}
            op::NEGOTIATE | op::GET_STATE | op::CHANGE_MULTICAST => {}
            unknown => return Err(Reject::UnknownOpcode(unknown)),
        }
        if header.has(TAG) {
            return Err(Reject::ReservedBits(0));
        }
        match header.opcode() {
            op::RESET => no_info(header).map(|()| Self::Reset),
            op::SET_MAC_ADDR => decode_mac(header, words),
            op::SET_MULTICAST => decode_hashes(header.info(), words).map(Self::SetMulticast),
            op::SET_VLAN => decode_vlan(header, words[1]),
            op::SET_LPE => {
                no_info(header)?;
                let size = MaxFrame::new(words[1]).ok_or(Reject::BadFrameSize(words[1]))?;
                Ok(Self::SetMaxFrame(size))
            }
            op::NEGOTIATE => decode_negotiate(header, words),
            op::GET_STATE => no_info(header).map(|()| Self::GetState),
            op::CHANGE_MULTICAST => {
                let leave = header.info() & info::MULTICAST_LEAVE != 0;
                let list = decode_hashes(header.info() & !info::MULTICAST_LEAVE, words)?;
                Ok(Self::ChangeMulticast { list, leave })
            }
            _ => decode_promisc(header),
        }
    }

    /// The request as it goes onto the wire.
    pub fn encode(&self) -> Message {
        match *self {
            Self::Reset => Message::header(Header::new(op::RESET, 0)),
            Self::SetMac(mac) => mac_message(0, Some(mac)),
            Self::ClearFilters { filler } => mac_message(info::FILTER_CLEAR, filler),
            Self::AddFilter(mac) => mac_message(info::FILTER_ADD, Some(mac)),
            Self::SetMulticast(ref list) => encode_hashes(op::SET_MULTICAST, 0, list),
            Self::SetVlan { vid, join } => {
                let info = if join { info::VLAN_ADD } else { 0 };
                Message::two(Header::new(op::SET_VLAN, info), u32::from(vid.get()))
            }
            Self::SetMaxFrame(size) => {
                Message::two(Header::new(op::SET_LPE, 0), u32::from(size.get()))
            }
            Self::SetPromisc(modes) => {
                let unicast = if modes.unicast {
                    info::PROMISC_UNICAST
                } else {
                    0
                };
                let multicast = if modes.multicast {
                    info::PROMISC_MULTICAST
                } else {
                    0
                };
                Message::header(Header::new(op::SET_PROMISC, unicast | multicast))
            }
            Self::Negotiate { version, caps } => {
                let header = Header::new(op::NEGOTIATE, 0);
                Message::three(header, version.to_word(), caps.to_word())
            }
            Self::GetState => Message::header(Header::new(op::GET_STATE, 0)),
            Self::ChangeMulticast { ref list, leave } => {
                let info = if leave { info::MULTICAST_LEAVE } else { 0 };
                encode_hashes(op::CHANGE_MULTICAST, info, list)
            }
        }
    }
}

fn no_info(header: Header) -> Result<(), Reject> {
    match header.info() {
        0 => Ok(()),
        other => Err(Reject::BadInfo(other)),
    }
}

fn decode_mac(header: Header, words: &Words) -> Result<Request, Reject> {
    let (bytes, behind) = mac_bytes(words[1], words[2]);
    if behind != 0 {
        return Err(Reject::ReservedBits(2));
    }
    let mac = MacAddr::new(bytes);
    let valid = mac.ok_or(Reject::BadMac(bytes));
    match header.info() {
        0 => valid.map(Request::SetMac),
        info::FILTER_ADD => valid.map(Request::AddFilter),
        info::FILTER_CLEAR if bytes == [0; 6] => Ok(Request::ClearFilters { filler: None }),
        info::FILTER_CLEAR => valid.map(|mac| Request::ClearFilters { filler: Some(mac) }),
        other => Err(Reject::BadInfo(other)),
    }
}

/// The hashes in a message with this information field.
fn decode_hashes(info: u8, words: &Words) -> Result<HashList, Reject> {
    if info & !(info::MULTICAST_COUNT | info::MULTICAST_OVERFLOW) != 0 {
        return Err(Reject::BadCount(info));
    }
    let count = usize::from(info & info::MULTICAST_COUNT);
    if count > MAX_HASHES {
        return Err(Reject::BadCount(info));
    }
    let mut list = HashList::EMPTY;
    let halves = words
        .iter()
        .skip(1)
        // CAST: truncation is meant, two hashes share a word.
        .flat_map(|&word| [word as u16, (word >> 16) as u16]);
    for value in halves.take(count) {
        list.push(McHash::new(value).ok_or(Reject::BadHash(value))?);
    }
    if info & info::MULTICAST_OVERFLOW != 0 {
        list.set_overflow();
    }
    Ok(list)
}

fn decode_vlan(header: Header, word1: u32) -> Result<Request, Reject> {
    let join = match header.info() {
        0 => false,
        info::VLAN_ADD => true,
        other => return Err(Reject::BadInfo(other)),
    };
    let vid = u16::try_from(word1)
        .ok()
        .and_then(VlanId::new)
        .ok_or(Reject::BadVlan(word1))?;
    Ok(Request::SetVlan { vid, join })
}

fn decode_promisc(header: Header) -> Result<Request, Reject> {
    let info = header.info();
    if info & !(info::PROMISC_UNICAST | info::PROMISC_MULTICAST) != 0 {
        return Err(Reject::BadInfo(info));
    }
    Ok(Request::SetPromisc(Promisc {
        unicast: info & info::PROMISC_UNICAST != 0,
        multicast: info & info::PROMISC_MULTICAST != 0,
    }))
}

fn decode_negotiate(header: Header, words: &Words) -> Result<Request, Reject> {
    no_info(header)?;
    let version = Version::from_word(words[1]);
    version.agree().ok_or(Reject::BadVersion(words[1]))?;
    let caps = Caps::from_word(words[2]);
    Ok(Request::Negotiate { version, caps })
}

fn mac_message(info: u8, mac: Option<MacAddr>) -> Message {
    let (word1, word2) = mac.map_or((0, 0), MacAddr::to_words);
    Message::three(Header::new(op::SET_MAC_ADDR, info), word1, word2)
}

fn encode_hashes(opcode: u16, info: u8, list: &HashList) -> Message {
    let hashes = list.as_slice();
    // CAST: a list never holds more than MAX_HASHES.
    let mut info = info | hashes.len() as u8;
    if list.overflow() {
        info |= info::MULTICAST_OVERFLOW;
    }
    let mut words = [0; MAILBOX_WORDS];
    words[0] = Header::new(opcode, info).raw();
    for (word, pair) in words.iter_mut().skip(1).zip(hashes.chunks(2)) {
        let low = pair.first().map_or(0, |hash| u32::from(hash.get()));
        let high = pair.get(1).map_or(0, |hash| u32::from(hash.get()));
        *word = low | high << 16;
    }
    Message::full(words)
}
