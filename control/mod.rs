// SPDX-License-Identifier: GPL-2.0

//! The control plane of a port: what the PF receives and what each VF may do, who decides that, and
//! the registers of the card's switch that follow from it.
//!
//! [`State`](state::State) is what is wanted, [`Image`](image::Image) what the registers hold. A
//! change is a transaction ([`Switch`](switch::Switch)): the image of the changed state is tried,
//! and what does not fit into the card changes nothing. [`Control`](vfs::Control) has the switch and
//! the mailboxes, and all that decides over VFs is a method of it.
//!
//! | file | what it is |
//! |---|---|
//! | `device.rs` | what the device has: pools, queues, sizes of tables |
//! | `card.rs` | what the card has to do for this ([`card::Card`]) |
//! | `vf_id.rs` | numbers of VFs |
//! | `vf.rs`, `state.rs` | what is wanted of a VF, and of all |
//! | `registers.rs` | what single registers say |
//! | `image.rs`, `write.rs` | all of them, and the order in which they are written |
//! | `rate.rs` | limits of what VFs send, as the card has them |
//! | `switch.rs` | state and registers together |
//! | `vfs.rs` | the table of VFs, `sriov_numvfs`, a reset of the PF |
//! | `admin.rs` | what the administrator changes |
//! | `requests.rs` | serving a VF's mailbox |
//! | `quarantine.rs` | VFs that misbehave |
//! | `snapshot.rs` | VFs that move to another host; not in `rigb.ko` before it asks for that |
//!
//! No kernel type and no register: the same files are compiled into `rigb.ko` and by cargo on the
//! host, where a model of the card watches every write (`tests/plane`).

#![deny(unsafe_code)]

pub mod admin;
pub mod card;
pub mod device;
pub mod image;
pub mod quarantine;
pub mod rate;
pub mod registers;
pub mod requests;
#[cfg(not(MODULE))]
pub mod snapshot;
pub mod state;
pub mod switch;
pub mod vf;
pub mod vf_id;
pub mod vfs;
pub mod write;
