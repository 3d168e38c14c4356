// SPDX-License-Identifier: GPL-2.0

//! The extension between a PF and a VF, and that a base peer sees nothing of it.

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::event::Changes;
use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::Reply;
use mbox::port::{
    P2vMailbox,
    PfPort,
    V2pMailbox,
    VfPort, //
};
use mbox::reason::Failure;
use mbox::refusal::Refusal;
use mbox::server::{
    Server,
    EVENT_RETRY_FIRST,
    EVENT_RETRY_LAST, //
};
use mbox::sim::{
    Doorbells,
    Model, //
};
use mbox::time::Span;
use mbox::types::{
    HashList,
    MaxFrame,
    McHash,
    Promisc,
    MAX_GROUPS,
    MAX_HASHES, //
};
use mbox::vf::Progress;
use mbox::vf_to_pf::Request;

use super::super::common::{
    mac,
    vlan,
    Pair, //
};
use super::{
    agreed_pair,
    hear,
    GIGABIT,
    NEGOTIATE, //
};

fn config() -> VfConfig {
    VfConfig {
        mac: Some(mac(1)),
        link: GIGABIT,
        ..VfConfig::default()
    }
}

// The agreement.

#[test]
fn a_vf_may_agree_on_less() {
    let mut pair = Pair::new(Model::Datasheet, config());
    pair.reset_vf().unwrap();
    let wanted = Request::Negotiate {
        version: Version::ANY,
        caps: Caps::from_word(0xffff_0000 | Caps::REASONS.to_word()),
    };
    let caps = Caps::REASONS;
    let version = Version::OURS;
    assert_eq!(pair.run(&wanted), Ok(Reply::Agreed { version, caps }));
    // Events are not sent, and GET_STATE is not known.
    pair.config.trusted = true;
    pair.serve();
    assert_eq!(pair.server.counters().notices, 0);
    let refused = Ok(Reply::Refused(Refusal::Unsupported));
    assert_eq!(pair.run(&Request::GetState), refused);
}

#[test]
fn each_reset_ends_the_agreement() {
    let mut pair = agreed_pair(config());
    pair.reset_vf().unwrap();
    assert_eq!(pair.device.granted.agreed(), Caps::NONE);
    assert_eq!(pair.client.agreed(), Caps::NONE);

    let mut pair = agreed_pair(config());
    pair.mailbox.function_reset();
    pair.serve();
    assert_eq!(pair.device.granted.agreed(), Caps::NONE);

    let mut pair = agreed_pair(config());
    pair.device_reset();
    assert_eq!(pair.device.granted.agreed(), Caps::NONE);

    // Also one that the device could not follow.
    let mut pair = agreed_pair(config());
    pair.device.fail = Some(Failure::Device);
    pair.mailbox.function_reset();
    pair.serve();
    assert_eq!(pair.device.granted.agreed(), Caps::NONE);
}

#[test]
fn an_offer_that_is_refused_is_not_taken_again() {
    // An old PF that left rubbish in the reply to RESET.
    let mut pair = Pair::new(Model::Datasheet, config());
    pair.reset_vf().unwrap();
    pair.client.start(&NEGOTIATE, pair.now).unwrap();
    pair.poll();
    let mut port = pair.mailbox.pf();
    port.take_events();
    port.set_control(P2vMailbox::ACK.with(P2vMailbox::PFU));
    port.write(&[0x6000_0008]);
    port.set_control(P2vMailbox::STS);
    assert_eq!(pair.finish(), Ok(Reply::Refused(Refusal::Undisclosed)));
    assert_eq!(pair.client.offer(), None);
    assert!(!pair.client.needs_reset());
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    assert_eq!(pair.run(&request), Ok(Reply::Granted));
}

#[test]
fn a_state_is_read_whole_where_the_agreement_was_not_heard() {
    let mut pair = Pair::new(Model::Datasheet, config());
    pair.reset_vf().unwrap();
    pair.client.start(&NEGOTIATE, pair.now).unwrap();
    pair.poll();
    pair.client.cancel();
    pair.serve();
    assert_eq!(pair.device.granted.agreed(), Caps::OURS);
    assert_eq!(pair.client.agreed(), Caps::NONE);
    let told = *pair.server.told();
    assert_eq!(pair.run(&Request::GetState), Ok(Reply::State(told)));
}

