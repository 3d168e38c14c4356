// SPDX-License-Identifier: GPL-2.0

//! What of a VF's misbehaviour is borne, and when it is too much: then its PF puts it into quarantine.
//!
//! Each VF has a token bucket for offences, for forbidden requests, for idle doorbells, for resets and
//! for what the card blocks it for. They fill up again with time. A VF that has used up one of them is
//! quarantined until the administrator releases it, or a function level reset, as its next tenant begins
//! with; but only a few of those in a row, since a VF can do that to itself.

use super::limit::TokenBucket;
use super::server::Counters;
use super::time::{
    Span,
    Time, //
};

/// Offences that are borne at once. A guest in good order has a few dozen at most.
const OFFENCES: u32 = 1000;
/// One offence is forgiven in this time.
const OFFENCE_INTERVAL: Span = Span::from_millis(50);
/// Requests refused by policy that are borne at once. C igbvf asks again for what it was refused with
/// each change of its lists: a restart of all containers of a guest makes hundreds.
const DENIALS: u32 = 4000;
/// One is forgiven in this time: three for each of ten changes a second are borne for ever.
const DENIAL_INTERVAL: Span = Span::from_millis(20);
/// Acknowledgements of nothing that are borne at once, and doorbells for a request that waits already.
const STRAYS: u32 = 1000;
/// One is forgiven in this time.
const STRAY_INTERVAL: Span = Span::from_millis(50);
/// Resets that are borne at once, by message or by function level reset.
const RESETS: u32 = 400;
/// One reset is forgiven in this time.
const RESET_INTERVAL: Span = Span::from_millis(500);
/// How often the card may block it. No driver in good order writes malformed descriptors.
const BLOCKS: u32 = 8;
/// One is forgiven in this time.
const BLOCK_INTERVAL: Span = Span::from_millis(60_000);
/// Function level resets that let a VF out.
const RELEASES: u32 = 3;
/// One more in this time.
const RELEASE_INTERVAL: Span = Span::from_millis(60_000);

/// Why a VF is in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Bad messages, and doorbells without one.
    Offences,
    /// Requests that policy forbids.
    Denials,
    /// Doorbells that acknowledge nothing, or ring for a request that waits already.
    Strays,
    /// Resets.
    Resets,
    /// Malformed descriptors, for which the card stops its queues.
    Blocks,
}

impl Cause {
    /// The cause in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Offences => "too many bad requests",
            Self::Denials => "too many forbidden requests",
            Self::Strays => "too many doorbells for nothing",
            Self::Resets => "too many resets",
            Self::Blocks => "blocked by the card too often",
        }
    }
}

/// What managers are told of a VF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VfEvent {
    /// It is in quarantine.
    Quarantined(Cause),
    /// The card has blocked it.
    Blocked,
    /// It is neither any more.
    Released,
}

/// What a VF has left, and what is to be told of it.
#[derive(Clone, Copy, Debug)]
pub struct Penalties {
    offences: TokenBucket,
    denials: TokenBucket,
    strays: TokenBucket,
    resets: TokenBucket,
    blocks: TokenBucket,
    releases: TokenBucket,
    /// How often the card has blocked it.
    card_blocks: u64,
    /// That was too often.
    blocked_too_often: bool,
    /// That the card has blocked it nobody was told yet.
    block_unreported: bool,
    /// What was counted when it was last looked at.
    seen: Counters,
    /// Of this quarantine nobody was told yet.
    unreported: Option<Cause>,
    /// Whether the last that was told is that it is in quarantine, or blocked.
    told: bool,
    /// How often it was quarantined.
    quarantines: u64,
    /// In quarantine it went through a function level reset, and may be released for that later.
    leaving: bool,
    /// How often it did so without being released.
    resets_ignored: u64,
}

impl Default for Penalties {
    fn default() -> Self {
        Self::new()
    }
}

impl Penalties {
    /// A VF that has done nothing yet.
    pub const fn new() -> Self {
        Self {
            offences: TokenBucket::new(OFFENCES, OFFENCE_INTERVAL),
            denials: TokenBucket::new(DENIALS, DENIAL_INTERVAL),
            strays: TokenBucket::new(STRAYS, STRAY_INTERVAL),
            resets: TokenBucket::new(RESETS, RESET_INTERVAL),
            blocks: TokenBucket::new(BLOCKS, BLOCK_INTERVAL),
            releases: TokenBucket::new(RELEASES, RELEASE_INTERVAL),
            card_blocks: 0,
            blocked_too_often: false,
            block_unreported: false,
            seen: Counters::NONE,
            unreported: None,
            told: false,
            quarantines: 0,
            leaving: false,
            resets_ignored: 0,
        }
    }

