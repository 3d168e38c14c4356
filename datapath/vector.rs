// SPDX-License-Identifier: GPL-2.0

//! What one interrupt vector serves: a transmit and a receive queue.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    moderation::Moderator,
    rx::RxQueue,
    tx_clean::TxConsumer,
    Hw, //
};
use crate::kapi::net::{
    Device,
    NapiOwner,
    Poll,
    PollContext,
    Polled, //
};

/// What lets the vector of a queue pair interrupt again.
pub struct VectorIrq<H: Hw> {
    hw: Arc<H>,
    /// Number of the pair, and of its vector.
    index: u16,
}

impl<H: Hw> VectorIrq<H> {
    pub(super) fn new(hw: Arc<H>, index: u16) -> Self {
        Self { hw, index }
    }
}

/// A queue pair while it runs: the state of its poll function.
pub struct QueueVector<H: Hw> {
    dev: Arc<Device>,
    tx: TxConsumer,
    rx: RxQueue<H>,
    moderator: Moderator<H>,
}

impl<H: Hw> QueueVector<H> {
    pub(super) fn new(
        dev: Arc<Device>,
        tx: TxConsumer,
        rx: RxQueue<H>,
        moderator: Moderator<H>,
    ) -> Self {
        Self {
            dev,
            tx,
            rx,
            moderator,
        }
    }

    /// Gives the receive ring its first buffers.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], if there is no memory for the longest frame.
    pub(super) fn fill(&mut self, owner: &NapiOwner<'_>) -> Result {
        self.rx.fill(owner)
    }

    /// Releases what is left on the transmit ring, once nobody adds to it any more.
    pub(super) fn reclaim(&mut self) {
        self.tx.reclaim(&self.dev);
    }
}

impl<H: Hw> Poll for QueueVector<H> {
    type Irq = VectorIrq<H>;

    #[inline]
    fn poll(&mut self, ctx: &mut PollContext<'_>) -> Polled {
        let all_sent = self.tx.clean(&self.dev, ctx);
        let Some(mut ctx) = ctx.receive() else {
            return Polled::Done(0);
        };
        let received = self.rx.clean(&self.dev, &mut ctx);
        if received.more || !all_sent {
            return Polled::Again;
        }
        self.moderator.polled();
        Polled::Done(received.frames)
    }

    #[inline]
    fn rearm(irq: &VectorIrq<H>) {
        irq.hw.enable_vector(irq.index);
    }
}
