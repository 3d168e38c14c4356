// SPDX-License-Identifier: GPL-2.0

//! The switch's registers as they are to be: computed as a whole from the wanted state, so that a
//! reset of the device, a message from a VF and the administrator cannot disagree about them.
//! [`super::write`] gives them to the hardware.

use super::{
    device::{
        Layout,
        MacBytes,
        ALL_POOLS,
        MTA_REGS,
        PF_POOL,
        POOLS,
        RAR_ENTRIES,
        VFTA_REGS,
        VLVF_ENTRIES, //
    },
    rate::Limit,
    registers::{
        PoolControl,
        PoolFilter,
        QueueChoice,
        RarEntry,
        ReceiveControl,
        SendControl,
        VlvfEntry, //
    },
    state::{
        PfPool,
        State,
        VlanBits, //
    },
    vf::{
        PortVlan,
        VfPool, //
    }, //
};
use crate::mbox::types::MaxFrame;

const PF_BIT: u32 = 1 << PF_POOL;

/// What is wanted does not fit into the card's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSpace;

/// The registers.
pub struct Image {
    pub(super) rar: [RarEntry; RAR_ENTRIES],
    pub(super) vlvf: [VlvfEntry; VLVF_ENTRIES],
    pub(super) vfta: VlanBits,
    pub(super) mta: [u32; MTA_REGS],
    /// Whether all unicast frames pass the UTA, or none.
    pub(super) uta: bool,
    pub(super) filters: [PoolFilter; POOLS],
    /// The tag that the card puts on all that a pool sends (VMVIR).
    pub(super) tags: [Option<PortVlan>; POOLS],
    pub(super) limits: [Limit; POOLS],
    /// Pools that may send and receive: VFTE and VFRE.
    pub(super) open: u32,
    pub(super) queues: QueueChoice,
    pub(super) pool_control: PoolControl,
    pub(super) send: SendControl,
    /// Queues drop frames for which they have no descriptor (QDE).
    pub(super) drop_frames: bool,
    /// The longest frame (RLPML).
    pub(super) max_frame: u32,
    pub(super) receive: ReceiveControl,
    /// DTXCTL.MDP_EN.
    pub(super) detect_malice: bool,
    /// CTRL.VME, for the PF without pools.
    pub(super) strip_vlans: bool,
}

impl Image {
    /// Nothing is received, no pool is open.
    pub const CLOSED: Self = Self {
        rar: [RarEntry::FREE; RAR_ENTRIES],
        vlvf: [VlvfEntry::FREE; VLVF_ENTRIES],
        vfta: [0; VFTA_REGS],
        mta: [0; MTA_REGS],
        uta: false,
        filters: [PoolFilter::CLOSED; POOLS],
        tags: [None; POOLS],
        limits: [Limit::NONE; POOLS],
        open: 0,
        queues: QueueChoice::Rss,
        pool_control: PoolControl {
            replicate: false,
            default_pool: false,
        },
        send: SendControl {
            mac_spoof: 0,
            vlan_spoof: 0,
            loopback: false,
        },
        drop_frames: false,
        max_frame: 0,
        receive: ReceiveControl {
            enable: false,
            keep_bad: false,
            all_unicast: false,
            all_multicast: false,
            filter_vlans: false,
        },
        detect_malice: false,
        strip_vlans: false,
    };