#[test]
fn the_old_agreement_ends_where_the_new_one_was_not_heard() {
    let mut pair = agreed_pair(config());
    let less = Request::Negotiate {
        version: Version::OURS,
        caps: Caps::REASONS,
    };
    pair.client.start(&less, pair.now).unwrap();
    pair.poll();
    pair.client.cancel();
    pair.serve();
    assert_eq!(pair.device.granted.agreed(), Caps::REASONS);
    // A control message of one word now, with what else was in the buffer behind it.
    pair.server.notify();
    pair.serve();
    pair.idle(Span::from_millis(2_000));
    let events = pair.client.take_events();
    assert!(events.link_check && events.state.is_none());
    assert_eq!(pair.client.offer(), Some(NEGOTIATE));
}

// Tags.

#[test]
fn a_late_reply_to_a_like_request_is_told_apart() {
    let mut pair = agreed_pair(config());
    let first = Request::SetMaxFrame(MaxFrame::MIN);
    pair.client.start(&first, pair.now).unwrap();
    pair.poll();
    let header = pair.mailbox.pf().read()[0];
    pair.client.cancel();
    let second = Request::SetMaxFrame(MaxFrame::MAX);
    pair.client.start(&second, pair.now).unwrap();
    pair.poll();
    // A PF that has lost its way refuses the first one only now, and over the second.
    let mut port = pair.mailbox.pf();
    assert!(port.try_lock());
    port.write(&[header | 0x6000_0000, 12, 0, 0]);
    port.set_control(P2vMailbox::STS);
    assert!(matches!(pair.poll(), Progress::Pending { .. }));
    assert_eq!(pair.client.counters().dropped, 1);
    assert_eq!(pair.finish(), Ok(Reply::Granted));
    assert_eq!(pair.device.max_frame, MaxFrame::MAX);
}

#[test]
fn tags_differ_from_request_to_request() {
    let mut pair = agreed_pair(config());
    let mut seen = Vec::new();
    for _ in 0..31 {
        let request = Request::SetMaxFrame(MaxFrame::MAX);
        pair.client.start(&request, pair.now).unwrap();
        pair.poll();
        seen.push(pair.mailbox.pf().read()[0] >> 24);
        assert_eq!(pair.finish(), Ok(Reply::Granted));
        pair.sleep(Span::from_millis(5));
    }
    seen.sort_unstable();
    let all: Vec<u32> = (1..=31).collect();
    assert_eq!(seen, all);
}

// Reasons.

#[test]
fn a_refusal_says_why() {
    let locked = VfConfig {
        mac_locked: true,
        port_vlan: Some(vlan(100)),
        ..config()
    };
    let mut pair = agreed_pair(locked);
    let promisc = |unicast, multicast| Request::SetPromisc(Promisc { unicast, multicast });
    for (request, why) in [
        (Request::SetMac(mac(9)), Refusal::MacLocked),
        (
            Request::SetVlan {
                vid: vlan(5),
                join: true,
            },
            Refusal::PortVlan,
        ),
        (promisc(true, false), Refusal::UnicastPromisc),
        (promisc(false, true), Refusal::MulticastPromisc),
    ] {
        assert_eq!(pair.run(&request), Ok(Reply::Refused(why)), "{request:?}");
    }
    pair.device.fail = Some(Failure::NoSpace);
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    assert_eq!(pair.run(&request), Ok(Reply::Refused(Refusal::NoSpace)));
}

#[test]
fn what_is_granted_in_part_is_told() {
    let mut pair = agreed_pair(config());
    let mut list = HashList::EMPTY;
    for value in 0..31 {
        list.push(McHash::new(value).unwrap());
    }
    let why = Refusal::MulticastOverflow;
    let reply = pair.run(&Request::SetMulticast(list));
    assert_eq!(reply, Ok(Reply::GrantedInPart(why)));
    pair.config.trusted = true;
    pair.device.follow_trust(&pair.config);
    let reply = pair.run(&Request::SetMulticast(list));
    assert_eq!(reply, Ok(Reply::Granted));
}

