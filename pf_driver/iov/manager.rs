// SPDX-License-Identifier: GPL-2.0

//! The manager of VFs: all that the PF keeps of them, and the switch. It knows the port's registers and
//! its network interface, and nothing of its queues and its link.

use kernel::{
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc,
        Mutex,
        SpinLock, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};

use super::card::Control;
use crate::{
    control::{
        image::NoSpace,
        switch::Switch,
        vf_id::PerVf, //
    },
    heap::NoMemory,
    hw::{
        is_gone,
        pool::Seen, //
    },
    kapi::{
        net::{
            devlink::Reporter,
            Device, //
        },
        work::Work, //
    },
    learn::Learned,
    mbox::{
        limit::TokenBucket,
        time::{
            Span,
            Time, //
        }, //
    },
    regs::Bar0, //
};

/// Rings that a VF may send at once.
const RINGS: u32 = 64;
/// One more per this time; what comes sooner waits for it.
const RING_INTERVAL: Span = Span::from_millis(1);

/// What bounds the work that VFs can make by ringing. The card's doorbells are bounded by the
/// throttle of the PF's interrupt.
pub(crate) struct Rings {
    pub(super) buckets: PerVf<TokenBucket>,
    /// A late one is on its way.
    pub(super) late: bool,
}

impl Rings {
    fn new() -> core::result::Result<Self, NoMemory> {
        Ok(Self {
            buckets: PerVf::new(|| TokenBucket::new(RINGS, RING_INTERVAL))?,
            late: false,
        })
    }
}

/// Work that has to do with VFs.
pub(crate) struct Works {
    /// Serves the mailboxes.
    pub(crate) mailbox: Arc<Work<VfManager>>,
    /// Queues the former at a time that it chose.
    pub(super) mailbox_timer: Arc<Work<VfManager>>,
    /// Queues the mailboxes for a VF that rings more often than it may.
    pub(super) late_ring: Arc<Work<VfManager>>,
    /// Tells managers that a VF has changed.
    pub(super) notify: Arc<Work<VfManager>>,
    /// Reports VFs that misbehave.
    pub(crate) health: Arc<Work<VfManager>>,
}

impl Works {
    fn all(&self) -> [&Arc<Work<VfManager>>; 5] {
        [
            &self.mailbox_timer,
            &self.late_ring,
            &self.mailbox,
            &self.notify,
            &self.health,
        ]
    }
}

/// The manager of a port's VFs.
#[pin_data]
pub(crate) struct VfManager {
    /// The PF's network interface.
    pub(crate) ndev: Arc<Device>,
    /// The port's registers.
    pub(crate) bar: Arc<Bar0>,
    /// Addresses behind the PF, as the data path sees them.
    pub(crate) learned: Arc<Learned>,
    /// The switch and the VFs.
    #[pin]
    pub(crate) control: Mutex<Control>,
    /// What the card has seen VFs do.
    pub(crate) seen: Seen,
    /// A message about VFs is on its way.
    pub(super) notify_pending: Atomic<bool>,
    /// Where VFs that misbehave are reported.
    #[pin]
    pub(crate) reporter: Mutex<Option<Reporter>>,
    /// How often VFs ring that have another mailbox than the card's.
    #[pin]
    pub(super) rings: SpinLock<Rings>,
    /// Work items.
    pub(crate) works: Works,
    epoch: Instant<Monotonic>,
}

impl VfManager {
    /// A manager without VFs.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(
        ndev: Arc<Device>,
        bar: Arc<Bar0>,
        switch: Switch,
        works: Works,
    ) -> Result<Arc<Self>> {
        let learned = Arc::new(Learned::new(switch.state.emulated)?, GFP_KERNEL)?;
        let control = Control::new(switch)?;
        let rings = Rings::new()?;
        Arc::pin_init(
            pin_init!(Self {
                ndev,
                bar,
                learned,
                control <- new_mutex!(control),
                seen: Seen::nothing(),
                notify_pending: Atomic::new(false),
                reporter <- new_mutex!(None),
                rings <- new_spinlock!(rings),
                works,
                epoch: Instant::now(),
            }),
            GFP_KERNEL,
        )
    }

    /// Lets work run from now on. It holds the manager until [`VfManager::end_works`].
    pub(crate) fn begin_works(this: &Arc<Self>) {
        for work in this.works.all() {
            work.attach(this.clone());
        }
    }

    /// Ends all work, and with it the work's hold on the manager.
    pub(crate) fn end_works(&self) {
        // A work that is still to be ended may queue one that is ended: that does nothing.
        for work in self.works.all() {
            work.disable_sync();
        }
    }

    /// Commits a change of the PF's.
    ///
    /// # Errors
    ///
    /// [`NoSpace`], see [`Switch::commit`].
    pub(crate) fn commit(&self, control: &mut Control) -> core::result::Result<(), NoSpace> {
        control.commit(&*self.bar)?;
        self.follow(control);
        Ok(())
    }

    /// The PF receives other frames than before: addresses behind it may be of use now, or not any more,
    /// and VFs may have what it has let go of.
    pub(crate) fn follow(&self, control: &Control) {
        self.learned.set_active(control.switch.state.learns());
        if control.room_due().is_some() {
            self.works.mailbox.queue();
        }
    }

    /// The time for the mailboxes.
    pub(crate) fn now(&self) -> Time {
        let nanos = self.epoch.elapsed().as_nanos();
        Time::from_micros(u64::try_from(nanos).unwrap_or(0) / 1000)
    }

    /// Whether the hardware is not to be touched: it is being reset, a reset of it failed, or it is
    /// gone.
    pub(crate) fn in_reset(&self) -> bool {
        self.control.lock().resetting || is_gone(&self.bar)
    }
}
