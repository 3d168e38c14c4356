// SPDX-License-Identifier: GPL-2.0

//! The client against our own PF, and against one that is late, in reset, or gone.

use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::Reply;
use mbox::port::{
    P2vMailbox,
    PfPort,
    V2pMailbox,
    VfPort, //
};
use mbox::sim::{
    Doorbells,
    Model, //
};
use mbox::time::Span;
use mbox::types::MaxFrame;
use mbox::vf::{
    Error,
    Events,
    Progress,
    StartError,
    LOCK_TIMEOUT,
    PF_RESET_TIMEOUT,
    REQUEST_TIMEOUT, //
};
use mbox::vf_to_pf::Request;

use super::common::{
    mac,
    Pair, //
};

const STANDARD: Request = Request::SetMaxFrame(MaxFrame::STANDARD);

const RESET_DONE: Reply = Reply::Reset {
    mac: None,
    offer: false,
};

fn pair() -> Pair {
    Pair::new(Model::Datasheet, VfConfig::default())
}

fn ready_pair() -> Pair {
    let mut pair = pair();
    assert_eq!(pair.reset_vf(), Ok(RESET_DONE));
    assert!(!pair.client.needs_reset());
    pair
}

/// The PF writes these words, and forgets what it was asked, as C igb does.
fn pf_writes(pair: &Pair, words: &[u32]) {
    let mut port = pair.mailbox.pf();
    port.take_events();
    assert!(port.try_lock());
    port.write(words);
    port.set_control(P2vMailbox::STS);
}

#[test]
fn a_reset_comes_first() {
    let mut pair = pair();
    let start = pair.client.start(&STANDARD, pair.now);
    assert_eq!(start, Err(StartError::NeedsReset));
    assert_eq!(pair.reset_vf(), Ok(RESET_DONE));
    assert_eq!(pair.run(&STANDARD), Ok(Reply::Granted));
    pair.client.start(&STANDARD, pair.now).unwrap();
    let start = pair.client.start(&STANDARD, pair.now);
    assert_eq!(start, Err(StartError::Busy));
}

#[test]
fn the_assigned_address_arrives() {
    let config = VfConfig {
        mac: Some(mac(7)),
        ..VfConfig::default()
    };
    let mut pair = Pair::new(Model::Qemu, config);
    let mac = config.mac;
    assert_eq!(pair.reset_vf(), Ok(Reply::Reset { mac, offer: true }));
}

#[test]
fn without_a_pf_a_request_fails_within_its_bound() {
    let mut pair = pair();
    pair.pf_dead = true;
    let started = pair.now;
    assert_eq!(pair.reset_vf(), Err(Error::AckTimeout));
    let bound = Span::from_micros(PF_RESET_TIMEOUT.as_micros() + REQUEST_TIMEOUT.as_micros());
    assert!(pair.now.since(started) <= bound);
    assert!(pair.client.needs_reset());
    // The PF's driver comes later than the VF's.
    pair.pf_dead = false;
    assert_eq!(pair.reset_vf(), Ok(RESET_DONE));
}

#[test]
fn a_pf_that_stops_answering_is_noticed() {
    let mut pair = ready_pair();
    pair.pf_dead = true;
    assert_eq!(pair.run(&STANDARD), Err(Error::AckTimeout));
    // Not one second each for all that follow.
    let start = pair.client.start(&STANDARD, pair.now);
    assert_eq!(start, Err(StartError::NeedsReset));
    assert!(pair.client.take_events().lost);
}

#[test]
fn a_pf_that_reads_and_does_not_reply_is_noticed() {
    let mut pair = ready_pair();
    pair.pf_dead = true;
    pair.client.start(&STANDARD, pair.now).unwrap();
    pair.poll();
    pair.mailbox.pf().set_control(P2vMailbox::ACK);
    pair.poll();
    // Writing again must not hide that the first was read; the PF reads each.
    let error = loop {
        match pair.poll() {
            Progress::Pending { next_check } => pair.now = next_check,
            Progress::Failed(error) => break error,
            other => panic!("{other:?}"),
        }
        if pair.mailbox.pf().take_events().request {
            pair.mailbox.pf().set_control(P2vMailbox::ACK);
        }
    };
    assert_eq!(error, Error::ReplyTimeout);
}

#[test]
fn a_pf_that_keeps_the_buffer_is_noticed() {
    let mut pair = ready_pair();
    pair.pf_dead = true;
    assert!(pair.mailbox.pf().try_lock());
    let started = pair.now;
    assert_eq!(pair.run(&STANDARD), Err(Error::LockTimeout));
    assert!(pair.now.since(started) <= LOCK_TIMEOUT);
}

