// SPDX-License-Identifier: GPL-2.0

//! A receive ring with the buffers of sockets of AF_XDP, and what these sockets want sent.
//!
//! A program gives frames to the sockets; what it leaves to the stack, or there is none, is copied. How much
//! the hardware may write into a buffer is set in kilobytes: longer frames take several, and are put
//! together in the first of them.

use core::{
    mem,
    sync::atomic::{
        fence,
        Ordering, //
    }, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    xdp::TxBatch,
    Batch,
    Cleaned,
    Features,
    Finished,
    Hw,
    RxRing,
    REFILL_BATCH,
    STARVING, //
};
use crate::{
    datapath::{
        queues::Queue,
        tx::Beside, //
    },
    kapi::net::{
        xdp::{
            ProgramRun,
            ProgramSlot,
            Verdict,
            XdpFrame, //
        },
        xsk::XskQueue,
        Device,
        RxContext, //
    }, //
};

/// Frames of sockets that a poll sends at most; more are left for the next one, which follows at once.
const SEND_BUDGET: u32 = 64;

/// A queue with the buffers of sockets.
pub(in crate::datapath) struct XskRx<H: Hw> {
    ring: RxRing<H>,
    buffs: XskQueue,
    /// What follows is the rest of a frame that is dropped.
    dropping: bool,
    slot: Arc<ProgramSlot>,
    to_send: TxBatch<H, XdpFrame>,
    sent: Sent,
}

/// Frames of sockets that are not completed yet.
#[derive(Default)]
struct Sent {
    /// On the transmit ring.
    in_flight: u32,
    /// Not sent at all. Completions have an order, so these come after those.
    refused: u32,
}

impl Sent {
    /// So many have left the ring. How many are complete now.
    fn complete(&mut self, frames: u32) -> u32 {
        self.in_flight = self.in_flight.saturating_sub(frames);
        if self.in_flight > 0 {
            return frames;
        }
        frames.wrapping_add(mem::take(&mut self.refused))
    }
}

