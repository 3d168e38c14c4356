// SPDX-License-Identifier: GPL-2.0

//! A VF that flips every bit of every word of every message, and one that does with its registers
//! what it likes. Whatever it does, the device holds what the PF believes, the VF has no more than
//! its rights (Device::check after each step), and the PF neither waits nor floods the log.

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::Reply;
use mbox::port::{
    P2vMailbox,
    PfPort,
    V2pMailbox,
    VfPort, //
};
use mbox::reason::Reason;
use mbox::server::{
    ADDRESS_BURST,
    LOCK_HELD_TIMEOUT,
    LOCK_RETRY_LAST,
    READ_TIMEOUT,
    RESET_BURST,
    RESET_INTERVAL, //
};
use mbox::sim::Model;
use mbox::time::Span;
use mbox::types::{
    HashList,
    MaxFrame,
    McHash,
    Promisc, //
};
use mbox::vf_to_pf::Request;
use mbox::wire::{
    Words,
    MAILBOX_WORDS, //
};
use proptest::prelude::*;

use super::common::{
    mac,
    vlan,
    Pair, //
};

fn configs() -> [VfConfig; 4] {
    let plain = VfConfig {
        mac: Some(mac(1)),
        ..VfConfig::default()
    };
    let locked = VfConfig {
        mac_locked: true,
        ..plain
    };
    let tagged = VfConfig {
        port_vlan: Some(vlan(100)),
        ..locked
    };
    let trusted = VfConfig {
        trusted: true,
        ..plain
    };
    [plain, locked, tagged, trusted]
}

const NEGOTIATE: Request = Request::Negotiate {
    version: Version::OURS,
    caps: Caps::OURS,
};

fn messages() -> Vec<Words> {
    let mut hashes = HashList::EMPTY;
    for value in 0..30 {
        hashes.push(McHash::new(value * 100).unwrap());
    }
    let promisc = |unicast, multicast| Request::SetPromisc(Promisc { unicast, multicast });
    let requests = [
        Request::Reset,
        Request::SetMac(mac(1)),
        Request::SetMac(mac(9)),
        Request::ClearFilters { filler: None },
        Request::AddFilter(mac(10)),
        Request::SetMulticast(HashList::EMPTY),
        Request::SetMulticast(hashes),
        Request::SetVlan {
            vid: vlan(5),
            join: true,
        },
        Request::SetVlan {
            vid: vlan(5),
            join: false,
        },
        Request::SetMaxFrame(MaxFrame::MIN),
        Request::SetMaxFrame(MaxFrame::MAX),
        promisc(false, false),
        promisc(false, true),
        promisc(true, true),
        NEGOTIATE,
        Request::GetState,
        Request::ChangeMulticast {
            list: hashes,
            leave: false,
        },
        Request::ChangeMulticast {
            list: hashes,
            leave: true,
        },
    ];
    let mut messages: Vec<Words> = requests.iter().map(|r| *r.encode().padded()).collect();
    // And what only a PF writes.
    for head in [0x0000_0100, 0x2000_0100, 0x4000_0000, 0x8000_0001] {
        let mut words = [0; MAILBOX_WORDS];
        words[0] = head;
        messages.push(words);
    }
    messages
}

/// Rings with these words; the PF serves at once. Returns the PF's answer, if any.
fn ring(pair: &mut Pair, words: &Words) -> Option<u32> {
    let mut port = pair.mailbox.vf();
    port.set_control(V2pMailbox::VFU);
    port.write(words);
    port.set_control(V2pMailbox::REQ);
    // Slow enough for the request limit, which has tests of its own.
    pair.sleep(Span::from_millis(2));
    pair.serve();
    let mut port = pair.mailbox.vf();
    let status = port.status();
    assert!(
        status.has(V2pMailbox::PFACK),
        "the PF has not read {words:x?}"
    );
    assert!(!status.has(V2pMailbox::PFU), "the PF keeps the buffer");
    let mut head = [0];
    port.read(&mut head);
    port.set_control(V2pMailbox::ACK);
    status.has(V2pMailbox::PFSTS).then_some(head[0])
}

/// The answer says yes or no, and repeats what was asked.
fn check_answer(words: &Words, answer: Option<u32>, ready: bool) {
    let from_pf = words[0] >> 29 != 0 || words[0] & 0xffff == 0x0100;
    let Some(answer) = answer else {
        assert!(from_pf || !ready, "no answer to {words:x?}");
        return;
    };
    if answer == 0x4000_0000 && !ready {
        return;
    }
    assert!(!from_pf, "an answer to the PF's own words");
    assert!(answer >> 31 != answer >> 30 & 1);
    let granted_promisc = 0x0002_0000;
    let echo = answer & 0x1fff_ffff;
    assert!(echo == words[0] || echo | granted_promisc == words[0]);
}

