// SPDX-License-Identifier: GPL-2.0

//! What one interrupt vector serves: a transmit and a receive queue.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    rx::RxQueue,
    tx_clean::TxConsumer,
    Hw, //
};
use crate::kapi::net::{
    Device,
    Poll,
    PollContext, //
};

/// A queue pair while it runs: the state of its poll function.
pub struct QueueVector<H: Hw> {
    dev: Arc<Device>,
    hw: Arc<H>,
    /// Number of the pair, of its queues and of its vector.
    index: u16,
    tx: TxConsumer,
    rx: RxQueue<H>,
}

impl<H: Hw> QueueVector<H> {
    pub(super) fn new(
        dev: Arc<Device>,
        hw: Arc<H>,
        index: u16,
        tx: TxConsumer,
        rx: RxQueue<H>,
    ) -> Self {
        Self {
            dev,
            hw,
            index,
            tx,
            rx,
        }
    }

    /// Gives the receive ring its first buffers.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], if there is no memory for the longest frame.
    pub(super) fn fill(&mut self) -> Result {
        self.rx.fill()
    }

    /// Releases what is left on the transmit ring, once nobody adds to it any more.
    pub(super) fn reclaim(&mut self) {
        self.tx.reclaim(&self.dev);
    }
}

impl<H: Hw> Poll for QueueVector<H> {
    #[inline]
    fn poll(&mut self, ctx: &mut PollContext<'_>, budget: usize) -> usize {
        let all_sent = self.tx.clean(&self.dev, ctx);
        if budget == 0 {
            return 0;
        }
        let received = self.rx.clean(&self.dev, ctx, budget);
        if received.more || !all_sent {
            return budget;
        }
        if ctx.complete(received.frames) {
            self.hw.enable_vector(self.index);
        }
        received.frames
    }
}
