// SPDX-License-Identifier: GPL-2.0

//! A poll function does not complete its poll: it would still have its state, and so the next one.

use kapi::kapi::net::{
    Poll,
    PollContext,
    Polled, //
};

/// A queue.
pub struct Queue {
    frames: usize,
}

impl Poll for Queue {
    type Irq = ();

    fn poll(&mut self, ctx: &mut PollContext<'_>) -> Polled {
        ctx.complete(self.frames); //~ E0599
        self.frames = 0;
        Polled::Done(0)
    }

    fn rearm(_irq: &()) {}
}
