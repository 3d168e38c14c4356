// SPDX-License-Identifier: GPL-2.0

//! The mailboxes: the work item that serves them, see [`Control::serve`](crate::control::vfs::Control::serve).
//!
//! The interrupt handler only queues the work. It never waits for a VF: what cannot be done now is
//! done at the time that the server says, and other VFs are served meanwhile.

use kernel::{
    sync::ArcBorrow,
    time::Delta, //
};

use super::manager::VfManager;
use crate::{
    hw::is_gone,
    mbox::time::Time, //
};

/// Serves all mailboxes: what is in them now, one request of each VF. The work item's function.
pub(crate) fn serve(this: ArcBorrow<'_, VfManager>) {
    let now = this.now();
    let mut due: Option<Time> = None;
    {
        let mut control = this.control.lock();
        if control.resetting || !control.has_vfs() || is_gone(&this.bar) {
            return;
        }
        let changes = control.switch.changes;
        for vf in control.vf_ids() {
            let quarantine = control.quarantine(vf);
            due = earlier(due, control.serve(&*this.bar, &*this, vf, now));
            if control.quarantine(vf) != quarantine {
                control.mask_mailboxes(&this.bar);
            }
        }
        // One may have let go of what another that was served before waits for.
        due = earlier(due, control.room_due());
        if control.switch.changes != changes {
            this.notify_changed();
        }
    }
    if let Some(due) = due {
        this.serve_again_after(due.since(now).as_micros());
    }
}

/// The earlier of two times, of which either may be none.
fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl VfManager {
    /// Has the mailboxes served again after `micros` microseconds.
    fn serve_again_after(&self, micros: u64) {
        if micros == 0 {
            self.works.mailbox.queue();
            return;
        }
        let millis = micros.div_ceil(1000);
        let millis = i64::try_from(millis).unwrap_or(i64::from(i32::MAX));
        self.works
            .mailbox_timer
            .queue_after(Delta::from_millis(millis));
    }

    /// The port is about to be reset: tells those VFs that can be told.
    pub(crate) fn warn_vfs(&self) {
        let now = self.now();
        let mut control = self.control.lock();
        if !control.resetting && !is_gone(&self.bar) {
            control.warn_of_reset(&*self.bar, now);
        }
    }
}

/// The time that [`serve`] asked for has come. A timer of its own: setting the time of the work
/// itself would put off what an interrupt has queued meanwhile.
pub(crate) fn timer(this: ArcBorrow<'_, VfManager>) {
    this.works.mailbox.queue();
}
