// SPDX-License-Identifier: GPL-2.0

//! The words of the extension, written out by hand, and there and back over all values.

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::event::{
    Changes,
    Event,
    Link,
    LinkPolicy,
    State,
    EVENT_WORDS, //
};
use mbox::pf_to_vf::{
    agreement,
    event,
    full_reply,
    simple_reply,
    state_reply,
    FromPf,
    Reply, //
};
use mbox::reason::{
    Failure,
    Reason, //
};
use mbox::refusal::Refusal;
use mbox::types::{
    HashList,
    MaxFrame,
    McHash, //
};
use mbox::vf_to_pf::{
    Reject,
    Request, //
};
use mbox::wire::{
    Header,
    MAILBOX_WORDS, //
};
use proptest::prelude::*;

use super::super::common::{
    mac,
    vlan,
    words, //
};
use super::super::roundtrip::any_mac;
use super::{
    GIGABIT,
    NEGOTIATE, //
};

#[test]
fn the_extension_is_written_as_documented() {
    assert_eq!(NEGOTIATE.encode().words(), [0x08, 0x0001_0000, 0xf]);
    assert_eq!(Request::GetState.encode().words(), [0x10]);
    let tagged = Request::SetMaxFrame(MaxFrame::STANDARD).encode().tagged(31);
    assert_eq!(tagged.words(), [0x1f00_0005, 1522]);

    let granted = agreement(Header::from_raw(8), Version::OURS, Caps::EVENTS);
    assert_eq!(granted.words(), [0xa000_0008, 0x0001_0000, 4]);

    let refused = simple_reply(Header::from_raw(0x0501_0004), false, true);
    let full = |agreed| full_reply(refused, agreed, Refusal::VlanQuota(4), 9);
    assert_eq!(full(Caps::NONE).words(), [0x6501_0004]);
    assert_eq!(full(Caps::OURS).words(), [0x6501_0004, 8, 4, 9]);
    assert_eq!(full(Caps::REASONS).words(), [0x6501_0004, 8, 4, 0]);
    assert_eq!(full(Caps::EVENTS).words(), [0x6501_0004, 0, 0, 9]);
    assert_eq!(full(Caps::SEQUENCE).words(), [0x6501_0004, 0, 0, 0]);
}

/// CHANGE_MULTICAST with its words.
fn group_changes() -> Vec<(Request, Vec<u32>)> {
    let list = |values: core::ops::Range<u16>, more: bool| {
        let mut list = HashList::EMPTY;
        values.for_each(|value| list.push(McHash::new(value).unwrap()));
        if more {
            list.set_overflow();
        }
        list
    };
    let change = |list, leave| Request::ChangeMulticast { list, leave };
    let words = |head: &[u32]| {
        let mut words = head.to_vec();
        words.resize(MAILBOX_WORDS, 0);
        words
    };
    let pairs = [0x0001_0000, 0x0003_0002, 0x0000_0004];
    let [first, second, last] = pairs;
    let mut full = vec![0x009e_0011];
    full.extend((0..15).map(|i: u32| (2 * i + 1) | (2 * i + 2) << 16));
    vec![
        (change(list(0..0, false), false), words(&[0x11])),
        (change(list(0..0, true), false), words(&[0x0080_0011])),
        (
            change(list(0xfff..0x1000, false), true),
            words(&[0x0041_0011, 0xfff]),
        ),
        (
            change(list(0..5, true), true),
            words(&[0x00c5_0011, first, second, last]),
        ),
        (change(list(1..31, true), false), full),
    ]
}

#[test]
fn changes_of_groups_are_written_as_documented() {
    for (request, expected) in group_changes() {
        assert_eq!(request.encode().words(), expected, "{request:?}");
        assert_eq!(Request::decode(&words(&expected)), Ok(request));
    }
    for (head, reject) in [
        (0x001f_0011, Reject::BadCount(0x1f)),
        (0x005f_0011, Reject::BadCount(0x1f)),
        (0x0020_0011, Reject::BadCount(0x20)),
    ] {
        assert_eq!(Request::decode(&words(&[head])), Err(reject), "{head:#x}");
    }
}

