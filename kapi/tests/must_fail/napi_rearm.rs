// SPDX-License-Identifier: GPL-2.0

//! What enables the interrupt is shared with the next poll.

use core::cell::Cell;

use kapi::kapi::net::{
    Poll,
    PollContext,
    Polled, //
};

/// A queue.
pub struct Queue;

impl Poll for Queue {
    type Irq = Cell<u32>; //~ E0277

    fn poll(&mut self, _ctx: &mut PollContext<'_>) -> Polled {
        Polled::Again
    }

    fn rearm(irq: &Cell<u32>) {
        irq.set(irq.get() + 1);
    }
}