// Multicast groups.

fn change(values: core::ops::Range<u16>, leave: bool) -> Request {
    let mut list = HashList::EMPTY;
    values.for_each(|value| list.push(McHash::new(value).unwrap()));
    Request::ChangeMulticast { list, leave }
}

/// A VF that has as many groups as it may have, from hash 0 on.
fn pair_with_all_groups() -> Pair {
    let mut pair = agreed_pair(config());
    for first in (0..MAX_GROUPS).step_by(MAX_HASHES) {
        let chunk = first..MAX_GROUPS.min(first + 30);
        assert_eq!(pair.run(&change(chunk, false)), Ok(Reply::Granted));
    }
    pair
}

#[test]
fn a_vf_may_have_more_groups_than_fit_into_a_message() {
    let mut pair = pair_with_all_groups();
    assert_eq!(pair.device.groups.len(), u32::from(MAX_GROUPS));
    assert!(pair.device.reports.is_empty());
    // Those that it has cost nothing, one more is one too many.
    assert_eq!(pair.run(&change(10..40, false)), Ok(Reply::Granted));
    let why = Refusal::GroupQuota(MAX_GROUPS.into());
    let one = MAX_GROUPS..MAX_GROUPS + 1;
    assert_eq!(
        pair.run(&change(one.clone(), false)),
        Ok(Reply::Refused(why))
    );
    assert_eq!(pair.run(&change(0..1, true)), Ok(Reply::Granted));
    assert_eq!(pair.run(&change(one, false)), Ok(Reply::Granted));
    assert!(!pair.device.groups.contains(McHash::new(0).unwrap()));
    // A list in the base protocol's message takes the place of all.
    let mut list = HashList::EMPTY;
    list.push(McHash::new(7).unwrap());
    assert_eq!(pair.run(&Request::SetMulticast(list)), Ok(Reply::Granted));
    assert_eq!(pair.device.groups.len(), 1);
    // And nothing is left by a reset.
    pair.reset_vf().unwrap();
    assert!(pair.device.groups.is_empty());
}

#[test]
fn a_hash_that_is_named_twice_takes_one_place() {
    let mut pair = pair_with_all_groups();
    assert_eq!(pair.run(&change(0..1, true)), Ok(Reply::Granted));
    let mut list = HashList::EMPTY;
    for _ in 0..MAX_HASHES {
        list.push(McHash::new(MAX_GROUPS).unwrap());
    }
    let leave = false;
    let reply = pair.run(&Request::ChangeMulticast { list, leave });
    assert_eq!(reply, Ok(Reply::Granted));
    assert_eq!(pair.device.groups.len(), u32::from(MAX_GROUPS));
}

#[test]
fn who_has_more_groups_than_he_may_gets_all_by_trust() {
    let mut pair = pair_with_all_groups();
    let mut list = HashList::EMPTY;
    list.set_overflow();
    let leave = false;
    let more = Request::ChangeMulticast { list, leave };
    let why = Refusal::GroupQuota(MAX_GROUPS.into());
    assert_eq!(pair.run(&more), Ok(Reply::GrantedInPart(why)));
    assert_eq!(pair.device.reports.len(), 1);
    assert!(!pair.device.modes.multicast);
    pair.config.trusted = true;
    pair.device.follow_trust(&pair.config);
    assert!(pair.device.modes.multicast);
    assert_eq!(pair.run(&more), Ok(Reply::Granted));
    // What it has named is enough now.
    assert_eq!(pair.run(&change(0..1, true)), Ok(Reply::Granted));
    assert!(!pair.device.modes.multicast);
    // No VF is shut out for that.
    assert_eq!(pair.server.counters().offences, 0);
    assert_eq!(pair.server.counters().denials, 0);
}

#[test]
fn groups_are_changed_only_by_who_has_agreed() {
    let mut pair = Pair::new(Model::Qemu, config());
    pair.reset_vf().unwrap();
    let refused = Ok(Reply::Refused(Refusal::Undisclosed));
    assert_eq!(pair.run(&change(0..1, false)), refused);
    let wanted = Request::Negotiate {
        version: Version::OURS,
        caps: Caps::REASONS,
    };
    pair.run(&wanted).unwrap();
    let refused = Ok(Reply::Refused(Refusal::Unsupported));
    assert_eq!(pair.run(&change(0..1, false)), refused);
    assert!(pair.device.groups.is_empty());
}

