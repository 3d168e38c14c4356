// SPDX-License-Identifier: GPL-2.0

//! Our PF and our VF against each other, with doorbells that are lost, repeated and reordered, a
//! PF that is reset or late, and notices at any time.
//!
//! Safety, after each step: the device holds what the PF believes; what the VF was granted is in
//! force; no request that the PF was told of is overwritten; nobody keeps the buffer; what the VF
//! hears is what the PF has told, and never what it told before that.
//! Liveness: each request ends within its bound, three lost doorbells are survived, and whatever
//! has happened, the VF is served again once the faults stop, and knows what is so by then.

mod checks;
mod losses;
mod moves;
mod world;

use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::Reply;
use mbox::sim::Model;
use mbox::time::Span;
use mbox::types::{
    MaxFrame,
    Promisc, //
};
use mbox::vf_to_pf::Request;
use proptest::collection::vec;
use proptest::prelude::*;

use self::moves::{
    any_move,
    Move, //
};
use self::world::World;
use super::common::{
    mac,
    vlan,
    Pair, //
};

fn trusted() -> VfConfig {
    VfConfig {
        mac: Some(mac(1)),
        trusted: true,
        ..VfConfig::default()
    }
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
