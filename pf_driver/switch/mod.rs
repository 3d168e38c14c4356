// SPDX-License-Identifier: GPL-2.0

//! The switch of the card: filters, VLANs, pools.
//!
//! [`State`] says what is wanted, [`Image`] what the registers hold. Whoever changes the state
//! commits it; what does not fit into the hardware changes nothing.

pub(crate) mod image;
pub(crate) mod learn;
pub(crate) mod state;
mod write;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use self::{
    image::Image,
    learn::Learned,
    state::{
        PfPool,
        State,
        VfPool,
        MAX_SPEED,
        MAX_VFS, //
    }, //
};
use crate::{
    hw::queue::Layout,
    regs::Bar0, //
};

/// State and registers together. Belongs behind a mutex.
pub(crate) struct Switch {
    /// What is wanted. Without effect until [`Switch::commit`].
    pub(crate) state: KBox<State>,
    /// What the hardware has.
    current: KBox<Image>,
    /// Where the next one is computed: a commit must not fail for want of memory.
    next: KBox<Image>,
    /// Addresses behind the PF, as the data path sees them.
    pub(crate) learned: Arc<Learned>,
    /// Goes up with each change of a VF's pool.
    pub(crate) changes: u64,
    /// Whether the hardware does hold `current`: not between a reset and [`Switch::restore`].
    live: bool,
}

impl Switch {
    /// A switch without VFs, closed until [`Switch::restore`]. `emulated`: see
    /// [`State::emulated`].
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    #[inline(never)]
    pub(crate) fn new(pf: PfPool, emulated: bool) -> Result<Self> {
        let state = State {
            layout: Layout::Single,
            pf,
            vfs: [const { VfPool::new(None) }; MAX_VFS],
            num_vfs: 0,
            speed: MAX_SPEED,
            emulated,
        };
        Ok(Self {
            // Not on the stacks of those who make what this is a part of.
            state: KBox::new(state, GFP_KERNEL)?,
            current: KBox::init(Image::closed(), GFP_KERNEL)?,
            next: KBox::init(Image::closed(), GFP_KERNEL)?,
            learned: Arc::new(Learned::new(emulated)?, GFP_KERNEL)?,
            changes: 0,
            live: false,
        })
    }

    /// Brings the hardware to what is wanted.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if that does not fit into its tables: then the hardware is as it was, and the
    /// caller has to take back what it changed.
    pub(crate) fn commit(&mut self, bar: &Bar0) -> Result {
        self.next.compute(&self.state, &self.current)?;
        if self.live {
            self.next.write(bar, Some(&self.current));
        }
        core::mem::swap(&mut self.current, &mut self.next);
        let learns = self.state.learns();
        self.learned.set_active(learns);
        if !learns {
            self.state.pf.set_neighbours(core::iter::empty());
        }
        Ok(())
    }

    /// Changes a VF's pool and commits; if that fails the pool is as it was.
    ///
    /// # Errors
    ///
    /// What `change` says, [`EINVAL`] without such a VF, [`ENOSPC`] as [`Switch::commit`].
    pub(crate) fn change_vf<E: From<Error>>(
        &mut self,
        bar: &Bar0,
        vf: usize,
        change: impl FnOnce(&mut VfPool) -> core::result::Result<(), E>,
    ) -> core::result::Result<(), E> {
        if vf >= self.state.num_vfs {
            return Err(EINVAL.into());
        }
        let Some(pool) = self.state.vfs.get_mut(vf) else {
            return Err(EINVAL.into());
        };
        let before = *pool;
        let changed = change(pool).and_then(|()| Ok(self.commit(bar)?));
        if changed.is_err() {
            if let Some(pool) = self.state.vfs.get_mut(vf) {
                *pool = before;
            }
        } else {
            self.changes = self.changes.wrapping_add(1);
        }
        changed
    }

    /// The device is about to be reset: nothing is written until [`Switch::restore`].
    pub(crate) fn suspend(&mut self) {
        self.live = false;
    }

    /// Writes everything, after a reset of the device.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] as [`Switch::commit`]. What was there fits, so only for a new state.
    pub(crate) fn restore(&mut self, bar: &Bar0) -> Result {
        self.commit(bar)?;
        self.current.write(bar, None);
        self.live = true;
        Ok(())
    }
}
