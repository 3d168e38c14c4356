// SPDX-License-Identifier: GPL-2.0

//! What the card's switch is wanted to do, in the driver's own terms: what the PF receives, and
//! what each VF may. [`super::image`] computes the registers from it.

use kernel::prelude::*;

use crate::{
    hw::queue::Layout,
    kapi::net::{
        LinkState,
        MacAddress,
        RxMode, //
    },
    mbox::{
        pf::Effect,
        pf_state::{
            Multicast,
            VfConfig,
            VfState, //
        },
        reason::Failure,
        types::{
            HashList,
            MacAddr,
            MaxFrame,
            McHash,
            VlanId, //
        }, //
    },
    regs::filter::{
        MTA_REGS,
        RAR_ENTRIES,
        VFTA_REGS, //
    }, //
};

/// Most VFs. The eighth pool is the PF's.
pub(crate) const MAX_VFS: usize = 7;
/// The speed of the card in Mbit/s.
pub(crate) const MAX_SPEED: u32 = 1000;
/// MAC filters of a VF beside its own address, at most.
pub(crate) const VF_FILTERS: usize = 3;
/// VLANs of a VF, at most.
pub(crate) const VF_VLANS: usize = 31;

/// A set of VLANs as the VFTA has it: one bit each.
pub(crate) type VlanBits = [u32; VFTA_REGS];
/// A set of multicast hashes as the MTA has it: one bit each.
pub(crate) type HashBits = [u32; MTA_REGS];

/// What the PF's network device receives.
pub(crate) struct PfPool {
    /// Its address.
    pub(crate) mac: MacAddress,
    /// The address in its NVM.
    permanent: MacAddress,
    /// Unicast addresses beside its own; those that find no place make it promiscuous.
    pub(crate) unicast: KVec<MacAddress>,
    /// Addresses behind it, of which those are received that find a place. See [`super::learn`].
    neighbours: [Option<MacAddress>; RAR_ENTRIES],
    /// Multicast hashes.
    pub(crate) hashes: HashBits,
    /// All multicast frames.
    pub(crate) all_multicast: bool,
    /// All frames.
    pub(crate) promiscuous: bool,
    /// VLANs.
    pub(crate) vlans: VlanBits,
    /// Drop frames of other VLANs.
    pub(crate) filter_vlans: bool,
    /// Strip VLAN tags.
    pub(crate) strip_vlans: bool,
    /// Store damaged frames, too.
    pub(crate) keep_bad: bool,
    /// Longest frame in bytes, with FCS and tags.
    pub(crate) max_frame: u32,
    /// Queue pairs in use.
    pub(crate) pairs: u32,
    /// Whether the partner is sent pause frames when the receive FIFO is full.
    pub(crate) sends_pause: bool,
}

/// Bytes of header, two tags (802.1ad) and FCS around a payload.
const FRAME_OVERHEAD: u32 = 14 + 4 + 4 + 4;
/// Frames of this length are received at any MTU: neighbours may have a larger one. As in C igb.
const LEAST_MAX_FRAME: u32 = 1536;

/// The longest frame that is received with this MTU, in bytes.
fn max_frame(mtu: u32) -> u32 {
    (mtu + FRAME_OVERHEAD).max(LEAST_MAX_FRAME)
}

impl PfPool {
    pub(crate) fn new(mac: MacAddress, mtu: u32) -> Self {
        let mut vlans = [0; VFTA_REGS];
        // Frames that only have a priority are in VLAN 0, and everybody's.
        vlans[0] = 1;
        Self {
            mac,
            permanent: mac,
            unicast: KVec::new(),
            neighbours: [None; RAR_ENTRIES],
            hashes: [0; MTA_REGS],
            all_multicast: false,
            promiscuous: false,
            vlans,
            filter_vlans: true,
            strip_vlans: true,
            keep_bad: false,
            max_frame: max_frame(mtu),
            pairs: 1,
            sends_pause: false,
        }
    }

    /// Takes a new MTU.
    pub(crate) fn set_mtu(&mut self, mtu: u32) {
        self.max_frame = max_frame(mtu);
    }

    /// Takes what the stack wants to receive.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]; nothing is changed then.
    pub(crate) fn set_rx_mode(&mut self, mode: &RxMode<'_>) -> Result {
        let mut unicast = KVec::with_capacity(mode.uc.len(), GFP_KERNEL)?;
        for addr in mode.uc {
            unicast.push(addr, GFP_KERNEL)?;
        }
        self.unicast = unicast;
        self.hashes = [0; MTA_REGS];
        for addr in mode.mc {
            add_hash(&mut self.hashes, McHash::of(&addr));
        }
        self.all_multicast = mode.allmulti;
        self.promiscuous = mode.promisc;
        Ok(())
    }

