// SPDX-License-Identifier: GPL-2.0

//! The switch's registers as they are to be: computed as a whole from the wanted state, so that a
//! reset of the device, a message from a VF and the administrator cannot disagree about them.
//!
//! The hardware gets what differs from what it has. A change narrows before it widens: what a pool
//! loses is taken away first, and a pool is opened when everything else of it is in place.

use kernel::{
    io::Io,
    prelude::*, //
};

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
        put,
        queue::{
            Layout,
            PF_POOL, //
        }, //
    },
    kapi::net::MacAddress,
    mbox::types::MaxFrame,
    regs::{
        filter::{
            mrqe,
            MRQC,
            MTA,
            MTA_REGS,
            RAH,
            RAH2,
            RAL,
            RAL2,
            RAR_ENTRIES,
            RCTL,
            RLPML,
            VFTA,
            VFTA_REGS, //
        },
        general::CTRL,
        iov::{
            DTXSWC,
            POOLS,
            RPLOLR,
            VFRE,
            VFTE,
            VLVF,
            VLVF_ENTRIES,
            VMOLR,
            VMVIR,
            VT_CTL, //
        },
        queue::QDE,
        Bar0, //
    }, //
};

const ALL_POOLS: u32 = (1 << POOLS) - 1;
const PF_BIT: u32 = 1 << PF_POOL;

/// An entry of the receive address table: an address and the pools that receive it. Free without
/// pools.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct RarEntry {
    mac: MacAddress,
    pools: u32,
}

/// An entry of the VLAN to pool filter. Free without pools.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct VlvfEntry {
    vid: u16,
    pools: u32,
}

impl VlvfEntry {
    fn raw(self) -> u32 {
        const VALID: u32 = 1 << 31;
        if self.pools == 0 {
            return 0;
        }
        VALID | self.pools << 12 | u32::from(self.vid)
    }
}

/// The registers.
pub(crate) struct Image {
    rar: [RarEntry; RAR_ENTRIES],
    vlvf: [VlvfEntry; VLVF_ENTRIES],
    vfta: VlanBits,
    mta: HashBits,
    vmolr: [u32; POOLS],
    vmvir: [u32; POOLS],
    /// Pools that may send and receive: VFTE and VFRE.
    open: u32,
    mrqc: u32,
    vt_ctl: u32,
    dtxswc: u32,
    qde: u32,
    rlpml: u32,
    rctl: u32,
    /// CTRL.VME, for the PF without pools.
    strip_vlans: bool,
}

