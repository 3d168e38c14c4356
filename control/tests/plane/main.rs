// SPDX-License-Identifier: GPL-2.0

//! The control plane against a model of the card: random sequences of what the administrator, the host's
//! stack, guests in good order and others, the bus and the card itself can do. After each step, and on the
//! way of each, all of `invariants.rs` holds.

mod card;
mod invariants;
mod moves;
mod ops;
mod reach;
mod world;

use proptest::{
    collection::vec,
    prelude::*, //
};

use rigb_control::control::vf_id::VfId;
use rigb_control::mbox::{
    types::{
        MacAddr,
        VlanId, //
    },
    vf_to_pf::Request, //
};

use self::{
    ops::{
        Act,
        Op, //
    },
    world::World, //
};

/// A port with `count` VFs.
fn world(count: u8) -> World {
    let mut world = World::new();
    world.step(&Op::NumVfs(count));
    world
}

/// Short sequences of which one step was forgotten once.
#[test]
fn what_was_wrong_once() {
    let vf = |act| Op::Vf(0, act);
    let receives = |groups, promiscuous| Op::RxMode {
        unicast: vec![],
        groups,
        all_multicast: false,
        promiscuous,
    };
    let sequences = [
        // A function level reset comes just before a reset of the port.
        vec![
            vf(Act::Reset),
            vf(Act::SetMac(0)),
            vf(Act::Flr),
            Op::ResetBegins,
            Op::ResetEnds,
        ],
        // Trust ends, and with it what was only for who is trusted.
        vec![
            vf(Act::Trust(true)),
            vf(Act::Mac(Some(0))),
            vf(Act::Reset),
            vf(Act::AddFilter(1)),
            vf(Act::Promisc(true, true)),
            vf(Act::Trust(false)),
        ],
        // VLANs came in before a group went that a VF could have received by both on the way.
        vec![
            receives(vec![0], false),
            vf(Act::Reset),
            vf(Act::Groups(vec![1], false)),
            Op::PfVlan(0, false),
            receives(vec![], true),
        ],
    ];
    for ops in sequences {
        let mut world = world(2);
        for op in &ops {
            world.step(op);
            assert!(world.wrong.is_empty(), "after {op:?}: {:?}", world.wrong);
        }
    }
}

/// What a VF loses it loses at once, also the groups, and not only when its reset is followed.
#[test]
fn a_restart_takes_groups_with_the_rest() {
    let mut world = world(1);
    world.step(&Op::Vf(0, Act::Reset));
    world.step(&Op::Vf(0, Act::Groups(vec![1, 2], false)));
    assert_eq!(world.card.regs().mta[0], 0b110);
    world.step(&Op::Vf(0, Act::Mac(Some(3))));
    assert_eq!(world.card.regs().mta[0], 0);
    assert!(world.wrong.is_empty(), "{:?}", world.wrong);
}

/// A port with two VFs, of which the first is trusted and has as many addresses as it may, all of which
/// begin with `first`.
fn full_world(first: u8) -> (World, VfId) {
    let mut world = world(2);
    let vf = VfId::new(0).unwrap();
    world.step(&Op::Vf(0, Act::Trust(true)));
    world.step(&Op::Vf(0, Act::Reset));
    for last in 1..17 {
        let mac = MacAddr::new([first, 0, 0, 0, 1, last]).unwrap();
        world.ask(vf, &Request::AddFilter(mac));
    }
    (world, vf)
}

/// However many VFs there are, each gets what it has a right to when all others have taken all they can.
#[test]
fn each_gets_its_share() {
    for count in 1..8 {
        let mut world = world(count);
        for number in 0..count {
            world.step(&Op::Vf(number, Act::Reset));
            let vf = VfId::new(number.into()).unwrap();
            for last in 0..32 {
                let mac = MacAddr::new([2, 0, 0, 1, number, last]).unwrap();
                world.ask(vf, &Request::AddFilter(mac));
                let vid = VlanId::new(100 * u16::from(number) + u16::from(last) + 1).unwrap();
                world.ask(vf, &Request::SetVlan { vid, join: true });
            }
            world.step(&Op::Serve);
            let granted = &world.control.pool(vf).granted;
            assert!(granted.filters().count() >= 2, "VF {vf} of {count}");
            assert!(granted.vlans().count() >= 4, "VF {vf} of {count}");
        }
        assert!(world.wrong.is_empty(), "{:?}", world.wrong);
    }
}

/// A VF whose driver has agreed on events, and how often it was told that it may have what it was refused.
fn told(world: &World, vf: VfId) -> u16 {
    world.control.vfs[vf].server.told().room
}