#[test]
fn events_are_written_as_documented() {
    let state = State {
        generation: 0x1234_5678,
        link: Link {
            policy: LinkPolicy::ForcedDown,
            ..GIGABIT
        },
        trusted: true,
        mac_locked: true,
        port_vlan: true,
        mac: Some(mac(0x55)),
        mtu: 9000,
        room: 0x1357,
    };
    let changes = Changes::LINK.or(Changes::RESET);
    let body = [
        0x1234_5678,
        0xe000_03e8,
        7,
        0x3322_1102,
        0x5544,
        0x1357_2328,
    ];
    let mut expected = vec![0x2000_0100, 0x101];
    expected.extend(body);
    assert_eq!(event(&Event { changes, state }).words(), expected);
    let mut expected = vec![0xa300_0010, 0];
    expected.extend(body);
    let reply = state_reply(Header::from_raw(0x0300_0010), state);
    assert_eq!(reply.words(), expected);
    // A base VF reads the control message that it knows.
    assert_eq!(
        FromPf::decode(event(&Event::default()).padded()),
        FromPf::Control {
            clear_to_send: true
        }
    );
}

#[test]
fn what_later_versions_may_add_is_passed_over() {
    let read = Event::decode(&words(&[
        0x2000_0100,
        0xffff_ffff,
        7,
        0xffff_0064,
        0xffff_fff8,
        0xffff_ffff,
        0xffff_ffff,
        0x0000_05dc,
    ]));
    let link = Link {
        speed: 100,
        ..GIGABIT
    };
    let expected = State {
        generation: 7,
        link,
        mtu: 1500,
        ..State::default()
    };
    assert_eq!(read.state, expected);
}

#[test]
fn codes_are_those_documented() {
    for code in 0..=15 {
        let refusal = Refusal::from_words(code, 77);
        assert_eq!(refusal.to_words().0, code);
        assert!(!matches!(refusal, Refusal::Other(..)), "{code}");
        assert!(!refusal.to_string().is_empty());
    }
    assert_eq!(Refusal::from_words(16, 3), Refusal::Other(16, 3));
    let sentence = Refusal::Other(16, 3).to_string();
    assert!(sentence.contains("16"), "{sentence}");
}

#[test]
fn each_reason_is_told_and_no_secret_with_it() {
    for (reason, words) in [
        (Reason::Invalid(Reject::UnknownOpcode(9)), (2, 0)),
        (Reason::Invalid(Reject::BadVlan(4095)), (1, 0)),
        (Reason::MacLocked(mac(1)), (3, 0)),
        (Reason::MacInUse(mac(1)), (4, 0)),
        (Reason::FilterQuota(3), (5, 3)),
        (Reason::PortVlan(vlan(100)), (6, 0)),
        (Reason::VlanDenied(vlan(100)), (7, 0)),
        (Reason::VlanQuota(4), (8, 4)),
        (Reason::UnicastPromisc, (9, 0)),
        (Reason::MulticastPromisc, (10, 0)),
        (Reason::MulticastOverflow, (11, 0)),
        (Reason::MulticastFull, (0, 0)),
        (Reason::GroupQuota(256), (15, 256)),
        (Reason::Failed(Failure::NoSpace), (12, 0)),
        (Reason::Failed(Failure::InReset), (13, 100)),
        (Reason::Failed(Failure::Device), (14, 0)),
    ] {
        assert_eq!(Refusal::from(reason).to_words(), words, "{reason}");
    }
}

#[test]
fn versions_agree_on_the_older_one() {
    let version = |major, minor| Version { major, minor };
    for (wanted, agreed) in [
        (Version::ANY, Some(Version::OURS)),
        (Version::OURS, Some(Version::OURS)),
        (version(1, 9), Some(Version::OURS)),
        (version(7, 0), Some(Version::OURS)),
        (version(0, 1), None),
    ] {
        assert_eq!(wanted.agree(), agreed, "{wanted:?}");
    }
    // The VF's side of it.
    let ours = Caps::OURS;
    assert_eq!(ours.accept(Version::OURS, Caps::EVENTS), Caps::EVENTS);
    assert_eq!(ours.accept(version(1, 4), Caps::EVENTS), Caps::EVENTS);
    assert_eq!(ours.accept(version(2, 0), ours), Caps::NONE);
    assert_eq!(Caps::EVENTS.accept(Version::OURS, ours), Caps::NONE);
}

