// SPDX-License-Identifier: GPL-2.0

//! What a PF tells its VF of the port and of the administrator's wishes: with an event when it
//! changes, and in the reply to GET_STATE.
//!
//! An event has all that there is to know ([`State`]), not only what changed. So one that is lost
//! is made good by the next; a number that grows with each change (the generation) tells a
//! repeated event from a new one.

use super::pf_state::VfConfig;
use super::types::{
    mac_bytes,
    MacAddr, //
};
use super::wire::{
    Header,
    Message,
    Words, //
};

/// Words of an event, and of the reply to GET_STATE.
pub const EVENT_WORDS: usize = 8;

/// What decides over the VF's link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkPolicy {
    /// The link of the port, which the VF also sees in its STATUS register.
    #[default]
    Auto,
    /// The administrator: always up, so that VFs reach each other without a cable.
    ForcedUp,
    /// The administrator: always down.
    ForcedDown,
}

/// The link, as the VF is to show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Who decides.
    pub policy: LinkPolicy,
    /// Whether the port has a link.
    pub up: bool,
    /// Whether it is full duplex.
    pub full_duplex: bool,
    /// Its speed in Mbit/s, zero without a link.
    pub speed: u16,
}

impl Link {
    const UP: u32 = 1 << 31;
    const FULL_DUPLEX: u32 = 1 << 30;
    const POLICY_SHIFT: u32 = 28;

    /// Bit 31 up, bit 30 full duplex, bits 29:28 policy, bits 15:0 speed.
    pub const fn to_word(self) -> u32 {
        let policy: u32 = match self.policy {
            LinkPolicy::Auto => 0,
            LinkPolicy::ForcedUp => 1,
            LinkPolicy::ForcedDown => 2,
        };
        let up = if self.up { Self::UP } else { 0 };
        let full_duplex = if self.full_duplex {
            Self::FULL_DUPLEX
        } else {
            0
        };
        // CAST: widens.
        up | full_duplex | policy << Self::POLICY_SHIFT | self.speed as u32
    }

    /// The link in a word. A policy that does not exist is none.
    pub const fn from_word(word: u32) -> Self {
        let policy = match word >> Self::POLICY_SHIFT & 3 {
            1 => LinkPolicy::ForcedUp,
            2 => LinkPolicy::ForcedDown,
            _ => LinkPolicy::Auto,
        };
        Self {
            policy,
            up: word & Self::UP != 0,
            full_duplex: word & Self::FULL_DUPLEX != 0,
            // CAST: truncation is meant.
            speed: word as u16,
        }
    }
}

/// What has changed: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes(u32);

impl Changes {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The link, or who decides over it.
    pub const LINK: Self = Self(1 << 0);
    /// The assigned MAC address, or whether the VF may choose another.
    pub const MAC: Self = Self(1 << 1);
    /// Whether the administrator has put the VF into a VLAN.
    pub const VLAN: Self = Self(1 << 2);
    /// Whether the VF is trusted.
    pub const TRUST: Self = Self(1 << 3);
    /// The PF's MTU.
    pub const MTU: Self = Self(1 << 4);
    /// What the VF was refused, since another had it, may be free now.
    pub const ROOM: Self = Self(1 << 5);
    /// The PF is about to be reset. The only one that no state shows.
    pub const RESET: Self = Self(1 << 8);

    /// The set in a word.
    pub const fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// The word for [`Self::from_word`].
    pub const fn to_word(self) -> u32 {
        self.0
    }

    /// Whether any of `other` is in the set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Those of both sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// All that the PF tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Grows, modulo 2^32, with each change.
    pub generation: u32,
    /// The link.
    pub link: Link,
    /// The VF is trusted.
    pub trusted: bool,
    /// The administrator has set the MAC address.
    pub mac_locked: bool,
    /// The administrator has put the VF into a VLAN. Which one is not told.
    pub port_vlan: bool,
    /// The assigned MAC address. Without one the VF chooses.
    pub mac: Option<MacAddr>,
    /// The MTU of the PF, for the operator to compare.
    pub mtu: u16,
    /// Another number each time that the VF may be given an address which it was refused, since another
    /// function had it or the room for it.
    pub room: u16,
}

impl State {
    const TRUSTED: u32 = 1 << 0;
    const MAC_LOCKED: u32 = 1 << 1;
    const PORT_VLAN: u32 = 1 << 2;

    /// What follows from `config`.
    pub(super) const fn new(config: &VfConfig, generation: u32) -> Self {
        Self {
            generation,
            link: config.link,
            trusted: config.trusted,
            mac_locked: config.mac_locked,
            port_vlan: config.port_vlan.is_some(),
            mac: config.mac,
            mtu: config.mtu,
            room: 0,
        }
    }

    /// What makes this state another than `before`, but for the generation.
    pub fn changes_since(&self, before: &Self) -> Changes {
        let mac = self.mac != before.mac || self.mac_locked != before.mac_locked;
        [
            (self.link != before.link, Changes::LINK),
            (mac, Changes::MAC),
            (self.port_vlan != before.port_vlan, Changes::VLAN),
            (self.trusted != before.trusted, Changes::TRUST),
            (self.mtu != before.mtu, Changes::MTU),
            (self.room != before.room, Changes::ROOM),
        ]
        .iter()
        .filter(|(changed, _)| *changed)
        .fold(Changes::NONE, |sum, (_, change)| sum.or(*change))
    }

    /// Whether this state is later than the one with `generation`: by less than half of all
    /// generations.
    pub const fn is_newer_than(&self, generation: u32) -> bool {
        let ahead = self.generation.wrapping_sub(generation);
        ahead != 0 && ahead < 1 << 31
    }

    fn flags(&self) -> u32 {
        [
            (self.trusted, Self::TRUSTED),
            (self.mac_locked, Self::MAC_LOCKED),
            (self.port_vlan, Self::PORT_VLAN),
        ]
        .iter()
        .filter(|(set, _)| *set)
        .fold(0, |sum, (_, flag)| sum | flag)
    }
}

/// The words behind the header of an event, and of the reply to GET_STATE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// What has changed since the last event; nothing in a reply.
    pub changes: Changes,
    /// What is so now.
    pub state: State,
}

impl Event {
    /// The message that begins with `header`.
    pub fn encode(&self, header: Header) -> Message {
        let Self { changes, state } = self;
        let (mac_low, mac_high) = state.mac.map_or((0, 0), MacAddr::to_words);
        Message::eight([
            header.raw(),
            changes.to_word(),
            state.generation,
            state.link.to_word(),
            state.flags(),
            mac_low,
            mac_high,
            u32::from(state.room) << 16 | u32::from(state.mtu),
        ])
    }

    /// The event in the buffer, if one is there at all. Bits and words without a meaning are for
    /// later versions, and passed over; an address that is none is not used.
    pub fn decode(words: &Words) -> Self {
        let [_, changes, generation, link, flags, mac_low, mac_high, mtu_room, ..] = *words;
        let (mac, _) = mac_bytes(mac_low, mac_high);
        let state = State {
            generation,
            link: Link::from_word(link),
            trusted: flags & State::TRUSTED != 0,
            mac_locked: flags & State::MAC_LOCKED != 0,
            port_vlan: flags & State::PORT_VLAN != 0,
            mac: MacAddr::new(mac),
            // CAST: truncation is meant.
            mtu: mtu_room as u16,
            // CAST: 16 bits are left.
            room: (mtu_room >> 16) as u16,
        };
        Self {
            changes: Changes::from_word(changes),
            state,
        }
    }
}
