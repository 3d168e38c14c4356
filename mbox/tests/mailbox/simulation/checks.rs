// SPDX-License-Identifier: GPL-2.0

//! What a pair has to keep to after each step, and what it comes to when the faults stop.

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::event::Changes;
use mbox::pf_to_vf::Reply;
use mbox::port::{
    P2vMailbox,
    PfPort, //
};
use mbox::refusal::Refusal;
use mbox::time::Span;
use mbox::types::{
    HashList,
    HashSet,
    MaxFrame, //
};
use mbox::vf_to_pf::Request;

use super::super::common::mac;
use super::world::{
    World,
    NEGOTIATE, //
};

/// The hashes of a list.
fn set(list: &HashList) -> HashSet {
    let mut set = HashSet::EMPTY;
    list.as_slice().iter().for_each(|&hash| set.insert(hash));
    set
}

impl World {
    /// What the VF was told is what the PF has done.
    pub(super) fn check_reply(&self, request: &Request, reply: Reply) {
        let state = &self.pair.device.granted;
        if let Reply::Reset { mac, .. } = reply {
            assert_eq!(*request, Request::Reset);
            assert_eq!(mac, state.mac());
            return;
        }
        if let Reply::Agreed { version, caps } = reply {
            assert!(matches!(request, Request::Negotiate { .. }));
            assert_eq!((version, caps), (Version::OURS, state.agreed()));
            return;
        }
        assert!(!matches!(reply, Reply::State(_)) || *request == Request::GetState);
        if !matches!(reply, Reply::Granted | Reply::GrantedInPart(_)) {
            return;
        }
        let all = state.all_multicast(self.pair.config.trusted);
        let groups = &self.pair.device.groups;
        assert!(match *request {
            Request::Reset => false,
            Request::SetMac(mac) => state.mac() == Some(mac),
            Request::AddFilter(mac) => state.uses_mac(mac),
            Request::ClearFilters { .. } => state.filters().count() == 0,
            Request::SetMulticast(list) => *groups == set(&list),
            Request::ChangeMulticast { list, leave } => list
                .as_slice()
                .iter()
                .all(|&hash| groups.contains(hash) != leave),
            Request::SetVlan { vid, join } =>
                vid.is_zero() || state.vlans().any(|joined| joined == vid) == join,
            Request::SetMaxFrame(size) => state.max_frame() == size,
            Request::SetPromisc(modes) => {
                state.promiscuous(self.pair.config.trusted) == modes.unicast
                    && all >= modes.multicast
            }
            Request::Negotiate { .. } | Request::GetState => false,
        });
    }

    pub(super) fn check(&self) {
        let pair = &self.pair;
        pair.device.check(&pair.config);
        assert_eq!(
            pair.mailbox.destroyed_requests(),
            0,
            "a request was overwritten"
        );
        let owned = pair.mailbox.pf().control();
        assert!(
            !owned.has(P2vMailbox::PFU.with(P2vMailbox::VFU)),
            "{owned:?}"
        );
        assert_eq!(pair.client.is_busy(), self.under_way.is_some());
    }

    /// The faults stop: what is under way ends, and the VF is served again.
    pub(super) fn recover(mut self) {
        self.pf_reset_end();
        self.pair.mailbox.hold_doorbells(false);
        self.pair.device.fail = None;
        if let Some(request) = self.under_way.take() {
            let result = self.pair.finish();
            self.take_events();
            if let Ok(reply) = result {
                self.take_reply(&request, reply);
            }
        }
        // What is still on its way arrives; the driver resets the VF when it has to.
        self.pair.idle(Span::from_millis(2_500));
        self.take_events();
        let request = Request::SetMaxFrame(MaxFrame::MIN);
        // The doorbell of a notice may have been lost: then the VF learns by its next request.
        if !self.pair.client.needs_reset() && self.pair.run(&request) == Ok(Reply::NotReady) {
            assert!(self.pair.client.needs_reset());
        }
        if self.pair.client.needs_reset() {
            let reply = self.pair.reset_vf();
            assert!(matches!(reply, Ok(Reply::Reset { .. })), "{reply:?}");
        }
        assert_eq!(self.pair.run(&request), Ok(Reply::Granted));
        assert_eq!(self.pair.device.max_frame, MaxFrame::MIN);
        self.check();
        self.catch_up();
    }

    /// The VF knows what is so, without having been reset if it had agreed on events before.
    fn catch_up(&mut self) {
        self.take_events();
        if !self.pair.client.agreed().has(Caps::EVENTS) {
            assert!(matches!(
                self.pair.run(&NEGOTIATE),
                Ok(Reply::Agreed { .. })
            ));
            self.state_lost = true;
        }
        if core::mem::take(&mut self.state_lost) {
            let Ok(Reply::State(state)) = self.pair.run(&Request::GetState) else {
                panic!("no reply to GET_STATE");
            };
            self.hear(state);
        }
        self.pair.idle(Span::from_millis(20));
        self.take_events();
        assert_eq!(self.heard.as_ref(), Some(self.pair.server.told()));
        self.wait_for_an_address();
    }

    /// What another function had the VF gets when it is free, if it may have it.
    fn wait_for_an_address(&mut self) {
        let wanted = mac(0x7e);
        self.pair.device.taken.insert(wanted);
        let request = Request::AddFilter(wanted);
        if self.pair.run(&request) != Ok(Reply::Refused(Refusal::MacInUse)) {
            return;
        }
        let before = *self.pair.server.told();
        self.pair.device.free(wanted);
        self.pair.idle(Span::from_millis(600));
        self.pair.serve();
        self.pair.idle(Span::from_millis(20));
        self.take_events();
        let heard = self.heard.expect("told nothing");
        assert!(heard.changes_since(&before).has(Changes::ROOM));
        assert_eq!(self.pair.run(&request), Ok(Reply::Granted));
    }
}
