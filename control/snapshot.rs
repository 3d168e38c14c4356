// SPDX-License-Identifier: GPL-2.0

//! A VF whose guest moves to another host: what it has here, and what it gets there.
//!
//! The administrator of each host says what a VF may do, so none of that is in a snapshot, nor what a VF
//! is in quarantine or penalized for: a guest cannot bring rights along, and one in quarantine does not
//! leave it by moving. What its driver was granted is granted again as a whole or not at all. If not, the
//! VF keeps its address, is closed, and is told to make a handshake, after which it asks for everything and
//! hears what it does not get. Without the address it would be another guest for its neighbours: then it
//! does not come here, and goes on where it was.

use super::{
    card::{
        Card,
        Mailbox, //
    },
    state::State,
    vf_id::VfId,
    vfs::Control, //
};
use crate::mbox::{
    pf::Policy,
    pf_state::VfState,
    reason::{
        Failure,
        Reason, //
    },
    snapshot::{
        Bytes,
        Malformed,
        Snapshot, //
    },
    time::Time,
    types::{
        HashSet,
        MacAddr, //
    }, //
};

/// Why a VF does not leave, or does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveRefusal {
    /// The PF is being reset.
    Resetting,
    /// The VF is in quarantine.
    Quarantined,
    /// The VF has a driver here.
    InUse,
    /// That is no snapshot, or one of another version.
    Malformed(Malformed),
    /// It cannot have its address here.
    Mac(Reason),
    /// Its queues do not stop, or there is no place for its address.
    Card(Failure),
}

/// What has become of a VF that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// It has what it had.
    Whole,
    /// It has to make a handshake, as it would have on the other host.
    Unready,
    /// It has to make a handshake, since it cannot have what it had.
    Restarted(Reason),
}

/// The other functions of the port.
struct Others<'a> {
    state: &'a State,
    vf: VfId,
}

impl Policy for Others<'_> {
    fn mac_in_use(&self, mac: MacAddr) -> bool {
        self.state.mac_denied(self.vf, mac)
    }

    fn releases(&self) -> u64 {
        0
    }

    fn groups(&self) -> &HashSet {
        &self.state.vfs[self.vf].groups
    }
}

impl<C: Card> Control<C> {
    /// What `vf` has, for another host. Nothing changes here: the guest may go on.
    ///
    /// # Errors
    ///
    /// [`MoveRefusal::Resetting`] and [`MoveRefusal::Quarantined`].
    pub fn snapshot(&self, vf: VfId) -> Result<Bytes, MoveRefusal> {
        self.may_move(vf)?;
        let pool = self.pool(vf);
        let server = &self.vfs[vf].server;
        // What is taken back as soon as its mailbox is served it does not have, nor what it may only use
        // after a handshake.
        let granted = if server.starts_again() {
            VfState::new(self.switch.state.config(vf).mac)
        } else if !pool.open {
            VfState::new(pool.granted.mac())
        } else {
            pool.granted
        };
        Ok(Snapshot::new(&granted, &pool.groups, &server.save()).encode())
    }

    /// Has `vf` go on with what it had on another host, by the bytes of [`Control::snapshot`] there. It is
    /// one that was given to a new tenant here and has made no handshake.
    ///
    /// # Errors
    ///
    /// [`MoveRefusal`]; the VF has nothing of it then.
    pub fn adopt(
        &mut self,
        card: &C,
        vf: VfId,
        bytes: &[u8],
        now: Time,
    ) -> Result<Adopted, MoveRefusal> {
        self.may_move(vf)?;
        let ready = self.pool(vf).granted.clear_to_send();
        if ready && !self.vfs[vf].server.starts_again() {
            return Err(MoveRefusal::InUse);
        }
        let snapshot = Snapshot::decode(bytes).map_err(MoveRefusal::Malformed)?;
        let state = &self.switch.state;
        let config = state.config(vf);
        let others = Others { state, vf };
        let mac = snapshot.mac(&config, &others).map_err(MoveRefusal::Mac)?;
        let granted = snapshot.grant(&config, &others);
        self.switch.close_vf(card, vf, |_| ());
        card.empty_queues(vf).map_err(MoveRefusal::Card)?;
        let whole = granted.and_then(|granted| {
            let changed = self.switch.change_vf(card, vf, |pool| {
                pool.granted = granted;
                pool.groups.clone_from(snapshot.groups());
                pool.open = granted.clear_to_send();
            });
            changed.map_err(|no_space| Reason::Failed(no_space.into()))?;
            Ok(granted.clear_to_send())
        });
        if whole.is_err() {
            let changed = self
                .switch
                .change_vf(card, vf, |pool| pool.take_back(VfState::new(mac)));
            changed.map_err(|no_space| MoveRefusal::Card(no_space.into()))?;
        }
        let entry = &mut self.vfs[vf];
        // The reset by which it was given to this tenant is followed with that.
        card.mailbox(vf, &entry.extra).take_function_reset();
        let adopted = match whole {
            Ok(true) => Adopted::Whole,
            Ok(false) => Adopted::Unready,
            Err(reason) => Adopted::Restarted(reason),
        };
        match adopted {
            Adopted::Whole => entry.server.adopt(snapshot.saved(), now),
            _ => entry.server.adopt_new(),
        }
        Ok(adopted)
    }

    fn may_move(&self, vf: VfId) -> Result<(), MoveRefusal> {
        if self.resetting {
            return Err(MoveRefusal::Resetting);
        }
        match self.quarantine(vf) {
            Some(_) => Err(MoveRefusal::Quarantined),
            None => Ok(()),
        }
    }
}
