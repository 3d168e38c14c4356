// SPDX-License-Identifier: GPL-2.0

//! A pair that is driven by moves.

use std::collections::BTreeMap;

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::event::{
    Link,
    State, //
};
use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::Reply;
use mbox::sim::Model;
use mbox::time::Span;
use mbox::types::MacAddr;
use mbox::vf::Progress;
use mbox::vf_to_pf::Request;

use super::super::common::{
    mac,
    Pair, //
};
use super::moves::Move;

/// A pair that is driven by moves, and what it has to keep to.
pub(super) struct World {
    pub(super) pair: Pair,
    pub(super) pf_in_reset: bool,
    pub(super) under_way: Option<Request>,
    /// The host has taken back what the VF was granted, and the VF may not know it yet.
    pub(super) taken_back: bool,
    /// What the PF has told, by generation.
    pub(super) told: BTreeMap<u32, State>,
    /// What the VF has heard since its last handshake.
    pub(super) heard: Option<State>,
    pub(super) state_lost: bool,
}

pub(super) const NEGOTIATE: Request = Request::Negotiate {
    version: Version::OURS,
    caps: Caps::OURS,
};

impl World {
    pub(super) fn new(model: Model, config: VfConfig) -> Self {
        let pair = Pair::new(model, config);
        pair.mailbox.hold_doorbells(true);
        Self {
            pair,
            pf_in_reset: false,
            under_way: None,
            taken_back: false,
            told: BTreeMap::new(),
            heard: None,
            state_lost: false,
        }
    }

    pub(super) fn step(&mut self, next: Move) {
        let pair = &mut self.pair;
        match next {
            Move::Serve if self.pf_in_reset => {}
            Move::Serve => pair.serve(),
            Move::Poll => self.poll(),
            Move::Pass(micros) => pair.sleep(Span::from_micros(micros)),
            Move::Deliver(which) => pair.mailbox.deliver(which),
            Move::Lose(which) => pair.mailbox.lose(which),
            Move::Repeat(which) => pair.mailbox.ring(which),
            Move::Start(request) => self.start(&request),
            Move::Cancel => {
                pair.client.cancel();
                self.under_way = None;
            }
            Move::Notify => pair.server.notify(),
            Move::Agree => self.start(&NEGOTIATE),
            Move::GetState => self.start(&Request::GetState),
            Move::Tell(what) => self.tell(what),
            Move::Others(last) => self.others(mac(last & 0x1f)),
            Move::Warn if self.pf_in_reset => {}
            Move::Warn => pair.warn_of_reset(),
            Move::Reconfigure(last) => self.reconfigure(last),
            Move::PfResetBegin => self.pf_reset_begin(),
            Move::PfResetEnd => self.pf_reset_end(),
            Move::ResetVf => {
                pair.client.cancel();
                pair.mailbox.function_reset();
                self.start(&Request::Reset);
                self.taken_back = true;
            }
            Move::DeviceFails => pair.device.fail = Some(mbox::reason::Failure::Device),
        }
        self.note_told();
        self.check();
    }

    /// Something changes on the host.
    fn tell(&mut self, what: u8) {
        let pair = &mut self.pair;
        match what & 3 {
            0 => pair.config.link = Link::from_word(u32::from(what >> 2) << 26),
            // Without trust an address beside the administrator's would have to be taken back.
            1 if pair.config.mac_locked => {}
            1 => {
                // A reply that is on its way may grant what only a trusted VF gets.
                self.taken_back |= pair.config.trusted;
                pair.config.trusted = !pair.config.trusted;
            }
            _ => pair.config.mtu = 1500 + u16::from(what),
        }
        pair.device.follow_trust(&pair.config);
    }

    /// Another function takes an address or lets go of it.
    fn others(&mut self, address: MacAddr) {
        let device = &mut self.pair.device;
        if device.taken.contains(&address) {
            device.free(address);
        } else if !device.granted.uses_mac(address) {
            device.taken.insert(address);
        }
    }

    fn note_told(&mut self) {
        let told = *self.pair.server.told();
        let before = *self.told.entry(told.generation).or_insert(told);
        assert_eq!(before, told, "two states of one generation");
    }

    pub(super) fn hear(&mut self, state: State) {
        self.note_told();
        assert_eq!(self.told.get(&state.generation), Some(&state));
        if let Some(heard) = self.heard {
            assert!(state.generation >= heard.generation, "an old state");
        }
        self.heard = Some(state);
    }

    pub(super) fn take_events(&mut self) {
        let events = self.pair.client.take_events();
        self.state_lost |= events.state_lost;
        if let Some(state) = events.state {
            assert!(Some(state) != self.heard, "the same state twice");
            self.hear(state);
        }
    }

    fn start(&mut self, request: &Request) {
        let pair = &mut self.pair;
        if pair.client.start(request, pair.now).is_ok() {
            self.under_way = Some(*request);
            self.taken_back = false;
            if *request == Request::Reset {
                self.heard = None;
                self.state_lost = false;
            }
        }
    }

    pub(super) fn poll(&mut self) {
        let progress = self.pair.poll();
        self.take_events();
        match progress {
            Progress::Idle => assert_eq!(self.under_way, None),
            Progress::Pending { next_check } => assert!(next_check > self.pair.now),
            Progress::Failed(_) => {
                assert!(self.under_way.take().is_some());
                assert!(self.pair.client.needs_reset());
            }
            Progress::Done(reply) => {
                let request = self.under_way.take().expect("a reply to nothing");
                self.take_reply(&request, reply);
            }
        }
    }

    pub(super) fn take_reply(&mut self, request: &Request, reply: Reply) {
        if let Reply::State(state) = reply {
            self.hear(state);
            self.state_lost = false;
        }
        if !self.taken_back {
            self.check_reply(request, reply);
        }
    }

    fn reconfigure(&mut self, last: u8) {
        if self.pf_in_reset {
            return;
        }
        let pair = &mut self.pair;
        pair.config.mac = Some(mac(last & 0x7f));
        pair.config.mac_locked = last & 0x80 != 0;
        if pair.device.granted.takes_mac(&pair.config) {
            pair.device.granted.assign_mac(pair.config.mac);
            pair.device.mac = pair.config.mac;
        } else {
            pair.server.reconfigure();
        }
        pair.device.fail = None;
        pair.serve();
        self.taken_back = true;
    }

    pub(super) fn pf_reset_begin(&mut self) {
        let pair = &mut self.pair;
        pair.mailbox.pf_reset_begin();
        pair.device_reset();
        self.pf_in_reset = true;
        self.taken_back = true;
    }

    pub(super) fn pf_reset_end(&mut self) {
        if self.pf_in_reset {
            self.pair.mailbox.pf_reset_end();
            self.pf_in_reset = false;
        }
    }
}
