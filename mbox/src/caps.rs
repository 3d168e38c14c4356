// SPDX-License-Identifier: GPL-2.0

//! What two sides speak beyond the base protocol: a version, and capabilities.
//!
//! A PF that speaks more says so in a part of the reply to RESET that base drivers do not look at
//! ([`OFFER`]). A VF that understands asks with NEGOTIATE and is told what both agree on. So
//! neither side ever sends a message that a base peer would complain of, and what was agreed ends
//! with the next reset of either side.

/// Bits 31:16 of word 2 in a reply to RESET: this PF answers NEGOTIATE.
///
/// The value has no meaning beyond that. It is only a hint, for an old PF may leave rubbish there:
/// nothing is agreed before NEGOTIATE was answered.
pub const OFFER: u16 = 0xe5a1;

/// A version of the extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Changes with what an older side would misunderstand.
    pub major: u16,
    /// Changes with what an older side does not see.
    pub minor: u16,
}

impl Version {
    /// In a request: whatever the PF has.
    pub const ANY: Self = Self { major: 0, minor: 0 };
    /// What this code speaks.
    pub const OURS: Self = Self { major: 1, minor: 0 };

    /// The version in a word: major in bits 31:16, minor in bits 15:0.
    pub const fn from_word(word: u32) -> Self {
        // CAST: truncation is meant.
        Self {
            major: (word >> 16) as u16,
            minor: word as u16,
        }
    }

    /// The word for [`Self::from_word`].
    pub const fn to_word(self) -> u32 {
        // CAST: both widen.
        (self.major as u32) << 16 | self.minor as u32
    }

    /// What a PF that speaks [`Self::OURS`] agrees on with a VF that wants `self`: the older of
    /// both. Nothing if there is no such version.
    pub fn agree(self) -> Option<Self> {
        if self == Self::ANY {
            return Some(Self::OURS);
        }
        (self.major != 0).then(|| self.min(Self::OURS))
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps(u32);

impl Caps {
    /// None: the base protocol.
    pub const NONE: Self = Self(0);
    /// Requests carry a sequence tag in bits 28:24 of word 0, which the reply repeats.
    pub const SEQUENCE: Self = Self(1 << 0);
    /// Replies say why a request was refused.
    pub const REASONS: Self = Self(1 << 1);
    /// The control message says what has changed, replies tell the generation, and GET_STATE is
    /// served.
    pub const EVENTS: Self = Self(1 << 2);
    /// CHANGE_MULTICAST is served: more multicast hashes than one message holds.
    pub const GROUPS: Self = Self(1 << 3);
    /// All that this code has.
    pub const OURS: Self =
        Self(Self::SEQUENCE.0 | Self::REASONS.0 | Self::EVENTS.0 | Self::GROUPS.0);

    /// The set in a word. Bits without a meaning are kept.
    pub const fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// The word for [`Self::from_word`].
    pub const fn to_word(self) -> u32 {
        self.0
    }

    /// Whether all of `other` are in the set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Those in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What a VF that asked for `self` makes of the PF's answer. A PF that grants more than was
    /// asked for, or speaks a version that this code does not, is left at the base protocol.
    pub const fn accept(self, version: Version, granted: Self) -> Self {
        if version.major == Version::OURS.major && self.has(granted) {
            granted
        } else {
            Self::NONE
        }
    }
}
