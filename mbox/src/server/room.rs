// SPDX-License-Identifier: GPL-2.0

//! Addresses that a VF was refused since others had them, or had the room: when one of them is to be had,
//! the VF is told to ask again.
//!
//! It is told no more than that: neither which address has become free, nor who had it. Each refusal brings
//! one notice at most, and notices have a pace, so that guests who pass an address on to each other cannot
//! have a third one ask for it as often as they like.

use super::super::caps::Caps;
use super::super::limit::TokenBucket;
use super::super::pf::{
    without_tag,
    Effect,
    Outcome,
    Plan,
    Policy, //
};
use super::super::pf_state::{
    VfConfig,
    VfState,
    MAX_FILTERS, //
};
use super::super::reason::{
    Failure,
    Reason, //
};
use super::super::time::{
    Span,
    Time, //
};
use super::super::types::MacAddr;
use super::super::vf_to_pf::Request;
use super::super::wire::Words;
use super::Server;

/// Notices that a VF gets at once.
const NOTICES: u32 = 16;
/// One more per this time.
const NOTICE_INTERVAL: Span = Span::from_millis(500);

/// The addresses that a VF was refused and may be given later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    own: Option<MacAddr>,
    further: [Option<MacAddr>; MAX_FILTERS],
    /// Where the next one goes: the latest ones are kept.
    next: usize,
    /// [`Policy::releases`] when they were looked at last.
    seen: u64,
    notices: TokenBucket,
}

impl Refused {
    pub(super) const fn none() -> Self {
        Self {
            own: None,
            further: [None; MAX_FILTERS],
            next: 0,
            seen: 0,
            notices: TokenBucket::new(NOTICES, NOTICE_INTERVAL),
        }
    }

    /// The VF starts again, and asks for all that it wants.
    pub(super) fn forget(&mut self) {
        self.own = None;
        self.further = [None; MAX_FILTERS];
    }

    /// Whether the VF waits for one.
    #[cfg(not(MODULE))]
    pub(super) fn waits(&self) -> bool {
        !self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.own.is_none() && self.further.iter().all(Option::is_none)
    }

    /// Keeps in mind what the request in `words` asked for.
    fn keep(&mut self, words: &Words, agreed: Caps) {
        match Request::decode(&without_tag(words, agreed)) {
            Ok(Request::SetMac(mac)) => self.own = Some(mac),
            Ok(Request::AddFilter(mac)) if !self.further.contains(&Some(mac)) => {
                if let Some(place) = self.further.get_mut(self.next) {
                    *place = Some(mac);
                }
                self.next = self.next.wrapping_add(1) % MAX_FILTERS;
            }
            _ => {}
        }
    }

    /// The VF has been granted something.
    fn follow(&mut self, effect: &Effect) {
        match effect {
            Effect::Reset { .. } | Effect::FunctionReset { .. } => self.forget(),
            Effect::SetMac(_) => self.own = None,
            // It names those that it wants from now on.
            Effect::ClearFilters => self.further = [None; MAX_FILTERS],
            Effect::AddFilter(mac) => {
                for place in &mut self.further {
                    let _ = place.take_if(|kept| kept == mac);
                }
            }
            _ => {}
        }
    }

    /// Whether the VF would be given one of them now. Those are forgotten: it asks again for what it
    /// still wants.
    #[inline(never)]
    pub(super) fn take_free<P: Policy + ?Sized>(
        &mut self,
        config: &VfConfig,
        granted: &VfState,
        policy: &P,
        now: Time,
    ) -> bool {
        let releases = policy.releases();
        if self.seen == releases {
            return false;
        }
        if !granted.tells_events() {
            self.forget();
        }
        if !self.is_empty() && !self.notices.ready(now) {
            return false;
        }
        self.seen = releases;
        let free = |mac: &mut MacAddr| config.may_set_mac() && !policy.mac_in_use(*mac);
        let mut found = self.own.take_if(free).is_some();
        if granted.has_room(config) {
            for place in &mut self.further {
                found |= place.take_if(free).is_some();
            }
        }
        found && self.notices.take(now)
    }

    /// When to look at them, where `releases` is [`Policy::releases`].
    fn due(&self, releases: u64) -> Option<Time> {
        (self.seen != releases && !self.is_empty()).then(|| self.notices.next())
    }
}

impl Server {
    /// Keeps in mind what address the VF was refused, and forgets those that it was given.
    #[inline(never)]
    pub(super) fn note_addresses(
        &mut self,
        plan: &Plan,
        outcome: &Outcome,
        words: &Words,
        granted: &VfState,
    ) {
        match outcome.reason {
            Some(
                Reason::MacInUse(_) | Reason::FilterQuota(_) | Reason::Failed(Failure::NoSpace),
            ) if granted.tells_events() => self.refused.keep(words, granted.agreed()),
            _ => {
                if let Some(effect) = plan.effect().filter(|_| outcome.granted) {
                    self.refused.follow(effect);
                }
            }
        }
    }

    /// When to call [`Server::service`] for an address that the VF was refused and that may be free now,
    /// if there is one; `releases` is [`Policy::releases`].
    pub fn room_due(&self, releases: u64) -> Option<Time> {
        self.refused.due(releases)
    }
}
