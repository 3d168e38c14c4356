// SPDX-License-Identifier: GPL-2.0

//! Our PF and our VF against each other, with doorbells that are lost, repeated and reordered, a
//! PF that is reset or late, and notices at any time.
//!
//! Safety, after each step: the device holds what the PF believes; what the VF was granted is in
//! force; no request that the PF was told of is overwritten; nobody keeps the buffer; what the VF
//! hears is what the PF has told, and never what it told before that.
//! Liveness: each request ends within its bound, three lost doorbells are survived, and whatever
//! has happened, the VF is served again once the faults stop, and knows what is so by then.

use std::collections::BTreeMap;

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::event::{
    Changes,
    Link,
    State, //
};
use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::Reply;
use mbox::port::{
    P2vMailbox,
    PfPort, //
};
use mbox::refusal::Refusal;
use mbox::sim::{
    Doorbells,
    Model, //
};
use mbox::time::Span;
use mbox::types::{
    HashList,
    HashSet,
    MacAddr,
    MaxFrame,
    Promisc, //
};
use mbox::vf::Progress;
use mbox::vf_to_pf::Request;
use proptest::collection::vec;
use proptest::prelude::*;

use super::common::{
    mac,
    vlan,
    Pair, //
};
use super::roundtrip::any_request;

#[derive(Clone, Debug)]
enum Move {
    Serve,
    Poll,
    Pass(u64),
    Deliver(Doorbells),
    Lose(Doorbells),
    Repeat(Doorbells),
    Start(Box<Request>),
    Cancel,
    Notify,
    Agree,
    GetState,
    Tell(u8),
    Others(u8),
    Warn,
    Reconfigure(u8),
    PfResetBegin,
    PfResetEnd,
    ResetVf,
    DeviceFails,
}

fn some_doorbells() -> impl Strategy<Value = Doorbells> {
    any::<[bool; 4]>().prop_map(|[req, ack, pfsts, pfack]| Doorbells {
        req,
        ack,
        pfsts,
        pfack,
    })
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        10 => Just(Move::Serve),
        10 => Just(Move::Poll),
        5 => (0u64..20_000).prop_map(Move::Pass),
        1 => (20_000u64..400_000).prop_map(Move::Pass),
        10 => some_doorbells().prop_map(Move::Deliver),
        2 => some_doorbells().prop_map(Move::Lose),
        1 => some_doorbells().prop_map(Move::Repeat),
        6 => any_request().prop_map(|request| Move::Start(Box::new(request))),
        1 => Just(Move::Cancel),
        2 => Just(Move::Notify),
        4 => Just(Move::Agree),
        1 => Just(Move::GetState),
        4 => any::<u8>().prop_map(Move::Tell),
        2 => any::<u8>().prop_map(Move::Others),
        1 => Just(Move::Warn),
        1 => any::<u8>().prop_map(Move::Reconfigure),
        1 => Just(Move::PfResetBegin),
        2 => Just(Move::PfResetEnd),
        2 => Just(Move::ResetVf),
        1 => Just(Move::DeviceFails),
    ]
}

/// A pair that is driven by moves, and what it has to keep to.
struct World {
    pair: Pair,
    pf_in_reset: bool,
    under_way: Option<Request>,
    /// The host has taken back what the VF was granted, and the VF may not know it yet.
    taken_back: bool,
    /// What the PF has told, by generation.
    told: BTreeMap<u32, State>,
    /// What the VF has heard since its last handshake.
    heard: Option<State>,
    state_lost: bool,
}

const NEGOTIATE: Request = Request::Negotiate {
    version: Version::OURS,
    caps: Caps::OURS,
};

/// The hashes of a list.
fn set(list: &HashList) -> HashSet {
    let mut set = HashSet::EMPTY;
    list.as_slice().iter().for_each(|&hash| set.insert(hash));
    set
}

