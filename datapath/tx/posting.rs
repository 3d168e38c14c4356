// SPDX-License-Identifier: GPL-2.0

//! One frame of the stack on its way into a transmit ring: its buffers mapped, their descriptors
//! written, their slots staged.

use core::mem;

use super::{
    Counts,
    Dropped,
    Hw,
    Plan,
    Slot,
    TxProducer, //
};
use crate::{
    datapath::{
        desc::{
            data_desc,
            CmdType,
            ContextIndex,
            Olinfo,
            DESC_WORDS, //
        },
        ring::Chunks, //
    },
    kapi::{
        dma::Mapping,
        net::{
            xdp::{
                TxFrame,
                TxKind, //
            },
            DropReason,
            SkBuff, //
        }, //
    }, //
};

/// A frame on its way into the ring.
pub(super) struct Posting<'a, H: Hw> {
    to: &'a mut TxProducer<H>,
    cmd: CmdType,
    /// For the next data descriptor.
    olinfo: Olinfo,
    /// The context's slot, and whether it must be loaded.
    load: Option<ContextIndex>,
    /// For the next slot: the number of all descriptors in the first one, zero in the others.
    head: u16,
}

impl<'a, H: Hw> Posting<'a, H> {
    /// `data` is the number of data descriptors.
    #[inline]
    pub(super) fn new(to: &'a mut TxProducer<H>, plan: &Plan, data: usize) -> Self {
        let mut olinfo = plan.olinfo;
        let mut load = None;
        let mut descs = data;
        if let Some(context) = plan.context {
            let selected = to.contexts.select(context);
            olinfo = olinfo.with_context(selected.index);
            if selected.load {
                load = Some(selected.index);
                descs = descs.wrapping_add(1);
            }
        }
        Self {
            to,
            cmd: plan.cmd,
            olinfo,
            load,
            // CAST: No more than the ring has.
            head: descs as u16,
        }
    }

    /// Writes one descriptor and stages its slot.
    #[inline(always)]
    fn put(
        &mut self,
        words: [u64; DESC_WORDS],
        mapping: Option<Mapping>,
        skb: Option<SkBuff>,
        counts: Counts,
    ) -> Result<(), Dropped> {
        let at = self.to.slots.next_index().wrapping_mul(DESC_WORDS);
        self.to.ring.write_all(at, words);
        let slot = Slot {
            mapping,
            frame: skb.map(TxFrame::from),
            bytes: counts.bytes,
            segments: counts.segments,
            descs: mem::take(&mut self.head),
        };
        self.to.slots.stage(slot).map_err(|slot| {
            // There was room for all; the mapping must not be lost all the same.
            if let Some(mapping) = slot.mapping {
                self.to.mapper.unmap(mapping);
            }
            if let Some(TxKind::Skb(skb)) = slot.frame.map(TxFrame::into_kind) {
                skb.drop_with(DropReason::FullRing);
            }
            Dropped
        })
    }

    /// Loads the context, if the hardware does not hold it.
    #[inline]
    pub(super) fn context(&mut self, plan: &Plan) -> Result<(), Dropped> {
        match (self.load, plan.context) {
            (Some(index), Some(context)) => {
                self.put(context.words(index), None, None, Counts::NONE)
            }
            _ => Ok(()),
        }
    }

    /// Maps a frame that is one buffer with one descriptor, and writes it.
    #[inline(always)]
    pub(super) fn single(mut self, skb: SkBuff, counts: Counts) -> Result<(), Dropped> {
        let Ok(mapping) = skb.map_head(&self.to.mapper) else {
            return Err(Dropped::with(skb, DropReason::NoMem));
        };
        let words = self.words(mapping.addr(), mapping.len(), true);
        skb.tx_timestamp();
        self.put(words, Some(mapping), Some(skb), counts)
    }

    /// Maps a frame's buffers and writes their descriptors.
    #[inline(never)]
    pub(super) fn scattered(
        mut self,
        skb: SkBuff,
        nr_frags: u32,
        counts: Counts,
    ) -> Result<(), Dropped> {
        match self.all_but_last(&skb, nr_frags) {
            Ok(last) => {
                skb.tx_timestamp();
                self.buffer(last, Some(skb), counts)
            }
            Err(reason) => Err(Dropped::with(skb, reason)),
        }
    }

    /// Maps the buffers, and writes the descriptors of all but the last one, which it returns.
    #[inline]
    fn all_but_last(&mut self, skb: &SkBuff, nr_frags: u32) -> Result<Mapping, DropReason> {
        let no_mem = |_| DropReason::NoMem;
        let mut mapping = skb.map_head(&self.to.mapper).map_err(no_mem)?;
        for index in 0..nr_frags {
            self.buffer(mapping, None, Counts::NONE)
                .map_err(|Dropped| DropReason::FullRing)?;
            mapping = skb.map_frag(&self.to.mapper, index).map_err(no_mem)?;
        }
        Ok(mapping)
    }

    /// Writes the descriptors of one buffer. With the last buffer comes the frame itself.
    #[inline]
    fn buffer(
        &mut self,
        mapping: Mapping,
        mut skb: Option<SkBuff>,
        counts: Counts,
    ) -> Result<(), Dropped> {
        let addr = mapping.addr();
        let mut pieces = Chunks::new(mapping.len());
        let mut mapping = Some(mapping);
        while let Some((offset, len)) = pieces.next() {
            let skb = if pieces.is_empty() { skb.take() } else { None };
            let from = addr.wrapping_add(u64::from(offset));
            let words = self.words(from, len, skb.is_some());
            self.put(words, mapping.take(), skb, counts)?;
        }
        Ok(())
    }

    /// The next data descriptor. The last one of a frame is marked.
    #[inline(always)]
    fn words(&mut self, addr: u64, len: u32, last: bool) -> [u64; DESC_WORDS] {
        let cmd = if last { self.cmd.last() } else { self.cmd };
        data_desc(addr, len, cmd, mem::replace(&mut self.olinfo, Olinfo::NONE))
    }
}
