// SPDX-License-Identifier: GPL-2.0

//! Received frames that a program of XDP sees before the stack does.
//!
//! What it wants sent from here is gathered, and goes onto the transmit ring of the same queue pair
//! under one lock, and with one doorbell.

mod parts;

use core::mem;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use self::parts::{
    Part,
    Parts, //
};
use super::{
    Batch,
    Cleaned,
    Hw,
    Partial,
    ProgramRun,
    Received,
    RxQueue,
    RxStatus, //
};
use crate::{
    datapath::{
        queues::Queue,
        tx::Beside, //
    },
    kapi::net::{
        xdp::{
            ProgramSlot,
            Verdict,
            XdpBuff,
            XdpPlace,
            XdpTx, //
        },
        Device,
        Features,
        RxContext, //
    }, //
};

/// Frames that are sent together.
const TX_BATCH: usize = 16;

/// What a receive ring needs for programs.
pub(in crate::datapath) struct RxXdp<H: Hw> {
    slot: Arc<ProgramSlot>,
    to_send: TxBatch<H, XdpTx>,
    /// The buffers so far of a frame of several.
    parts: Parts,
}

impl<H: Hw> RxXdp<H> {
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(in crate::datapath) fn new(
        slot: Arc<ProgramSlot>,
        queues: Arc<KVec<Queue<H>>>,
    ) -> Result<Self> {
        Ok(Self {
            slot,
            to_send: TxBatch::new(queues)?,
            parts: Parts::new()?,
        })
    }
}

/// Frames that a program wants sent, at the end of the poll at the latest.
pub(super) struct TxBatch<H: Hw, T> {
    pub(super) queues: Arc<KVec<Queue<H>>>,
    pending: KVec<T>,
}

impl<H: Hw, T> TxBatch<H, T> {
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(queues: Arc<KVec<Queue<H>>>) -> Result<Self> {
        Ok(Self {
            queues,
            pending: KVec::with_capacity(TX_BATCH, GFP_KERNEL)?,
        })
    }

    /// Adds a frame. True if they are to be sent now.
    #[inline]
    pub(super) fn push(&mut self, frame: T) -> bool {
        // There is room: what fills it is sent at once.
        let _ = self.pending.push_within_capacity(frame);
        self.pending.len() >= TX_BATCH
    }

    /// Sends what is pending on queue `index`, each frame by `put`.
    #[inline]
    pub(super) fn send(
        &mut self,
        index: u16,
        dev: &Device,
        program: &ProgramRun<'_>,
        ctx: &mut RxContext<'_>,
        put: impl Fn(&mut Beside<'_, '_, H>, T) -> core::result::Result<(), T>,
    ) {
        if self.pending.is_empty() {
            return;
        }
        let Some(pair) = self.queues.get(usize::from(index)) else {
            return;
        };
        let pending = &mut self.pending;
        pair.producer.lock(&mut ctx.softirq(), |producer, queue| {
            let mut beside = match producer {
                Some(producer) if dev.carrier_ok() => Beside::new(producer, queue),
                _ => None,
            };
            for frame in pending.drain_all() {
                let sent = beside.as_mut().is_some_and(|to| put(to, frame).is_ok());
                if !sent {
                    pair.counters.xmit.xdp_dropped.add(1);
                    program.not_sent();
                }
            }
        });
    }
}

impl<H: Hw> RxQueue<H> {
    /// [`RxQueue::clean`] with buffers for programs, whether there is one now or not.
    #[inline(never)]
    pub(super) fn clean_with_program(&mut self, dev: &Device, ctx: &mut RxContext<'_>) -> Cleaned {
        let program = self.xdp.as_ref().and_then(|xdp| ctx.program(&xdp.slot));
        if program.is_none() {
            // The rest of that frame is dropped.
            self.forget_parts();
        }
        let cleaned = self.clean_frames(dev, ctx, program.as_ref());
        if let Some(program) = program {
            self.send_pending(dev, &program, ctx);
        }
        cleaned
    }

    fn send_pending(&mut self, dev: &Device, program: &ProgramRun<'_>, ctx: &mut RxContext<'_>) {
        if let Some(xdp) = &mut self.xdp {
            xdp.to_send
                .send(self.ring.queue, dev, program, ctx, |to, frame| {
                    to.own(frame)
                });
        }
    }