    /// Takes what addresses are behind the PF. Whether that is another set than before.
    pub(crate) fn set_neighbours(&mut self, macs: impl Iterator<Item = MacAddress>) -> bool {
        let mut neighbours = [None; RAR_ENTRIES];
        for (slot, mac) in neighbours.iter_mut().zip(macs) {
            *slot = Some(mac);
        }
        core::mem::replace(&mut self.neighbours, neighbours) != neighbours
    }

    /// The addresses behind the PF.
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = &MacAddress> {
        self.neighbours.iter().flatten()
    }

    /// Joins or leaves a VLAN.
    pub(crate) fn set_vlan(&mut self, vid: u16, join: bool) {
        let bit = 1 << (vid & 31);
        if let Some(word) = self.vlans.get_mut(usize::from(vid >> 5)) {
            *word = if join { *word | bit } else { *word & !bit };
        }
    }

    /// Leaves all VLANs but VLAN 0 and those of `wanted`.
    pub(crate) fn keep_vlans(&mut self, wanted: &VlanBits) {
        for (word, wanted) in self.vlans.iter_mut().zip(wanted) {
            *word &= wanted;
        }
        self.set_vlan(0, true);
    }

    /// Whether the PF uses `mac`, or may want it back: a bond that it leaves gives it its own.
    pub(crate) fn uses_mac(&self, mac: &MacAddress) -> bool {
        self.mac == *mac || self.permanent == *mac || self.unicast.iter().any(|other| other == mac)
    }
}

/// Adds a hash to a set.
pub(crate) fn add_hash(bits: &mut HashBits, hash: McHash) {
    if let Some(word) = bits.get_mut(hash.register()) {
        *word |= 1 << hash.bit();
    }
}

/// A VLAN that the administrator has put a VF into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortVlan {
    /// The VLAN.
    pub(crate) vid: VlanId,
    /// The priority, 0 to 7.
    pub(crate) qos: u8,
}

/// What a VF may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VfPool {
    /// Whether it may send and receive at all. It may once its driver has reset it.
    pub(crate) open: bool,
    /// Its address.
    pub(crate) mac: Option<MacAddr>,
    /// Further addresses.
    pub(crate) filters: [Option<MacAddr>; VF_FILTERS],
    /// VLANs it has joined.
    pub(crate) vlans: [Option<VlanId>; VF_VLANS],
    /// Whether it receives unicast frames for others, too.
    pub(crate) promiscuous: bool,
    /// Multicast frames it receives.
    pub(crate) multicast: Multicast,
    /// Longest frame it receives.
    pub(crate) max_frame: MaxFrame,
    /// The VLAN it is in without knowing.
    pub(crate) port_vlan: Option<PortVlan>,
    /// Whether its source addresses and VLANs are checked.
    pub(crate) spoof_check: bool,
    /// What it may send in Mbit/s, 0 for no limit.
    pub(crate) max_rate: u32,
    /// The link that the administrator lets it have.
    pub(crate) link_state: LinkState,
    /// Whether it is shut out.
    pub(crate) quarantined: bool,
}

impl VfPool {
    /// A VF without a driver.
    pub(crate) const fn new(mac: Option<MacAddr>) -> Self {
        Self {
            open: false,
            mac,
            filters: [None; VF_FILTERS],
            vlans: [None; VF_VLANS],
            promiscuous: false,
            multicast: Multicast {
                all: false,
                hashes: HashList::EMPTY,
            },
            max_frame: MaxFrame::STANDARD,
            port_vlan: None,
            spoof_check: true,
            max_rate: 0,
            link_state: LinkState::Auto,
            quarantined: false,
        }
    }

    /// Forgets what the VF's driver asked for; what the administrator did stays.
    fn restart(&mut self, mac: Option<MacAddr>, open: bool) {
        *self = Self {
            open,
            port_vlan: self.port_vlan,
            spoof_check: self.spoof_check,
            max_rate: self.max_rate,
            link_state: self.link_state,
            quarantined: self.quarantined,
            ..Self::new(mac)
        };
    }

