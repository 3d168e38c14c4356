// SPDX-License-Identifier: GPL-2.0

//! Shutting out a VF that does not stop doing what no driver in good order does.
//!
//! Each VF has a stock of offences, of forbidden requests, of idle doorbells and of resets, which fill
//! up again with time. A VF that has used up one is quarantined: its pool is closed and its mailbox ignored. The administrator
//! lets it out, or a function level reset, as its next tenant begins with; but only a few of those
//! in a row, since a VF can do that to itself.

use kernel::prelude::*;

use super::{
    mailbox::mask_mailboxes,
    vf::Vf, //
};
use crate::{
    adapter::Adapter,
    kapi::net::{
        netdev_err,
        netdev_info,
        Device, //
    },
    mbox::{
        limit::TokenBucket,
        server::Counters,
        time::{
            Span,
            Time, //
        }, //
    },
    regs::Bar0,
    switch::Switch, //
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
/// Acknowledgements of nothing that are borne at once, or what else rings without a message.
const STRAYS: u32 = 1000;
/// One is forgiven in this time.
const STRAY_INTERVAL: Span = Span::from_millis(50);
/// Resets that are borne at once, by message or by function level reset.
const RESETS: u32 = 400;
/// One reset is forgiven in this time.
const RESET_INTERVAL: Span = Span::from_millis(500);
/// Function level resets that let a VF out.
const RELEASES: u32 = 3;
/// One more in this time.
const RELEASE_INTERVAL: Span = Span::from_millis(60_000);

/// Why a VF is shut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Bad messages, and doorbells without one.
    Offences,
    /// Requests that policy forbids.
    Denials,
    /// Doorbells that acknowledge nothing.
    Strays,
    /// Resets.
    Resets,
}

impl Cause {
    /// The cause in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Offences => "too many bad requests",
            Self::Denials => "too many forbidden requests",
            Self::Strays => "too many doorbells without a message",
            Self::Resets => "too many resets",
        }
    }
}

/// What is told of a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The VF was shut out.
    ShutOut(Cause),
    /// It was let out.
    LetOut,
}

/// What a VF has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conduct {
    offences: TokenBucket,
    denials: TokenBucket,
    strays: TokenBucket,
    resets: TokenBucket,
    releases: TokenBucket,
    /// What was counted when it was last looked at.
    seen: Counters,
    quarantine: Option<Cause>,
    /// Of this nobody was told yet.
    unreported: Option<Cause>,
    /// Whether the last that was told is that it is shut out.
    told: bool,
    /// How often it was shut out.
    times: u64,
    /// In quarantine it went through a function level reset, and may be let out for that later.
    leaving: bool,
    /// How often it did so without being let out.
    resets_ignored: u64,
}