// Events.

#[test]
fn each_change_reaches_the_vf_at_once() {
    let mut pair = agreed_pair(config());
    let before = *pair.server.told();
    pair.config.link.up = false;
    let state = hear(&mut pair).expect("no event for the link");
    assert_eq!(state.changes_since(&before), Changes::LINK);
    assert_eq!(state.generation, before.generation + 1);

    pair.config.trusted = true;
    assert!(hear(&mut pair).expect("no event for trust").trusted);
    pair.config.port_vlan = Some(vlan(7));
    assert!(hear(&mut pair).expect("no event for the VLAN").port_vlan);
    pair.config.mtu = 9000;
    assert_eq!(hear(&mut pair).expect("no event for the MTU").mtu, 9000);
    assert_eq!(hear(&mut pair), None);
    assert!(!pair.client.needs_reset());
    assert_eq!(pair.client.counters().repeats, 0);
    assert_eq!(pair.client.counters().events, 4);
}

#[test]
fn another_address_takes_no_reset() {
    let mut pair = agreed_pair(config());
    pair.config.mac = Some(mac(0x42));
    pair.config.mac_locked = true;
    assert!(pair.device.granted.takes_mac(&pair.config));
    pair.device.granted.assign_mac(pair.config.mac);
    pair.device.mac = pair.config.mac;
    let state = hear(&mut pair).expect("no event");
    assert_eq!((state.mac, state.mac_locked), (Some(mac(0x42)), true));
    assert!(!pair.client.needs_reset());
    // Without an agreement it does.
    let mut pair = Pair::new(Model::Qemu, config());
    pair.reset_vf().unwrap();
    assert!(!pair.device.granted.takes_mac(&pair.config));
    // And with addresses that it may not have any more.
    let mut pair = agreed_pair(config());
    assert_eq!(pair.run(&Request::AddFilter(mac(9))), Ok(Reply::Granted));
    assert!(pair.device.granted.takes_mac(&pair.config));
    pair.config.mac_locked = true;
    assert!(!pair.device.granted.takes_mac(&pair.config));
}

#[test]
fn an_event_that_is_lost_comes_again_until_it_is_acknowledged() {
    let mut pair = agreed_pair(config());
    pair.mailbox.hold_doorbells(true);
    pair.config.trusted = true;
    let started = pair.now;
    // Each doorbell is lost: the first, and those that repeat it, ever less often.
    let mut sent = Vec::new();
    while pair.now.since(started) < Span::from_millis(60_000) {
        pair.serve_if_due();
        pair.serve();
        if pair.mailbox.held_back().pfsts {
            sent.push(pair.now);
            pair.mailbox.lose(Doorbells::ALL);
        }
        let wake = pair.pf_wake.expect("the PF has given up");
        assert!(wake > pair.now, "the PF spins");
        pair.now = wake;
    }
    assert_eq!(sent[1].since(sent[0]), EVENT_RETRY_FIRST);
    let tail = &sent[sent.len() - 2..];
    assert_eq!(tail[1].since(tail[0]), EVENT_RETRY_LAST);
    assert_eq!(pair.client.take_events().state, None);
    pair.mailbox.hold_doorbells(false);
    pair.idle(EVENT_RETRY_LAST);
    pair.idle(Span::from_millis(100));
    assert!(pair.client.take_events().state.expect("lost").trusted);
    // Acknowledged, it does not come again.
    assert_eq!(pair.pf_wake, None);
}