    /// Computes what `state` needs. What `old` had in a table keeps its place, so that a change
    /// for one pool does not disturb another.
    ///
    /// # Errors
    ///
    /// [`NoSpace`] if the hardware's tables are too small; the contents are then of no use.
    pub fn compute(&mut self, state: &State, old: &Self) -> Result<(), NoSpace> {
        let pools = state.layout == Layout::Pools;
        let macs_fit = self.place_macs(state, old)?;
        let vlans_fit = self.place_vlans(state, old)?;
        self.hash_multicast(state);
        self.filters = [PoolFilter::CLOSED; POOLS];
        self.tags = [None; POOLS];
        self.limits = [Limit::NONE; POOLS];
        let see_all = state.pf.promiscuous || !macs_fit;
        if pools {
            self.set_pools(state, see_all);
            self.pool_control = PoolControl {
                replicate: true,
                default_pool: see_all || !vlans_fit,
            };
        } else {
            // The PF's queues are in all pools then.
            self.filters = [pf_filter(&state.pf); POOLS];
            self.open = ALL_POOLS;
            self.pool_control = PoolControl::default();
            self.send = SendControl::default();
            self.drop_frames = false;
        }
        self.queues = match state.layout {
            Layout::Single => QueueChoice::Rss,
            Layout::Pools if state.pf.pairs > 1 => QueueChoice::PoolsRss,
            Layout::Pools => QueueChoice::Pools,
        };
        self.max_frame = if pools {
            MaxFrame::MAX.get().into()
        } else {
            state.pf.max_frame()
        };
        self.detect_malice = pools && state.detects_malice;
        self.fill_uta(state);
        self.set_receive(state, see_all);
        // With pools VMOLR says who gets tags stripped. This bit is for inserting them as well, which
        // every VF may want.
        self.strip_vlans = state.pf.strip_vlans || pools;
        Ok(())
    }

    /// Places all addresses. Whether all further addresses of the PF found a place.
    fn place_macs(&mut self, state: &State, old: &Self) -> Result<bool, NoSpace> {
        let pf_bit = match state.layout {
            Layout::Single => 1,
            Layout::Pools => PF_BIT,
        };
        self.rar = [RarEntry::default(); RAR_ENTRIES];
        // Wake up and management look at the first entry.
        self.rar[0] = RarEntry {
            mac: state.pf.mac,
            pools: pf_bit,
        };
        // Those of the VFs have a guaranteed number of places, those of the PF take the rest.
        for (vf, pool) in state.live_vfs() {
            for mac in pool.macs() {
                self.place_mac(old, mac.bytes(), vf.bit())?;
            }
        }
        let fit = state
            .pf
            .unicast
            .iter()
            .all(|mac| self.place_mac(old, mac, pf_bit).is_ok());
        if state.learns() {
            for mac in state.pf.neighbours() {
                // A VF's address is the VF's, also when another function sends from it.
                let taken = |slot: &RarEntry| slot.pools != 0 && slot.mac == *mac;
                if !self.rar.iter().any(taken) {
                    let _ = self.place_mac(old, mac, pf_bit);
                }
            }
        }
        Ok(fit)
    }

    fn place_mac(&mut self, old: &Self, mac: &MacBytes, pools: u32) -> Result<(), NoSpace> {
        let known = self
            .rar
            .iter_mut()
            .find(|slot| slot.pools != 0 && slot.mac == *mac);
        if let Some(slot) = known {
            slot.pools |= pools;
            return Ok(());
        }
        let before = old
            .rar
            .iter()
            .position(|slot| slot.pools != 0 && slot.mac == *mac);
        let slot = match before {
            Some(index) if self.rar.get(index).is_some_and(|slot| slot.pools == 0) => index,
            _ => self.free_rar(old).ok_or(NoSpace)?,
        };
        if let Some(slot) = self.rar.get_mut(slot) {
            *slot = RarEntry { mac: *mac, pools };
        }
        Ok(())
    }

    /// A free place, if possible one that nobody had before.
    fn free_rar(&self, old: &Self) -> Option<usize> {
        let free = |index: &usize| self.rar.get(*index).is_some_and(|slot| slot.pools == 0);
        let unused = |index: &usize| old.rar.get(*index).is_some_and(|slot| slot.pools == 0);
        (0..RAR_ENTRIES)
            .filter(free)
            .find(unused)
            .or_else(|| (0..RAR_ENTRIES).find(free))
    }

