// SPDX-License-Identifier: GPL-2.0

//! What the card's switch is wanted to do, in the driver's own terms: what the PF receives, and
//! what each VF may. [`super::image`] computes the registers from it.

use core::mem;

use super::{
    device::{
        Layout,
        MacBytes,
        RAR_ENTRIES,
        VFTA_REGS, //
    },
    vf::{
        self,
        Admin,
        VfPool, //
    },
    vf_id::{
        PerVf,
        VfId, //
    }, //
};
use crate::{
    heap::List,
    mbox::{
        event::Link,
        pf_state::VfConfig,
        types::{
            HashSet,
            MacAddr, //
        }, //
    }, //
};

/// A set of VLANs as the VFTA has it: one bit each.
pub type VlanBits = [u32; VFTA_REGS];

/// What the PF's network device receives.
pub struct PfPool {
    /// Its address.
    pub mac: MacBytes,
    /// The address in its NVM.
    permanent: MacBytes,
    /// Unicast addresses beside its own; those that find no place make it promiscuous.
    pub unicast: List<MacBytes>,
    /// Addresses behind it, a bridge's, of which those are received that find a place.
    neighbours: [Option<MacBytes>; RAR_ENTRIES],
    /// Multicast hashes.
    pub hashes: HashSet,
    /// All multicast frames.
    pub all_multicast: bool,
    /// All frames.
    pub promiscuous: bool,
    /// VLANs.
    pub vlans: VlanBits,
    /// Drop frames of other VLANs.
    pub filter_vlans: bool,
    /// Strip VLAN tags.
    pub strip_vlans: bool,
    /// Store damaged frames, too.
    pub keep_bad: bool,
    /// Its MTU.
    pub mtu: u32,
    /// Queue pairs in use.
    pub pairs: u32,
    /// Whether the partner is sent pause frames when the receive FIFO is full.
    pub sends_pause: bool,
}

/// Bytes of header, two tags (802.1ad) and FCS around a payload.
const FRAME_OVERHEAD: u32 = 14 + 4 + 4 + 4;
/// Frames of this length are received at any MTU: neighbours may have a larger one. As in C igb.
const LEAST_MAX_FRAME: u32 = 1536;

impl PfPool {
    /// A PF that receives its own address.
    pub fn new(mac: MacBytes, mtu: u32) -> Self {
        let mut vlans = [0; VFTA_REGS];
        // Frames that only have a priority are in VLAN 0, and everybody's.
        vlans[0] = 1;
        Self {
            mac,
            permanent: mac,
            unicast: List::new(),
            neighbours: [None; RAR_ENTRIES],
            hashes: HashSet::EMPTY,
            all_multicast: false,
            promiscuous: false,
            vlans,
            filter_vlans: true,
            strip_vlans: true,
            keep_bad: false,
            mtu,
            pairs: 1,
            sends_pause: false,
        }
    }

    /// The longest frame that is received, in bytes, with FCS and tags.
    pub fn max_frame(&self) -> u32 {
        (self.mtu + FRAME_OVERHEAD).max(LEAST_MAX_FRAME)
    }

    /// Takes what the stack wants to receive beside the PF's address.
    pub fn set_receive(
        &mut self,
        unicast: List<MacBytes>,
        groups: HashSet,
        all_multicast: bool,
        promiscuous: bool,
    ) {
        self.unicast = unicast;
        self.hashes = groups;
        self.all_multicast = all_multicast;
        self.promiscuous = promiscuous;
    }

    /// Takes what addresses are behind the PF. Whether that is another set than before.
    pub fn set_neighbours(&mut self, macs: impl Iterator<Item = MacBytes>) -> bool {
        let mut neighbours = [None; RAR_ENTRIES];
        for (slot, mac) in neighbours.iter_mut().zip(macs) {
            *slot = Some(mac);
        }
        mem::replace(&mut self.neighbours, neighbours) != neighbours
    }

    /// The addresses behind the PF.
    pub fn neighbours(&self) -> impl Iterator<Item = &MacBytes> {
        self.neighbours.iter().flatten()
    }

    /// Joins or leaves a VLAN.
    pub fn set_vlan(&mut self, vid: u16, join: bool) {
        let bit = 1 << (vid & 31);
        if let Some(word) = self.vlans.get_mut(usize::from(vid >> 5)) {
            *word = if join { *word | bit } else { *word & !bit };
        }
    }

    /// Leaves all VLANs but VLAN 0 and those of `wanted`.
    pub fn keep_vlans(&mut self, wanted: &VlanBits) {
        for (word, wanted) in self.vlans.iter_mut().zip(wanted) {
            *word &= wanted;
        }
        self.set_vlan(0, true);
    }