#[test]
fn a_lost_event_is_noticed_by_the_next_request() {
    let mut pair = agreed_pair(config());
    pair.mailbox.hold_doorbells(true);
    pair.config.mtu = 2000;
    pair.serve();
    pair.mailbox.lose(Doorbells::ALL);
    pair.mailbox.hold_doorbells(false);
    // Acknowledged by mistake, so that it is not repeated.
    pair.mailbox.vf().set_control(V2pMailbox::ACK);
    pair.serve();
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    assert_eq!(pair.run(&request), Ok(Reply::Granted));
    assert!(pair.client.take_events().state_lost);
    let told = *pair.server.told();
    assert_eq!(pair.run(&Request::GetState), Ok(Reply::State(told)));
    assert_eq!(told.mtu, 2000);
    assert!(!pair.client.take_events().state_lost);
}

#[test]
fn a_repeated_event_tells_nothing_new() {
    let mut pair = agreed_pair(config());
    pair.config.mtu = 2000;
    assert!(hear(&mut pair).is_some());
    for _ in 0..5 {
        pair.mailbox.ring(Doorbells {
            pfsts: true,
            ..Doorbells::default()
        });
        assert_eq!(pair.poll(), Progress::Idle);
        assert_eq!(pair.client.take_events().state, None);
    }
    assert_eq!(pair.client.counters().repeats, 5);
}

#[test]
fn a_pf_that_was_reloaded_counts_from_the_beginning() {
    let mut pair = agreed_pair(config());
    for mtu in 2000..2009 {
        pair.config.mtu = mtu;
        assert!(hear(&mut pair).is_some());
    }
    pair.server = Server::new(&pair.config);
    pair.reset_vf().unwrap();
    assert!(pair.run(&NEGOTIATE).is_ok());
    pair.config.mtu = 3000;
    assert_eq!(hear(&mut pair).expect("old news").mtu, 3000);
}

#[test]
fn an_event_that_a_request_met_is_not_lost() {
    let mut pair = agreed_pair(config());
    pair.config.mtu = 2000;
    pair.serve();
    // The VF has not looked yet, and asks.
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    assert_eq!(pair.run(&request), Ok(Reply::Granted));
    pair.idle(Span::from_millis(20));
    assert_eq!(pair.client.take_events().state.expect("lost").mtu, 2000);
    assert_eq!(pair.mailbox.destroyed_requests(), 0);
}

#[test]
fn a_reset_is_announced_if_nothing_is_in_the_way() {
    let mut pair = agreed_pair(config());
    pair.warn_of_reset();
    assert_eq!(pair.poll(), Progress::Idle);
    let events = pair.client.take_events();
    assert!(events.reset_impending && !events.lost && events.state.is_none());

    // A request in the buffer comes first, and a base VF is not told.
    let mut pair = agreed_pair(config());
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    pair.client.start(&request, pair.now).unwrap();
    pair.poll();
    pair.warn_of_reset();
    assert_eq!(pair.mailbox.destroyed_requests(), 0);
    assert_eq!(pair.finish(), Ok(Reply::Granted));

    let mut pair = Pair::new(Model::Qemu, config());
    pair.reset_vf().unwrap();
    pair.warn_of_reset();
    assert!(!pair.mailbox.vf_interrupt());
}

#[test]
fn a_base_vf_sees_nothing_of_it() {
    let mut pair = Pair::new(Model::Datasheet, config());
    pair.mailbox.vf().set_control(V2pMailbox::VFU);
    pair.mailbox.vf().write(&[0x01]);
    pair.mailbox.vf().set_control(V2pMailbox::REQ);
    pair.serve();
    pair.mailbox.vf().set_control(V2pMailbox::ACK);
    // What the administrator changes is no message to it, and a refusal is one word.
    pair.config.trusted = true;
    pair.config.mtu = 9000;
    pair.serve();
    assert_eq!(pair.server.counters().notices, 0);
    pair.mailbox.vf().write(&[0x00ff_0006, 1, 2, 3, 4]);
    pair.mailbox.vf().set_control(V2pMailbox::REQ);
    pair.serve();
    let mut read = [0; 5];
    pair.mailbox.vf().read(&mut read);
    assert_eq!(read, [0x60ff_0006, 1, 2, 3, 4]);
    pair.mailbox.vf().set_control(V2pMailbox::ACK);
    pair.server.notify();
    pair.serve();
    pair.mailbox.vf().read(&mut read);
    assert_eq!(read, [0x2000_0100, 1, 2, 3, 4]);
}