impl Conduct {
    /// A VF that has done nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            offences: TokenBucket::new(OFFENCES, OFFENCE_INTERVAL),
            denials: TokenBucket::new(DENIALS, DENIAL_INTERVAL),
            strays: TokenBucket::new(STRAYS, STRAY_INTERVAL),
            resets: TokenBucket::new(RESETS, RESET_INTERVAL),
            releases: TokenBucket::new(RELEASES, RELEASE_INTERVAL),
            seen: Counters::default(),
            quarantine: None,
            unreported: None,
            told: false,
            times: 0,
            leaving: false,
            resets_ignored: 0,
        }
    }

    /// Why the VF is shut out, if it is.
    pub(crate) fn quarantine(&self) -> Option<Cause> {
        self.quarantine
    }

    /// What there is to tell since the last time: why the VF was shut out, or that it was let out.
    pub(super) fn take_report(&mut self) -> Option<Report> {
        if let Some(cause) = self.unreported.take() {
            self.told = true;
            return Some(Report::ShutOut(cause));
        }
        if self.quarantine.is_none() && core::mem::take(&mut self.told) {
            return Some(Report::LetOut);
        }
        None
    }

    /// How often it was shut out.
    pub(crate) fn times(&self) -> u64 {
        self.times
    }

    /// Looks at what the VF has done since the last time: whether that is too much.
    fn judge(&mut self, counters: &Counters, now: Time) -> Option<Cause> {
        let resets = |counters: &Counters| counters.resets.wrapping_add(counters.function_resets);
        // One event may count several times, but never many.
        let offences = counters.offences.wrapping_sub(self.seen.offences);
        let denials = counters.denials.wrapping_sub(self.seen.denials);
        let strays = counters.stray_acks.wrapping_sub(self.seen.stray_acks);
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
        None
    }

    /// How often it was reset in quarantine without being let out.
    pub(crate) fn resets_ignored(&self) -> u64 {
        self.resets_ignored
    }

    /// In quarantine: whether a function level reset, now (`reset`) or before, lets the VF out now, or
    /// else when.
    pub(super) fn may_leave(
        &mut self,
        reset: bool,
        now: Time,
    ) -> core::result::Result<(), Option<Time>> {
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

    /// The VF begins anew.
    fn release(&mut self) {
        self.offences = TokenBucket::new(OFFENCES, OFFENCE_INTERVAL);
        self.denials = TokenBucket::new(DENIALS, DENIAL_INTERVAL);
        self.strays = TokenBucket::new(STRAYS, STRAY_INTERVAL);
        self.leaving = false;
        self.resets = TokenBucket::new(RESETS, RESET_INTERVAL);
        self.quarantine = None;
    }
}

/// Shuts VF `index` out if it has done too much. Whether it did.
pub(super) fn enforce(
    dev: &Device,
    bar: &Bar0,
    switch: &mut Switch,
    vf: &mut Vf,
    index: usize,
    now: Time,
) -> bool {
    let counters = *vf.server.counters();
    let Some(cause) = vf.conduct.judge(&counters, now) else {
        return false;
    };
    let closed = switch.change_vf::<Error>(bar, index, |pool| {
        pool.quarantined = true;
        Ok(())
    });
    if closed.is_err() {
        // It needs less than before, so it fits.
        return false;
    }
    vf.conduct.quarantine = Some(cause);
    vf.conduct.unreported = Some(cause);
    vf.conduct.times = vf.conduct.times.wrapping_add(1);
    netdev_err!(
        dev,
        "VF {} is quarantined, its queues are off and its mailbox is ignored: {}; look at its guest, then let it out by 'ip link set {} vf {} state auto' or a function level reset\n",
        index,
        cause.words(),
        *dev,
        index
    );
    true
}

/// Lets VF `index` out. Its driver has to begin anew.
pub(super) fn release(dev: &Device, bar: &Bar0, switch: &mut Switch, vf: &mut Vf, index: usize) {
    if vf.conduct.quarantine.is_none() {
        return;
    }
    let opened = switch.change_vf::<Error>(bar, index, |pool| {
        pool.open = false;
        pool.quarantined = false;
        Ok(())
    });
    if opened.is_err() {
        return;
    }
    vf.conduct.release();
    netdev_info!(dev, "VF {} is let out of quarantine\n", index);
}

impl Adapter {
    /// Lets a VF out of quarantine, if it is in it.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(super) fn pardon(&self, vf: u32) -> Result {
        let mut guard = self.control.lock();
        let control = &mut *guard;
        let index = self.find_vf(control, vf)?;
        let entry = control.vfs.get_mut(index).ok_or(EINVAL)?;
        if entry.conduct.quarantine().is_none() {
            return Ok(());
        }
        release(&self.ndev, &self.bar, &mut control.switch, entry, index);
        // Its driver is told.
        entry.server.reconfigure();
        mask_mailboxes(&self.bar, &control.vfs);
        drop(guard);
        self.works.mailbox.queue();
        self.works.health.queue();
        Ok(())
    }
}
