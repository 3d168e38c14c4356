// SPDX-License-Identifier: GPL-2.0

//! Giving an image of the switch to the card: what differs from the image that it has.
//!
//! A change narrows before it widens: what a pool loses is taken away first, and a pool is opened
//! when everything else of it is in place.

use super::{
    device::POOLS,
    image::Image,
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
    vf::PortVlan,
    vf_id::VfId, //
};

/// A register, or what of it belongs to the switch, with its value. For tables the index comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Pools that may receive: VFRE.
    Receivers(u32),
    /// Pools that may send: VFTE.
    Senders(u32),
    /// DTXSWC.
    SendControl(SendControl),
    /// DTXCTL.MDP_EN.
    DetectMalice(bool),
    /// VMVIR of a pool.
    Tag(usize, Option<PortVlan>),
    /// RTTDQSEL, RTTBCNRM and RTTBCNRC for the queues of a pool.
    Limit(usize, Limit),
    /// QDE.
    DropFrames(bool),
    /// RCTL. In force when this is done.
    Receive(ReceiveControl),
    /// MRQC.
    Queues(QueueChoice),
    /// VT_CTL.
    PoolControl(PoolControl),
    /// RLPML.
    MaxFrame(u32),
    /// CTRL.VME.
    StripVlans(bool),
    /// RPLOLR: replicated frames lose tag and CRC in all pools alike.
    StripReplicated,
    /// RAL and RAH. An entry without pools is not valid; its address is of no meaning.
    Rar(usize, RarEntry),
    /// VLVF.
    Vlvf(usize, VlvfEntry),
    /// VFTA.
    Vfta(usize, u32),
    /// MTA.
    Mta(usize, u32),
    /// All registers of the UTA: whether all unicast frames pass, or none.
    Uta(bool),
    /// VMOLR of a pool.
    Filter(usize, PoolFilter),
}

/// The registers of a card's switch.
pub trait SwitchRegisters {
    /// Writes one.
    fn write(&self, write: Write);
}

impl Image {
    /// Brings the card from `old` to this; without `old`, from whatever it is in.
    pub fn write<C: SwitchRegisters>(&self, card: &C, old: Option<&Self>) {
        let opened = old.map_or(0, |old| old.open);
        if old.is_none() || self.open & opened != opened {
            card.write(Write::Senders(self.open & opened));
            card.write(Write::Receivers(self.open & opened));
        }
        // What may be sent comes before the pools that send.
        put(card, self, old, |image| image.send, Write::SendControl);
        put(
            card,
            self,
            old,
            |image| image.detect_malice,
            Write::DetectMalice,
        );
        for pool in 0..POOLS {
            put(
                card,
                self,
                old,
                |image| image.tags[pool],
                |tag| Write::Tag(pool, tag),
            );
            put(
                card,
                self,
                old,
                |image| image.limits[pool],
                |limit| Write::Limit(pool, limit),
            );
        }
        put(
            card,
            self,
            old,
            |image| image.drop_frames,
            Write::DropFrames,
        );
        // How queues are chosen must not change while the engine chooses (datasheet 8.10.19).
        let pause = old.is_some_and(|old| old.queues != self.queues);
        if pause {
            card.write(Write::Receive(ReceiveControl {
                enable: false,
                ..self.receive
            }));
        }
        put(card, self, old, |image| image.queues, Write::Queues);
        put(
            card,
            self,
            old,
            |image| image.pool_control,
            Write::PoolControl,
        );
        put(card, self, old, |image| image.max_frame, Write::MaxFrame);
        put(
            card,
            self,
            old,
            |image| image.strip_vlans,
            Write::StripVlans,
        );
        if old.is_none() {
            card.write(Write::StripReplicated);
        }
        self.write_tables(card, old);
        if old.is_none_or(|old| old.open != self.open) {
            self.write_open(card);
        }
        if pause || old.is_none_or(|old| old.receive != self.receive) {
            card.write(Write::Receive(self.receive));
        }
    }

    /// Closes a pool in the image and in the card, which has it.
    pub(super) fn close<C: SwitchRegisters>(&mut self, card: &C, vf: VfId) {
        self.open &= !vf.bit();
        self.write_open(card);
    }

    fn write_open<C: SwitchRegisters>(&self, card: &C) {
        card.write(Write::Receivers(self.open));
        card.write(Write::Senders(self.open));
    }

    fn write_tables<C: SwitchRegisters>(&self, card: &C, old: Option<&Self>) {
        self.write_rars(card, old);
        // What narrows comes before what widens, in all three alike: a VLAN may have moved, and a frame
        // has to pass each of them.
        for widen in [false, true] {
            for (index, new) in self.vlvf.iter().enumerate() {
                if (new.pools != 0) == widen {
                    put(
                        card,
                        self,
                        old,
                        |image| image.vlvf[index],
                        |new| Write::Vlvf(index, new),
                    );
                }
            }
            for register in 0..self.vfta.len() {
                let bits = |image: &Self| image.vfta[register];
                let write = |bits| Write::Vfta(register, bits);
                put_bits(card, self, old, widen, bits, write);
            }
            for register in 0..self.mta.len() {
                let bits = |image: &Self| image.mta[register];
                let write = |bits| Write::Mta(register, bits);
                put_bits(card, self, old, widen, bits, write);
            }
        }
        put(card, self, old, |image| image.uta, Write::Uta);
        for pool in 0..POOLS {
            put(
                card,
                self,
                old,
                |image| image.filters[pool],
                |new| Write::Filter(pool, new),
            );
        }
    }

    fn write_rars<C: SwitchRegisters>(&self, card: &C, old: Option<&Self>) {
        for (index, new) in self.rar.iter().enumerate() {
            let now = old.map(|old| &old.rar[index]);
            if now == Some(new) {
                continue;
            }
            // An address that is half the old and half the new one must not be valid.
            let same_mac = now.is_some_and(|now| now.mac == new.mac);
            if !same_mac {
                card.write(Write::Rar(index, RarEntry::FREE));
            }
            if same_mac || *new != RarEntry::FREE {
                card.write(Write::Rar(index, *new));
            }
        }
    }
}

/// Writes what `field` says of `new`, unless it says the same of `old`.
fn put<C: SwitchRegisters, T: PartialEq>(
    card: &C,
    new: &Image,
    old: Option<&Image>,
    field: impl Fn(&Image) -> T,
    register: impl FnOnce(T) -> Write,
) {
    let value = field(new);
    if old.is_none_or(|old| field(old) != value) {
        card.write(register(value));
    }
}

/// [`put`] for a register of bits that let something pass: without `widen` takes those that go, with it
/// adds those that come.
fn put_bits<C: SwitchRegisters>(
    card: &C,
    new: &Image,
    old: Option<&Image>,
    widen: bool,
    field: impl Fn(&Image) -> u32,
    register: impl FnOnce(u32) -> Write,
) {
    let value = field(new);
    let Some(before) = old.map(field) else {
        if widen {
            card.write(register(value));
        }
        return;
    };
    let narrowed = before & value;
    let (from, to) = if widen {
        (narrowed, value)
    } else {
        (before, narrowed)
    };
    if from != to {
        card.write(register(to));
    }
}
