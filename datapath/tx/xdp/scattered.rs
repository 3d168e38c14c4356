// SPDX-License-Identifier: GPL-2.0

//! Frames of XDP in several buffers.

use kernel::prelude::*;

use super::{
    wire_bytes,
    Beside,
    Hw,
    Plan,
    Slot,
    TxFrame, //
};
use crate::{
    datapath::{
        desc::{
            data_desc,
            CmdType,
            Olinfo,
            DESC_WORDS, //
        },
        ring::{
            data_descs,
            Chunks, //
        },
        tx::MIN_FRAME, //
    },
    kapi::{
        dma::{
            Mapper,
            Mapping, //
        },
        net::xdp::{
            XdpFrame,
            XdpTx, //
        }, //
    }, //
};

/// The longest frame that the hardware sends, 9.5 KB with its FCS.
const MAX_FRAME: u32 = 9728 - 4;

/// A frame on its way into the ring.
struct Scattered {
    cmd: CmdType,
    /// For the next descriptor.
    olinfo: Olinfo,
    /// Descriptors of the frame.
    descs: u16,
    /// Those that were staged.
    staged: u16,
    /// Bytes on the wire.
    bytes: u32,
}

/// The last slot of a frame, to be staged with the frame itself, and how many were staged before it.
struct Last {
    slot: Slot,
    staged: u16,
}

/// Where the device finds a buffer, and what is to be undone afterwards.
type Place = (u64, Option<Mapping>);

/// The descriptors that a frame takes.
fn descs(frame: &XdpFrame) -> usize {
    let descs = (0..frame.buffers()).fold(0, |descs: u32, index| {
        descs.wrapping_add(data_descs(frame.buffer_len(index)))
    });
    // CAST: u32 fits.
    descs as usize
}

impl<H: Hw> Beside<'_, '_, H> {
    /// [`Self::own`] for a frame of several buffers.
    #[inline(never)]
    pub(super) fn own_scattered(&mut self, frame: XdpTx) -> Result<(), XdpTx> {
        let needed = descs(&frame);
        if !self.has_room(needed) {
            return Err(frame);
        }
        let place = |index, mapper: &Mapper| Some((frame.sync_buffer(mapper, index)?, None));
        let put = self.put_scattered(&frame, needed, place);
        self.complete(frame.into_frame(), put);
        Ok(())
    }

    /// [`Self::foreign`] for a frame of several buffers.
    #[inline(never)]
    pub(super) fn foreign_scattered(&mut self, frame: XdpFrame) -> Result<(), XdpFrame> {
        let needed = descs(&frame);
        if !self.has_room(needed) {
            return Err(frame);
        }
        let place = |index, mapper: &Mapper| {
            let mapping = frame.map_buffer(mapper, index).ok()?;
            Some((mapping.addr(), Some(mapping)))
        };
        let put = self.put_scattered(&frame, needed, place);
        self.complete(frame, put);
        Ok(())
    }

    /// Writes the descriptors of a frame for which there is room, and all slots but the last. [`None`] if it cannot
    /// be sent: then nothing is left of it.
    fn put_scattered(
        &mut self,
        frame: &XdpFrame,
        descs: usize,
        place: impl Fn(u32, &Mapper) -> Option<Place>,
    ) -> Option<Last> {
        let len = frame.len();
        if !(MIN_FRAME..=MAX_FRAME).contains(&len) {
            return None;
        }
        let plan = Plan::plain(len).ok()?;
        if self.looks_at_frames {
            self.shows(frame.mac_addresses());
        }
        let mut scattered = Scattered {
            cmd: plan.cmd,
            olinfo: plan.olinfo,
            // CAST: No more than the ring has.
            descs: descs as u16,
            staged: 0,
            bytes: wire_bytes(len, 1, 0),
        };
        let mut last = None;
        for index in 0..frame.buffers() {
            let len = frame.buffer_len(index);
            if len == 0 {
                continue;
            }
            let Some(place) = place(index, &self.to.mapper) else {
                self.unwind(scattered.staged);
                return None;
            };
            last = self.put_buffer(&mut scattered, place, len);
        }
        let staged = scattered.staged;
        if last.is_none() {
            self.unwind(staged);
        }
        last.map(|slot| Last { slot, staged })
    }

    /// Writes the descriptors of a buffer, and their slots. The last one of the frame is returned.
    fn put_buffer(&mut self, frame: &mut Scattered, place: Place, len: u32) -> Option<Slot> {
        let (addr, mut mapping) = place;
        for (offset, len) in Chunks::new(len) {
            let is_last = frame.staged.wrapping_add(1) == frame.descs;
            let is_first = frame.staged == 0;
            let cmd = if is_last { frame.cmd.last() } else { frame.cmd };
            let olinfo = core::mem::replace(&mut frame.olinfo, Olinfo::NONE);
            let words = data_desc(addr.wrapping_add(u64::from(offset)), len, cmd, olinfo);
            let at = self.to.slots.next_index().wrapping_mul(DESC_WORDS);
            self.to.ring.write_all(at, words);
            let slot = Slot {
                mapping: mapping.take(),
                // The consumer knows by the first slot whose frame it is.
                frame: is_first.then(TxFrame::part),
                bytes: if is_last { frame.bytes } else { 0 },
                segments: u16::from(is_last),
                descs: if is_first { frame.descs } else { 0 },
            };
            if is_last {
                return Some(slot);
            }
            match self.to.slots.stage(slot) {
                Ok(()) => frame.staged = frame.staged.wrapping_add(1),
                // There was room.
                Err(slot) => self.release(slot.mapping),
            }
        }
        None
    }

    /// Stages the last slot of a frame, with the frame, if it could be sent.
    fn complete(&mut self, frame: XdpFrame, last: Option<Last>) {
        let Some(Last { mut slot, staged }) = last else {
            return self.refuse(None, frame);
        };
        slot.frame = Some(TxFrame::from(frame));
        let bytes = slot.bytes;
        match self.to.slots.stage(slot) {
            Ok(()) => self.bytes = self.bytes.wrapping_add(bytes),
            // There was room.
            Err(slot) => {
                self.unwind(staged);
                self.undo(slot.mapping);
            }
        }
    }

    /// Takes back the last slots that were staged.
    #[cold]
    fn unwind(&mut self, staged: u16) {
        for _ in 0..staged {
            if let Some(slot) = self.to.slots.unstage() {
                self.release(slot.mapping);
            }
        }
    }

    fn release(&mut self, mapping: Option<Mapping>) {
        if let Some(mapping) = mapping {
            self.to.mapper.unmap(mapping);
        }
    }
}
