// SPDX-License-Identifier: GPL-2.0

//! The buffers of a queue's sockets of AF_XDP, while no ring has them.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

use super::queue_ctl::RX_BUFFER_KB;
use crate::kapi::net::xsk::XskPool;

/// The pool of a queue, while no ring has it.
#[pin_data]
pub(super) struct PoolPlace {
    /// Bytes of a frame that a buffer has room for; zero without a pool. Written with the RTNL.
    room: Atomic<u32>,
    #[pin]
    pool: Mutex<Option<XskPool>>,
}

impl PoolPlace {
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                room: Atomic::new(0),
                pool <- new_mutex!(None),
            }),
            GFP_KERNEL,
        )
    }

    /// Bytes of a frame that a buffer has room for; [`None`] if there is no pool, here or on a ring.
    #[inline]
    pub(super) fn room(&self) -> Option<u32> {
        Some(self.room.load(Relaxed)).filter(|room| *room > 0)
    }

    /// Has a pool with room for `room` bytes.
    pub(super) fn set(&self, pool: XskPool, room: u32) {
        self.put(pool);
        self.room.store(room, Relaxed);
    }

    /// Is without a pool, though a ring may still have it. Whether there was one.
    pub(super) fn forget(&self) -> bool {
        self.room.xchg(0, Relaxed) > 0
    }

    /// Takes the pool for a ring, which gives it back.
    pub(super) fn take(&self) -> Option<XskPool> {
        self.pool.lock().take()
    }

    /// Gives it back.
    pub(super) fn put(&self, pool: XskPool) {
        *self.pool.lock() = Some(pool);
    }
}

/// Kilobytes that the hardware may write into a buffer with room for `room` bytes.
pub(super) fn buffer_kb(room: u32) -> u32 {
    (room >> 10).min(RX_BUFFER_KB)
}
