// SPDX-License-Identifier: GPL-2.0

//! Bringing the addresses behind the PF from the data path, where they are seen, into the switch.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    time::Delta, //
};

use crate::{
    iov::manager::VfManager,
    kapi::{
        net::MacAddress,
        work::{
            new_work,
            Work, //
        }, //
    },
    learn::{
        Learned,
        Seen, //
    },
    mbox::time::{
        Span,
        Time, //
    },
};

/// How long changes are collected: hosts behind the PF can cause them at any rate.
const DELAY: Delta = Delta::from_millis(10);
/// How often addresses age.
const AGE: Span = Span::from_millis(150_000);
const AGE_CHECK: Delta = Delta::from_secs(150);

/// What the data path sees of source addresses.
pub(crate) struct Neighbours {
    learned: Arc<Learned>,
    /// Who has the switch.
    vfs: Arc<VfManager>,
    work: Arc<Work<Self>>,
    /// A change is on its way into the switch.
    pending: Atomic<bool>,
}

impl Neighbours {
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(vfs: Arc<VfManager>) -> Result<Arc<Self>> {
        let learned = vfs.learned.clone();
        let neighbours = Self {
            learned,
            vfs,
            work: new_work!(update)?,
            pending: Atomic::new(false),
        };
        Ok(Arc::new(neighbours, GFP_KERNEL)?)
    }

    /// Lets the work run from now on. It holds this until [`Neighbours::end_work`].
    pub(crate) fn begin_work(this: &Arc<Self>) {
        this.work.attach(this.clone());
    }

    /// Ends the work, and with it its hold on this.
    pub(crate) fn end_work(&self) {
        self.work.disable_sync();
    }

    /// Whether [`Self::sent`] and [`Self::received`] are to be called.
    #[inline]
    pub(crate) fn watched(&self) -> bool {
        self.learned.active()
    }

    /// The PF sends a frame with these addresses. Any context.
    #[inline]
    pub(crate) fn sent(&self, to: &MacAddress, from: &MacAddress) {
        if self.learned.sent(to, from) {
            self.changed();
        }
    }

    /// The PF receives a frame with these addresses. Whether the stack gets it. Any context.
    #[inline]
    pub(crate) fn received(&self, to: &MacAddress, from: &MacAddress) -> bool {
        match self.learned.received(to, from) {
            Seen::Elsewhere => true,
            Seen::Moved => {
                self.changed();
                true
            }
            Seen::Echo => false,
        }
    }

    fn changed(&self) {
        if !self.pending.xchg(true, Relaxed) {
            self.work.queue_after(DELAY);
        }
    }
}

/// The work item's function.
fn update(this: ArcBorrow<'_, Neighbours>) {
    let now = this.vfs.now();
    // Before the table is read: what changes from now on needs another run.
    this.pending.store(false, Relaxed);
    let mut guard = this.vfs.control.lock();
    let control = &mut *guard;
    let learned = &this.learned;
    if !learned.active() {
        return;
    }
    let since: &mut Time = control.neighbours_aged.get_or_insert(now);
    if now.since(*since) >= AGE {
        *since = now;
        learned.age();
    }
    if control.switch.state.pf.set_neighbours(learned.addresses()) {
        control.switch.release();
        // They take what places are left, so this does not fail for them.
        let _ = this.vfs.commit(control);
    }
    drop(guard);
    this.work.queue_again_after(AGE_CHECK);
}
