// SPDX-License-Identifier: GPL-2.0

//! Asking the PF for multicast groups, see [`Groups`].
//!
//! A PF that has agreed on more than the base protocol is told of changes, up to [`MAX_GROUPS`]
//! hashes; another one gets a list of [`MAX_HASHES`] with each change. Groups that are wanted and are
//! received stay so while others come and go. What finds no place the operator is told.

use kernel::prelude::*;

use crate::{
    adapter::Adapter,
    control::Failure,
    groups::Groups,
    kapi::net::{
        net_ratelimit,
        netdev_warn, //
    },
    mbox::{
        caps::Caps,
        types::{
            HashList,
            McHash,
            MAX_GROUPS,
            MAX_HASHES, //
        },
        vf_to_pf::Request,
    }, //
};

/// The hashes for a message.
fn list(hashes: &[McHash], more: bool) -> HashList {
    let mut list = HashList::EMPTY;
    for &hash in hashes {
        list.push(hash);
    }
    if more {
        list.set_overflow();
    }
    list
}

impl Adapter {
    /// Asks for the groups that are wanted, as far as they were not asked for yet.
    pub(crate) fn sync_groups(&self, groups: &mut Groups) -> Result<(), Failure> {
        let changes = self.control.agreed().has(Caps::GROUPS);
        let most = if changes {
            usize::from(MAX_GROUPS)
        } else {
            MAX_HASHES
        };
        // A handshake tries again, and is the least that asks for the rest as well.
        let (next, kept) = groups.next(most).map_err(|_| Failure::NeedsHandshake)?;
        let more = groups.number() > most;
        let same = kept == next.len() && kept == groups.asked.len();
        if same && groups.more == Some(more) {
            return Ok(());
        }
        groups.more = Some(more);
        // Of a whole list an empty one is the shortest change.
        if changes && !next.is_empty() {
            self.change_groups(groups, next, kept, more)?;
        } else {
            self.set_groups(groups, next, more)?;
        }
        self.report_groups(groups);
        Ok(())
    }

    /// Gives the PF the whole list.
    fn set_groups(
        &self,
        groups: &mut Groups,
        next: KVec<McHash>,
        more: bool,
    ) -> Result<(), Failure> {
        let request = Request::SetMulticast(list(&next, more));
        let reply = self.control.request(&request)?;
        let done = groups.take_reply(&reply);
        if !done && self.control.agreed().has(Caps::GROUPS) {
            // The PF still has the former ones, and counts them.
            return Err(Failure::NeedsHandshake);
        }
        groups.given = if done { next.len() } else { 0 };
        // Not asked for again before it changes.
        groups.asked = next;
        if !done && net_ratelimit() {
            let why = groups.log.why;
            netdev_warn!(
                self.ndev,
                "the PF refused the list of multicast addresses: {why}\n"
            );
        }
        Ok(())
    }

    /// Tells the PF what has changed, of which the first `kept` it has.
    fn change_groups(
        &self,
        groups: &mut Groups,
        mut next: KVec<McHash>,
        kept: usize,
        more: bool,
    ) -> Result<(), Failure> {
        // What nobody wants any more goes first, and makes room.
        let mut old = core::mem::take(&mut groups.asked);
        old.retain(|hash| !next.contains(hash));
        for hashes in old.chunks(MAX_HASHES) {
            if !self.change(groups, hashes, true, more)? {
                // The PF still has them, and counts them: a handshake makes both sides agree again.
                return Err(Failure::NeedsHandshake);
            }
        }
        let mut had = kept;
        let new = next.get(kept..).unwrap_or(&[]);
        for hashes in new.chunks(MAX_HASHES) {
            if !self.change(groups, hashes, false, more)? {
                break;
            }
            had += hashes.len();
        }
        if old.is_empty() && new.is_empty() {
            self.change(groups, &[], false, more)?;
        }
        next.truncate(had);
        groups.given = had;
        groups.asked = next;
        Ok(())
    }

    fn change(
        &self,
        groups: &mut Groups,
        hashes: &[McHash],
        leave: bool,
        more: bool,
    ) -> Result<bool, Failure> {
        let list = list(hashes, more);
        let request = Request::ChangeMulticast { list, leave };
        Ok(groups.take_reply(&self.control.request(&request)?))
    }

    /// Says how many groups are not received, unless the log has it. What is too much for the log now
    /// is said by a later pass of the service work.
    pub(crate) fn report_groups(&self, groups: &mut Groups) {
        let left_out = groups.left_out();
        if groups.log.take(left_out, self.control.now()) {
            netdev_warn!(
                self.ndev,
                "{left_out} of {} multicast groups are not received, the PF gives no more: {}\n",
                groups.number(),
                groups.log.why
            );
        }
    }
}
