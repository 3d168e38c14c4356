// SPDX-License-Identifier: GPL-2.0

//! The buffers of sockets of AF_XDP, as long as a queue has them: through down and up, and other rings.

use kernel::prelude::*;

use super::{
    queues::{
        Datapath,
        LONGEST_OVERHEAD, //
    },
    xsk_pool::{
        buffer_kb,
        PoolPlace, //
    },
    Hw, //
};
use crate::kapi::net::{
    xsk::{
        self,
        XskPool, //
    },
    Device,
    Rtnl, //
};

impl<H: Hw> Datapath<H> {
    fn place(&self, queue: u16) -> Option<&PoolPlace> {
        let queue = self.queues.get(usize::from(queue))?;
        Some(&queue.pool)
    }

    /// Has queue `queue` use the buffers of a pool. Rings that are opened from now on do: those that run are to
    /// be replaced.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such queue, or the longest frames do not fit into the buffers.
    pub fn set_pool(&self, dev: &Device<Rtnl>, queue: u16, pool: XskPool) -> Result {
        let place = self.place(queue).ok_or(EINVAL)?;
        let room = pool.frame_size();
        if buffer_kb(room) == 0 || dev.mtu() + LONGEST_OVERHEAD > room {
            return Err(EINVAL);
        }
        place.set(pool, room);
        Ok(())
    }

    /// Rings that are opened from now on do without the pool of queue `queue`. Whether there is one.
    pub fn forget_pool(&self, queue: u16) -> bool {
        self.place(queue).is_some_and(PoolPlace::forget)
    }

    /// Lets go of the pool of queue `queue`. False if a ring has it.
    pub fn drop_pool(&self, queue: u16) -> bool {
        self.place(queue)
            .is_some_and(|place| place.take().is_some())
    }

    /// Whether queue `queue` uses the buffers of sockets.
    pub fn has_pool(&self, queue: u16) -> bool {
        self.place(queue)
            .is_some_and(|place| place.room().is_some())
    }

    /// The largest MTU, of `max` at most, whose frames fit into the buffers of all sockets.
    pub fn pools_max_mtu(&self, max: u32) -> u32 {
        self.queues
            .iter()
            .filter_map(|queue| queue.pool.room())
            .map(|room| room - LONGEST_OVERHEAD)
            .fold(max, u32::min)
    }

    /// Has sockets sent for that have waited: the rings have just started, or the link is up.
    pub fn wake_sockets(&self) {
        for (queue, pair) in (0..).zip(self.queues.iter()) {
            if pair.pool.room().is_some() {
                // One that does not run does so when it starts.
                let _ = xsk::wake(&self.dev, queue);
            }
        }
    }
}
