// SPDX-License-Identifier: GPL-2.0

//! The buffers of a received frame of several, until its end is seen.

use kernel::prelude::*;

use crate::kapi::net::{
    skb::MAX_FRAGS,
    xdp::XdpBuff,
    PoolPage, //
};

/// A buffer, and the bytes that the hardware has written there.
pub(super) type Part = (PoolPage, u32);

/// Buffers of one frame, in their order.
pub(super) struct Parts {
    buffers: KVec<Part>,
}

impl Parts {
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            // CAST: Widens.
            buffers: KVec::with_capacity(1 + MAX_FRAGS as usize, GFP_KERNEL)?,
        })
    }

    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    /// Gives all of them back to their pool.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.buffers.clear();
    }

    /// Adds one. False, with that one dropped, if a frame cannot have so many.
    pub(super) fn push(&mut self, buffer: Part) -> bool {
        self.buffers.push_within_capacity(buffer).is_ok()
    }

    /// Takes the first one.
    pub(super) fn take_first(&mut self) -> Option<Part> {
        self.buffers.remove(0).ok()
    }

    /// Appends all to a frame that begins with another one. False, with all dropped, if they do not fit.
    #[cold]
    pub(super) fn append_to(&mut self, buff: &mut XdpBuff<'_>) -> bool {
        let mut fits = true;
        for (page, len) in self.buffers.drain_all() {
            fits = fits && buff.add_page(page, len).is_ok();
        }
        fits
    }
}