#[test]
fn a_reset_waits_for_the_pf_to_come_out_of_its_own() {
    let mut pair = pair();
    pair.mailbox.pf_reset_begin();
    let started = pair.now;
    assert_eq!(pair.reset_vf(), Err(Error::PfInReset));
    assert!(pair.now.since(started) <= PF_RESET_TIMEOUT);

    pair.client.start(&Request::Reset, pair.now).unwrap();
    assert!(matches!(pair.poll(), Progress::Pending { .. }));
    pair.sleep(Span::from_millis(100));
    assert!(matches!(pair.poll(), Progress::Pending { .. }));
    pair.mailbox.pf_reset_end();
    assert_eq!(pair.finish(), Ok(RESET_DONE));
}

#[test]
fn a_pf_reset_ends_what_is_under_way() {
    let mut pair = ready_pair();
    pair.client.start(&STANDARD, pair.now).unwrap();
    pair.poll();
    pair.mailbox.pf_reset_begin();
    pair.device_reset();
    assert_eq!(pair.poll(), Progress::Failed(Error::Lost));
    pair.mailbox.pf_reset_end();
    assert_eq!(pair.reset_vf(), Ok(RESET_DONE));
}

#[test]
fn an_idle_vf_learns_of_a_pf_reset_without_an_interrupt() {
    let mut pair = ready_pair();
    pair.mailbox.pf_reset_begin();
    pair.device_reset();
    pair.mailbox.pf_reset_end();
    // RSTD alone, the notice being lost.
    assert_eq!(pair.poll(), Progress::Idle);
    assert!(pair.client.take_events().lost);
    assert!(pair.client.needs_reset());
    // It is told once, not with each poll.
    assert_eq!(pair.poll(), Progress::Idle);
    assert_eq!(pair.client.take_events(), Events::default());
}

#[test]
fn link_changes_are_told() {
    let mut pair = ready_pair();
    pair.client.take_events();
    pair.server.notify();
    pair.serve();
    assert_eq!(pair.poll(), Progress::Idle);
    let expected = Events {
        link_check: true,
        ..Events::default()
    };
    assert_eq!(pair.client.take_events(), expected);
    assert!(!pair.client.needs_reset());
}

#[test]
fn a_new_address_by_the_administrator_resets_the_vf() {
    let mut pair = ready_pair();
    pair.config.mac = Some(mac(0x42));
    pair.config.mac_locked = true;
    pair.server.reconfigure();
    pair.serve();
    pair.idle(Span::from_millis(600));
    assert!(pair.client.needs_reset());
    let mac = pair.config.mac;
    assert_eq!(pair.reset_vf(), Ok(Reply::Reset { mac, offer: true }));
}

#[test]
fn a_vf_that_is_cut_off_is_not_served_until_its_handshake() {
    let mut pair = ready_pair();
    pair.device.granted.revoke();
    pair.server.reconfigure();
    assert!(!pair.device.granted.clear_to_send());
    // A request that was on its way finds nobody.
    pair.client.start(&STANDARD, pair.now).unwrap();
    assert_eq!(pair.finish(), Ok(Reply::NotReady));
    assert!(pair.client.needs_reset());
    assert!(!pair.device.granted.clear_to_send());
    assert_eq!(pair.reset_vf(), Ok(RESET_DONE));
    assert!(pair.device.granted.clear_to_send());
    assert_eq!(pair.run(&STANDARD), Ok(Reply::Granted));
}

#[test]
fn each_notice_of_a_lost_vf_is_understood() {
    for word in [0x0000_0100, 0x4000_0000] {
        let mut pair = ready_pair();
        pf_writes(&pair, &[word]);
        assert_eq!(pair.poll(), Progress::Idle);
        assert!(pair.client.needs_reset(), "{word:x}");
        // The message was acknowledged, for C igb answers that with the bare NACK.
        assert!(pair.mailbox.pf().take_events().ack);
    }
}

#[test]
fn a_notice_that_is_found_when_the_request_is_written_is_heeded() {
    let mut pair = ready_pair();
    pair.client.start(&STANDARD, pair.now).unwrap();
    pf_writes(&pair, &[0x0000_0100]);
    assert_eq!(pair.poll(), Progress::Failed(Error::Lost));
    assert!(pair.mailbox.pf().take_events().ack);
    // A reset goes on: it is the answer to such a notice.
    pf_writes(&pair, &[0x0000_0100]);
    assert_eq!(pair.reset_vf(), Ok(RESET_DONE));
}

#[test]
fn what_answers_nothing_is_dropped() {
    let mut pair = ready_pair();
    // Late replies: to another request, to another value of it, to none.
    for word in [0xa000_0002, 0xa001_0005, 0x8000_0001, 0, 0xffff_ffff] {
        pair.pf_dead = true;
        pair.client.start(&STANDARD, pair.now).unwrap();
        pair.poll();
        pf_writes(&pair, &[word]);
        assert!(matches!(pair.poll(), Progress::Pending { .. }), "{word:x}");
        pair.pf_dead = false;
        assert_eq!(pair.finish(), Ok(Reply::Granted), "{word:x}");
    }
    assert_eq!(pair.client.counters().dropped, 5);
}

