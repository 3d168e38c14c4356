// SPDX-License-Identifier: GPL-2.0

//! What a VF may do: what the administrator has set of it, and what its driver has been granted.

use super::device::{
    RAR_ENTRIES,
    VLVF_ENTRIES, //
};
use crate::mbox::{
    event::LinkPolicy,
    penalty::Cause,
    pf_state::{
        VfState,
        MAX_FILTERS, //
    },
    types::{
        HashSet,
        MacAddr,
        VlanId, //
    }, //
};

/// VLANs of a VF, at most.
const VF_VLANS: usize = 31;
/// MAC filters that the PF keeps for itself, beside its address, however many VFs there are.
const PF_FILTERS: usize = 2;
/// MAC filters that a VF may have by right, beside its own address.
const FILTER_SHARE: usize = 3;
/// Places of VLANs that are left to the PF in the same way, beside VLAN 0.
const PF_VLANS: usize = 3;

/// What each of `count` VFs may have of `total` places, so that no VF can take another's.
fn share(total: usize, reserved: usize, count: usize, most: usize) -> u8 {
    let share = total.saturating_sub(reserved) / count.max(1);
    u8::try_from(share.min(most)).unwrap_or(u8::MAX)
}

/// How many further addresses each of `count` VFs may have by right.
pub fn filter_share(count: usize) -> u8 {
    // But for the address that each function has.
    let total = RAR_ENTRIES.saturating_sub(1 + count);
    share(total, PF_FILTERS, count, FILTER_SHARE)
}

/// How many VLANs each of `count` VFs may join.
pub fn vlan_share(count: usize) -> u8 {
    share(VLVF_ENTRIES - 1, PF_VLANS, count, VF_VLANS)
}

/// How many further addresses a VF may have that is trusted, where the PF has `pf`, and the others
/// have `others`, each at least `share`.
pub fn free_filters(pf: usize, others: impl Iterator<Item = usize>, share: u8) -> u8 {
    let taken = others.fold(pf.max(PF_FILTERS), |sum, further| {
        sum + 1 + further.max(usize::from(share))
    });
    // The PF's own address and this VF's.
    let free = (RAR_ENTRIES - 2).saturating_sub(taken).min(MAX_FILTERS);
    u8::try_from(free).unwrap_or(u8::MAX).max(share)
}

/// A VLAN that the administrator has put a VF into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortVlan {
    /// The VLAN.
    pub vid: VlanId,
    /// The priority, 0 to 7.
    pub qos: u8,
}

/// What the administrator has set of a VF. Stays while there is no such VF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The address that it has to have, if it was given one.
    pub mac: Option<MacAddr>,
    /// Whether it may choose its address all the same, and receive all frames.
    pub trusted: bool,
    /// The VLAN it is in without knowing.
    pub port_vlan: Option<PortVlan>,
    /// Whether its source addresses and VLANs are checked.
    pub spoof_check: bool,
    /// What it may send in Mbit/s, 0 for no limit.
    pub max_rate: u32,
    /// The link that it may have.
    pub link: LinkPolicy,
}

impl Admin {
    /// Nothing was set.
    pub const DEFAULT: Self = Self {
        mac: None,
        trusted: false,
        port_vlan: None,
        spoof_check: true,
        max_rate: 0,
        link: LinkPolicy::Auto,
    };

    /// The VLAN that the VF cannot leave. VLAN 0 with a priority is one as well: the card puts that
    /// tag on all that the VF sends, whatever VLAN the VF means.
    pub fn confining_vlan(&self) -> Option<VlanId> {
        self.port_vlan.map(|port| port.vid)
    }
}

/// What a VF may do.
#[derive(Clone, Debug)]
pub struct VfPool {
    /// What the administrator has set.
    pub admin: Admin,
    /// Its address unless the administrator gives another one. [`None`] only if all that it could
    /// be are in use.
    pub default_mac: Option<MacAddr>,
    /// What its driver has been granted.
    pub granted: VfState,
    /// The multicast hashes that its driver has been granted.
    pub groups: HashSet,
    /// Whether it may send and receive at all. It may once its driver has reset it.
    pub open: bool,
    /// Why it is in quarantine, if it is.
    pub quarantine: Option<Cause>,
}

impl VfPool {
    /// A VF without a driver and without an address.
    pub fn new(admin: Admin) -> Self {
        Self {
            admin,
            default_mac: None,
            granted: VfState::new(None),
            groups: HashSet::EMPTY,
            open: false,
            quarantine: None,
        }
    }

    /// Closes it, and takes back all that its driver was granted but for what `granted` says.
    pub fn take_back(&mut self, granted: VfState) {
        self.granted = granted;
        self.groups.clear();
        self.open = false;
    }

    /// Whether it sends and receives.
    pub fn passes(&self) -> bool {
        self.open && self.quarantine.is_none() && self.admin.link != LinkPolicy::ForcedDown
    }

    /// Whether it receives frames without a VLAN.
    pub fn receives_untagged(&self) -> bool {
        self.admin.confining_vlan().is_none_or(VlanId::is_zero)
    }

    /// The VLANs that it is in besides. Behind a port VLAN those that it has joined rest.
    pub fn vlans(&self) -> impl Iterator<Item = VlanId> + '_ {
        let free = self.admin.confining_vlan().is_none();
        self.granted.vlans().filter(move |_| free)
    }

    /// Whether it receives unicast frames for others, too.
    pub fn promiscuous(&self) -> bool {
        self.granted.promiscuous(self.admin.trusted)
    }

    /// Whether it receives all multicast frames.
    pub fn all_multicast(&self) -> bool {
        self.granted.all_multicast(self.admin.trusted)
    }

    /// The addresses it receives.
    pub fn macs(&self) -> impl Iterator<Item = MacAddr> + '_ {
        Iterator::chain(self.granted.mac().into_iter(), self.granted.filters())
    }
}
