// SPDX-License-Identifier: GPL-2.0

//! What the PF knows of a VF: what the administrator wants ([`VfConfig`]), and what the VF has
//! been granted ([`VfState`]).

use super::caps::Caps;
use super::event::Link;
use super::types::{
    MacAddr,
    MaxFrame,
    VlanId, //
};

/// Additional MAC filters that a [`VfState`] can hold: more than a port with VFs can spare.
pub const MAX_FILTERS: usize = 16;
/// VLANs that a [`VfState`] can hold: the size of the VLVF table.
pub const MAX_VLANS: usize = 32;

/// What the administrator wants of a VF, and what it is told of the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VfConfig {
    /// The assigned MAC address: the administrator's, or the driver's default. Without one the VF
    /// is told to choose.
    pub mac: Option<MacAddr>,
    /// The administrator has set the MAC address: an untrusted VF may not change it.
    pub mac_locked: bool,
    /// The VF may choose its MAC address in spite of the administrator's, and may receive all
    /// frames.
    pub trusted: bool,
    /// The VLAN the administrator has put the VF into, unseen by it. It may join no other; VLAN 0
    /// are frames without a VLAN, with a priority.
    pub port_vlan: Option<VlanId>,
    /// How many additional MAC addresses the VF may have; at most [`MAX_FILTERS`] count.
    pub filter_quota: u8,
    /// How many VLANs the VF may join; at most [`MAX_VLANS`] count.
    pub vlan_quota: u8,
    /// The link that the VF is to show.
    pub link: Link,
    /// The MTU of the PF.
    pub mtu: u16,
}

impl VfConfig {
    /// What igbvf limits itself to.
    pub const DEFAULT_FILTER_QUOTA: u8 = 3;

    /// Whether the VF may change its addresses.
    pub const fn may_set_mac(&self) -> bool {
        !self.mac_locked || self.trusted
    }
}

impl Default for VfConfig {
    fn default() -> Self {
        Self {
            mac: None,
            mac_locked: false,
            trusted: false,
            port_vlan: None,
            filter_quota: Self::DEFAULT_FILTER_QUOTA,
            vlan_quota: 4,
            link: Link::default(),
            mtu: 1500,
        }
    }
}

/// A short list without duplicates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Set<T, const N: usize> {
    items: [Option<T>; N],
}

impl<T: Copy + PartialEq, const N: usize> Set<T, N> {
    pub(super) const EMPTY: Self = Self { items: [None; N] };

    pub(super) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.items.iter().filter_map(|item| *item)
    }

    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }

    pub(super) fn contains(&self, value: T) -> bool {
        self.iter().any(|item| item == value)
    }

    /// Whether there was room, or the value was there.
    pub(super) fn insert(&mut self, value: T) -> bool {
        if self.contains(value) {
            return true;
        }
        match self.items.iter_mut().find(|item| item.is_none()) {
            Some(slot) => {
                *slot = Some(value);
                true
            }
            None => false,
        }
    }

    pub(super) fn remove(&mut self, value: T) {
        for item in &mut self.items {
            if *item == Some(value) {
                *item = None;
            }
        }
    }
}

impl<T: Copy + PartialEq, const N: usize> PartialEq for Set<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|item| other.contains(item))
    }
}

/// What a VF has been granted, but for its multicast hashes, which the driver has
/// ([`Policy::groups`](super::pf::Policy::groups)): they are too large to be handed about. It is all
/// that is needed to set up the VF's pool again after a reset of the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VfState {
    pub(super) clear_to_send: bool,
    pub(super) mac: Option<MacAddr>,
    pub(super) filters: Set<MacAddr, MAX_FILTERS>,
    pub(super) vlans: Set<VlanId, MAX_VLANS>,
    pub(super) more_groups: bool,
    pub(super) all_unicast: bool,
    pub(super) all_multicast: bool,
    pub(super) max_frame: MaxFrame,
    pub(super) agreed: Caps,
}

impl VfState {
    /// A VF that no driver has reset yet, with this address.
    pub const fn new(mac: Option<MacAddr>) -> Self {
        Self {
            clear_to_send: false,
            mac,
            filters: Set::EMPTY,
            vlans: Set::EMPTY,
            more_groups: false,
            all_unicast: false,
            all_multicast: false,
            max_frame: MaxFrame::STANDARD,
            agreed: Caps::NONE,
        }
    }

    /// Whether the VF has completed its reset handshake.
    pub const fn clear_to_send(&self) -> bool {
        self.clear_to_send
    }

    /// What was agreed on beyond the base protocol. Only while the VF is clear to send.
    pub const fn agreed(&self) -> Caps {
        self.agreed
    }

    /// The MAC address in use.
    pub const fn mac(&self) -> Option<MacAddr> {
        self.mac
    }

    /// The additional MAC addresses.
    pub fn filters(&self) -> impl Iterator<Item = MacAddr> + '_ {
        self.filters.iter()
    }

    /// The VLANs the VF has joined. VLAN 0 and the port VLAN are not among them.
    pub fn vlans(&self) -> impl Iterator<Item = VlanId> + '_ {
        self.vlans.iter()
    }

    /// Whether the VF uses `mac`, as its own or as an additional address.
    pub fn uses_mac(&self, mac: MacAddr) -> bool {
        self.mac == Some(mac) || self.filters.contains(mac)
    }

    /// Whether the VF may have another additional MAC address, by its number.
    pub(super) fn has_room(&self, config: &VfConfig) -> bool {
        self.filters.len() < usize::from(config.filter_quota).min(MAX_FILTERS)
    }

    /// The longest frame the VF wants.
    pub const fn max_frame(&self) -> MaxFrame {
        self.max_frame
    }

    /// Whether the VF is to receive all multicast frames, by what it asked for and whether it is
    /// trusted now.
    pub const fn all_multicast(&self, trusted: bool) -> bool {
        trusted && (self.all_multicast || self.more_groups)
    }

    /// Whether the VF is to receive all unicast frames, as [`Self::all_multicast`].
    pub const fn promiscuous(&self, trusted: bool) -> bool {
        trusted && self.all_unicast
    }

    /// Whether the VF is told of each change of its configuration.
    pub const fn tells_events(&self) -> bool {
        self.clear_to_send && self.agreed.has(Caps::EVENTS)
    }

    /// Whether the VF goes on when the administrator gives it the address in `config`: it has
    /// agreed on events, and holds no other address that it may not have any more. Else it has to
    /// start again, see [`Server::reconfigure`](super::server::Server::reconfigure).
    pub fn takes_mac(&self, config: &VfConfig) -> bool {
        let alone = config.may_set_mac() || self.filters().next().is_none();
        self.tells_events() && config.mac.is_some() && alone
    }

    /// The administrator has given the VF an address, if [`Self::takes_mac`]. The next
    /// [`Server::service`](super::server::Server::service) tells the VF.
    pub const fn assign_mac(&mut self, mac: Option<MacAddr>) {
        self.mac = mac;
    }

    /// The VF is not served until it makes a handshake.
    pub const fn revoke(&mut self) {
        self.clear_to_send = false;
        self.agreed = Caps::NONE;
    }

    /// The VF's own reset: only the MAC address stays, as long as it may. (C igb keeps it as
    /// well, and DPDK's VF driver relies on that: it sets the address before its last reset.)
    pub(super) fn after_reset(&self, config: &VfConfig) -> Self {
        let mut state = Self::new(config.mac);
        if config.may_set_mac() && self.mac.is_some() {
            state.mac = self.mac;
        }
        state
    }
}