    /// Shows a frame to the program, if it ends with this buffer.
    pub(super) fn examine(
        &mut self,
        dev: &Device,
        buffer: Received,
        program: &ProgramRun<'_>,
        batch: &mut Batch,
        ctx: &mut RxContext<'_>,
    ) {
        let Received {
            page,
            done,
            features,
        } = buffer;
        let status = done.status;
        let mut first = (page, u32::from(status.len()));
        let several = !matches!(self.partial, Partial::None) || !status.end_of_packet();
        if several {
            let Some(complete) = self.gather(first, status, program) else {
                return;
            };
            first = complete;
        }
        let rx = &self.ring.counters.rx;
        if status.frame_error() {
            rx.frame_errors.add(1);
            if !features.contains(Features::RXALL) {
                return self.forget_parts();
            }
        }
        let (page, mut len) = first;
        let mut place = XdpPlace::new();
        let Ok(mut buff) = XdpBuff::new(&mut place, page, len, &self.pool) else {
            rx.length_errors.add(1);
            return self.forget_parts();
        };
        if let (true, Some(xdp)) = (several, &mut self.xdp) {
            if !xdp.parts.append_to(&mut buff) {
                rx.length_errors.add(1);
                return;
            }
            len = buff.len();
        }
        if batch.looks_at_frames {
            let (to, from) = buff.mac_addresses();
            if !self.ring.hw.accepts(&to, &from) {
                return;
            }
        }
        batch.count(len);
        // Before the program changes the frame.
        let vlan = self.ring.vlan(done, features, || buff.after_addresses());
        let verdict = program.run(buff, || self.ring.metadata(done, features, vlan));
        let rx = &self.ring.counters.rx;
        match verdict {
            Verdict::Pass(frame) => {
                batch.said.pass += 1;
                let mut meta = self.ring.describe(done, len, features, batch);
                meta.vlan = vlan;
                ctx.gro_receive(frame, self.ring.queue, &meta);
            }
            Verdict::Tx(frame) => {
                batch.said.tx += 1;
                self.send_later(frame, dev, program, ctx);
            }
            Verdict::Redirected => batch.said.redirect += 1,
            Verdict::Dropped(page) => {
                batch.said.drop += 1;
                if let Some(page) = page {
                    self.put_back(page);
                }
            }
            Verdict::NoMemory => rx.dropped.add(1),
            Verdict::Failed => rx.xdp_failed.add(1),
        }
    }

    /// Keeps a buffer of a frame of several. With the last one the first is returned, and the others are left in
    /// [`RxXdp::parts`]. A frame that the program cannot see is dropped: none may pass unseen.
    #[cold]
    #[inline(never)]
    fn gather(&mut self, buffer: Part, status: RxStatus, program: &ProgramRun<'_>) -> Option<Part> {
        let parts = &mut self.xdp.as_mut()?.parts;
        // With its end `finish()` ends that.
        let before = mem::replace(&mut self.partial, Partial::Dropped);
        let goes_on = match before {
            Partial::None => {
                parts.clear();
                true
            }
            // It is counted, or has begun as one of these.
            Partial::Dropped if parts.is_empty() => return None,
            Partial::Dropped => true,
            // It has begun before there was a program.
            Partial::Frame(_) => false,
        };
        if !(goes_on && program.sees_frags() && parts.push(buffer)) {
            parts.clear();
            self.ring.counters.rx.length_errors.add(1);
            return None;
        }
        if !status.end_of_packet() {
            return None;
        }
        parts.take_first()
    }

    fn forget_parts(&mut self) {
        if let Some(xdp) = &mut self.xdp {
            xdp.parts.clear();
        }
    }

    fn send_later(
        &mut self,
        frame: XdpTx,
        dev: &Device,
        program: &ProgramRun<'_>,
        ctx: &mut RxContext<'_>,
    ) {
        if let Some(xdp) = &mut self.xdp {
            if xdp.to_send.push(frame) {
                self.send_pending(dev, program, ctx);
            }
        }
    }
}
