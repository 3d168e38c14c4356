// SPDX-License-Identifier: GPL-2.0

//! What a VF has, in bytes: for another host, on which its guest goes on.
//!
//! The bytes are input like a message: whoever has written them can be wrong or hostile.
//! [`Snapshot::decode`] takes none that [`Snapshot::encode`] does not write. What the VF gets is decided
//! anew ([`Snapshot::grant`]), by what the administrator of the new host wants of it and by what its other
//! functions have, as if the VF asked for it.
//!
//! All numbers are little endian:
//!
//! | bytes | what they are |
//! |---|---|
//! | 4 | "RGVF" |
//! | 2 | [`VERSION`]. Bytes of another one are refused |
//! | 2 | how many bytes there are |
//! | 4 | flags |
//! | 4 | capabilities agreed on |
//! | 28 | what the VF was told last: words 1 to 7 of an event |
//! | 6 | its address, zero for none |
//! | 2 | the longest frame it receives |
//! | 1, 1, 2 | how many of each follow: |
//! | 6 each | further addresses |
//! | 2 each | VLANs |
//! | 2 each | multicast hashes, in order |

use super::caps::Caps;
use super::event::{
    Event,
    EVENT_WORDS, //
};
use super::pf::Policy;
use super::pf_state::{
    Set,
    VfConfig,
    VfState,
    MAX_FILTERS,
    MAX_VLANS, //
};
use super::reason::Reason;
use super::server::Saved;
use super::types::{
    HashSet,
    MacAddr,
    MaxFrame,
    McHash,
    VlanId,
    MAC_LEN,
    MAX_GROUPS, //
};
use super::wire::{
    Header,
    MAILBOX_WORDS, //
};

/// The layout of the bytes. Another number for each change: the older host cannot know what it would lose.
pub const VERSION: u16 = 1;
/// The most bytes of a snapshot.
// CAST: Widens.
pub const MAX_BYTES: usize =
    FIXED_BYTES + MAX_FILTERS * MAC_LEN + MAX_VLANS * 2 + MAX_GROUPS as usize * 2;

const MAGIC: [u8; 4] = *b"RGVF";
const FIXED_BYTES: usize = 4 + 2 + 2 + 4 + 4 + (EVENT_WORDS - 1) * 4 + MAC_LEN + 2 + 1 + 1 + 2;

/// Why bytes are no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They are of this other version.
    Version(u16),
    /// They are none.
    Bytes,
}

/// What a VF has.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    granted: VfState,
    groups: HashSet,
    saved: Saved,
}

/// Flags: a bit each, in this order.
const FLAGS: usize = 7;

impl Snapshot {
    /// That of a VF. One that is not clear to send has to make a handshake, and nothing but its address.
    pub fn new(granted: &VfState, groups: &HashSet, saved: &Saved) -> Self {
        if granted.clear_to_send() {
            return Self {
                granted: *granted,
                groups: groups.clone(),
                saved: *saved,
            };
        }
        Self {
            granted: VfState::new(granted.mac()),
            groups: HashSet::EMPTY,
            saved: Saved::of_new(saved.told),
        }
    }

    /// Its multicast hashes.
    pub const fn groups(&self) -> &HashSet {
        &self.groups
    }

    /// What its server has to know.
    pub const fn saved(&self) -> &Saved {
        &self.saved
    }

    const fn flags(&self) -> [bool; FLAGS] {
        let (granted, saved) = (&self.granted, &self.saved);
        [
            granted.clear_to_send,
            granted.more_groups,
            granted.all_unicast,
            granted.all_multicast,
            saved.request,
            saved.unread,
            saved.waits,
        ]
    }

    /// The bytes.
    pub fn encode(&self) -> Bytes {
        let granted = &self.granted;
        let event = Event {
            changes: self.saved.changes,
            state: self.saved.told,
        };
        let flags = self.flags().into_iter().rev();
        let flags = flags.fold(0, |sum: u32, flag| sum << 1 | u32::from(flag));
        let mut bytes = Bytes::EMPTY;
        bytes.push(&MAGIC);
        bytes.push(&VERSION.to_le_bytes());
        bytes.push(&self.len().to_le_bytes());
        bytes.push(&flags.to_le_bytes());
        bytes.push(&granted.agreed.to_word().to_le_bytes());
        for word in event.encode(Header::from_raw(0)).words().iter().skip(1) {
            bytes.push(&word.to_le_bytes());
        }
        bytes.push(&granted.mac.map_or([0; MAC_LEN], |mac| *mac.bytes()));
        bytes.push(&granted.max_frame.get().to_le_bytes());
        // CAST: Lists have sizes that fit.
        bytes.push(&[granted.filters.len() as u8, granted.vlans.len() as u8]);
        bytes.push(&(self.groups.len() as u16).to_le_bytes());
        for mac in granted.filters() {
            bytes.push(mac.bytes());
        }
        for vid in granted.vlans() {
            bytes.push(&vid.get().to_le_bytes());
        }
        for hash in self.groups.iter() {
            bytes.push(&hash.get().to_le_bytes());
        }
        bytes
    }

    fn len(&self) -> u16 {
        let lists = [
            self.granted.filters.len().saturating_mul(MAC_LEN),
            self.granted.vlans.len().saturating_mul(2),
            // CAST: Widens.
            (self.groups.len() as usize).saturating_mul(2),
        ];
        let all = lists
            .iter()
            .fold(FIXED_BYTES, |sum, len| sum.saturating_add(*len));
        u16::try_from(all).unwrap_or(u16::MAX)
    }

