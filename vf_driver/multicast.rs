// SPDX-License-Identifier: GPL-2.0

//! Multicast groups: what the stack wants, and what the PF was asked for.
//!
//! A PF that has agreed on more than the base protocol is told of changes, up to [`MAX_GROUPS`]
//! hashes; another one gets a list of [`MAX_HASHES`] with each change. Groups that are wanted and are
//! received stay so while others come and go. What finds no place the operator is told.

use kernel::prelude::*;

use crate::{
    adapter::Adapter,
    control::Failure,
    kapi::net::{
        net_ratelimit,
        netdev_warn,
        RxMode, //
    },
    mbox::{
        caps::Caps,
        pf_to_vf::Reply,
        types::{
            HashList,
            HashSet,
            McHash,
            MAX_GROUPS,
            MAX_HASHES, //
        },
        vf_to_pf::Request,
    },
    wanted::RefusalLog,
};

/// The groups of this VF, by their hashes.
pub(crate) struct Groups {
    /// Those that the stack wants; nothing before it has wanted any.
    wanted: Option<KBox<HashSet>>,
    /// Those that the PF was asked for since the last handshake.
    asked: KVec<McHash>,
    /// Whether the PF knows that there are more than it may be asked for. Nothing if it is to be told
    /// again.
    more: Option<bool>,
    /// How many of those it was asked for the PF gives.
    given: usize,
    /// Whether the PF does not give all.
    short: bool,
    /// What the operator knows of that.
    log: RefusalLog,
}

impl Groups {
    pub(crate) const fn new() -> Self {
        Self {
            wanted: None,
            asked: KVec::new(),
            more: Some(false),
            given: 0,
            short: false,
            log: RefusalLog::new(),
        }
    }

    /// Takes what the stack wants.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]; nothing is changed then.
    pub(crate) fn want(&mut self, mode: &RxMode<'_>) -> Result {
        let mut wanted = match self.wanted.take() {
            Some(wanted) => wanted,
            None => KBox::new(HashSet::EMPTY, GFP_KERNEL)?,
        };
        wanted.clear();
        for address in mode.mc {
            wanted.insert(McHash::of(&address));
        }
        self.wanted = Some(wanted);
        Ok(())
    }

    /// The stack wants none.
    pub(crate) fn want_none(&mut self) {
        if let Some(wanted) = &mut self.wanted {
            wanted.clear();
        }
    }

    /// The PF has forgotten this VF.
    pub(crate) fn start_over(&mut self) {
        self.asked.clear();
        self.more = Some(false);
        self.given = 0;
        self.short = false;
    }

    /// What the PF did not give it may give now, and what it gave for trust it may not.
    pub(crate) fn ask_again(&mut self) {
        if self.short || self.more == Some(true) {
            self.more = None;
        }
    }

    /// How many groups are wanted and not received.
    pub(crate) fn left_out(&self) -> usize {
        if self.short {
            self.number().saturating_sub(self.given)
        } else {
            0
        }
    }

    /// What the PF is to have next, `most` at most: first those of what it has that are wanted, and
    /// how many these are.
    fn next(&self, most: usize) -> Result<(KVec<McHash>, usize)> {
        let mut next = KVec::with_capacity(most, GFP_KERNEL)?;
        let Some(wanted) = &self.wanted else {
            return Ok((next, 0));
        };
        for hash in self.asked.iter().filter(|hash| wanted.contains(**hash)) {
            next.push(*hash, GFP_KERNEL)?;
        }
        let kept = next.len();
        let room = most.saturating_sub(kept);
        let new = |hash: &McHash| !self.asked.contains(hash);
        for hash in wanted.iter().filter(new).take(room) {
            next.push(hash, GFP_KERNEL)?;
        }
        Ok((next, kept))
    }

    /// How many groups are wanted. Addresses share hashes.
    fn number(&self) -> usize {
        let count = self.wanted.as_ref().map_or(0, |wanted| wanted.len());
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Takes in a reply. Whether the PF has done what it was asked for.
    fn take_reply(&mut self, reply: &Reply) -> bool {
        let (done, why) = match reply {
            Reply::Refused(why) => (false, Some(*why)),
            Reply::GrantedInPart(why) => (true, Some(*why)),
            _ => (true, None),
        };
        self.short = why.is_some();
        self.log.why = why.unwrap_or(self.log.why);
        done
    }
}

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
