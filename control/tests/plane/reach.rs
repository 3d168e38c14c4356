// SPDX-License-Identifier: GPL-2.0

//! What VFs can send and receive, as the registers have it.

use std::collections::BTreeSet;

use rigb_control::control::{
    device::MacBytes,
    vf_id::VfId, //
};

use super::card::Registers;

/// Frames with a tag of VLAN 0, which are not those without a tag.
const PRIORITY: u16 = 0x1000;
/// The registers of the MTA whose groups the tests use.
const MTA_REGISTERS: usize = 2;

/// Something that a pool can do. [`None`] is all addresses, and all VLANs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    /// Receive unicast frames for an address in a VLAN.
    Receive(Option<MacBytes>, u16),
    /// Receive multicast frames with a hash in a VLAN.
    Group(Option<u16>, u16),
    /// Send frames from an address into a VLAN.
    Send(Option<MacBytes>, Option<u16>),
}

impl Right {
    /// Whether who has this right may do what `other` says.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Receive(mac, vid), Self::Receive(other, in_vid)) => {
                vid == in_vid && (mac.is_none() || mac == other)
            }
            (Self::Group(hash, vid), Self::Group(other, in_vid)) => {
                vid == in_vid && (hash.is_none() || hash == other)
            }
            (Self::Send(mac, vid), Self::Send(other, in_vid)) => {
                (mac.is_none() || mac == other) && (vid.is_none() || vid == in_vid)
            }
            _ => false,
        }
    }
}

/// What all VFs can do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reach(BTreeSet<(usize, Right)>);

impl Reach {
    pub(crate) fn of(regs: &Registers) -> Self {
        let mut rights = BTreeSet::new();
        // Without pools no queue is a VF's.
        if !regs.pool_control.replicate {
            return Self(rights);
        }
        for vf in VfId::all() {
            let mut add = |right| {
                rights.insert((vf.index(), right));
            };
            if regs.receivers & vf.bit() != 0 {
                received(regs, vf, &mut add);
            }
            if regs.senders & vf.bit() != 0 {
                sent(regs, vf, &mut add);
            }
        }
        Self(rights)
    }

    /// What is in this and neither in `one` nor in `other`.
    pub(crate) fn beyond(&self, one: &Self, other: &Self) -> Option<String> {
        let allowed = |vf: usize, right: &Right| {
            let mut rights = one.0.iter().chain(&other.0);
            rights.any(|(owner, has)| *owner == vf && has.covers(right))
        };
        let wrong = self.0.iter().find(|(vf, right)| !allowed(*vf, right));
        wrong.map(|(vf, right)| format!("VF {vf} could {right:?}"))
    }
}

/// The addresses of a pool.
fn macs(regs: &Registers, vf: VfId) -> impl Iterator<Item = MacBytes> + '_ {
    let ours = regs
        .rar
        .iter()
        .filter(move |entry| entry.pools & vf.bit() != 0);
    ours.map(|entry| entry.mac)
}

/// The VLANs of a pool.
fn vlans(regs: &Registers, vf: VfId) -> impl Iterator<Item = u16> + '_ {
    let ours = regs
        .vlvf
        .iter()
        .filter(move |entry| entry.pools & vf.bit() != 0);
    ours.map(|entry| entry.vid)
}

fn received(regs: &Registers, vf: VfId, add: &mut impl FnMut(Right)) {
    let filter = &regs.filters[vf.index()];
    let passes = |vid: u16| regs.vfta[usize::from(vid >> 5)] >> (vid & 31) & 1 != 0;
    let tagged = vlans(regs, vf).filter(|vid| passes(*vid));
    let tagged = tagged.map(|vid| if vid == 0 { PRIORITY } else { vid });
    for vid in tagged.chain(filter.untagged.then_some(0)) {
        for mac in macs(regs, vf) {
            add(Right::Receive(Some(mac), vid));
        }
        if filter.all_unicast && regs.uta {
            add(Right::Receive(None, vid));
        }
        if filter.all_multicast {
            add(Right::Group(None, vid));
        }
        for hash in (0..32 * MTA_REGISTERS).filter(|_| filter.groups) {
            if regs.mta[hash / 32] >> (hash % 32) & 1 != 0 {
                add(Right::Group(u16::try_from(hash).ok(), vid));
            }
        }
    }
}

fn sent(regs: &Registers, vf: VfId, add: &mut impl FnMut(Right)) {
    let vids: Vec<_> = match regs.tags[vf.index()] {
        Some(tag) => vec![Some(tag.vid.get())],
        None if regs.send.vlan_spoof & vf.bit() != 0 => vlans(regs, vf).map(Some).collect(),
        None => vec![None],
    };
    let macs: Vec<_> = if regs.send.mac_spoof & vf.bit() != 0 {
        macs(regs, vf).map(Some).collect()
    } else {
        vec![None]
    };
    for vid in vids {
        for mac in &macs {
            add(Right::Send(*mac, vid));
        }
    }
}