    /// The snapshot in `bytes`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] unless [`Snapshot::encode`] may have written them.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(bytes);
        if reader.take() != Some(MAGIC) {
            return Err(Malformed::Bytes);
        }
        match reader.u16() {
            Some(VERSION) => {}
            Some(other) => return Err(Malformed::Version(other)),
            None => return Err(Malformed::Bytes),
        }
        let snapshot = Self::read(&mut reader).ok_or(Malformed::Bytes)?;
        // Bits without a meaning, entries twice or in another order, and what follows behind.
        if snapshot.encode().as_slice() != bytes {
            return Err(Malformed::Bytes);
        }
        Ok(snapshot)
    }

    /// What stands behind magic and version. What is read is checked only as far as a value can be out of
    /// range.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let _len = reader.u16()?;
        let flags = reader.u32()?;
        let flag = |bit: u32| flags >> bit & 1 != 0;
        let agreed = Caps::from_word(reader.u32()?);
        let mut words = [0; MAILBOX_WORDS];
        for word in words.iter_mut().take(EVENT_WORDS).skip(1) {
            *word = reader.u32()?;
        }
        let Event { changes, state } = Event::decode(&words);
        let mut granted = VfState {
            clear_to_send: flag(0),
            mac: MacAddr::new(reader.take()?),
            more_groups: flag(1),
            all_unicast: flag(2),
            all_multicast: flag(3),
            max_frame: MaxFrame::new(reader.u16()?.into())?,
            agreed,
            filters: Set::EMPTY,
            vlans: Set::EMPTY,
        };
        let [filters, vlans] = reader.take()?;
        let groups = reader.u16()?;
        for _ in 0..filters {
            let fits = granted.filters.insert(MacAddr::new(reader.take()?)?);
            fits.then_some(())?;
        }
        for _ in 0..vlans {
            let vid = VlanId::new(reader.u16()?).filter(|vid| !vid.is_zero())?;
            granted.vlans.insert(vid).then_some(())?;
        }
        let mut hashes = HashSet::EMPTY;
        for _ in 0..groups.min(MAX_GROUPS) {
            hashes.insert(McHash::new(reader.u16()?)?);
        }
        let saved = Saved {
            told: state,
            changes,
            request: flag(4),
            unread: flag(5),
            waits: flag(6),
        };
        let all = Self::new(&granted, &hashes, &saved);
        // Nobody has agreed on more than there is.
        (agreed == agreed.and(Caps::OURS)).then_some(all)
    }

    /// The address of the VF, which it keeps: it is how others know the guest.
    ///
    /// # Errors
    ///
    /// The [`Reason`] for which a VF with `config` is refused that address.
    pub fn mac(
        &self,
        config: &VfConfig,
        policy: &(impl Policy + ?Sized),
    ) -> Result<Option<MacAddr>, Reason> {
        let mac = self.granted.mac;
        if mac == config.mac {
            return Ok(mac);
        }
        if let (Some(given), false) = (config.mac, config.may_set_mac()) {
            return Err(Reason::MacLocked(given));
        }
        match mac.filter(|mac| policy.mac_in_use(*mac)) {
            Some(mac) => Err(Reason::MacInUse(mac)),
            None => Ok(mac),
        }
    }

    /// All of it, if a VF with `config` may have it.
    ///
    /// # Errors
    ///
    /// The [`Reason`] for which it may not. Then the VF has to make a handshake, to ask for each and be
    /// told what it does not get.
    pub fn grant(
        &self,
        config: &VfConfig,
        policy: &(impl Policy + ?Sized),
    ) -> Result<VfState, Reason> {
        let granted = &self.granted;
        self.mac(config, policy)?;
        if let Some(mac) = config.mac {
            // It would take the one that is assigned here with the next event.
            if granted.tells_events() && self.saved.told.mac != config.mac {
                return Err(Reason::MacLocked(mac));
            }
            if granted.filters.len() > 0 && !config.may_set_mac() {
                return Err(Reason::MacLocked(mac));
            }
        }
        let quota = usize::from(config.filter_quota).min(MAX_FILTERS);
        if granted.filters.len() > quota {
            return Err(Reason::FilterQuota(config.filter_quota));
        }
        if let Some(mac) = granted.filters().find(|mac| policy.mac_in_use(*mac)) {
            return Err(Reason::MacInUse(mac));
        }
        let quota = usize::from(config.vlan_quota).min(MAX_VLANS);
        if granted.vlans.len() > quota {
            return Err(Reason::VlanQuota(config.vlan_quota));
        }
        // Behind a port VLAN they rest.
        match granted.vlans().find(|vid| !policy.may_join_vlan(*vid)) {
            Some(vid) => Err(Reason::VlanDenied(vid)),
            None => Ok(*granted),
        }
    }
}

/// The bytes of a snapshot.
#[derive(Clone, Debug)]
pub struct Bytes {
    bytes: [u8; MAX_BYTES],
    len: usize,
}

impl Bytes {
    const EMPTY: Self = Self {
        bytes: [0; MAX_BYTES],
        len: 0,
    };

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// Adds some. [`MAX_BYTES`] has room for all there can be.
    fn push(&mut self, more: &[u8]) {
        let room = self.bytes.iter_mut().skip(self.len);
        for (to, from) in room.zip(more) {
            *to = *from;
        }
        self.len = self.len.saturating_add(more.len());
    }
}

/// Bytes that were not read yet.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
}
