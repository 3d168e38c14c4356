// SPDX-License-Identifier: GPL-2.0

//! The switch of the card: what is wanted, and what the registers hold.
//!
//! Whoever changes the state commits it; what does not fit into the card changes nothing.

use super::{
    device::{
        Layout,
        MAX_SPEED, //
    },
    image::{
        Image,
        NoSpace, //
    },
    state::{
        PfPool,
        State, //
    },
    vf::{
        Admin,
        VfPool, //
    },
    vf_id::{
        PerVf,
        VfId, //
    },
    write::SwitchRegisters, //
};
use crate::{
    heap::{
        self,
        Heap,
        NoMemory, //
    },
    mbox::event::Link, //
};

/// State and registers together. Belongs behind a mutex.
pub struct Switch {
    /// What is wanted. Without effect until [`Switch::commit`].
    pub state: Heap<State>,
    /// What the card has.
    current: Heap<Image>,
    /// Where the next one is computed: a commit must not fail for want of memory.
    next: Heap<Image>,
    /// What a VF could do before a change.
    before: Heap<VfPool>,
    /// Goes up with each change of a VF's pool.
    pub changes: u64,
    /// Goes up whenever a function may have let go of an address, or of the right to one.
    pub releases: u64,
    /// Whether the card does hold `current`: not between a reset and [`Switch::restore`].
    live: bool,
}

impl Switch {
    /// A switch without VFs, closed until [`Switch::restore`]. `emulated`: see
    /// [`State::emulated`].
    ///
    /// # Errors
    ///
    /// [`NoMemory`].
    #[inline(never)]
    pub fn new(pf: PfPool, emulated: bool) -> Result<Self, NoMemory> {
        let state = State {
            layout: Layout::Single,
            pf,
            vfs: PerVf::new(|| VfPool::new(Admin::DEFAULT))?,
            num_vfs: 0,
            link: Link::default(),
            speed: MAX_SPEED,
            emulated,
            detects_malice: true,
        };
        Ok(Self {
            state: heap::boxed(state)?,
            current: heap::boxed(Image::CLOSED)?,
            next: heap::boxed(Image::CLOSED)?,
            before: heap::boxed(VfPool::new(Admin::DEFAULT))?,
            changes: 0,
            releases: 0,
            live: false,
        })
    }

    /// Brings the card to what is wanted.
    ///
    /// # Errors
    ///
    /// [`NoSpace`] if that does not fit into its tables: then the card is as it was, and the
    /// caller has to take back what it changed.
    pub fn commit<C: SwitchRegisters>(&mut self, card: &C) -> Result<(), NoSpace> {
        self.next.compute(&self.state, &self.current)?;
        if self.live {
            self.next.write(card, Some(&self.current));
        }
        let moved = self.next.rar != self.current.rar;
        core::mem::swap(&mut self.current, &mut self.next);
        let forgot = !self.state.learns() && self.state.pf.set_neighbours(core::iter::empty());
        if moved || forgot {
            self.release();
        }
        Ok(())
    }

    /// Has those look who wait for an address: a function may have let go of one, whether or not it has
    /// a place in the card.
    pub fn release(&mut self) {
        self.releases = self.releases.wrapping_add(1);
    }

    /// Changes what a VF may do and commits; if that fails all is as it was.
    ///
    /// # Errors
    ///
    /// [`NoSpace`] as [`Switch::commit`].
    pub fn change_vf<C: SwitchRegisters>(
        &mut self,
        card: &C,
        vf: VfId,
        change: impl FnOnce(&mut VfPool),
    ) -> Result<(), NoSpace> {
        (*self.before).clone_from(&self.state.vfs[vf]);
        change(&mut self.state.vfs[vf]);
        let committed = self.commit(card);
        if committed.is_err() {
            core::mem::swap(&mut self.state.vfs[vf], &mut self.before);
        } else {
            self.changes = self.changes.wrapping_add(1);
        }
        committed
    }

    /// Closes a VF's pool, with another change by which it needs no more of the card's tables than before,
    /// and commits. What was there fits, so that does not fail; if it did, the pool would be closed all the
    /// same, and the rest left to the next commit.
    pub fn close_vf<C: SwitchRegisters>(
        &mut self,
        card: &C,
        vf: VfId,
        change: impl FnOnce(&mut VfPool),
    ) {
        let pool = &mut self.state.vfs[vf];
        change(pool);
        pool.open = false;
        if self.commit(card).is_err() && self.live {
            self.current.close(card, vf);
        }
        self.changes = self.changes.wrapping_add(1);
    }

    /// The device is about to be reset: nothing is written until [`Switch::restore`].
    pub fn suspend(&mut self) {
        self.live = false;
    }

    /// Writes everything, after a reset of the device.
    ///
    /// # Errors
    ///
    /// [`NoSpace`] as [`Switch::commit`]. What was there fits, so only for a new state.
    pub fn restore<C: SwitchRegisters>(&mut self, card: &C) -> Result<(), NoSpace> {
        self.commit(card)?;
        self.current.write(card, None);
        self.live = true;
        Ok(())
    }
}
