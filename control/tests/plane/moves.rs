// SPDX-License-Identifier: GPL-2.0

//! VFs whose guest moves to another host, or comes back to the one where it was.

use rigb_control::control::{
    snapshot::{
        Adopted,
        MoveRefusal, //
    },
    vf_id::VfId, //
};
use rigb_control::mbox::{
    event::{
        Changes,
        LinkPolicy, //
    },
    pf_state::VfState,
    reason::{
        Failure,
        Reason, //
    },
    snapshot::{
        Malformed,
        Snapshot,
        MAX_BYTES,
        VERSION, //
    },
    types::{
        MacAddr,
        VlanId, //
    },
    vf_to_pf::Request, //
};

use super::{
    ops::{
        Act,
        Op, //
    },
    world::World, //
};

impl World {
    /// The guest of `vf` leaves, and comes back at once: it has what it had.
    pub(crate) fn leave_and_return(&mut self, vf: VfId) {
        let Ok(bytes) = self.control.snapshot(vf) else {
            let quarantined = self.control.quarantine(vf).is_some();
            assert!(quarantined || self.control.resetting);
            return;
        };
        let before = self.control.pool(vf).clone();
        let again = self.control.vfs[vf].server.starts_again();
        let waits = self.control.vfs[vf].server.save().waits;
        self.leave(vf);
        // A request that was on its way has been served.
        let in_use = self.control.pool(vf).granted.clear_to_send()
            && !self.control.vfs[vf].server.starts_again();
        let adopted = self
            .control
            .adopt(&self.card, vf, bytes.as_slice(), self.now);
        let quota = self.control.switch.state.config(vf).filter_quota;
        let too_many = before.granted.filters().count() > quota.into();
        let expected = match before.open && !again {
            _ if in_use => Err(MoveRefusal::InUse),
            _ if self.card.is_stuck(vf) => Err(MoveRefusal::Card(Failure::Device)),
            false => Ok(Adopted::Unready),
            // Others have taken a right to them since then.
            true if too_many => Ok(Adopted::Restarted(Reason::FilterQuota(quota))),
            true => Ok(Adopted::Whole),
        };
        self.expect(adopted == expected, || {
            format!("VF {vf} comes back {adopted:?}, not {expected:?}")
        });
        if adopted != Ok(Adopted::Whole) {
            return;
        }
        let after = self.control.pool(vf).clone();
        let same = after.granted == before.granted && after.groups == before.groups && after.open;
        self.expect(same, || format!("VF {vf} comes back with {after:?}"));
        let second = self.control.snapshot(vf).unwrap();
        let same = second.as_slice() == bytes.as_slice();
        self.expect(same != waits, || {
            format!("VF {vf} is another one in its second snapshot")
        });
    }

    /// The guest of `vf` is gone. Another one gets it, and has no driver yet.
    fn leave(&mut self, vf: VfId) {
        self.act(vf, &Act::Attach);
        self.serve(vf);
        self.look_at_trail();
        let guest = &mut self.guests[vf.index()];
        guest.new_since = None;
    }

    /// Bytes come that somebody has made of the snapshot of `other`.
    pub(crate) fn adopt_edited(&mut self, vf: VfId, other: u8, edits: &[(u16, u8)]) {
        let other = self.control.find_vf(other.into()).unwrap_or(vf);
        let Ok(bytes) = self.control.snapshot(other) else {
            return;
        };
        let mut bytes = bytes.as_slice().to_vec();
        for (at, value) in edits {
            let at = usize::from(*at) % bytes.len();
            bytes[at] = *value;
        }
        if let Ok(snapshot) = Snapshot::decode(&bytes) {
            assert_eq!(snapshot.encode().as_slice(), bytes);
        }
        self.leave(vf);
        let _ = self.control.adopt(&self.card, vf, &bytes, self.now);
    }
}

/// A port with `count` VFs, of which the first has a driver that has agreed on events.
fn host(count: u8) -> (World, VfId) {
    let mut world = super::world(count);
    let vf = VfId::new(0).unwrap();
    world.step(&Op::Vf(0, Act::Reset));
    world.step(&Op::Vf(0, Act::Negotiate));
    (world, vf)
}

/// Another one, whose first VF waits for a guest with the address `given` by the administrator.
fn destination(count: u8, given: Option<MacAddr>) -> World {
    let mut world = super::world(count);
    world.step(&Op::NumVfs(count));
    let vf = VfId::new(0).unwrap();
    world
        .control
        .set_vf_mac(&world.card, &world.log, vf, given)
        .unwrap();
    world.step(&Op::Serve);
    world
}

fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 7, last]).unwrap()
}

