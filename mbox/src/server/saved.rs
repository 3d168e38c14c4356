// SPDX-License-Identifier: GPL-2.0

//! What the server of a VF keeps over a move of the VF to another host.
//!
//! Rate limits, retries and counters are this host's, and begin anew on the other one. So does the list of
//! addresses that the VF waits for: other functions have others there.

use super::super::event::{
    Changes,
    State, //
};
use super::super::pf_state::VfConfig;
use super::super::port::PfEvents;
use super::super::time::Time;
use super::{
    Notice,
    Server,
    Unread, //
};

/// What the server of a VF has said and has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What the VF was told last.
    pub told: State,
    /// What it does not know of that.
    pub changes: Changes,
    /// The mailbox holds a request that was not read yet.
    pub request: bool,
    /// The mailbox holds words that the VF has not read yet.
    pub unread: bool,
    /// The VF was refused an address, and is told when that is free.
    pub waits: bool,
}

impl Saved {
    /// That of a VF that has to make a handshake, and is told all there is by that.
    pub(in super::super) fn of_new(told: State) -> Self {
        Self {
            told,
            changes: Changes::NONE,
            request: false,
            unread: false,
            waits: false,
        }
    }
}

impl Server {
    /// Whether the VF is to lose what it was granted, by a reset that is still to be followed.
    pub fn starts_again(&self) -> bool {
        self.events.function_reset
    }

    /// What another server has to know to go on with this VF.
    pub fn save(&self) -> Saved {
        let unread = self.unread.map_or(Changes::NONE, |unread| unread.changes);
        Saved {
            told: self.told,
            changes: self.changes.or(unread),
            request: self.events.request,
            unread: self.unread.is_some(),
            waits: self.refused.waits(),
        }
    }

    /// Goes on with a VF where another server was. All that has happened on the mailbox before is
    /// forgotten. The next [`Server::service`] tells the VF what is different here; that it looks at its
    /// link never harms.
    pub fn adopt(&mut self, saved: &Saved, now: Time) {
        let events = PfEvents {
            request: saved.request,
            ..PfEvents::default()
        };
        self.begin(saved.told, events);
        self.changes = saved.changes;
        if saved.waits {
            // Others have other addresses here.
            self.told.generation = self.told.generation.wrapping_add(1);
            self.told.room = self.told.room.wrapping_add(1);
            self.changes = self.changes.or(Changes::ROOM);
        }
        self.unread = saved.unread.then_some(Unread {
            since: now,
            notice: None,
            changes: Changes::NONE,
        });
    }

    /// Has a VF start again that comes from another host.
    pub fn adopt_new(&mut self) {
        self.begin(self.told, PfEvents::default());
    }

    fn begin(&mut self, told: State, events: PfEvents) {
        *self = Self {
            counters: self.counters,
            log: self.log,
            requests: self.requests,
            addresses: self.addresses,
            resets: self.resets,
            told,
            events,
            notice: Some(Notice::Control),
            ..Self::new(&VfConfig::default())
        };
    }
}
