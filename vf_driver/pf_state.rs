// SPDX-License-Identifier: GPL-2.0

//! What the PF has told by events, if it has agreed on them: what the administrator of the host decides
//! over this VF, and what the PF has.
//!
//! A PF without events tells nothing of this. There the VF learns of another address by being
//! reset, of a trust by what is granted, and of the rest not at all.

use crate::mbox::{
    event::{
        LinkPolicy,
        State, //
    },
    limit::TokenBucket,
    time::{
        Span,
        Time, //
    },
    types::MacAddr, //
};

/// What the PF has told.
#[derive(Clone, Copy)]
pub(crate) struct PfState {
    /// What was acted on.
    current: Option<State>,
    /// What is still to be acted on.
    pending: Option<State>,
    /// [`State::room`] when what was refused was asked for last.
    room: u16,
    log: TokenBucket,
}

/// What is to be acted on.
pub(crate) struct Update {
    /// What the PF has now.
    pub(crate) state: State,
    /// What was acted on last.
    pub(crate) before: Option<State>,
    /// Whether addresses have become free since those that were refused were asked for.
    pub(crate) room: bool,
    /// Whether the log may have a line of it.
    pub(crate) log: bool,
}

/// Changes that are logged at once.
const LOG_BURST: u32 = 32;
/// One more per this time: a faulty PF can tell changes at any rate.
const LOG_INTERVAL: Span = Span::from_millis(1_000);

impl PfState {
    /// The PF has told nothing.
    pub(crate) const fn unknown() -> Self {
        Self {
            current: None,
            pending: None,
            room: 0,
            log: TokenBucket::new(LOG_BURST, LOG_INTERVAL),
        }
    }

    /// Takes in what an event tells, to be acted on.
    pub(crate) fn receive(&mut self, state: State) {
        self.pending = Some(state);
    }

    /// What is to be acted on, once.
    pub(crate) fn take_pending(&mut self, now: Time) -> Option<Update> {
        let state = self.pending.take()?;
        let room = core::mem::replace(&mut self.room, state.room) != state.room;
        Some(Update {
            state,
            before: self.current.replace(state),
            room,
            log: self.log.take(now),
        })
    }

    /// Whether something is to be acted on.
    pub(crate) fn has_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// A handshake is done, in which the PF has assigned `mac` and told `state`, or nothing if it has no
    /// events.
    pub(crate) fn begin(&mut self, mac: Option<MacAddr>, state: Option<State>) {
        let Some(state) = state else {
            self.current = None;
            self.pending = None;
            return;
        };
        // All is asked for anew after a handshake.
        self.room = state.room;
        // The handshake has settled the address, unless the host was quick: then there is no choice.
        let given = state.mac_locked && !state.trusted;
        if let Some(before) = &mut self.current {
            before.mac = if given { mac } else { state.mac };
        }
        self.receive(state);
    }

    /// What decides over the link.
    pub(crate) fn link_policy(&self) -> LinkPolicy {
        self.pending
            .or(self.current)
            .map_or(LinkPolicy::Auto, |state| state.link.policy)
    }
}
