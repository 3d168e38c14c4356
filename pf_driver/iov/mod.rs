// SPDX-License-Identifier: GPL-2.0

//! The VFs, from the PF's side.
//!
//! - [`vf`]: what the PF keeps of each VF, and the table of all.
//! - [`mailbox`]: the work item that serves the mailboxes.
//! - [`port`]: the PF's end of a mailbox, in the card's registers or in another module.
//! - [`policy`]: what the mailbox server may do to the switch.
//! - [`control`]: the administrator's operations, `ip link set DEV vf N ...`.
//! - [`limit`]: those that limit a VF.
//! - [`traffic`]: how a VF is set up, and what it has sent and received.
//! - [`quarantine`]: shutting out a VF that misbehaves.
//! - [`news`]: telling managers of changes.
//! - [`health`]: reporting a VF that misbehaves, and what the device is, by devlink.
//! - [`report`]: counters and state of VFs, for ethtool and debugfs.
//! - [`enable`]: how many VFs there are, `sriov_numvfs`.

pub(crate) mod control;
pub(crate) mod enable;
pub(crate) mod health;
mod limit;
pub(crate) mod mailbox;
pub(crate) mod news;
pub(crate) mod policy;
pub(crate) mod port;
pub(crate) mod quarantine;
pub(crate) mod report;
pub(crate) mod traffic;
pub(crate) mod vf;
