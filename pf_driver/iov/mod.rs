// SPDX-License-Identifier: GPL-2.0

//! The VFs, from the PF's side.
//!
//! - [`manager`]: the owner of all of this. The rest of the driver calls its methods.
//! - [`card`]: what [`control`](crate::control), which decides, has under it: mailboxes and queues.
//! - [`log`]: what the log says of VFs.
//! - [`vf`]: counters and interrupts of VFs.
//! - [`mailbox`]: the work item that serves the mailboxes.
//! - [`remote`]: VFs whose mailbox another module has.
//! - [`admin`]: the administrator's operations, `ip link set DEV vf N ...`.
//! - [`traffic`]: what a VF has sent and received.
//! - [`misconduct`]: what the card sees VFs do beside their mailboxes.
//! - [`notify`]: telling managers of changes.
//! - [`health`]: reporting a VF that misbehaves, and what the device is, by devlink.
//! - [`debugfs`]: counters and state of VFs, for ethtool and debugfs.
//! - [`enable`]: how many VFs there are, `sriov_numvfs`.

mod admin;
pub(crate) mod card;
pub(crate) mod debugfs;
pub(crate) mod enable;
pub(crate) mod health;
mod log;
pub(crate) mod mailbox;
pub(crate) mod manager;
pub(crate) mod misconduct;
pub(crate) mod notify;
mod remote;
pub(crate) mod traffic;
mod vf;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use self::manager::{
    VfManager,
    Works, //
};
use crate::{
    control::switch::Switch,
    kapi::{
        net::Device,
        work::{
            new_work,
            WorkQueue, //
        }, //
    },
    regs::Bar0, //
};

/// A manager without VFs. Here, since only this file knows all that the manager has to do: the other
/// files know the manager.
///
/// # Errors
///
/// [`ENOMEM`].
pub(crate) fn new_manager(
    ndev: Arc<Device>,
    bar: Arc<Bar0>,
    switch: Switch,
) -> Result<Arc<VfManager>> {
    // Guests wait for it: C igbvf for a second at most, and for 10 ms where the PF has the buffer, also if
    // the host is busy.
    let urgent = WorkQueue::new(c"rigb_mailbox")?;
    let works = Works {
        mailbox: new_work!(mailbox::serve, urgent.clone())?,
        mailbox_timer: new_work!(mailbox::timer, urgent.clone())?,
        late_ring: new_work!(remote::late_ring, urgent)?,
        notify: new_work!(notify::notify)?,
        health: new_work!(health::report)?,
    };
    VfManager::new(ndev, bar, switch, works)
}