    /// Places all VLANs. Whether those of the PF all found a place. What of them does not passes
    /// by the VFTA, and goes to the default pool: the VFs have a guaranteed number of places.
    fn place_vlans(&mut self, state: &State, old: &Self) -> Result<bool, NoSpace> {
        self.vfta = state.pf.vlans;
        self.vlvf = [VlvfEntry::default(); VLVF_ENTRIES];
        if state.layout == Layout::Single {
            return Ok(true);
        }
        let all = state.pf.promiscuous || !state.pf.filter_vlans;
        // The first entry is VLAN 0: everybody's but those who are in another one.
        let mut untagged = PF_BIT;
        for (vf, pool) in state.live_vfs() {
            if pool.receives_untagged() {
                untagged |= vf.bit();
            }
        }
        self.vlvf[0] = VlvfEntry {
            vid: 0,
            pools: untagged,
        };
        for (vf, pool) in state.live_vfs() {
            for vid in Iterator::chain(pool.vlans(), pool.admin.confining_vlan()) {
                self.place_vlan(old, vid.get(), vf.bit())?;
            }
        }
        let fit = self.place_pf_vlans(&state.pf.vlans, old);
        if all {
            // Frames of VLANs that nobody joined go to the default pool, which is the PF's.
            self.vfta = [u32::MAX; VFTA_REGS];
            for entry in &mut self.vlvf {
                entry.pools |= if entry.pools != 0 { PF_BIT } else { 0 };
            }
        }
        Ok(fit)
    }

    /// Places the PF's VLANs in what the VFs' have left. Whether all found a place. There may be
    /// thousands, each of which comes by a commit of its own, so this looks at each once.
    fn place_pf_vlans(&mut self, vlans: &VlanBits, old: &Self) -> bool {
        let mut left = *vlans;
        for entry in self.vlvf.iter_mut().filter(|entry| entry.pools != 0) {
            if take_bit(&mut left, entry.vid) {
                entry.pools |= PF_BIT;
            }
        }
        for (entry, before) in self.vlvf.iter_mut().zip(&old.vlvf) {
            let free = entry.pools == 0 && before.pools != 0;
            if free && take_bit(&mut left, before.vid) {
                *entry = VlvfEntry {
                    vid: before.vid,
                    pools: PF_BIT,
                };
            }
        }
        (0u16..).zip(&left).all(|(register, &word)| {
            (0..32)
                .filter(|bit| word & 1 << bit != 0)
                .all(|bit| self.place_vlan(old, register << 5 | bit, PF_BIT).is_ok())
        })
    }

    fn place_vlan(&mut self, old: &Self, vid: u16, pools: u32) -> Result<(), NoSpace> {
        if let Some(word) = self.vfta.get_mut(usize::from(vid >> 5)) {
            *word |= 1 << (vid & 31);
        }
        let taken = |entry: &VlvfEntry| entry.pools != 0;
        if let Some(entry) = self
            .vlvf
            .iter_mut()
            .find(|entry| taken(entry) && entry.vid == vid)
        {
            entry.pools |= pools;
            return Ok(());
        }
        let before = old
            .vlvf
            .iter()
            .position(|entry| taken(entry) && entry.vid == vid);
        let free = |index: &usize| self.vlvf.get(*index).is_some_and(|entry| !taken(entry));
        let unused = |index: &usize| old.vlvf.get(*index).is_some_and(|entry| !taken(entry));
        let index = before
            .filter(free)
            .or_else(|| (1..VLVF_ENTRIES).filter(free).find(unused))
            .or_else(|| (1..VLVF_ENTRIES).find(free))
            .ok_or(NoSpace)?;
        if let Some(entry) = self.vlvf.get_mut(index) {
            *entry = VlvfEntry { vid, pools };
        }
        Ok(())
    }