fn any_state() -> impl Strategy<Value = State> {
    let policy = prop_oneof![
        Just(LinkPolicy::Auto),
        Just(LinkPolicy::ForcedUp),
        Just(LinkPolicy::ForcedDown),
    ];
    let link = (policy, any::<bool>(), any::<bool>(), any::<u16>());
    let flags = any::<[bool; 3]>();
    let address = proptest::option::of(any_mac());
    let counts = any::<[u16; 2]>();
    (any::<u32>(), link, flags, address, counts).prop_map(
        |(generation, (policy, up, full_duplex, speed), flags, mac, [mtu, room])| State {
            generation,
            link: Link {
                policy,
                up,
                full_duplex,
                speed,
            },
            trusted: flags[0],
            mac_locked: flags[1],
            port_vlan: flags[2],
            mac,
            mtu,
            room,
        },
    )
}

proptest! {
    #[test]
    fn an_event_is_read_as_written(
        state in any_state(),
        changes in any::<u32>(),
        rubbish in any::<[u32; MAILBOX_WORDS]>(),
    ) {
        let written = Event { changes: Changes::from_word(changes), state };
        let message = event(&written);
        let mut buffer = rubbish;
        buffer[..EVENT_WORDS].copy_from_slice(message.words());
        prop_assert_eq!(Event::decode(&buffer), written);
    }

    #[test]
    fn any_words_are_an_event_that_is_written_as_read(raw in any::<[u32; MAILBOX_WORDS]>()) {
        let read = Event::decode(&raw);
        prop_assert_eq!(Event::decode(event(&read).padded()), read);
    }

    #[test]
    fn a_refusal_is_read_as_written(code in 0u32..20, detail in any::<u32>()) {
        let refusal = Refusal::from_words(code, detail);
        let (code, detail) = refusal.to_words();
        prop_assert_eq!(Refusal::from_words(code, detail), refusal);
    }

    #[test]
    fn a_full_reply_is_read_by_what_was_agreed(
        tag in 0u32..32,
        granted in any::<bool>(),
        agreed in 0u32..16,
        code in 0u32..20,
        detail in any::<u32>(),
        generation in any::<u32>(),
    ) {
        let header = Header::from_raw(5 | tag << 24);
        let agreed = Caps::from_word(agreed);
        let refusal = Refusal::from_words(code, detail);
        let message = full_reply(simple_reply(header, granted, true), agreed, refusal, generation);
        let FromPf::Reply(raw) = FromPf::decode(message.padded()) else {
            return Err(TestCaseError::fail("not a reply"));
        };
        let told = if agreed.has(Caps::REASONS) { refusal } else { Refusal::Undisclosed };
        let expected = match (granted, told) {
            (true, Refusal::Undisclosed) => Reply::Granted,
            (true, remark) => Reply::GrantedInPart(remark),
            (false, refusal) => Reply::Refused(refusal),
        };
        prop_assert_eq!(raw.to(header, agreed), Some(expected));
        let generation = agreed.has(Caps::EVENTS).then_some(generation);
        prop_assert_eq!(raw.generation(agreed), generation);
        // With another tag it is no answer.
        let other = Header::from_raw(5 | (tag ^ 1) << 24);
        prop_assert_eq!(raw.to(other, agreed), None);
    }

    #[test]
    fn changes_are_those_that_are(before in any_state(), after in any_state()) {
        let changes = after.changes_since(&before);
        let same = State { generation: before.generation, ..after } == before;
        prop_assert_eq!(changes.is_none(), same);
        prop_assert!(before.changes_since(&before).is_none());
        prop_assert!(!changes.has(Changes::RESET));
    }

    #[test]
    fn generations_have_an_order(start in any::<u32>(), ahead in 1u32..1 << 31) {
        let state = |generation| State { generation, ..State::default() };
        let later = start.wrapping_add(ahead);
        prop_assert!(state(later).is_newer_than(start));
        prop_assert!(!state(start).is_newer_than(later));
        prop_assert!(!state(start).is_newer_than(start));
    }
}
