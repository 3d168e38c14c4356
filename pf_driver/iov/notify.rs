// SPDX-License-Identifier: GPL-2.0

//! Telling managers that a VF has changed: `RTM_NEWLINK` of the PF's interface.
//!
//! The core does that for what the administrator sets, as long as the interface is up. For what a
//! VF's driver does it takes a work item, as the mailbox must not take the RTNL. A VF can ask for
//! changes all day, so there is one message for all that happens in a tenth of a second.

use kernel::{
    sync::{
        atomic::Relaxed,
        ArcBorrow, //
    },
    time::Delta, //
};

use super::manager::VfManager;
use crate::{
    kapi::net::{
        rtnl_trylock,
        Device,
        Rtnl, //
    }, //
};

const DELAY: Delta = Delta::from_millis(100);

impl VfManager {
    /// A VF has changed without the administrator. Any context.
    pub(crate) fn notify_changed(&self) {
        // To set the time again would put the message off for as long as changes come.
        if !self.notify_pending.xchg(true, Relaxed) {
            self.works.notify.queue_after(DELAY);
        }
    }

    /// The administrator has changed a VF: the core says so by itself if the interface is up.
    pub(crate) fn notify_set(&self, dev: &Device<Rtnl>) {
        if !dev.running() {
            dev.info_changed();
        }
    }
}

/// The work item's function.
pub(crate) fn notify(this: ArcBorrow<'_, VfManager>) {
    // A VF of this host asks while it holds the RTNL, and C igbvf waits for the answer without
    // sleeping. To wait for the RTNL here, spinning as mutexes do, would keep this CPU's worker
    // from serving the mailbox.
    let Some(rtnl) = rtnl_trylock() else {
        this.works.notify.queue_after(DELAY);
        return;
    };
    // Before the message: what changes from now on is told by another.
    this.notify_pending.store(false, Relaxed);
    rtnl.device(&this.ndev).info_changed();
}
