// SPDX-License-Identifier: GPL-2.0

//! Writing the registers of the switch: what [`crate::control`] has decided.

use kernel::{
    io::{
        register::RegisterArray,
        Io, //
    },
    num::Bounded,
    prelude::*, //
};

use super::{
    flush,
    put,
    rate, //
};
use crate::{
    control::{
        device::{
            ALL_POOLS,
            PF_POOL, //
        },
        registers::{
            PoolControl,
            PoolFilter,
            QueueChoice,
            RarEntry,
            ReceiveControl,
            SendControl,
            VlvfEntry, //
        },
        vf::PortVlan,
        write::{
            SwitchRegisters,
            Write, //
        }, //
    },
    regs::{
        filter::{
            mrqe,
            MRQC,
            MTA,
            RAH,
            RAH2,
            RAL,
            RAL2,
            RCTL,
            RLPML,
            VFTA, //
        },
        general::CTRL,
        iov::{
            vlana,
            DTXSWC,
            RPLOLR,
            UTA,
            UTA_REGS,
            VFRE,
            VFTE,
            VLVF,
            VMOLR,
            VMVIR,
            VT_CTL, //
        },
        queue::{
            DTXCTL,
            QDE, //
        },
        Bar0, //
    },
};

impl SwitchRegisters for Bar0 {
    fn write(&self, write: Write) {
        match write {
            Write::Receivers(pools) => self.write_reg(VFRE::from(pools)),
            Write::Senders(pools) => self.write_reg(VFTE::from(pools)),
            Write::SendControl(send) => self.write_reg(dtxswc(send)),
            Write::DetectMalice(on) => self.update(DTXCTL, |dtxctl| dtxctl.with_mdp_en(on)),
            Write::Tag(pool, tag) => put::<VMVIR>(self, pool, vmvir(tag).into_raw()),
            Write::Limit(pool, limit) => rate::set(self, pool, limit),
            Write::DropFrames(on) => self.write_reg(QDE::from(if on { 0xffff } else { 0 })),
            Write::Receive(receive) => {
                self.write_reg(rctl(receive));
                if !receive.enable {
                    flush(self);
                }
            }
            Write::Queues(choice) => self.write_reg(mrqc(choice)),
            Write::PoolControl(pools) => self.write_reg(vt_ctl(pools)),
            Write::MaxFrame(bytes) => self.write_reg(RLPML::from(bytes)),
            Write::StripVlans(on) => self.update(CTRL, |ctrl| ctrl.with_vme(on)),
            Write::StripReplicated => {
                self.write_reg(RPLOLR::zeroed().with_strvlan(true).with_strcrc(true));
            }
            Write::Rar(index, entry) => write_rar(self, index, &entry),
            Write::Vlvf(index, entry) => put::<VLVF>(self, index, vlvf(&entry).into_raw()),
            Write::Vfta(register, bits) => put::<VFTA>(self, register, bits),
            Write::Mta(register, bits) => put::<MTA>(self, register, bits),
            Write::Uta(all) => {
                let bits = if all { u32::MAX } else { 0 };
                for register in 0..UTA_REGS {
                    put::<UTA>(self, register, bits);
                }
            }
            Write::Filter(pool, filter) => put::<VMOLR>(self, pool, vmolr(&filter).into_raw()),
        }
    }
}

/// Pools, as registers have a bit for each.
fn pools(bits: u32) -> Bounded<u32, 8> {
    Bounded::from_expr(bits & ALL_POOLS)
}

fn write_rar(bar: &Bar0, index: usize, entry: &RarEntry) {
    match index.checked_sub(16) {
        None => write_pair::<RAL, RAH>(bar, index, entry),
        Some(index) => write_pair::<RAL2, RAH2>(bar, index, entry),
    }
}

/// Writes an entry of the receive address table. It is never valid with half an address, if it is not
/// when this begins or keeps its address.
fn write_pair<L, H>(bar: &Bar0, index: usize, entry: &RarEntry)
where
    L: RegisterArray<Storage = u32> + From<u32>,
    H: RegisterArray<Storage = u32> + From<u32>,
    u32: From<L> + From<H>,
{
    let [a, b, c, d, e, f] = entry.mac;
    let low = u32::from_le_bytes([a, b, c, d]);
    if entry.pools == 0 {
        put::<H>(bar, index, 0);
        put::<L>(bar, index, low);
    } else {
        // RAH2 has the fields of RAH.
        let high = RAH::zeroed()
            .with_rah(u16::from_le_bytes([e, f]))
            .with_poolsel(pools(entry.pools))
            .with_av(true);
        put::<L>(bar, index, low);
        put::<H>(bar, index, high.into_raw());
    }
}

fn vlvf(entry: &VlvfEntry) -> VLVF {
    if entry.pools == 0 {
        return VLVF::zeroed();
    }
    VLVF::zeroed()
        .with_vlan_id(Bounded::from_expr(u32::from(entry.vid) & 0xfff))
        .with_poolsel(pools(entry.pools))
        .with_vi_en(true)
}

fn vmvir(tag: Option<PortVlan>) -> VMVIR {
    let Some(tag) = tag else {
        return VMVIR::zeroed();
    };
    VMVIR::zeroed()
        .with_vlan_id(Bounded::from_expr(u32::from(tag.vid.get()) & 0xfff))
        .with_priority(Bounded::from_expr(u32::from(tag.qos) & 7))
        .with_const_vlana::<{ vlana::THIS }>()
}

fn vmolr(filter: &PoolFilter) -> VMOLR {
    VMOLR::zeroed()
        .with_rlpml(Bounded::from_expr(filter.max_frame & 0x3fff))
        .with_lpe(filter.max_frame != 0)
        .with_rsse(filter.rss)
        .with_aupe(filter.untagged)
        .with_rompe(filter.groups)
        .with_rope(filter.all_unicast)
        .with_bam(filter.broadcast)
        .with_mpme(filter.all_multicast)
        .with_strvlan(filter.strip_vlans)
        .with_strcrc(true)
}

fn dtxswc(send: SendControl) -> DTXSWC {
    DTXSWC::zeroed()
        .with_mac_spoof(pools(send.mac_spoof))
        .with_vlan_spoof(pools(send.vlan_spoof))
        .with_loopback_en(send.loopback)
}

fn mrqc(choice: QueueChoice) -> MRQC {
    let mrqc = MRQC::zeroed().with_const_rss_field::<{ mrqe::HASH_TCP_IP }>();
    match choice {
        QueueChoice::Rss => mrqc.with_const_mrqe::<{ mrqe::RSS }>(),
        QueueChoice::Pools => mrqc.with_const_mrqe::<{ mrqe::VMDQ }>(),
        QueueChoice::PoolsRss => mrqc.with_const_mrqe::<{ mrqe::VMDQ_RSS }>(),
    }
}

fn vt_ctl(pools: PoolControl) -> VT_CTL {
    if !pools.replicate {
        return VT_CTL::zeroed();
    }
    VT_CTL::zeroed()
        // CAST: 7.
        .with_const_def_pl::<{ PF_POOL as u32 }>()
        .with_dis_def_pool(!pools.default_pool)
        .with_rpl_en(true)
}

fn rctl(receive: ReceiveControl) -> RCTL {
    RCTL::zeroed()
        .with_rxen(receive.enable)
        .with_lpe(true)
        .with_bam(true)
        .with_secrc(true)
        .with_sbp(receive.keep_bad)
        .with_pmcf(receive.keep_bad)
        .with_upe(receive.all_unicast)
        .with_mpe(receive.all_multicast)
        .with_vfe(receive.filter_vlans)
}