#[test]
fn a_late_reply_does_not_answer_the_next_request() {
    let mut pair = ready_pair();
    pair.client.start(&STANDARD, pair.now).unwrap();
    pair.poll();
    pair.client.cancel();
    pair.serve();
    // SET_LPE has been answered; this is SET_MAC_ADDR.
    pair.client
        .start(&Request::SetMac(mac(3)), pair.now)
        .unwrap();
    assert_eq!(pair.finish(), Ok(Reply::Granted));
    assert_eq!(pair.device.mac, Some(mac(3)));
}

#[test]
fn lost_doorbells_cost_time_and_nothing_else() {
    let one = |which: fn(&mut Doorbells)| {
        let mut doorbells = Doorbells::default();
        which(&mut doorbells);
        doorbells
    };
    for lost in [
        one(|d| d.req = true),
        one(|d| d.pfack = true),
        one(|d| d.pfsts = true),
    ] {
        let mut pair = ready_pair();
        pair.mailbox.hold_doorbells(true);
        pair.client.start(&STANDARD, pair.now).unwrap();
        pair.poll();
        pair.mailbox.lose(lost);
        pair.mailbox.deliver(Doorbells {
            req: true,
            ..Doorbells::default()
        });
        pair.serve_if_due();
        pair.mailbox.lose(lost);
        pair.mailbox.hold_doorbells(false);
        assert_eq!(pair.finish(), Ok(Reply::Granted), "{lost:?}");
        assert!(!pair.client.needs_reset());
    }
}

#[test]
fn a_notice_that_destroyed_the_request_is_survived() {
    // C igb clears the request's doorbell and writes over it.
    let mut pair = ready_pair();
    pair.client.start(&STANDARD, pair.now).unwrap();
    pair.poll();
    pf_writes(&pair, &[0x2000_0100]);
    assert_eq!(pair.finish(), Ok(Reply::Granted));
    assert!(pair.client.take_events().link_check);
    assert_eq!(pair.client.counters().resends, 1);
}

#[test]
fn a_reset_is_repeated_when_the_pf_says_not_now() {
    let mut pair = pair();
    pair.device.fail = Some(mbox::reason::Failure::InReset);
    assert_eq!(pair.run(&Request::Reset), Ok(RESET_DONE));
    assert_eq!(pair.client.counters().resends, 1);
}

#[test]
fn no_read_loses_a_bit() {
    let pair = pair();
    let mut cache = mbox::port::V2pCache::new();
    pair.mailbox.pf_reset_end();
    pf_writes(&pair, &[0]);
    pair.mailbox.pf().set_control(P2vMailbox::ACK);
    let all = V2pMailbox::READ_TO_CLEAR;
    assert_eq!(cache.read(&mut pair.mailbox.vf()), all);
    // The register has forgotten, the cache has not.
    assert_eq!(pair.mailbox.vf().status(), V2pMailbox::default());
    assert!(cache.try_lock(&mut pair.mailbox.vf()));
    assert!(cache.take(V2pMailbox::PFSTS));
    assert!(!cache.take(V2pMailbox::PFSTS));
    assert!(cache.has(V2pMailbox::PFACK) && cache.has(V2pMailbox::RSTD));
    // RSTI is no such bit: it follows the register.
    pair.mailbox.pf_reset_begin();
    assert!(cache.read(&mut pair.mailbox.vf()).has(V2pMailbox::RSTI));
    pair.mailbox.pf_reset_end();
    assert!(!cache.read(&mut pair.mailbox.vf()).has(V2pMailbox::RSTI));
}

#[test]
fn a_reset_of_the_device_undoes_no_take_back() {
    let chosen = || {
        let mut pair = ready_pair();
        pair.run(&Request::SetMac(mac(7))).unwrap();
        assert_eq!(pair.device.granted.mac(), Some(mac(7)));
        pair
    };
    // The address is kept where nothing else was to be done.
    let mut pair = chosen();
    pair.server.before_device_reset(&mut pair.mailbox.pf());
    pair.device_reset();
    assert_eq!(pair.device.granted.mac(), Some(mac(7)));
    // The administrator has taken it back, and the mailbox was not served since.
    let mut pair = chosen();
    pair.server.reconfigure();
    pair.device_reset();
    assert_eq!(pair.device.granted.mac(), pair.config.mac);
    // The VF has another tenant.
    let mut pair = chosen();
    pair.mailbox.function_reset();
    pair.server.before_device_reset(&mut pair.mailbox.pf());
    pair.device_reset();
    assert_eq!(pair.device.granted.mac(), pair.config.mac);
}