    /// Whether the PF uses `mac`, or may want it back: a bond that it leaves gives it its own.
    pub fn uses_mac(&self, mac: &MacBytes) -> bool {
        self.mac == *mac || self.permanent == *mac || self.unicast.iter().any(|other| other == mac)
    }
}

/// The whole of it.
pub struct State {
    /// Whose the queues are. Pools as soon as there are VFs, or are about to be.
    pub layout: Layout,
    /// The PF.
    pub pf: PfPool,
    /// The VFs.
    pub vfs: PerVf<VfPool>,
    /// How many VFs there are.
    pub num_vfs: usize,
    /// The link of the port, as VFs are told.
    pub link: Link,
    /// The speed of the link in Mbit/s, the last one while it is down.
    pub speed: u32,
    /// The card is QEMU's model, which gives what the UTA lets pass to each pool with VMOLR.ROMPE and
    /// does not know ROPE and MPME.
    pub emulated: bool,
    /// With VFs, the card stops a queue with a malformed descriptor, instead of the engine.
    pub detects_malice: bool,
}

impl State {
    /// What the mailbox server has to know of VF `vf`, and tells it.
    pub fn config(&self, vf: VfId) -> VfConfig {
        self.config_with(vf, &self.vfs[vf].admin)
    }

    /// [`State::config`], if the administrator wants `admin`.
    pub fn config_with(&self, vf: VfId, admin: &Admin) -> VfConfig {
        VfConfig {
            mac: admin.mac.or(self.vfs[vf].default_mac),
            mac_locked: admin.mac.is_some(),
            trusted: admin.trusted,
            port_vlan: admin.confining_vlan(),
            filter_quota: self.filter_quota(vf, admin),
            vlan_quota: vf::vlan_share(self.num_vfs),
            link: Link {
                policy: admin.link,
                ..self.link
            },
            mtu: u16::try_from(self.pf.mtu).unwrap_or(u16::MAX),
        }
    }

    /// How many further addresses a VF may have: its share, or if it is trusted what neither the PF
    /// uses nor another VF has a right to.
    fn filter_quota(&self, vf: VfId, admin: &Admin) -> u8 {
        let share = vf::filter_share(self.num_vfs);
        if !admin.trusted {
            return share;
        }
        let others = self.live_vfs().filter(|(other, _)| *other != vf);
        let further = others.map(|(_, pool)| pool.granted.filters().count());
        vf::free_filters(self.pf.unicast.len(), further, share)
    }

    /// The VFs that there are, or are about to be.
    fn enabled_vfs(&self) -> impl Iterator<Item = (VfId, &VfPool)> {
        self.vfs.iter().take(self.num_vfs)
    }

    /// Whether `mac` is the PF's, or reserved for a VF other than `but`: its default, or what the
    /// administrator gave it.
    pub fn mac_reserved(&self, but: Option<VfId>, mac: MacAddr) -> bool {
        let reserved = |pool: &VfPool| pool.admin.mac == Some(mac) || pool.default_mac == Some(mac);
        self.pf.uses_mac(mac.bytes())
            || self
                .enabled_vfs()
                .any(|(vf, pool)| Some(vf) != but && reserved(pool))
    }

    /// Whether `mac` is the PF's, or in use by or reserved for a VF other than `but`.
    pub fn mac_in_use(&self, but: Option<VfId>, mac: MacAddr) -> bool {
        self.mac_reserved(but, mac)
            || self
                .live_vfs()
                .any(|(vf, pool)| Some(vf) != but && pool.granted.uses_mac(mac))
    }

    /// Whether `mac` is not to be had by VF `vf`: it is in use or reserved, or somebody's behind the PF.
    pub fn mac_denied(&self, vf: VfId, mac: MacAddr) -> bool {
        self.mac_in_use(Some(vf), mac) || self.pf.neighbours().any(|other| other == mac.bytes())
    }

    /// Whether addresses behind the PF are of use: with VFs, while it is promiscuous as the port of a
    /// bridge is.
    pub fn learns(&self) -> bool {
        self.layout == Layout::Pools && self.pf.promiscuous
    }

    /// Whether the PF's queues drop a frame for which they have no descriptor. Else it stays at the
    /// head of the FIFO, before those of all other queues: with VFs that must not be, and without
    /// pause frames it saves no frame.
    pub fn pf_drops(&self) -> bool {
        self.layout == Layout::Pools || self.pf.pairs > 1 && !self.pf.sends_pause
    }

    /// The VFs that there are. Without pools there are none.
    pub fn live_vfs(&self) -> impl Iterator<Item = (VfId, &VfPool)> {
        let count = match self.layout {
            Layout::Single => 0,
            Layout::Pools => self.num_vfs,
        };
        self.vfs.iter().take(count)
    }
}