fn flip_all(mut each: impl FnMut(Words)) {
    for message in messages() {
        each(message);
        for word in 0..MAILBOX_WORDS {
            for bit in 0..32 {
                let mut flipped = message;
                flipped[word] ^= 1 << bit;
                each(flipped);
            }
        }
    }
}

#[test]
fn every_bit_of_every_message_flipped() {
    for config in configs() {
        let mut pair = Pair::new(Model::Datasheet, config);
        pair.reset_vf().unwrap();
        let mut reset = [0; MAILBOX_WORDS];
        reset[0] = 1;
        let mut count = 0u64;
        flip_all(|words| {
            let answer = ring(&mut pair, &words);
            check_answer(&words, answer, true);
            count += 1;
        });
        assert_eq!(count, 22 * (1 + 512));
        // The VF is served as before.
        assert!(ring(&mut pair, &reset).is_some());
        let seconds = pair.now.as_micros() / 1_000_000;
        let lines = pair.device.reports.len() as u64;
        assert!(lines <= 6 + seconds / 5, "{lines} log lines in {seconds} s");
    }
}

#[test]
fn every_bit_of_every_message_flipped_after_an_agreement() {
    for config in configs() {
        let mut pair = Pair::new(Model::Qemu, config);
        flip_all(|words| {
            if pair.device.granted.agreed() != Caps::OURS {
                pair.sleep(READ_TIMEOUT);
                pair.reset_vf().unwrap();
                pair.run(&NEGOTIATE).unwrap();
            }
            // Something to tell, each time.
            pair.config.mtu ^= 1;
            // Where the PF has nothing to answer, its event may come.
            let answer = ring(&mut pair, &words).filter(|&head| head != 0x2000_0100);
            check_answer(&words, answer, true);
        });
        pair.reset_vf().unwrap();
    }
}

#[test]
fn every_bit_of_every_message_flipped_before_the_reset() {
    for config in configs() {
        let mut pair = Pair::new(Model::Qemu, config);
        flip_all(|words| {
            // The same word a moment later is a reset in full right.
            if words[0] == 1 {
                return;
            }
            let answer = ring(&mut pair, &words);
            check_answer(&words, answer, false);
            assert!(!pair.device.granted.clear_to_send());
        });
        assert!(pair.device.effects.is_empty(), "an effect before the reset");
    }
}

#[test]
fn every_pair_of_bits_of_the_header_flipped() {
    let mut pair = Pair::new(Model::Datasheet, configs()[0]);
    pair.reset_vf().unwrap();
    for message in messages() {
        for (one, two) in (0..32).flat_map(|one| (0..one).map(move |two| (one, two))) {
            let mut words = message;
            words[0] ^= 1 << one | 1 << two;
            let answer = ring(&mut pair, &words);
            check_answer(&words, answer, true);
        }
    }
}

#[test]
fn a_vf_that_keeps_the_buffer_costs_the_pf_nothing() {
    for model in [Model::Datasheet, Model::Qemu] {
        let mut pair = Pair::new(model, configs()[0]);
        let mut port = pair.mailbox.vf();
        port.write(Request::Reset.encode().words());
        port.set_control(V2pMailbox::REQ.with(V2pMailbox::VFU));
        let started = pair.now;
        let mut calls = 0;
        while pair.now.since(started) < Span::from_millis(10_000) {
            pair.serve();
            calls += 1;
            if pair.device.granted.clear_to_send() {
                break;
            }
            let wake = pair.pf_wake.expect("the PF has given up");
            assert!(wake > pair.now && wake.since(pair.now) <= LOCK_RETRY_LAST);
            pair.now = wake;
            // The VF takes it again at once.
            if model == Model::Qemu {
                pair.mailbox.vf().set_control(V2pMailbox::VFU);
            }
        }
        assert!(calls < 120, "{calls} attempts in ten seconds");
        let held = Reason::BufferHeld;
        assert!(pair
            .device
            .reports
            .iter()
            .any(|(reason, _)| *reason == held));
        if model == Model::Datasheet {
            // RVFU frees it: served after the timeout and one retry.
            assert!(pair.device.granted.clear_to_send());
            let bound =
                Span::from_micros(LOCK_HELD_TIMEOUT.as_micros() + 2 * LOCK_RETRY_LAST.as_micros());
            assert!(pair.now.since(started) <= bound);
        } else {
            // It lets go after all.
            pair.mailbox.vf().set_control(V2pMailbox::REQ);
            pair.sleep(LOCK_RETRY_LAST);
            pair.serve();
            assert!(pair.device.granted.clear_to_send());
        }
    }
}