impl<H: Hw> XskRx<H> {
    /// A ring without buffers, and without a pool.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(in crate::datapath) fn new(
        dev: &Arc<Device>,
        ring: RxRing<H>,
        slot: Arc<ProgramSlot>,
        queues: Arc<KVec<Queue<H>>>,
    ) -> Result<Self> {
        let count = usize::from(ring.size.get());
        Ok(Self {
            buffs: XskQueue::new(dev, ring.queue.into(), count)?,
            ring,
            dropping: false,
            slot,
            to_send: TxBatch::new(queues)?,
            sent: Sent::default(),
        })
    }

    fn pair(&self) -> Option<&Queue<H>> {
        self.to_send.queues.get(usize::from(self.ring.queue))
    }

    /// Takes the queue's pool, and gives the hardware what user space has given.
    ///
    /// # Errors
    ///
    /// [`ENXIO`] if it is not there.
    pub(in crate::datapath) fn start(&mut self) -> Result {
        let pool = self.pair().and_then(|pair| pair.pool.take()).ok_or(ENXIO)?;
        self.buffs.start(pool);
        self.buffs.ask_for_sends();
        let memory = self.refill();
        self.buffs.ask_for_buffers(!memory);
        Ok(())
    }

    /// Gives the hardware as many buffers as there are. False if these were fewer than wanted.
    fn refill(&mut self) -> bool {
        while self.ring.empty() > 0 {
            let from = self.ring.next_fill();
            let wanted = usize::from(self.ring.empty());
            let ring = &self.ring;
            let got = self
                .buffs
                .fill(from, wanted, |index, addr| ring.write(index, addr));
            if got == 0 {
                break;
            }
            // CAST: No more than the ring has.
            self.ring.filled_by(got as u16);
        }
        self.ring.give();
        self.ring.empty() == 0
    }

    /// Does all that a poll has to do for the sockets. `sent` frames of theirs have left the transmit ring.
    #[inline(never)]
    pub(in crate::datapath) fn poll(
        &mut self,
        dev: &Device,
        sent: u32,
        ctx: &mut RxContext<'_>,
    ) -> Cleaned {
        self.complete(sent);
        let program = ctx.program(&self.slot);
        let mut cleaned = self.clean(dev, ctx, program.as_ref());
        if let Some(program) = &program {
            self.to_send
                .send(self.ring.queue, dev, program, ctx, |to, frame| {
                    to.foreign(frame)
                });
        }
        cleaned.more |= !self.send(dev, ctx);
        cleaned
    }

    /// So many frames of sockets have left the transmit ring.
    pub(in crate::datapath) fn complete(&mut self, sent: u32) {
        let done = self.sent.complete(sent);
        self.buffs.completed(done);
    }

    fn clean(
        &mut self,
        dev: &Device,
        ctx: &mut RxContext<'_>,
        program: Option<&ProgramRun<'_>>,
    ) -> Cleaned {
        let budget = ctx.budget();
        let features = dev.features();
        let mut batch = self.ring.begin();
        let mut frames = 0;
        // A device that never ends a frame must not keep us here either.
        let mut descs = self.ring.size.get();
        let mut memory = true;
        while frames < budget && descs > 0 {
            if self.ring.empty() >= REFILL_BATCH && memory {
                memory = self.refill();
            }
            let Some(done) = self.next() else {
                break;
            };
            descs = descs.wrapping_sub(1);
            if !done.status.end_of_packet() {
                continue;
            }
            frames = usize::wrapping_add(frames, 1);
            if !mem::take(&mut self.dropping) {
                self.examine(dev, done, features, program, &mut batch, ctx);
            }
        }
        self.ring.account(&batch);
        self.ring.account_said(&batch.said);
        self.ring.counters.rx.xsk.add(u64::from(batch.packets));
        if self.ring.empty() >= REFILL_BATCH && memory {
            memory = self.refill();
        }
        Cleaned {
            frames,
            more: frames >= budget || descs == 0 || self.starves(memory),
        }
    }

    /// Takes the next buffer that the hardware is done with, as part of a frame.
    #[inline]
    fn next(&mut self) -> Option<Finished> {
        if self.ring.filled() == 0 {
            return None;
        }
        let done = self.ring.finished()?;
        self.ring.advance();
        let fits = self.buffs.append(done.index, done.status.len().into());
        if self.dropping {
            self.buffs.discard();
        } else if !fits {
            self.ring.counters.rx.length_errors.add(1);
            self.dropping = true;
        }
        Some(done)
    }

    /// There may be nothing left to receive into. Whether to poll on: if user space cannot be asked to wake.
    fn starves(&mut self, memory: bool) -> bool {
        let asked = self.buffs.ask_for_buffers(!memory);
        if memory || self.ring.filled() >= STARVING {
            return false;
        }
        if asked {
            // What it gave before it could see that is not told again. First the question, then a look.
            fence(Ordering::SeqCst);
            self.refill();
        }
        !asked
    }

    /// Shows a frame to the program, or copies it for the stack.
    fn examine(
        &mut self,
        dev: &Device,
        done: Finished,
        features: Features,
        program: Option<&ProgramRun<'_>>,
        batch: &mut Batch,
        ctx: &mut RxContext<'_>,
    ) {
        let rx = &self.ring.counters.rx;
        if done.status.frame_error() {
            rx.frame_errors.add(1);
            if !features.contains(Features::RXALL) {
                self.buffs.discard();
                return;
            }
        }
        let Some(buff) = self.buffs.frame() else {
            rx.length_errors.add(1);
            return;
        };
        if batch.looks_at_frames {
            let refused = |(to, from)| !self.ring.hw.accepts(&to, &from);
            if buff.mac_addresses().is_some_and(refused) {
                return;
            }
        }
        let vlan = self.ring.vlan(done, features, || buff.after_addresses());
        let len = buff.len();
        batch.count(len);
        let verdict = match program {
            Some(program) => {
                let tell = || self.ring.metadata(done, features, vlan);
                program.run_xsk(buff, tell, ctx)
            }
            None => buff
                .into_frame(ctx)
                .map_or(Verdict::NoMemory, Verdict::Pass),
        };
        match verdict {
            Verdict::Pass(frame) => {
                batch.said.pass += u32::from(program.is_some());
                let mut meta = self.ring.describe(done, len, features, batch);
                meta.vlan = vlan;
                ctx.gro_receive(frame, self.ring.queue, &meta);
            }
            Verdict::Tx(frame) => {
                batch.said.tx += 1;
                if let (true, Some(program)) = (self.to_send.push(frame), program) {
                    self.to_send
                        .send(self.ring.queue, dev, program, ctx, |to, frame| {
                            to.foreign(frame)
                        });
                }
            }
            Verdict::Redirected => batch.said.redirect += 1,
            Verdict::Dropped(_) => batch.said.drop += 1,
            Verdict::NoMemory => rx.dropped.add(1),
            Verdict::Failed => rx.xdp_failed.add(1),
        }
    }

    /// Sends what the sockets have. True if nothing is left that could be sent now.
    fn send(&mut self, dev: &Device, ctx: &mut RxContext<'_>) -> bool {
        let index = usize::from(self.ring.queue);
        let Some(pair) = self.to_send.queues.get(index) else {
            return true;
        };
        let (buffs, sent) = (&mut self.buffs, &mut self.sent);
        let all = pair.producer.lock(&mut ctx.softirq(), |producer, queue| {
            let mut beside = match producer {
                Some(producer) if dev.carrier_ok() => Beside::new(producer, queue)?,
                _ => return None,
            };
            let max = beside.spare().min(SEND_BUDGET);
            let count = buffs.send(max, |desc| {
                if beside.pooled(&desc) {
                    sent.in_flight = sent.in_flight.wrapping_add(1);
                } else {
                    sent.refused = sent.refused.wrapping_add(1);
                }
            });
            // Without room completions bring the next poll.
            Some(max == 0 || count < max)
        });
        if self.sent.in_flight == 0 {
            self.complete(0);
        }
        all.unwrap_or(true)
    }
}

impl<H: Hw> Drop for XskRx<H> {
    /// The pool goes back to where the next ring finds it.
    fn drop(&mut self) {
        let pool = self.buffs.stop();
        if let (Some(pool), Some(pair)) = (pool, self.pair()) {
            pair.pool.put(pool);
        }
    }
}