    fn hash_multicast(&mut self, state: &State) {
        self.mta = *state.pf.hashes.words();
        for (_, pool) in state.live_vfs().filter(|(_, pool)| pool.passes()) {
            for (word, hashes) in self.mta.iter_mut().zip(pool.groups.words()) {
                *word |= hashes;
            }
        }
    }

    /// Lets unicast frames without a receive address pass to the pools that want them all. The table
    /// is everybody's; who takes part of it says ROPE.
    fn fill_uta(&mut self, state: &State) {
        let wanted = self.filters.iter().any(|filter| filter.all_unicast);
        // In QEMU's model ROMPE says so, which a VF has for its multicast groups, and a pool
        // gets back what it sends by that itself.
        self.uta = wanted && !state.emulated;
    }

    fn set_pools(&mut self, state: &State, see_all: bool) {
        let mut mac_spoof = 0;
        let mut vlan_spoof = 0;
        self.open = PF_BIT;
        for (vf, pool) in state.live_vfs() {
            let index = vf.index();
            self.filters[index] = vf_filter(pool);
            self.tags[index] = pool.admin.port_vlan;
            self.limits[index] = Limit::new(pool.admin.max_rate, state.speed);
            self.open |= u32::from(pool.passes()) << index;
            mac_spoof |= u32::from(pool.admin.spoof_check) << index;
            // A VF that bridges has to send with foreign addresses; what confines it stays.
            let check_vlan = pool.admin.spoof_check || pool.admin.confining_vlan().is_some();
            vlan_spoof |= u32::from(check_vlan) << index;
        }
        let pf = &state.pf;
        let mut filter = PoolFilter {
            rss: pf.pairs > 1,
            all_unicast: see_all,
            ..pf_filter(pf)
        };
        if state.emulated && filter.all_multicast {
            self.mta = [u32::MAX; MTA_REGS];
            filter.groups = true;
        }
        self.filters[PF_POOL] = filter;
        self.send = SendControl {
            mac_spoof,
            vlan_spoof,
            loopback: true,
        };
        // A VF that gives no descriptors must not hold up the frames of others.
        self.drop_frames = true;
    }

    fn set_receive(&mut self, state: &State, see_all: bool) {
        let pools = state.layout == Layout::Pools;
        let pf = &state.pf;
        let vf_all = state
            .live_vfs()
            .any(|(_, pool)| pool.passes() && pool.all_multicast());
        self.receive = ReceiveControl {
            enable: true,
            keep_bad: pf.keep_bad,
            all_unicast: see_all,
            all_multicast: pf.promiscuous || pf.all_multicast || vf_all,
            filter_vlans: pools || pf.filter_vlans && !pf.promiscuous,
        };
    }
}

/// Takes a VLAN out of a set. Whether it was there.
fn take_bit(vlans: &mut VlanBits, vid: u16) -> bool {
    let bit = 1 << (vid & 31);
    vlans.get_mut(usize::from(vid >> 5)).is_some_and(|word| {
        let there = *word & bit != 0;
        *word &= !bit;
        there
    })
}

fn pf_filter(pf: &PfPool) -> PoolFilter {
    PoolFilter {
        max_frame: pf.max_frame(),
        rss: false,
        untagged: true,
        groups: !pf.hashes.is_empty(),
        all_unicast: false,
        all_multicast: pf.promiscuous || pf.all_multicast,
        broadcast: true,
        strip_vlans: pf.strip_vlans,
    }
}

fn vf_filter(pool: &VfPool) -> PoolFilter {
    PoolFilter {
        max_frame: pool.granted.max_frame().with_second_tag().get().into(),
        rss: false,
        // A VF behind a port VLAN gets frames of that VLAN, so no untagged ones.
        untagged: pool.receives_untagged(),
        groups: !pool.groups.is_empty(),
        all_unicast: pool.promiscuous(),
        all_multicast: pool.all_multicast(),
        broadcast: true,
        strip_vlans: true,
    }
}