/// Who was refused an address is told when it is free, whoever had it and however it became free.
#[test]
fn an_address_that_becomes_free_is_told() {
    let receives = |unicast| Op::RxMode {
        unicast,
        groups: vec![],
        all_multicast: false,
        promiscuous: false,
    };
    let other = |act| Op::Vf(1, act);
    let ways = [
        (other(Act::AddFilter(3)), other(Act::ClearFilters)),
        (other(Act::AddFilter(3)), other(Act::Reset)),
        (other(Act::AddFilter(3)), other(Act::Flr)),
        (other(Act::AddFilter(3)), other(Act::Mac(Some(4)))),
        (other(Act::AddFilter(3)), other(Act::Strays)),
        (other(Act::SetMac(3)), other(Act::Strays)),
        (other(Act::SetMac(3)), other(Act::SetMac(4))),
        (other(Act::Mac(Some(3))), other(Act::Mac(None))),
        (receives(vec![3]), receives(vec![])),
        (Op::PfMac(3), Op::PfMac(4)),
    ];
    for (take, let_go) in &ways {
        let mut world = world(2);
        let vf = VfId::new(0).unwrap();
        for op in [Op::Vf(0, Act::Reset), other(Act::Reset), take.clone()] {
            world.step(&op);
        }
        world.step(&Op::Vf(0, Act::Negotiate));
        world.step(&Op::Vf(0, Act::AddFilter(3)));
        assert_eq!(world.control.pool(vf).granted.filters().count(), 0);
        // What does not change that is not told.
        world.step(&other(Act::AddFilter(5)));
        world.step(&Op::Serve);
        assert_eq!((told(&world, vf), world.control.room_due()), (0, None));
        world.step(let_go);
        world.step(&Op::Serve);
        world.step(&Op::Serve);
        assert_eq!(told(&world, vf), 1, "{let_go:?}");
        assert_eq!(world.control.room_due(), None);
        world.step(&Op::Vf(0, Act::AddFilter(3)));
        assert_eq!(world.control.pool(vf).granted.filters().count(), 1);
        assert!(world.wrong.is_empty(), "{:?}", world.wrong);
    }
}

/// Who waits for an address in quarantine is not served, and nobody runs on for it.
#[test]
fn nothing_is_due_in_quarantine() {
    let mut world = world(2);
    let vf = VfId::new(0).unwrap();
    for act in [Act::Reset, Act::Negotiate] {
        world.step(&Op::Vf(0, act.clone()));
        world.step(&Op::Vf(1, act));
    }
    world.step(&Op::Vf(1, Act::AddFilter(3)));
    world.step(&Op::Vf(0, Act::AddFilter(3)));
    world.step(&Op::Vf(1, Act::ClearFilters));
    assert!(world.control.room_due().is_some());
    world.step(&Op::Vf(0, Act::Strays));
    assert!(world.control.quarantine(vf).is_some());
    world.step(&Op::Vf(1, Act::AddFilter(4)));
    world.step(&Op::Vf(1, Act::ClearFilters));
    assert_eq!(world.control.room_due(), None);
}

/// A function level reset lets a VF out of quarantine, also if the port is reset before that is followed.
#[test]
fn a_reset_of_the_port_keeps_nobody_in_quarantine() {
    let mut world = world(2);
    let vf = VfId::new(0).unwrap();
    world.step(&Op::Vf(0, Act::Reset));
    world.step(&Op::Vf(0, Act::Strays));
    assert!(world.control.quarantine(vf).is_some());
    // The reset of the port alone does not.
    for op in [Op::ResetBegins, Op::ResetEnds, Op::Serve] {
        world.step(&op);
    }
    assert!(world.control.quarantine(vf).is_some());
    for op in [
        Op::Vf(0, Act::Flr),
        Op::ResetBegins,
        Op::ResetEnds,
        Op::Serve,
    ] {
        world.step(&op);
    }
    assert!(world.control.quarantine(vf).is_none());
    world.step(&Op::Vf(0, Act::Reset));
    assert!(world.control.pool(vf).open);
    assert!(world.wrong.is_empty(), "{:?}", world.wrong);
}

/// A VF whose handshake failed is closed, and what it asks for then is not granted as if it were not.
#[test]
fn who_stays_closed_is_not_served() {
    let mut world = world(1);
    let vf = VfId::new(0).unwrap();
    world.step(&Op::Vf(0, Act::Reset));
    world.step(&Op::Vf(0, Act::Stuck(true)));
    world.step(&Op::Vf(0, Act::Reset));
    assert!(!world.control.pool(vf).open);
    assert!(!world.control.pool(vf).granted.clear_to_send());
    world.step(&Op::Vf(0, Act::Vlan(1, true)));
    assert_eq!(world.control.pool(vf).granted.vlans().count(), 0);
    world.step(&Op::Vf(0, Act::Stuck(false)));
    world.step(&Op::Vf(0, Act::Reset));
    assert!(world.control.pool(vf).open);
    assert!(world.wrong.is_empty(), "{:?}", world.wrong);
}

/// That a pool is closed does not depend on whether the rest of what is wanted fits into the card.
#[test]
fn closing_a_pool_never_fails() {
    let (mut world, vf) = full_world(2);
    let (other, _) = full_world(6);
    let granted = other.control.pool(vf).granted;
    assert_eq!(granted.filters().count(), 16);
    let second = VfId::new(1).unwrap();
    world.control.switch.state.vfs[second].granted = granted;
    assert!(world.control.commit(&world.card).is_err());
    assert_eq!(world.card.regs().receivers & vf.bit(), vf.bit());
    world.control.switch.close_vf(&world.card, vf, |_| ());
    assert_eq!(world.card.regs().receivers & vf.bit(), 0);
    assert_eq!(world.card.regs().senders & vf.bit(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Where a kernel is built nothing is to appear beside the sources.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_ever_wrong(count in 1u8..8, ops in vec(ops::ops(), 1..120)) {
        let mut world = world(count);
        for op in &ops {
            world.step(op);
            prop_assert!(world.wrong.is_empty(), "after {:?}: {:?}", op, world.wrong);
        }
    }
}