fn adopt(world: &mut World, bytes: &[u8]) -> Result<Adopted, MoveRefusal> {
    let vf = VfId::new(0).unwrap();
    world.card.begin_trail();
    let adopted = world.control.adopt(&world.card, vf, bytes, world.now);
    world.look_at_trail();
    world.check();
    assert!(world.wrong.is_empty(), "{:?}", world.wrong);
    adopted
}

/// A guest with an address by the administrator of its host, a further one, a VLAN and groups.
fn guest(given: MacAddr) -> (World, VfId) {
    let (mut world, vf) = host(2);
    world
        .control
        .set_vf_mac(&world.card, &world.log, vf, Some(given))
        .unwrap();
    world.step(&Op::Vf(0, Act::Trust(true)));
    world.step(&Op::Serve);
    world.ask(vf, &Request::AddFilter(mac(1)));
    world.step(&Op::Vf(0, Act::Vlan(5, true)));
    world.step(&Op::Vf(0, Act::Groups(vec![3, 4], false)));
    world.step(&Op::Vf(0, Act::Promisc(true, false)));
    assert_eq!(world.control.pool(vf).granted.filters().count(), 1);
    assert!(world.wrong.is_empty(), "{:?}", world.wrong);
    (world, vf)
}

#[test]
fn a_guest_has_what_it_had_where_it_may_have_it() {
    let (source, vf) = guest(mac(0));
    let bytes = source.control.snapshot(vf).unwrap();
    let mut world = destination(3, Some(mac(0)));
    world.step(&Op::Vf(0, Act::Trust(true)));
    assert_eq!(adopt(&mut world, bytes.as_slice()), Ok(Adopted::Whole));
    let (old, new) = (source.control.pool(vf), world.control.pool(vf));
    assert_eq!((new.granted, &new.groups), (old.granted, &old.groups));
    assert!(new.passes());
    // Its driver is told what is different here.
    world.step(&Op::Vf(0, Act::Link(LinkPolicy::ForcedUp)));
    world.step(&Op::Serve);
    let told = *world.control.vfs[vf].server.told();
    let before = source.control.vfs[vf].server.told();
    assert_eq!(told.changes_since(before), Changes::LINK);
    assert!(told.is_newer_than(before.generation));
}

/// What the host does not let it have it has not, whatever it had elsewhere.
#[test]
fn the_host_decides() {
    let (source, vf) = guest(mac(0));
    let bytes = source.control.snapshot(vf).unwrap();
    let bytes = bytes.as_slice();
    // Not trusted here, and given its address: it may have no other.
    let mut world = destination(2, Some(mac(0)));
    let locked = Reason::MacLocked(mac(0));
    assert_eq!(adopt(&mut world, bytes), Ok(Adopted::Restarted(locked)));
    let pool = world.control.pool(vf);
    assert_eq!(pool.granted, VfState::new(Some(mac(0))));
    assert!(!pool.open && pool.groups.is_empty());
    world.step(&Op::Serve);
    world.step(&Op::Vf(0, Act::Reset));
    assert!(world.control.pool(vf).passes());
    // Another address is assigned, which it would take.
    let mut world = destination(2, None);
    let assigned = world.control.pool(vf).default_mac.unwrap();
    let other = Reason::MacLocked(assigned);
    assert_eq!(adopt(&mut world, bytes), Ok(Adopted::Restarted(other)));
    assert_eq!(world.control.pool(vf).granted.mac(), Some(mac(0)));
    // Given another one.
    let mut world = destination(2, Some(mac(9)));
    let locked = Reason::MacLocked(mac(9));
    assert_eq!(adopt(&mut world, bytes), Err(MoveRefusal::Mac(locked)));
    // Its address is the PF's.
    let mut world = destination(2, None);
    let (card, log) = (&world.card, &world.log);
    world.control.set_pf_mac(card, log, mac(0)).unwrap();
    let in_use = Reason::MacInUse(mac(0));
    assert_eq!(adopt(&mut world, bytes), Err(MoveRefusal::Mac(in_use)));
    // Trust ends here: what was only for who is trusted is of no effect.
    let mut world = destination(2, Some(mac(0)));
    world.step(&Op::Vf(0, Act::Trust(true)));
    assert_eq!(adopt(&mut world, bytes), Ok(Adopted::Whole));
    assert!(world.control.pool(vf).promiscuous());
    world.step(&Op::Vf(0, Act::Trust(false)));
    assert!(!world.control.pool(vf).promiscuous());
    assert!(world.wrong.is_empty(), "{:?}", world.wrong);
}

