// SPDX-License-Identifier: GPL-2.0

//! Writing the registers of the switch: what [`crate::control`] has decided.

use kernel::{
    io::{
        register::RegisterArray,
        Io, //
    },
    prelude::*, //
};

use super::{
    flush,
    put,
    rate, //
};
use crate::{
    control::{
        device::PF_POOL,
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
            Write::Tag(pool, tag) => put::<VMVIR>(self, pool, vmvir(tag)),
            Write::Limit(pool, limit) => rate::set(self, pool, limit),
            Write::DropFrames(on) => self.write_reg(QDE::from(if on { 0xffff } else { 0 })),
            Write::Receive(receive) => {
                self.write_reg(rctl(receive));
                if !receive.enable {
                    flush(self);
                }
            }
            Write::Queues(choice) => self.write_reg(MRQC::from(mrqc(choice))),
            Write::PoolControl(pools) => self.write_reg(vt_ctl(pools)),
            Write::MaxFrame(bytes) => self.write_reg(RLPML::from(bytes)),
            Write::StripVlans(on) => self.update(CTRL, |ctrl| ctrl.with_vme(on)),
            Write::StripReplicated => {
                self.write_reg(RPLOLR::zeroed().with_strvlan(true).with_strcrc(true));
            }
            Write::Rar(index, entry) => write_rar(self, index, &entry),
            Write::Vlvf(index, entry) => put::<VLVF>(self, index, vlvf(&entry)),
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
    const VALID: u32 = 1 << 31;
    let [a, b, c, d, e, f] = entry.mac;
    let low = u32::from_le_bytes([a, b, c, d]);
    if entry.pools == 0 {
        put::<H>(bar, index, 0);
        put::<L>(bar, index, low);
    } else {
        let high = u32::from_le_bytes([e, f, 0, 0]);
        put::<L>(bar, index, low);
        put::<H>(bar, index, VALID | entry.pools << 18 | high);
    }
}

fn vlvf(entry: &VlvfEntry) -> u32 {
    const VALID: u32 = 1 << 31;
    if entry.pools == 0 {
        return 0;
    }
    VALID | entry.pools << 12 | u32::from(entry.vid)
}

fn vmvir(tag: Option<PortVlan>) -> u32 {
    const ALWAYS_THIS: u32 = 1 << 30;
    tag.map_or(0, |tag| {
        ALWAYS_THIS | u32::from(tag.qos) << 13 | u32::from(tag.vid.get())
    })
}

fn vmolr(filter: &PoolFilter) -> VMOLR {
    VMOLR::from(filter.max_frame)
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
    DTXSWC::from(send.mac_spoof | send.vlan_spoof << 8).with_loopback_en(send.loopback)
}

fn mrqc(choice: QueueChoice) -> u32 {
    mrqe::HASH_TCP_IP
        | match choice {
            QueueChoice::Rss => mrqe::RSS,
            QueueChoice::Pools => mrqe::VMDQ,
            QueueChoice::PoolsRss => mrqe::VMDQ_RSS,
        }
}

fn vt_ctl(pools: PoolControl) -> VT_CTL {
    if !pools.replicate {
        return VT_CTL::zeroed();
    }
    // CAST: 7.
    VT_CTL::from((PF_POOL as u32) << 7)
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
