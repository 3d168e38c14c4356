// SPDX-License-Identifier: GPL-2.0

//! What the stack wants of the PF, and what the PF was asked for.
//!
//! The PF forgets a VF whenever either is reset. So everything that the stack sets is kept here as
//! *wanted*, and sent again after each handshake. What was asked since the last handshake is kept
//! as well, so that only changes go over the mailbox, and so that a refusal is not asked for again
//! until the stack wants something else.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    groups::Groups,
    hw::VLAN_WORDS,
    kapi::net::RxMode,
    mbox::types::{
        MacAddr,
        VlanId, //
    },
    refusal_log::RefusalLog, //
};

/// The most additional unicast addresses to ask for. The 82576 has 24 for all of its functions; the
/// bound keeps a long list from taking long to be refused.
pub(crate) const MAX_UNICAST: usize = 16;

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

/// The receive filters beside MAC address, VLANs and multicast groups.
pub(crate) struct Filters {
    /// Whether to receive all unicast frames.
    pub(crate) all_unicast: bool,
    /// Whether to receive all multicast frames.
    pub(crate) all_multicast: bool,
    /// Additional unicast addresses, at most [`MAX_UNICAST`].
    pub(crate) unicast: KVec<MacAddr>,
}

impl Filters {
    /// No filter: what the PF has after a reset.
    pub(crate) const fn none() -> Self {
        Self {
            all_unicast: false,
            all_multicast: false,
            unicast: KVec::new(),
        }
    }

    /// The filters that the stack's lists make. Also returns how many unicast addresses found no
    /// room.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn from_mode(mode: &RxMode<'_>) -> Result<(Self, usize)> {
        let mut filters = Self::none();
        filters.all_unicast = mode.promisc;
        filters.all_multicast = mode.promisc || mode.allmulti;
        let mut left_out = 0;
        for mac in mode.uc.iter().filter_map(MacAddr::new) {
            if filters.unicast.len() < MAX_UNICAST {
                filters.unicast.push(mac, GFP_KERNEL)?;
            } else {
                left_out += 1;
            }
        }
        Ok((filters, left_out))
    }
}

/// The VLANs that the stack has joined.
pub(crate) struct Vlans([u64; VLAN_WORDS]);

impl Vlans {
    pub(crate) const fn none() -> Self {
        Self([0; VLAN_WORDS])
    }

    /// Joins or leaves.
    pub(crate) fn set(&mut self, vid: VlanId, on: bool) {
        let vid = vid.get();
        if let Some(word) = self.0.get_mut(usize::from(vid / 64)) {
            let bit = 1 << (vid % 64);
            *word = if on { *word | bit } else { *word & !bit };
        }
    }

    /// The VLANs, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = VlanId> + '_ {
        (0..4095u16)
            .filter(|&vid| {
                self.0
                    .get(usize::from(vid / 64))
                    .is_some_and(|word| word & (1 << (vid % 64)) != 0)
            })
            .filter_map(VlanId::new)
    }
}

/// Wanted and asked.
pub(crate) struct Wanted {
    /// The address that the administrator of this side chose; otherwise the PF decides. While another
    /// function has it, the device has the one that the PF assigned.
    pub(crate) own_mac: Option<MacAddr>,
    /// The address that the PF assigned at the last handshake.
    pub(crate) assigned_mac: Option<MacAddr>,
    /// VLANs other than 0, of which every VF is a member.
    pub(crate) vlans: Vlans,
    /// Multicast groups.
    pub(crate) groups: Groups,
    /// The filters that the stack wants.
    pub(crate) filters: Filters,
    /// The filters that the PF was asked for since the last handshake.
    pub(crate) asked: Filters,
    /// Whether the PF may hold unicast filters from before the last handshake: C igb keeps them
    /// over a reset of the VF.
    pub(crate) stale_unicast: bool,
    /// Those unicast addresses in `asked` that the PF has granted.
    pub(crate) granted_unicast: KVec<MacAddr>,
    /// What the operator of this side knows of those that it has not.
    pub(crate) refusals: RefusalLog,
}

impl Wanted {
    pub(crate) const fn new() -> Self {
        Self {
            own_mac: None,
            assigned_mac: None,
            vlans: Vlans::none(),
            groups: Groups::new(),
            filters: Filters::none(),
            asked: Filters::none(),
            stale_unicast: false,
            granted_unicast: KVec::new(),
            refusals: RefusalLog::new(),
        }
    }

    /// The PF was introduced to this VF anew, and assigned `mac`.
    pub(crate) fn start_over(&mut self, mac: Option<MacAddr>) {
        self.stale_unicast |= !self.granted_unicast.is_empty();
        self.granted_unicast.clear();
        self.asked = Filters::none();
        self.groups.start_over();
        self.assigned_mac = mac;
    }

    /// What the PF has refused it may grant now.
    pub(crate) fn ask_refused_again(&mut self) {
        self.groups.ask_again();
        let granted = &self.granted_unicast;
        self.asked.unicast.retain(|mac| granted.contains(mac));
    }

    /// How many unicast addresses the stack wants and the PF has refused.
    pub(crate) fn refused_unicast(&self) -> usize {
        self.asked
            .unicast
            .len()
            .saturating_sub(self.granted_unicast.len())
    }
}