    /// What there is to tell since the last time. `free`: the VF is neither in quarantine nor blocked now.
    pub fn take_event(&mut self, free: bool) -> Option<VfEvent> {
        if core::mem::take(&mut self.block_unreported) {
            self.told = true;
            return Some(VfEvent::Blocked);
        }
        if let Some(cause) = self.unreported.take() {
            self.told = true;
            return Some(VfEvent::Quarantined(cause));
        }
        if free && core::mem::take(&mut self.told) {
            return Some(VfEvent::Released);
        }
        None
    }

    /// The card has blocked it. Unless it is `certain` that it was for what this VF did, that is not held
    /// against it, and told only as often as it is `logged`.
    pub fn blocked(&mut self, certain: bool, logged: bool, now: Time) {
        self.card_blocks = self.card_blocks.wrapping_add(1);
        self.block_unreported |= certain || logged;
        if certain && !self.blocks.take(now) {
            self.blocked_too_often = true;
        }
    }

    /// How often the card has blocked it.
    pub const fn card_blocks(&self) -> u64 {
        self.card_blocks
    }

    /// How often it was quarantined.
    pub const fn quarantines(&self) -> u64 {
        self.quarantines
    }

    /// Looks at what the VF has done since the last time: whether that is too much.
    pub fn charge(&mut self, counters: &Counters, now: Time) -> Option<Cause> {
        let resets = |counters: &Counters| counters.resets.wrapping_add(counters.function_resets);
        let strays = |counters: &Counters| counters.stray_acks.wrapping_add(counters.extra_rings);
        // One event may count several times, but never many.
        let offences = counters.offences.wrapping_sub(self.seen.offences);
        let denials = counters.denials.wrapping_sub(self.seen.denials);
        let strays = strays(counters).wrapping_sub(strays(&self.seen));
        let resets = resets(counters).wrapping_sub(resets(&self.seen));
        self.seen = *counters;
        if (0..offences).any(|_| !self.offences.take(now)) {
            return Some(Cause::Offences);
        }
        if (0..denials).any(|_| !self.denials.take(now)) {
            return Some(Cause::Denials);
        }
        if (0..strays).any(|_| !self.strays.take(now)) {
            return Some(Cause::Strays);
        }
        if (0..resets).any(|_| !self.resets.take(now)) {
            return Some(Cause::Resets);
        }
        core::mem::take(&mut self.blocked_too_often).then_some(Cause::Blocks)
    }

    /// How often it was reset in quarantine without being released.
    pub const fn resets_ignored(&self) -> u64 {
        self.resets_ignored
    }

    /// In quarantine it went through a function level reset, which [`Self::may_release`] is to follow.
    pub fn note_function_reset(&mut self) {
        self.leaving = true;
    }

    /// In quarantine: whether a function level reset, now (`reset`) or before, releases the VF now.
    ///
    /// # Errors
    ///
    /// When it does, if it does.
    pub fn may_release(&mut self, reset: bool, now: Time) -> Result<(), Option<Time>> {
        self.leaving |= reset;
        if !self.leaving {
            return Err(None);
        }
        if self.releases.take(now) {
            return Ok(());
        }
        self.resets_ignored = self.resets_ignored.wrapping_add(reset.into());
        Err(Some(self.releases.next()))
    }

    /// The VF is in quarantine from now on.
    pub fn quarantined(&mut self, cause: Cause) {
        self.unreported = Some(cause);
        self.quarantines = self.quarantines.wrapping_add(1);
    }

    /// The VF begins anew, but for what is counted and what is to be told.
    pub fn release(&mut self) {
        self.offences = TokenBucket::new(OFFENCES, OFFENCE_INTERVAL);
        self.denials = TokenBucket::new(DENIALS, DENIAL_INTERVAL);
        self.strays = TokenBucket::new(STRAYS, STRAY_INTERVAL);
        self.leaving = false;
        self.resets = TokenBucket::new(RESETS, RESET_INTERVAL);
        self.blocks = TokenBucket::new(BLOCKS, BLOCK_INTERVAL);
        self.blocked_too_often = false;
    }
}
