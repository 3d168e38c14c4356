// SPDX-License-Identifier: GPL-2.0

//! What one interrupt vector serves: a transmit and a receive queue.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    moderation::Moderator,
    rx::{
        RxQueue,
        XskRx, //
    },
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

/// A receive queue, by whose its buffers are.
pub(super) enum RxSide<H: Hw> {
    /// The stack's.
    Pages(RxQueue<H>),
    /// Those of sockets of AF_XDP.
    Xsk(KBox<XskRx<H>>),
}

/// A queue pair while it runs: the state of its poll function.
pub struct QueueVector<H: Hw> {
    dev: Arc<Device>,
    tx: TxConsumer,
    rx: RxSide<H>,
    moderator: Moderator<H>,
}

impl<H: Hw> QueueVector<H> {
    pub(super) fn new(
        dev: Arc<Device>,
        tx: TxConsumer,
        rx: RxSide<H>,
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
    /// [`ENOMEM`], if there is no memory for the longest frame; [`ENXIO`] if the buffers are on another ring.
    pub(super) fn fill(&mut self, owner: &NapiOwner<'_>) -> Result {
        match &mut self.rx {
            RxSide::Pages(rx) => rx.fill(owner),
            RxSide::Xsk(rx) => rx.start(),
        }
    }

    /// Releases what is left on the transmit ring, once nobody adds to it any more.
    pub(super) fn reclaim(&mut self) {
        self.tx.reclaim(&self.dev);
        if let RxSide::Xsk(rx) = &mut self.rx {
            rx.complete(self.tx.take_xsk());
        }
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
        let received = match &mut self.rx {
            RxSide::Pages(rx) => rx.clean(&self.dev, &mut ctx),
            RxSide::Xsk(rx) => rx.poll(&self.dev, self.tx.take_xsk(), &mut ctx),
        };
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
