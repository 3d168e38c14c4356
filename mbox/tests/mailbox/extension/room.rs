// SPDX-License-Identifier: GPL-2.0

//! Addresses that a VF was refused and that become free: it is told once, and no more than that.

use mbox::event::{
    Changes,
    State, //
};
use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::Reply;
use mbox::refusal::Refusal;
use mbox::sim::Model;
use mbox::time::Span;
use mbox::types::MacAddr;
use mbox::vf_to_pf::Request;

use super::super::common::{
    mac,
    Pair,
    PF_MAC_LAST, //
};
use super::{
    agreed_pair,
    hear, //
};

fn config() -> VfConfig {
    VfConfig {
        mac: Some(mac(1)),
        trusted: true,
        ..VfConfig::default()
    }
}

/// Another function has `address`, and the VF is refused it.
fn refuse(pair: &mut Pair, address: MacAddr) {
    pair.device.taken.insert(address);
    let refused = Ok(Reply::Refused(Refusal::MacInUse));
    assert_eq!(pair.run(&Request::AddFilter(address)), refused);
}

/// Others let go of `address`. What the VF hears of that.
fn free(pair: &mut Pair, address: MacAddr) -> Option<State> {
    pair.device.free(address);
    let due = pair.server.room_due(pair.device.releases);
    let state = hear(pair);
    assert_eq!(pair.server.room_due(pair.device.releases), None);
    assert!(due.is_some() || state.is_none());
    state
}

#[test]
fn who_was_refused_an_address_is_told_when_it_is_free() {
    let mut pair = agreed_pair(config());
    let before = *pair.server.told();
    refuse(&mut pair, mac(9));
    refuse(&mut pair, mac(10));
    // Of what others let go of besides it learns nothing.
    assert_eq!(free(&mut pair, mac(11)), None);
    let state = free(&mut pair, mac(9)).expect("not told");
    assert_eq!(state.changes_since(&before), Changes::ROOM);
    assert_eq!(pair.run(&Request::AddFilter(mac(9))), Ok(Reply::Granted));
    assert_eq!(free(&mut pair, mac(9)), None);
    assert!(free(&mut pair, mac(10)).is_some());
    // Told once, whether it asks or not.
    pair.device.taken.insert(mac(10));
    assert_eq!(free(&mut pair, mac(10)), None);
}

#[test]
fn its_own_address_is_one_of_them() {
    let mut pair = agreed_pair(config());
    pair.device.taken.insert(mac(9));
    let refused = Ok(Reply::Refused(Refusal::MacInUse));
    assert_eq!(pair.run(&Request::SetMac(mac(9))), refused);
    // That takes no room for further ones.
    pair.config.filter_quota = 0;
    assert!(free(&mut pair, mac(9)).is_some());
    assert_eq!(pair.run(&Request::SetMac(mac(9))), Ok(Reply::Granted));
}

#[test]
fn room_is_told_as_an_address_is() {
    let mut pair = agreed_pair(VfConfig {
        filter_quota: 1,
        ..config()
    });
    assert_eq!(pair.run(&Request::AddFilter(mac(9))), Ok(Reply::Granted));
    let full = Ok(Reply::Refused(Refusal::FilterQuota(1)));
    assert_eq!(pair.run(&Request::AddFilter(mac(10))), full);
    assert_eq!(free(&mut pair, mac(11)), None);
    pair.config.filter_quota = 2;
    assert!(free(&mut pair, mac(12)).is_some());
    assert_eq!(pair.run(&Request::AddFilter(mac(10))), Ok(Reply::Granted));
}

#[test]
fn nobody_waits_for_what_he_gave_up() {
    let mut pair = agreed_pair(config());
    refuse(&mut pair, mac(9));
    assert_eq!(pair.run(&Request::AddFilter(mac(10))), Ok(Reply::Granted));
    let clear = Request::ClearFilters { filler: None };
    assert_eq!(pair.run(&clear), Ok(Reply::Granted));
    assert_eq!(free(&mut pair, mac(9)), None);

    refuse(&mut pair, mac(9));
    pair.reset_vf().unwrap();
    assert_eq!(free(&mut pair, mac(9)), None);

    let mut pair = agreed_pair(config());
    refuse(&mut pair, mac(9));
    pair.device_reset();
    assert_eq!(pair.server.room_due(1), None);
}

#[test]
fn a_vf_without_events_is_told_nothing() {
    let mut pair = Pair::new(Model::Qemu, config());
    pair.reset_vf().unwrap();
    pair.device.taken.insert(mac(9));
    let refused = Ok(Reply::Refused(Refusal::Undisclosed));
    assert_eq!(pair.run(&Request::AddFilter(mac(9))), refused);
    assert_eq!(free(&mut pair, mac(9)), None);
    assert_eq!(pair.server.counters().notices, 0);
}

#[test]
fn what_the_host_has_decided_is_not_waited_for() {
    let mut pair = agreed_pair(VfConfig {
        mac_locked: true,
        trusted: false,
        ..config()
    });
    let refused = Ok(Reply::Refused(Refusal::MacLocked));
    assert_eq!(pair.run(&Request::AddFilter(mac(9))), refused);
    assert_eq!(free(&mut pair, mac(9)), None);
    // Nor is the PF's own address ever free.
    let mut pair = agreed_pair(config());
    refuse(&mut pair, mac(PF_MAC_LAST));
    assert_eq!(free(&mut pair, mac(9)), None);
}

/// Guests that hand an address about do not make a third one ask for it at any rate, and a VF that is refused
/// any number of addresses costs no more than one that is refused a few.
#[test]
fn notices_have_a_pace() {
    let mut pair = agreed_pair(config());
    let started = pair.now;
    let mut told = 0u64;
    while pair.now.since(started) < Span::from_millis(20_000) {
        refuse(&mut pair, mac(9));
        pair.device.free(mac(9));
        told += u64::from(hear(&mut pair).is_some());
    }
    assert!((16 + 30..16 + 45).contains(&told), "{told}");
    // Of many the latest are known.
    let mut pair = agreed_pair(config());
    for last in 9..100 {
        refuse(&mut pair, mac(last));
    }
    assert_eq!(free(&mut pair, mac(9)), None);
    assert!(free(&mut pair, mac(99)).is_some());
}