impl World {
    fn new(model: Model, config: VfConfig) -> Self {
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

    fn step(&mut self, next: Move) {
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

    fn hear(&mut self, state: State) {
        self.note_told();
        assert_eq!(self.told.get(&state.generation), Some(&state));
        if let Some(heard) = self.heard {
            assert!(state.generation >= heard.generation, "old news");
        }
        self.heard = Some(state);
    }

    fn take_events(&mut self) {
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

    fn poll(&mut self) {
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

    fn take_reply(&mut self, request: &Request, reply: Reply) {
        if let Reply::State(state) = reply {
            self.hear(state);
            self.state_lost = false;
        }
        if !self.taken_back {
            self.check_reply(request, reply);
        }
    }

    /// What the VF was told is what the PF has done.
    fn check_reply(&self, request: &Request, reply: Reply) {
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

    fn pf_reset_begin(&mut self) {
        let pair = &mut self.pair;
        pair.mailbox.pf_reset_begin();
        pair.device_reset();
        self.pf_in_reset = true;
        self.taken_back = true;
    }

    fn pf_reset_end(&mut self) {
        if self.pf_in_reset {
            self.pair.mailbox.pf_reset_end();
            self.pf_in_reset = false;
        }
    }

    fn check(&self) {
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
    fn recover(mut self) {
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

fn trusted() -> VfConfig {
    VfConfig {
        mac: Some(mac(1)),
        trusted: true,
        ..VfConfig::default()
    }
}

/// Runs a request to its end; of the doorbells that it rings, those are lost that `losses` says.
fn run_with_losses(pair: &mut Pair, request: &Request, losses: &mut dyn Iterator<Item = bool>) {
    let mut decide = |pair: &Pair| {
        let held = pair.mailbox.held_back();
        let mut lose = |rung: bool| rung && losses.next().unwrap_or(false);
        let lost = Doorbells {
            req: lose(held.req),
            ack: lose(held.ack),
            pfsts: lose(held.pfsts),
            pfack: lose(held.pfack),
        };
        pair.mailbox.lose(lost);
        pair.mailbox.deliver(Doorbells::ALL);
    };
    pair.client.start(request, pair.now).unwrap();
    loop {
        match pair.poll() {
            Progress::Pending { next_check } => pair.now = next_check,
            Progress::Done(reply) => {
                let granted = matches!(reply, Reply::Granted | Reply::Reset { .. });
                assert!(granted, "{reply:?}");
                break;
            }
            other => panic!("{other:?}"),
        }
        decide(pair);
        pair.serve_if_due();
        decide(pair);
    }
    decide(pair);
    pair.serve_if_due();
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_either_side(
        qemu in any::<bool>(),
        locked in any::<bool>(),
        moves in vec(any_move(), 1..250),
    ) {
        let model = if qemu { Model::Qemu } else { Model::Datasheet };
        let config = VfConfig { mac_locked: locked, trusted: !locked, ..trusted() };
        let mut world = World::new(model, config);
        for next in moves {
            world.step(next);
        }
        world.recover();
    }

    #[test]
    fn three_lost_doorbells_are_survived(
        size in 64u32..=0x2600,
        at in vec(0usize..12, 3),
    ) {
        let mut pair = Pair::new(Model::Datasheet, trusted());
        pair.reset_vf().unwrap();
        pair.mailbox.hold_doorbells(true);
        let mut losses = (0..).map(|index| at.contains(&index));
        let size = MaxFrame::new(size).unwrap();
        run_with_losses(&mut pair, &Request::SetMaxFrame(size), &mut losses);
        prop_assert_eq!(pair.device.max_frame, size);
    }

    #[test]
    fn a_reset_survives_three_lost_doorbells(at in vec(0usize..12, 3)) {
        let mut pair = Pair::new(Model::Qemu, trusted());
        pair.mailbox.function_reset();
        pair.mailbox.hold_doorbells(true);
        let mut losses = (0..).map(|index| at.contains(&index));
        run_with_losses(&mut pair, &Request::Reset, &mut losses);
        prop_assert!(!pair.client.needs_reset());
    }
}

#[test]
fn all_requests_in_a_row() {
    let mut pair = Pair::new(Model::Qemu, trusted());
    pair.reset_vf().unwrap();
    let vid = vlan(100);
    let promisc = |multicast| {
        Request::SetPromisc(Promisc {
            multicast,
            unicast: false,
        })
    };
    for request in [
        Request::SetMac(mac(2)),
        Request::ClearFilters {
            filler: Some(mac(2)),
        },
        Request::AddFilter(mac(3)),
        Request::SetVlan { vid, join: true },
        Request::SetMaxFrame(MaxFrame::MAX),
        promisc(true),
        promisc(false),
        Request::SetVlan { vid, join: false },
    ] {
        assert_eq!(pair.run(&request), Ok(Reply::Granted), "{request:?}");
    }
    assert_eq!(pair.client.counters().resends, 0);
    assert_eq!(pair.server.counters().requests, 9);
}

#[test]
fn a_vf_recovers_from_a_pf_reset_within_a_second() {
    let mut world = World::new(Model::Qemu, trusted());
    world.pair.mailbox.hold_doorbells(false);
    world.pair.reset_vf().unwrap();
    world.pf_reset_begin();
    let started = world.pair.now;
    world.pair.sleep(Span::from_millis(50));
    world.pf_reset_end();
    world.pair.serve();
    // As a driver that hears no interrupt: it polls every IDLE_POLL.
    while !world.pair.client.needs_reset() {
        world.pair.sleep(mbox::vf::IDLE_POLL);
        world.poll();
    }
    world.pair.reset_vf().unwrap();
    assert!(world.pair.now.since(started) < Span::from_millis(1_000));
}

#[test]
fn a_notice_waits_for_the_request_that_is_in_the_buffer() {
    let mut pair = Pair::new(Model::Datasheet, trusted());
    pair.reset_vf().unwrap();
    // The VF has rung, and the PF has not heard it yet when the link changes.
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    pair.client.start(&request, pair.now).unwrap();
    pair.poll();
    pair.server.notify();
    pair.serve();
    assert_eq!(pair.server.counters().notices, 0);
    assert_eq!(pair.finish(), Ok(Reply::Granted));
    pair.idle(Span::from_millis(10));
    assert_eq!(pair.server.counters().notices, 1);
    assert!(pair.client.take_events().link_check);
    assert_eq!(pair.client.counters().resends, 0);
}

/// Orders of events that were found by chance, at their shortest.
#[test]
fn orders_that_once_failed() {
    let handshake = [Move::ResetVf, Move::Poll, Move::Serve, Move::Poll];
    let exchange = |first| [first, Move::Poll, Move::Serve];
    let promisc = Promisc {
        unicast: true,
        multicast: true,
    };
    let start = Move::Start(Box::new(Request::SetPromisc(promisc)));
    // What GET_STATE brings only after the faults stop is heard as well.
    let asked: &[Move] = &[Move::Poll, Move::GetState];
    // Trust ends between a grant and the VF's reading it.
    let revoked: &[Move] = &[Move::Tell(1), Move::Poll];
    for (first, then) in [(Move::Agree, asked), (start, revoked)] {
        let mut world = World::new(Model::Datasheet, trusted());
        world.pair.mailbox.hold_doorbells(false);
        for next in handshake.iter().chain(&exchange(first)).chain(then) {
            world.step(next.clone());
        }
        world.recover();
    }
}
