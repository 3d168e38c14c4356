// SPDX-License-Identifier: GPL-2.0

//! The switch's registers as they are to be: computed as a whole from the wanted state, so that a
//! reset of the device, a message from a VF and the administrator cannot disagree about them.
//! [`super::write`] gives them to the hardware.

use kernel::prelude::*;

use super::state::{
    add_hash,
    HashBits,
    PfPool,
    State,
    VfPool,
    VlanBits, //
};
use crate::{
    hw::{
        queue::{
            Layout,
            PF_POOL, //
        },
        rate::Limit, //
    },
    kapi::net::MacAddress,
    mbox::types::MaxFrame,
    regs::{
        filter::{
            mrqe,
            MTA_REGS,
            RAR_ENTRIES,
            RCTL,
            VFTA_REGS, //
        },
        iov::{
            DTXSWC,
            POOLS,
            VLVF_ENTRIES,
            VMOLR,
            VT_CTL, //
        }, //
    }, //
};

const ALL_POOLS: u32 = (1 << POOLS) - 1;
const PF_BIT: u32 = 1 << PF_POOL;
// CAST: 7.
const PF_POOL_NUMBER: u32 = PF_POOL as u32;

/// An entry of the receive address table: an address and the pools that receive it. Free without
/// pools.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RarEntry {
    pub(super) mac: MacAddress,
    pub(super) pools: u32,
}

/// An entry of the VLAN to pool filter. Free without pools.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct VlvfEntry {
    pub(super) vid: u16,
    pub(super) pools: u32,
}

impl VlvfEntry {
    /// The register.
    pub(super) fn raw(self) -> u32 {
        const VALID: u32 = 1 << 31;
        if self.pools == 0 {
            return 0;
        }
        VALID | self.pools << 12 | u32::from(self.vid)
    }
}

/// The registers.
pub(crate) struct Image {
    pub(super) rar: [RarEntry; RAR_ENTRIES],
    pub(super) vlvf: [VlvfEntry; VLVF_ENTRIES],
    pub(super) vfta: VlanBits,
    pub(super) mta: HashBits,
    /// Whether all unicast frames pass the UTA, or none.
    pub(super) uta: bool,
    pub(super) vmolr: [u32; POOLS],
    pub(super) vmvir: [u32; POOLS],
    pub(super) limits: [Limit; POOLS],
    /// Pools that may send and receive: VFTE and VFRE.
    pub(super) open: u32,
    pub(super) mrqc: u32,
    pub(super) vt_ctl: u32,
    pub(super) dtxswc: u32,
    pub(super) qde: u32,
    pub(super) rlpml: u32,
    pub(super) rctl: u32,
    /// CTRL.VME, for the PF without pools.
    pub(super) strip_vlans: bool,
}

impl Image {
    /// Nothing is received, no pool is open.
    pub(crate) fn closed() -> impl Init<Self> {
        init!(Self {
            rar: [RarEntry::default(); RAR_ENTRIES],
            vlvf: [VlvfEntry::default(); VLVF_ENTRIES],
            vfta: [0; VFTA_REGS],
            mta: [0; MTA_REGS],
            uta: false,
            vmolr: [0; POOLS],
            vmvir: [0; POOLS],
            limits: [Limit::default(); POOLS],
            open: 0,
            mrqc: 0,
            vt_ctl: 0,
            dtxswc: 0,
            qde: 0,
            rlpml: 0,
            rctl: 0,
            strip_vlans: false,
        })
    }

    /// Computes what `state` needs. What `old` had in a table keeps its place, so that a change
    /// for one pool does not disturb another.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if the hardware's tables are too small; the contents are then of no use.
    pub(crate) fn compute(&mut self, state: &State, old: &Self) -> Result {
        let pools = state.layout == Layout::Pools;
        let macs_fit = self.place_macs(state, old)?;
        let vlans_fit = self.place_vlans(state, old)?;
        self.hash_multicast(state);
        self.vmolr = [VMOLR::zeroed().with_strcrc(true).into_raw(); POOLS];
        self.vmvir = [0; POOLS];
        self.limits = [Limit::default(); POOLS];
        let see_all = state.pf.promiscuous || !macs_fit;
        if pools {
            self.set_pools(state, see_all);
            self.vt_ctl = VT_CTL::from(PF_POOL_NUMBER << 7)
                .with_dis_def_pool(!see_all && vlans_fit)
                .with_rpl_en(true)
                .into_raw();
        } else {
            // The PF's queues are in all pools then.
            self.vmolr = [pf_vmolr(&state.pf).into_raw(); POOLS];
            self.open = ALL_POOLS;
            self.vt_ctl = 0;
            self.dtxswc = 0;
            self.qde = 0;
        }
        self.mrqc = mrqe::HASH_TCP_IP
            | match state.layout {
                Layout::Single => mrqe::RSS,
                Layout::Pools if state.pf.pairs > 1 => mrqe::VMDQ_RSS,
                Layout::Pools => mrqe::VMDQ,
            };
        self.rlpml = if pools {
            u32::from(MaxFrame::MAX.get())
        } else {
            state.pf.max_frame
        };
        self.fill_uta(state);
        self.set_rctl(state, see_all);
        // With pools VMOLR says who gets tags stripped. This bit is for inserting them as well, which
        // every VF may want.
        self.strip_vlans = state.pf.strip_vlans || pools;
        Ok(())
    }