impl Image {
    /// Nothing is received, no pool is open.
    pub(crate) fn closed() -> impl Init<Self> {
        init!(Self {
            rar: [RarEntry::default(); RAR_ENTRIES],
            vlvf: [VlvfEntry::default(); VLVF_ENTRIES],
            vfta: [0; VFTA_REGS],
            mta: [0; MTA_REGS],
            vmolr: [0; POOLS],
            vmvir: [0; POOLS],
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
        let fits = self.place_macs(state, old)?;
        self.place_vlans(state, old)?;
        self.hash_multicast(state);
        self.vmolr = [VMOLR::zeroed().with_strcrc(true).into_raw(); POOLS];
        self.vmvir = [0; POOLS];
        let see_all = state.pf.promiscuous || !fits;
        if pools {
            self.set_pools(state, see_all);
        } else {
            // The PF's queues are in all pools then.
            self.vmolr = [pf_vmolr(&state.pf, false).into_raw(); POOLS];
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
        self.set_rctl(state, see_all);
        self.strip_vlans = state.pf.strip_vlans;
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
        Ok(state
            .pf
            .unicast
            .iter()
            .all(|mac| self.place_mac(old, mac, pf_bit).is_ok()))
    }

    fn place_mac(&mut self, old: &Self, mac: &MacAddress, pools: u32) -> Result {
        let known = self.rar.iter_mut().find(|slot| slot.pools != 0 && slot.mac == *mac);
        if let Some(slot) = known {
            slot.pools |= pools;
            return Ok(());
        }
        let before = old.rar.iter().position(|slot| slot.pools != 0 && slot.mac == *mac);
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

    fn place_vlans(&mut self, state: &State, old: &Self) -> Result {
        self.vfta = state.pf.vlans;
        self.vlvf = [VlvfEntry::default(); VLVF_ENTRIES];
        if state.layout == Layout::Single {
            return Ok(());
        }
        let all = state.pf.promiscuous || !state.pf.filter_vlans;
        // The first entry is VLAN 0: everybody's but those who are in another one.
        let mut untagged = PF_BIT;
        for (vf, pool) in state.live_vfs() {
            if pool.confining_vlan().is_none() {
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
        for (register, &word) in (0u16..).zip(state.pf.vlans.iter()) {
            for bit in (0..32).filter(|bit| word & 1 << bit != 0) {
                self.place_vlan(old, register << 5 | bit, PF_BIT)?;
            }
        }
        if all {
            // Frames of VLANs that nobody joined go to the default pool, which is the PF's.
            self.vfta = [u32::MAX; VFTA_REGS];
            for entry in &mut self.vlvf {
                entry.pools |= if entry.pools != 0 { PF_BIT } else { 0 };
            }
        }
        Ok(())
    }

    fn place_vlan(&mut self, old: &Self, vid: u16, pools: u32) -> Result {
        if let Some(word) = self.vfta.get_mut(usize::from(vid >> 5)) {
            *word |= 1 << (vid & 31);
        }
        let taken = |entry: &VlvfEntry| entry.pools != 0;
        if let Some(entry) = self.vlvf.iter_mut().find(|entry| taken(entry) && entry.vid == vid) {
            entry.pools |= pools;
            return Ok(());
        }
        let before = old.vlvf.iter().position(|entry| taken(entry) && entry.vid == vid);
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
        for (_, pool) in state.live_vfs().filter(|(_, pool)| pool.open) {
            for &hash in pool.multicast.hashes.as_slice() {
                add_hash(&mut self.mta, hash);
            }
        }
    }

    fn set_pools(&mut self, state: &State, see_all: bool) {
        let mut spoof = 0;
        self.open = PF_BIT;
        for (vf, pool) in state.live_vfs() {
            if let Some(vmolr) = self.vmolr.get_mut(vf) {
                *vmolr = vf_vmolr(pool);
            }
            if let Some(vmvir) = self.vmvir.get_mut(vf) {
                *vmvir = vf_vmvir(pool);
            }
            self.open |= u32::from(pool.open) << vf;
            spoof |= u32::from(pool.spoof_check) << vf;
        }
        self.vmolr[PF_POOL] = pf_vmolr(&state.pf, state.pf.pairs > 1).into_raw();
        // CAST: 7.
        self.vt_ctl = VT_CTL::from((PF_POOL as u32) << 7)
            .with_dis_def_pool(!see_all)
            .with_rpl_en(true)
            .into_raw();
        self.dtxswc = DTXSWC::from(spoof | spoof << 8)
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
            .any(|(_, pool)| pool.open && pool.multicast.all);
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

    /// Brings the hardware from `old` to this; without `old`, from whatever it is in.
    pub(crate) fn write(&self, bar: &Bar0, old: Option<&Self>) {
        let opened = old.map_or(0, |old| old.open);
        if old.is_none() || self.open & opened != opened {
            bar.write_reg(VFTE::from(self.open & opened));
            bar.write_reg(VFRE::from(self.open & opened));
        }
        // What may be sent comes before the pools that send.
        let differs = |field: fn(&Self) -> u32| old.is_none_or(|old| field(old) != field(self));
        if differs(|image| image.dtxswc) {
            bar.write_reg(DTXSWC::from(self.dtxswc));
        }
        for pool in 0..POOLS {
            write_one::<VMVIR>(bar, pool, &self.vmvir, old.map(|old| &old.vmvir));
        }
        if differs(|image| image.qde) {
            bar.write_reg(QDE::from(self.qde));
        }
        if differs(|image| image.mrqc) {
            bar.write_reg(MRQC::from(self.mrqc));
        }
        if differs(|image| image.vt_ctl) {
            bar.write_reg(VT_CTL::from(self.vt_ctl));
        }
        if differs(|image| image.rlpml) {
            bar.write_reg(RLPML::from(self.rlpml));
        }
        if differs(|image| image.strip_vlans.into()) {
            bar.update(CTRL, |ctrl| ctrl.with_vme(self.strip_vlans));
        }
        if old.is_none() {
            // Replicated frames lose their tag in all pools alike.
            bar.write_reg(RPLOLR::zeroed().with_strvlan(true).with_strcrc(true));
        }
        self.write_tables(bar, old);
        if differs(|image| image.open) {
            bar.write_reg(VFRE::from(self.open));
            bar.write_reg(VFTE::from(self.open));
        }
        if differs(|image| image.rctl) {
            bar.write_reg(RCTL::from(self.rctl));
        }
    }

    fn write_tables(&self, bar: &Bar0, old: Option<&Self>) {
        self.write_rars(bar, old);
        // Entries that narrow before entries that widen: a VLAN may have moved.
        for widen in [false, true] {
            for index in 0..VLVF_ENTRIES {
                let new = self.vlvf.get(index).copied().unwrap_or_default();
                let now = old.and_then(|old| old.vlvf.get(index)).copied();
                if now != Some(new) && (new.pools != 0) == widen {
                    put::<VLVF>(bar, index, new.raw());
                }
            }
        }
        for register in 0..VFTA_REGS {
            write_one::<VFTA>(bar, register, &self.vfta, old.map(|old| &old.vfta));
        }
        for register in 0..MTA_REGS {
            write_one::<MTA>(bar, register, &self.mta, old.map(|old| &old.mta));
        }
        for pool in 0..POOLS {
            write_one::<VMOLR>(bar, pool, &self.vmolr, old.map(|old| &old.vmolr));
        }
    }

    fn write_rars(&self, bar: &Bar0, old: Option<&Self>) {
        for (index, new) in self.rar.iter().enumerate() {
            let now = old.and_then(|old| old.rar.get(index));
            if now == Some(new) {
                continue;
            }
            let same_mac = now.is_some_and(|now| now.mac == new.mac);
            let [a, b, c, d, e, f] = new.mac;
            let low = u32::from_le_bytes([a, b, c, d]);
            let high = u32::from_le_bytes([e, f, 0, 0])
                | new.pools << 18
                | u32::from(new.pools != 0) << 31;
            // An address that is half the old and half the new one must not be valid.
            if !same_mac {
                write_rar(bar, index, None, 0);
            }
            write_rar(bar, index, Some(low), high);
        }
    }
}

fn write_rar(bar: &Bar0, index: usize, low: Option<u32>, high: u32) {
    match index.checked_sub(16) {
        None => {
            if let Some(low) = low {
                put::<RAL>(bar, index, low);
            }
            put::<RAH>(bar, index, high);
        }
        Some(index) => {
            if let Some(low) = low {
                put::<RAL2>(bar, index, low);
            }
            put::<RAH2>(bar, index, high);
        }
    }
}

/// Writes one register of an array if it differs.
fn write_one<T>(bar: &Bar0, index: usize, new: &[u32], old: Option<&impl AsRef<[u32]>>)
where
    T: kernel::io::register::RegisterArray<Storage = u32> + From<u32>,
    u32: From<T>,
{
    let Some(&value) = new.get(index) else {
        return;
    };
    if old.and_then(|old| old.as_ref().get(index)) != Some(&value) {
        put::<T>(bar, index, value);
    }
}

fn pf_vmolr(pf: &PfPool, rss: bool) -> VMOLR {
    let hashes = pf.hashes.iter().any(|&word| word != 0);
    VMOLR::from(pf.max_frame)
        .with_lpe(true)
        .with_rsse(rss)
        .with_aupe(true)
        .with_rompe(hashes)
        .with_bam(true)
        .with_mpme(pf.promiscuous || pf.all_multicast)
        .with_strvlan(pf.strip_vlans)
        .with_strcrc(true)
}

fn vf_vmolr(pool: &VfPool) -> u32 {
    VMOLR::from(u32::from(pool.max_frame.get()))
        .with_lpe(true)
        // A VF behind a port VLAN gets frames of that VLAN, so no untagged ones.
        .with_aupe(pool.confining_vlan().is_none())
        .with_rompe(!pool.multicast.hashes.as_slice().is_empty())
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