    /// Puts the VF into a VLAN or out of it. `joined` is what the VF has been granted: without
    /// effect behind a port VLAN, and in force again afterwards.
    pub(crate) fn set_port_vlan(
        &mut self,
        port_vlan: Option<PortVlan>,
        joined: impl Iterator<Item = VlanId>,
    ) {
        self.port_vlan = port_vlan;
        self.vlans = [None; VF_VLANS];
        if self.confining_vlan().is_none() {
            for (slot, vid) in self.vlans.iter_mut().zip(joined) {
                *slot = Some(vid);
            }
        }
    }

    /// Whether it sends and receives.
    pub(crate) fn passes(&self) -> bool {
        self.open && !self.quarantined && self.link_state != LinkState::Disable
    }

    /// The VLAN that the VF cannot leave. VLAN 0 with a priority is one as well: the card puts that
    /// tag on all that the VF sends, whatever VLAN the VF means.
    pub(crate) fn confining_vlan(&self) -> Option<VlanId> {
        self.port_vlan.map(|port| port.vid)
    }

    /// Whether it receives frames without a VLAN.
    pub(crate) fn receives_untagged(&self) -> bool {
        self.confining_vlan().is_none_or(VlanId::is_zero)
    }

    /// The device was reset: back to what the mailbox server kept.
    pub(crate) fn device_reset(&mut self, state: &VfState, config: &VfConfig) {
        self.restart(state.mac(), false);
        self.multicast = state.multicast(config);
    }

    /// Carries out what the mailbox server has decided.
    ///
    /// # Errors
    ///
    /// [`Failure::NoSpace`] if the VF has no more places of its own; the caller drops the change.
    pub(crate) fn apply(&mut self, effect: &Effect) -> core::result::Result<(), Failure> {
        match *effect {
            Effect::Reset { mac } => self.restart(mac, true),
            Effect::FunctionReset { mac } => self.restart(mac, false),
            Effect::SetMac(mac) => self.mac = Some(mac),
            Effect::AddFilter(mac) => return insert(&mut self.filters, mac),
            Effect::ClearFilters => self.filters = [None; VF_FILTERS],
            Effect::SetMulticast(multicast) => self.multicast = multicast,
            Effect::SetPromisc { unicast, multicast } => {
                self.promiscuous = unicast;
                self.multicast = multicast;
            }
            Effect::JoinVlan(vid) => return insert(&mut self.vlans, vid),
            Effect::LeaveVlan(vid) => {
                for slot in &mut self.vlans {
                    slot.take_if(|joined| *joined == vid);
                }
            }
            Effect::SetMaxFrame(size) => self.max_frame = size,
        }
        Ok(())
    }

    /// The addresses it receives.
    pub(crate) fn macs(&self) -> impl Iterator<Item = MacAddr> + '_ {
        Iterator::chain(self.mac.into_iter(), self.filters.iter().flatten().copied())
    }
}

fn insert<T>(slots: &mut [Option<T>], value: T) -> core::result::Result<(), Failure> {
    let slot = slots.iter_mut().find(|slot| slot.is_none());
    *slot.ok_or(Failure::NoSpace)? = Some(value);
    Ok(())
}

/// The whole of it.
pub(crate) struct State {
    /// Whose the queues are. Pools as soon as there are VFs, or are about to be.
    pub(crate) layout: Layout,
    /// The PF.
    pub(crate) pf: PfPool,
    /// The VFs, by number.
    pub(crate) vfs: [VfPool; MAX_VFS],
    /// How many VFs there are.
    pub(crate) num_vfs: usize,
    /// The speed of the link in Mbit/s, the last one while it is down.
    pub(crate) speed: u32,
    /// The card is QEMU's model, which gives what the UTA lets pass to each pool with VMOLR.ROMPE and
    /// does not know ROPE and MPME.
    pub(crate) emulated: bool,
}

impl State {
    /// Whether the PF's queues drop a frame for which they have no descriptor. Else it stays at the
    /// head of the FIFO, before those of all other queues: with VFs that must not be, and without
    /// pause frames it saves no frame.
    pub(crate) fn pf_drops(&self) -> bool {
        self.layout == Layout::Pools || self.pf.pairs > 1 && !self.pf.sends_pause
    }

    /// Whether addresses behind the PF are of use: with VFs, while it is promiscuous as the port of a
    /// bridge is.
    pub(crate) fn learns(&self) -> bool {
        self.layout == Layout::Pools && self.pf.promiscuous
    }

    /// The VFs that there are. Without pools there are none.
    pub(crate) fn live_vfs(&self) -> impl Iterator<Item = (usize, &VfPool)> {
        let count = match self.layout {
            Layout::Single => 0,
            Layout::Pools => self.num_vfs,
        };
        self.vfs.iter().enumerate().take(count)
    }
}
