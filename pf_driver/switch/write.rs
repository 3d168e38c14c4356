// SPDX-License-Identifier: GPL-2.0

//! Giving an image of the switch to the hardware: what differs from the image that it has.
//!
//! A change narrows before it widens: what a pool loses is taken away first, and a pool is opened
//! when everything else of it is in place.

use kernel::{
    io::{
        register::RegisterArray,
        Io, //
    },
    prelude::*, //
};

use super::image::Image;
use crate::{
    hw::{
        flush,
        put,
        rate, //
    },
    regs::{
        filter::{
            MRQC,
            MTA,
            MTA_REGS,
            RAH,
            RAH2,
            RAL,
            RAL2,
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
            UTA,
            UTA_REGS,
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

impl Image {
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
        for (pool, limit) in self.limits.iter().enumerate() {
            if old.and_then(|old| old.limits.get(pool)) != Some(limit) {
                rate::set(bar, pool, *limit);
            }
        }
        if differs(|image| image.qde) {
            bar.write_reg(QDE::from(self.qde));
        }
        // How queues are chosen must not change while the engine chooses (datasheet 8.10.19).
        let pause = old.is_some_and(|old| old.mrqc != self.mrqc);
        if pause {
            bar.write_reg(RCTL::from(self.rctl).with_rxen(false));
            flush(bar);
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
        if pause || differs(|image| image.rctl) {
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
        if old.is_none_or(|old| old.uta != self.uta) {
            let bits = if self.uta { u32::MAX } else { 0 };
            for register in 0..UTA_REGS {
                put::<UTA>(bar, register, bits);
            }
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
    T: RegisterArray<Storage = u32> + From<u32>,
    u32: From<T>,
{
    let Some(&value) = new.get(index) else {
        return;
    };
    if old.and_then(|old| old.as_ref().get(index)) != Some(&value) {
        put::<T>(bar, index, value);
    }
}