#[test]
fn a_storm_of_resets_has_a_bound() {
    let mut pair = Pair::new(Model::Datasheet, configs()[0]);
    for _ in 0..10_000 {
        pair.mailbox.function_reset();
        pair.serve();
        assert!(
            pair.pf_wake.is_none_or(|wake| wake > pair.now),
            "the PF spins"
        );
        pair.sleep(Span::from_micros(100));
    }
    let followed = pair.server.counters().function_resets;
    let bound = u64::from(RESET_BURST) + 1_000_000 / RESET_INTERVAL.as_micros();
    assert!(followed <= bound, "{followed} resets in a second");
    // It is served again when it stops.
    pair.sleep(Span::from_millis(200));
    pair.serve();
    assert!(pair.reset_vf().is_ok());
}

#[test]
fn offences_are_counted_and_refusals_of_good_drivers_are_few() {
    let mut pair = Pair::new(Model::Datasheet, configs()[0]);
    assert!(pair.reset_vf().is_ok());
    assert_eq!(pair.server.counters().offences, 0);
    let mut words = [0; MAILBOX_WORDS];
    for number in 1..=100 {
        words[0] = 0x77;
        assert!(ring(&mut pair, &words).is_some());
        assert_eq!(pair.server.counters().offences, number);
    }
    // A doorbell without a message.
    words[0] = 0xc000_0001;
    ring(&mut pair, &words);
    assert_eq!(pair.server.counters().offences, 101);
}

#[test]
fn refusals_by_policy_are_no_offences() {
    let config = VfConfig {
        mac: Some(mac(1)),
        mac_locked: true,
        port_vlan: Some(vlan(100)),
        ..VfConfig::default()
    };
    let mut pair = Pair::new(Model::Datasheet, config);
    assert!(pair.reset_vf().is_ok());
    let vid = vlan(9);
    let unicast = Promisc {
        unicast: true,
        multicast: false,
    };
    let multicast = Promisc {
        unicast: false,
        multicast: true,
    };
    for (number, request) in (1..).zip([
        Request::SetMac(mac(2)),
        Request::AddFilter(mac(3)),
        Request::SetVlan { vid, join: true },
        Request::SetPromisc(unicast),
        Request::SetPromisc(multicast),
    ]) {
        assert!(matches!(pair.run(&request), Ok(Reply::Refused(_))));
        let counters = pair.server.counters();
        assert_eq!((counters.denials, counters.offences), (number, 0));
    }
}

#[test]
fn changes_of_addresses_are_slow_and_none_is_refused() {
    let mut pair = Pair::new(Model::Datasheet, configs()[0]);
    assert!(pair.reset_vf().is_ok());
    let started = pair.now;
    let changes = ADDRESS_BURST + 50;
    for number in 0..changes {
        // An address of its own each time, and other requests are served at once between them.
        let address = mac(u8::try_from(2 + number % 200).unwrap());
        assert_eq!(pair.run(&Request::SetMac(address)), Ok(Reply::Granted));
        assert_eq!(pair.device.mac, Some(address));
        let before = pair.now;
        let size = Request::SetMaxFrame(MaxFrame::STANDARD);
        assert_eq!(pair.run(&size), Ok(Reply::Granted));
        assert!(pair.now.since(before) < Span::from_millis(20));
    }
    assert!(pair.now.since(started) >= Span::from_millis(50 * 100 - 100));
    assert_eq!(pair.client.counters().failures, 0);
}

#[test]
fn acknowledgements_of_nothing_are_counted() {
    let mut pair = Pair::new(Model::Datasheet, configs()[0]);
    assert!(pair.reset_vf().is_ok());
    assert_eq!(pair.server.counters().stray_acks, 0);
    for number in 1..=10 {
        pair.mailbox.vf().set_control(V2pMailbox::ACK);
        pair.serve_if_due();
        assert_eq!(pair.server.counters().stray_acks, number);
    }
    // That of a notice is none.
    pair.server.notify();
    pair.serve();
    pair.mailbox.vf().set_control(V2pMailbox::ACK);
    pair.serve_if_due();
    assert_eq!(pair.server.counters().stray_acks, 10);
    assert_eq!(pair.server.counters().offences, 0);
}

#[test]
fn rings_for_a_request_that_waits_are_counted() {
    let mut pair = Pair::new(Model::Datasheet, configs()[0]);
    assert!(pair.reset_vf().is_ok());
    let ring = |pair: &mut Pair| {
        let mut port = pair.mailbox.vf();
        port.write(Request::SetMaxFrame(MaxFrame::STANDARD).encode().words());
        port.set_control(V2pMailbox::REQ);
        pair.serve();
        pair.server.counters().extra_rings
    };
    // As fast as it is answered: each is a request of its own, up to the limit.
    let borne = (0..).take_while(|_| ring(&mut pair) == 0).count();
    assert!(borne >= 100);
    for number in 2..=100 {
        assert_eq!(ring(&mut pair), number);
    }
    // A new driver does not wait for what the one before has asked.
    pair.mailbox.function_reset();
    assert_eq!(ring(&mut pair), 100);
    assert_eq!(pair.server.counters().offences, 0);
}

