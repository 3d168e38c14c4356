// SPDX-License-Identifier: GPL-2.0

//! Frames of XDP on their way into a transmit ring, beside those of the stack.
//!
//! The hardware has no queues to spare for them, so both share a ring, under the lock of the stack's
//! queue. A frame of XDP takes a descriptor and a slot for each of its buffers.

mod scattered;

use super::{
    wire_bytes,
    Hw,
    Plan,
    Slot,
    TxFrame,
    TxProducer,
    MIN_FRAME,
    STOP_BELOW,
    WAKE_AT, //
};
use crate::{
    datapath::desc::{
        data_desc,
        DESC_WORDS,
        MAX_DATA_PER_DESC, //
    },
    kapi::{
        dma::Mapping,
        net::{
            xdp::{
                XdpFrame,
                XdpTx, //
            },
            xsk::XskDesc,
            MacAddress,
            XmitQueue, //
        }, //
    }, //
};

/// Frames that go onto a ring together. The hardware is told of them when this is dropped.
pub(in crate::datapath) struct Beside<'a, 'q, H: Hw> {
    to: &'a mut TxProducer<H>,
    queue: &'a XmitQueue<'q>,
    /// Asked once: [`Hw::looks_at_frames`].
    looks_at_frames: bool,
    bytes: u32,
}

impl<'a, 'q, H: Hw> Beside<'a, 'q, H> {
    /// [`None`] while the stack may not send either: the last descriptors are left to its frames, and
    /// nothing is added to a ring that is about to go.
    #[inline]
    pub(in crate::datapath) fn new(
        to: &'a mut TxProducer<H>,
        queue: &'a XmitQueue<'q>,
    ) -> Option<Self> {
        if queue.stopped() {
            return None;
        }
        let looks_at_frames = to.hw.looks_at_frames();
        Some(Self {
            to,
            queue,
            looks_at_frames,
            bytes: 0,
        })
    }

    /// Sends a frame in pages that the hardware has filled.
    ///
    /// # Errors
    ///
    /// Gives it back if there is no room. One that cannot be sent at all is dropped and counted.
    #[inline]
    pub(in crate::datapath) fn own(&mut self, frame: XdpTx) -> Result<(), XdpTx> {
        if frame.has_frags() {
            return self.own_scattered(frame);
        }
        if !self.has_room(1) {
            return Err(frame);
        }
        let addr = frame.sync(&self.to.mapper);
        self.put_frame(addr, None, frame.into_frame());
        Ok(())
    }

    /// Sends a frame that comes from elsewhere.
    ///
    /// # Errors
    ///
    /// As [`Self::own`].
    #[inline]
    pub(in crate::datapath) fn foreign(&mut self, frame: XdpFrame) -> Result<(), XdpFrame> {
        if frame.has_frags() {
            return self.foreign_scattered(frame);
        }
        if !self.has_room(1) {
            return Err(frame);
        }
        match frame.map(&self.to.mapper) {
            Ok(mapping) => self.put_frame(mapping.addr(), Some(mapping), frame),
            Err(_) => self.to.counters.xmit.xdp_dropped.add(1),
        }
        Ok(())
    }

    /// Sends a frame of a socket, for which there is [room](Self::spare). False if it cannot be sent at all,
    /// which is counted.
    #[inline]
    pub(in crate::datapath) fn pooled(&mut self, desc: &XskDesc<'_>) -> bool {
        if !sendable(desc.len()) {
            self.to.counters.xmit.xdp_dropped.add(1);
            return false;
        }
        if self.looks_at_frames {
            self.shows(desc.mac_addresses());
        }
        self.put(desc.sync(), desc.len(), None, TxFrame::xsk())
    }

    /// Descriptors that sockets may fill: not the last ones, which the stack needs for a frame. What they have
    /// to send waits, other than what programs send.
    #[inline]
    pub(in crate::datapath) fn spare(&mut self) -> u32 {
        self.to.slots.refresh();
        // CAST: No more than the ring has.
        self.to.room().saturating_sub(STOP_BELOW) as u32
    }

    #[inline]
    fn has_room(&mut self, descs: usize) -> bool {
        if self.to.may_lack(descs) {
            self.to.slots.refresh();
        }
        !self.to.may_lack(descs)
    }

    /// Writes the descriptor of a frame of one buffer for which there is room, if it can be sent at all.
    #[inline]
    fn put_frame(&mut self, addr: u64, mapping: Option<Mapping>, frame: XdpFrame) {
        let len = frame.len();
        if !sendable(len) {
            return self.refuse(mapping, frame);
        }
        if self.looks_at_frames {
            self.shows(frame.mac_addresses());
        }
        self.put(addr, len, mapping, TxFrame::from(frame));
    }

    fn shows(&self, addresses: Option<(MacAddress, MacAddress)>) {
        if let Some((to, from)) = addresses {
            self.to.hw.sends(&to, &from);
        }
    }

    /// Writes the descriptor of a frame that can be sent, for which there is room. Whether that is so.
    #[inline]
    fn put(&mut self, addr: u64, len: u32, mapping: Option<Mapping>, frame: TxFrame) -> bool {
        let Ok(plan) = Plan::plain(len) else {
            self.undo(mapping);
            return false;
        };
        let words = data_desc(addr, len, plan.cmd.last(), plan.olinfo);
        let at = self.to.slots.next_index().wrapping_mul(DESC_WORDS);
        self.to.ring.write_all(at, words);
        let bytes = wire_bytes(len, 1, 0);
        let slot = Slot {
            mapping,
            frame: Some(frame),
            bytes,
            segments: 1,
            descs: 1,
        };
        match self.to.slots.stage(slot) {
            Ok(()) => {
                self.bytes = self.bytes.wrapping_add(bytes);
                true
            }
            // There was room.
            Err(Slot { mapping, .. }) => {
                self.undo(mapping);
                false
            }
        }
    }

    #[cold]
    fn refuse(&mut self, mapping: Option<Mapping>, frame: XdpFrame) {
        self.undo(mapping);
        drop(frame);
    }

    #[cold]
    fn undo(&mut self, mapping: Option<Mapping>) {
        if let Some(mapping) = mapping {
            self.to.mapper.unmap(mapping);
        }
        self.to.counters.xmit.xdp_dropped.add(1);
    }
}

/// Whether a frame of one buffer with `len` bytes can be sent.
#[inline]
fn sendable(len: u32) -> bool {
    (MIN_FRAME..=MAX_DATA_PER_DESC).contains(&len)
}

impl<H: Hw> Drop for Beside<'_, '_, H> {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let to = &mut *self.to;
        to.slots.commit();
        to.unkicked = true;
        if to.may_lack(STOP_BELOW) && to.stopped(self.queue, STOP_BELOW, WAKE_AT) {
            to.counters.xmit.stop.add(1);
        }
        // BQL must know of the frames before the hardware does.
        self.queue.sent_beside(self.bytes);
        // Also when the caller of `ndo_xdp_xmit` says that more may follow: a program of its map may drop
        // what would, and then nothing does.
        to.flush();
    }
}
