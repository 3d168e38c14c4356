// SPDX-License-Identifier: GPL-2.0

//! Multicast groups of this VF: what the stack wants, and what the PF was asked for.

use kernel::prelude::*;

use crate::{
    kapi::net::RxMode,
    mbox::{
        pf_to_vf::Reply,
        types::{
            HashSet,
            McHash, //
        }, //
    },
    refusal_log::RefusalLog, //
};

/// The groups of this VF, by their hashes.
pub(crate) struct Groups {
    /// Those that the stack wants; nothing before it has wanted any.
    wanted: Option<KBox<HashSet>>,
    /// Those that the PF was asked for since the last handshake.
    pub(crate) asked: KVec<McHash>,
    /// Whether the PF knows that there are more than it may be asked for. Nothing if it is to be told
    /// again.
    pub(crate) more: Option<bool>,
    /// How many of those it was asked for the PF gives.
    pub(crate) given: usize,
    /// Whether the PF does not give all.
    short: bool,
    /// What the operator knows of that.
    pub(crate) log: RefusalLog,
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
    pub(crate) fn next(&self, most: usize) -> Result<(KVec<McHash>, usize)> {
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
    pub(crate) fn number(&self) -> usize {
        let count = self.wanted.as_ref().map_or(0, |wanted| wanted.len());
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Takes in a reply. Whether the PF has done what it was asked for.
    pub(crate) fn take_reply(&mut self, reply: &Reply) -> bool {
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