    /// Places all addresses. Whether all further addresses of the PF found a place.
    fn place_macs(&mut self, state: &State, old: &Self) -> Result<bool> {
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
                self.place_mac(old, mac.bytes(), 1 << vf)?;
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

    fn place_mac(&mut self, old: &Self, mac: &MacAddress, pools: u32) -> Result {
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
            _ => self.free_rar(old).ok_or(ENOSPC)?,
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
    fn place_vlans(&mut self, state: &State, old: &Self) -> Result<bool> {
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
                untagged |= 1 << vf;
            }
        }
        self.vlvf[0] = VlvfEntry {
            vid: 0,
            pools: untagged,
        };
        for (vf, pool) in state.live_vfs() {
            let joined = pool.vlans.iter().flatten().copied();
            for vid in Iterator::chain(joined, pool.confining_vlan()) {
                self.place_vlan(old, vid.get(), 1 << vf)?;
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

    fn place_vlan(&mut self, old: &Self, vid: u16, pools: u32) -> Result {
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
            .ok_or(ENOSPC)?;
        if let Some(entry) = self.vlvf.get_mut(index) {
            *entry = VlvfEntry { vid, pools };
        }
        Ok(())
    }

    fn hash_multicast(&mut self, state: &State) {
        self.mta = state.pf.hashes;
        for (_, pool) in state.live_vfs().filter(|(_, pool)| pool.passes()) {
            for &hash in pool.multicast.hashes.as_slice() {
                add_hash(&mut self.mta, hash);
            }
        }
    }

    /// Lets unicast frames without a receive address pass to the pools that want them all. The table
    /// is everybody's; who takes part of it says VMOLR.ROPE.
    fn fill_uta(&mut self, state: &State) {
        let wanted = self.vmolr.iter().any(|&vmolr| VMOLR::from(vmolr).rope());
        // In QEMU's model VMOLR.ROMPE says so, which a VF has for its multicast groups, and a pool
        // gets back what it sends by that itself.
        self.uta = wanted && !state.emulated;
    }

    fn set_pools(&mut self, state: &State, see_all: bool) {
        let mut mac_spoof = 0;
        let mut vlan_spoof = 0;
        self.open = PF_BIT;
        for (vf, pool) in state.live_vfs() {
            if let Some(vmolr) = self.vmolr.get_mut(vf) {
                *vmolr = vf_vmolr(pool);
            }
            if let Some(vmvir) = self.vmvir.get_mut(vf) {
                *vmvir = vf_vmvir(pool);
            }
            if let Some(limit) = self.limits.get_mut(vf) {
                *limit = Limit::new(pool.max_rate, state.speed);
            }
            self.open |= u32::from(pool.passes()) << vf;
            mac_spoof |= u32::from(pool.spoof_check) << vf;
            // A VF that bridges has to send with foreign addresses; what confines it stays.
            let check_vlan = pool.spoof_check || pool.confining_vlan().is_some();
            vlan_spoof |= u32::from(check_vlan) << vf;
        }
        let pf = &state.pf;
        let mut vmolr = pf_vmolr(pf).with_rsse(pf.pairs > 1).with_rope(see_all);
        if state.emulated && vmolr.mpme() {
            self.mta = [u32::MAX; MTA_REGS];
            vmolr = vmolr.with_rompe(true);
        }
        self.vmolr[PF_POOL] = vmolr.into_raw();
        self.dtxswc = DTXSWC::from(mac_spoof | vlan_spoof << 8)
            .with_loopback_en(true)
            .into_raw();
        // A VF that gives no descriptors must not hold up the frames of others.
        self.qde = 0xffff;
    }

    fn set_rctl(&mut self, state: &State, see_all: bool) {
        let pools = state.layout == Layout::Pools;
        let pf = &state.pf;
        let vf_all = state
            .live_vfs()
            .any(|(_, pool)| pool.passes() && pool.multicast.all);
        let filter_vlans = pools || pf.filter_vlans && !pf.promiscuous;
        self.rctl = RCTL::zeroed()
            .with_rxen(true)
            .with_lpe(true)
            .with_bam(true)
            .with_secrc(true)
            .with_sbp(pf.keep_bad)
            .with_pmcf(pf.keep_bad)
            .with_upe(see_all)
            .with_mpe(pf.promiscuous || pf.all_multicast || vf_all)
            .with_vfe(filter_vlans)
            .into_raw();
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

fn pf_vmolr(pf: &PfPool) -> VMOLR {
    let hashes = pf.hashes.iter().any(|&word| word != 0);
    VMOLR::from(pf.max_frame)
        .with_lpe(true)
        .with_aupe(true)
        .with_rompe(hashes)
        .with_bam(true)
        .with_mpme(pf.promiscuous || pf.all_multicast)
        .with_strvlan(pf.strip_vlans)
        .with_strcrc(true)
}

fn vf_vmolr(pool: &VfPool) -> u32 {
    VMOLR::from(u32::from(pool.max_frame.with_second_tag().get()))
        .with_lpe(true)
        // A VF behind a port VLAN gets frames of that VLAN, so no untagged ones.
        .with_aupe(pool.receives_untagged())
        .with_rompe(!pool.multicast.hashes.as_slice().is_empty())
        .with_rope(pool.promiscuous)
        .with_bam(true)
        .with_mpme(pool.multicast.all)
        .with_strvlan(true)
        .with_strcrc(true)
        .into_raw()
}

fn vf_vmvir(pool: &VfPool) -> u32 {
    const ALWAYS_THIS: u32 = 1 << 30;
    match pool.port_vlan {
        Some(port) => ALWAYS_THIS | u32::from(port.qos) << 13 | u32::from(port.vid.get()),
        None => 0,
    }
}