/// With more VFs each may have less.
#[test]
fn quotas_hold() {
    let (mut source, vf) = host(1);
    for number in 1..20 {
        let vid = VlanId::new(number).unwrap();
        source.ask(vf, &Request::SetVlan { vid, join: true });
    }
    let own = source.control.pool(vf).granted.mac();
    let vlans = source.control.pool(vf).granted.vlans().count();
    let bytes = source.control.snapshot(vf).unwrap();
    let mut world = destination(7, own);
    let quota = world.control.switch.state.config(vf).vlan_quota;
    assert!(usize::from(quota) < vlans);
    let adopted = adopt(&mut world, bytes.as_slice());
    assert_eq!(adopted, Ok(Adopted::Restarted(Reason::VlanQuota(quota))));
}

/// Who waits for an address asks again where others have others.
#[test]
fn who_waits_asks_again() {
    let (mut source, vf) = host(2);
    source.step(&Op::PfMac(3));
    source.step(&Op::Vf(0, Act::AddFilter(3)));
    let own = source.control.pool(vf).granted.mac();
    let before = *source.control.vfs[vf].server.told();
    let bytes = source.control.snapshot(vf).unwrap();
    let mut world = destination(2, own);
    world.step(&Op::Vf(0, Act::Trust(true)));
    assert_eq!(adopt(&mut world, bytes.as_slice()), Ok(Adopted::Whole));
    world.step(&Op::Serve);
    let told = *world.control.vfs[vf].server.told();
    assert!(told.changes_since(&before).has(Changes::ROOM));
    assert!(told.is_newer_than(before.generation));
}

#[test]
fn who_may_not_leave_or_come_does_not() {
    let (mut world, vf) = host(2);
    let bytes = world.control.snapshot(vf).unwrap();
    assert_eq!(adopt(&mut world, bytes.as_slice()), Err(MoveRefusal::InUse));
    world.step(&Op::Vf(0, Act::Strays));
    assert_eq!(
        world.control.snapshot(vf).err(),
        Some(MoveRefusal::Quarantined)
    );
    world.step(&Op::ResetBegins);
    assert_eq!(
        world.control.snapshot(vf).err(),
        Some(MoveRefusal::Resetting)
    );
    let second = VfId::new(1).unwrap();
    assert!(world
        .control
        .adopt(&world.card, second, bytes.as_slice(), world.now)
        .is_err());
}

/// A snapshot of this version, as it was when that was made: another host may have that code.
#[rustfmt::skip]
const GOLDEN: [u8; 68] = [
    // The magic.
    0x52, 0x47, 0x56, 0x46,
    // Version, length, flags, capabilities.
    0x01, 0x00, 0x44, 0x00, 0x25, 0x00, 0x00, 0x00, 0x0f, 0x00, 0x00, 0x00,
    // Changes, generation, link, trust, address, MTU, room.
    0x0a, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0xdc, 0x05, 0x00, 0x00,
    // Address, longest frame.
    0x02, 0x00, 0x00, 0x00, 0x07, 0x00, 0xf2, 0x05,
    // How many of each.
    0x01, 0x01, 0x02, 0x00,
    // An address, a VLAN, two groups.
    0x02, 0x00, 0x00, 0x00, 0x07, 0x01, 0x05, 0x00, 0x03, 0x00, 0x04, 0x00,
];

#[test]
fn the_layout_stays() {
    let (source, vf) = guest(mac(0));
    let bytes = source.control.snapshot(vf).unwrap();
    assert_eq!(bytes.as_slice(), GOLDEN);
}

#[test]
fn nothing_else_is_a_snapshot() {
    let (source, vf) = guest(mac(0));
    let bytes = source.control.snapshot(vf).unwrap();
    let bytes = bytes.as_slice();
    assert!(bytes.len() < MAX_BYTES);
    let malformed = |bytes: &[u8]| Snapshot::decode(bytes).unwrap_err();
    for length in 0..bytes.len() {
        assert_eq!(malformed(&bytes[..length]), Malformed::Bytes);
    }
    let longer = [bytes, &[0]].concat();
    assert_eq!(malformed(&longer), Malformed::Bytes);
    let mut other = bytes.to_vec();
    other[4] += 1;
    assert_eq!(malformed(&other), Malformed::Version(VERSION + 1));
    // A flag, a capability and a policy that there are not; a group's address; VLAN 0; no order.
    for (at, value) in [(9, 1), (12, 0xff), (27, 0xff), (44, 3), (62, 0), (64, 9)] {
        let mut other = bytes.to_vec();
        assert_ne!(other[at], value);
        other[at] = value;
        assert_eq!(malformed(&other), Malformed::Bytes, "byte {at}");
    }
}