#[test]
fn a_reset_leaves_no_word_in_the_buffer() {
    let buffer = |pair: &mut Pair| {
        let mut words = [0; MAILBOX_WORDS];
        pair.mailbox.vf().read(&mut words);
        words
    };
    let mut pair = Pair::new(Model::Datasheet, configs()[0]);
    assert!(pair.reset_vf().is_ok());
    pair.mailbox.vf().write(&[0xdead_beef; MAILBOX_WORDS]);
    pair.mailbox.function_reset();
    pair.serve();
    assert_eq!(buffer(&mut pair), [0; MAILBOX_WORDS]);
    // A next driver that is faster than the PF sees no more of it than the reply.
    pair.mailbox.vf().write(&[0xdead_beef; MAILBOX_WORDS]);
    assert!(pair.reset_vf().is_ok());
    assert_eq!(buffer(&mut pair)[3..], [0; MAILBOX_WORDS - 3]);
    // Its request is not wiped away.
    pair.mailbox.function_reset();
    pair.mailbox.vf().set_control(V2pMailbox::VFU);
    pair.mailbox.vf().write(&[0x01]);
    pair.serve();
    pair.mailbox.vf().set_control(V2pMailbox::REQ);
    pair.serve();
    assert_eq!(buffer(&mut pair)[0], 0x8000_0001);
}

#[test]
fn a_lock_held_before_a_reset_is_not_held_against_the_next_driver() {
    let mut pair = Pair::new(Model::Qemu, configs()[0]);
    assert!(pair.reset_vf().is_ok());
    let hold = |pair: &mut Pair| {
        pair.mailbox.vf().set_control(V2pMailbox::VFU);
        pair.server.notify();
        pair.serve();
    };
    hold(&mut pair);
    pair.mailbox.vf().set_control(V2pMailbox::default());
    pair.mailbox.function_reset();
    pair.sleep(Span::from_millis(3_600_000));
    hold(&mut pair);
    assert_eq!(pair.server.counters().offences, 0);
}

/// What a hostile VF may do with its registers.
#[derive(Clone, Debug)]
enum Deed {
    Write(Box<Words>),
    Control(u32),
    Read,
    FunctionReset,
    Pass(u64),
    /// Done by the host, in between.
    Notify,
    DeviceReset,
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let messages = messages();
    let word = (0..MAILBOX_WORDS, any::<u32>());
    let near = (0..messages.len(), proptest::option::of(word)).prop_map(move |(index, change)| {
        let mut words = messages[index];
        if let Some((at, value)) = change {
            words[at] = value;
        }
        Deed::Write(Box::new(words))
    });
    prop_oneof![
        8 => near,
        8 => prop_oneof![
            Just(V2pMailbox::REQ.raw()),
            Just(V2pMailbox::VFU.raw()),
            Just(V2pMailbox::ACK.raw()),
            any::<u32>(),
        ].prop_map(Deed::Control),
        2 => Just(Deed::Read),
        1 => Just(Deed::FunctionReset),
        4 => (0u64..300_000).prop_map(Deed::Pass),
        1 => Just(Deed::Notify),
        1 => Just(Deed::DeviceReset),
    ]
}

fn do_deed(pair: &mut Pair, deed: Deed) {
    match deed {
        Deed::Write(words) => pair.mailbox.vf().write(&*words),
        Deed::Control(value) => pair.mailbox.vf().set_control(V2pMailbox::from_raw(value)),
        Deed::Read => drop(pair.mailbox.vf().status()),
        Deed::FunctionReset => pair.mailbox.function_reset(),
        Deed::Pass(micros) => pair.sleep(Span::from_micros(micros)),
        Deed::Notify => {
            pair.server.notify();
            pair.serve();
        }
        Deed::DeviceReset => {
            pair.mailbox.pf_reset_begin();
            pair.device_reset();
            pair.mailbox.pf_reset_end();
        }
    }
}

proptest! {
    #[test]
    fn no_deed_of_a_vf_breaks_the_pf(
        which in 0usize..4,
        qemu in any::<bool>(),
        deeds in proptest::collection::vec(any_deed(), 1..150),
    ) {
        let model = if qemu { Model::Qemu } else { Model::Datasheet };
        let mut pair = Pair::new(model, configs()[which]);
        for deed in deeds {
            do_deed(&mut pair, deed);
            pair.serve_if_due();
            let held = pair.mailbox.pf().control().has(P2vMailbox::PFU);
            prop_assert!(!held, "the PF keeps the buffer");
        }
        // An honest driver takes over: it is served.
        pair.mailbox.vf().set_control(V2pMailbox::default());
        pair.sleep(Span::from_millis(2_000));
        prop_assert!(pair.reset_vf().is_ok());
    }
}
