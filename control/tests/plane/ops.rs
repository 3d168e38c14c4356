// SPDX-License-Identifier: GPL-2.0

//! What can happen to a port and its VFs, and how much of each.

use proptest::{
    collection::vec,
    option,
    prelude::*, //
};
use rigb_control::control::{
    admin::MacRefusal,
    vf::PortVlan,
    vf_id::VfId, //
};
use rigb_control::mbox::{
    caps::{
        Caps,
        Version, //
    },
    event::LinkPolicy,
    port::{
        V2pMailbox,
        VfPort, //
    },
    sim::Doorbells,
    types::{
        HashList,
        MaxFrame,
        Promisc,
        VlanId, //
    },
    vf_to_pf::Request, //
};

use super::world::{
    hash,
    World, //
};

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Time passes, in milliseconds.
    Tick(u16),
    /// `sriov_numvfs`.
    NumVfs(u8),
    /// The mailboxes are served.
    Serve,
    /// The port is reset, by whom ever.
    ResetBegins,
    ResetEnds,
    /// The host gives the PF an address.
    PfMac(u8),
    /// The host's stack wants to receive.
    RxMode {
        unicast: Vec<u8>,
        groups: Vec<u8>,
        all_multicast: bool,
        promiscuous: bool,
    },
    PfVlan(u8, bool),
    PfFilter(bool),
    /// What has to do with one VF.
    Vf(u8, Act),
}

/// What is done with a VF, or by its guest.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    // The administrator.
    Mac(Option<u8>),
    PortVlan(Option<(u8, u8)>),
    Trust(bool),
    SpoofCheck(bool),
    Rate(u16),
    Link(LinkPolicy),
    // The host: a function level reset, another tenant with or without one.
    Flr,
    Attach,
    // Its guest moves away and back, or comes with what somebody has made of another's snapshot.
    Move,
    Adopt(u8, Vec<(u16, u8)>),
    // The card: queues that do not stop, and those that it has stopped.
    Stuck(bool),
    Block(bool),
    // A guest in good order.
    Reset,
    Negotiate,
    SetMac(u8),
    AddFilter(u8),
    ClearFilters,
    Groups(Vec<u8>, bool),
    MoreGroups(Vec<u8>, bool),
    Vlan(u8, bool),
    MaxFrame(u16),
    Promisc(bool, bool),
    // And one that is none.
    Raw(Vec<u32>),
    Mark,
    Hold,
    Ring,
    Misbehave,
    Strays,
}

impl World {
    pub(crate) fn act(&mut self, vf: VfId, act: &Act) {
        match act {
            Act::Mac(_)
            | Act::PortVlan(_)
            | Act::Trust(_)
            | Act::SpoofCheck(_)
            | Act::Rate(_)
            | Act::Link(_) => self.administer(vf, act),
            Act::Flr => self.new_tenant(vf),
            Act::Attach => {
                self.new_tenant(vf);
                self.control.begin_tenant(&self.card, &self.log, vf);
            }
            Act::Move => self.leave_and_return(vf),
            Act::Adopt(other, edits) => self.adopt_edited(vf, *other, edits),
            Act::Stuck(stuck) => self.card.set_stuck(vf, *stuck),
            Act::Block(certain) => self.block(vf, *certain),
            Act::Raw(words) => self.send(vf, words),
            Act::Mark => self.leave_mark(vf),
            Act::Hold => {
                let mut port = self.card.mailbox_of(vf).vf();
                port.set_control(V2pMailbox::VFU);
            }
            Act::Ring => self.card.mailbox_of(vf).ring(Doorbells::ALL),
            Act::Strays => {
                let ack = Doorbells {
                    ack: true,
                    ..Doorbells::default()
                };
                for _ in 0..1010 {
                    self.card.mailbox_of(vf).ring(ack);
                    self.serve(vf);
                    self.look_at_trail();
                }
            }
            Act::Misbehave => {
                for _ in 0..9 {
                    self.ask(vf, &Request::Reset);
                    self.look_at_trail();
                    self.block(vf, true);
                    self.serve(vf);
                    self.look_at_trail();
                }
            }
            request => {
                let request = self.request(request);
                self.ask(vf, &request);
            }
        }
    }

    fn administer(&mut self, vf: VfId, act: &Act) {
        let was_open = self.control.pool(vf).open;
        let control = &mut self.control;
        let (card, log) = (&self.card, &self.log);
        let fits = match *act {
            Act::Mac(given) => {
                let mac = given.map(|which| self.mac(which));
                let set = self.control.set_vf_mac(&self.card, &self.log, vf, mac);
                self.check_given(vf, set.is_ok());
                set != Err(MacRefusal::NoSpace)
            }
            Act::PortVlan(port) => {
                let port_vlan = port.map(|(vid, qos)| PortVlan {
                    vid: VlanId::new(vid.into()).unwrap(),
                    qos,
                });
                control
                    .set_admin(card, vf, |admin| admin.port_vlan = port_vlan)
                    .is_ok()
            }
            Act::Trust(on) => control.set_trust(card, log, vf, on).is_ok(),
            Act::SpoofCheck(on) => control
                .set_admin(card, vf, |admin| admin.spoof_check = on)
                .is_ok(),
            Act::Rate(rate) => control
                .set_admin(card, vf, |admin| admin.max_rate = rate.into())
                .is_ok(),
            Act::Link(link) => control.set_link(card, log, vf, link).is_ok(),
            _ => true,
        };
        if !fits {
            self.wrong
                .push(format!("there is no room for {act:?} of VF {vf}"));
        }
        let restarted = was_open && !self.control.pool(vf).open;
        // What lets a VF out of quarantine closes it as well, which the next service follows.
        if restarted && !matches!(act, Act::Trust(true) | Act::Link(_)) {
            self.check_nothing(vf);
        }
    }

    fn block(&mut self, vf: VfId, certain: bool) {
        if !self.control.resetting {
            self.control
                .block(&self.card, &self.log, vf, certain, self.now);
        }
    }

    fn request(&self, act: &Act) -> Request {
        match act {
            Act::Negotiate => Request::Negotiate {
                version: Version::OURS,
                caps: Caps::OURS,
            },
            Act::SetMac(which) => Request::SetMac(self.mac(*which)),
            Act::AddFilter(which) => Request::AddFilter(self.mac(*which)),
            Act::ClearFilters => Request::ClearFilters { filler: None },
            Act::Groups(groups, overflow) => Request::SetMulticast(list(groups, *overflow)),
            Act::MoreGroups(groups, leave) => Request::ChangeMulticast {
                list: list(groups, false),
                leave: *leave,
            },
            Act::Vlan(vid, join) => Request::SetVlan {
                vid: VlanId::new((*vid).into()).unwrap(),
                join: *join,
            },
            Act::MaxFrame(bytes) => Request::SetMaxFrame(MaxFrame::new((*bytes).into()).unwrap()),
            Act::Promisc(unicast, multicast) => Request::SetPromisc(Promisc {
                unicast: *unicast,
                multicast: *multicast,
            }),
            _ => Request::Reset,
        }
    }
}

fn list(groups: &[u8], overflow: bool) -> HashList {
    let mut list = HashList::EMPTY;
    for group in groups {
        list.push(hash(*group));
    }
    if overflow {
        list.set_overflow();
    }
    list
}

fn administrators() -> impl Strategy<Value = Act> {
    let links = vec![
        LinkPolicy::Auto,
        LinkPolicy::ForcedUp,
        LinkPolicy::ForcedDown,
    ];
    prop_oneof![
        3 => option::of(0u8..18).prop_map(Act::Mac),
        3 => option::of((0u8..6, 0u8..8)).prop_map(Act::PortVlan),
        3 => any::<bool>().prop_map(Act::Trust),
        2 => any::<bool>().prop_map(Act::SpoofCheck),
        1 => (0u16..1001).prop_map(Act::Rate),
        2 => proptest::sample::select(links).prop_map(Act::Link),
    ]
}

fn guests() -> impl Strategy<Value = Act> {
    let groups = || vec(0u8..40, 0..6);
    prop_oneof![
        8 => Just(Act::Reset),
        4 => Just(Act::Negotiate),
        4 => (0u8..18).prop_map(Act::SetMac),
        6 => (0u8..18).prop_map(Act::AddFilter),
        1 => Just(Act::ClearFilters),
        3 => (groups(), any::<bool>()).prop_map(|(list, over)| Act::Groups(list, over)),
        2 => (groups(), any::<bool>()).prop_map(|(list, leave)| Act::MoreGroups(list, leave)),
        5 => (0u8..6, prop::bool::weighted(0.8)).prop_map(|(vid, join)| Act::Vlan(vid, join)),
        1 => (64u16..9000).prop_map(Act::MaxFrame),
        3 => any::<(bool, bool)>().prop_map(|(one, other)| Act::Promisc(one, other)),
    ]
}

fn hostiles() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0u32..13, vec(any::<u32>(), 0..4)).prop_map(|(op, mut words)| {
            words.insert(0, op);
            Act::Raw(words)
        }),
        6 => Just(Act::Mark),
        2 => Just(Act::Hold),
        2 => Just(Act::Ring),
        2 => Just(Act::Misbehave),
        1 => Just(Act::Strays),
    ]
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => administrators(),
        20 => guests(),
        4 => hostiles(),
        3 => Just(Act::Flr),
        1 => Just(Act::Attach),
        2 => Just(Act::Move),
        1 => (0u8..3, vec(any::<(u16, u8)>(), 0..4)).prop_map(|(vf, edits)| Act::Adopt(vf, edits)),
        1 => any::<bool>().prop_map(Act::Stuck),
        1 => any::<bool>().prop_map(Act::Block),
    ]
}

/// What happens to a port with VFs.
pub(crate) fn ops() -> impl Strategy<Value = Op> {
    let rx_mode = (
        vec(0u8..18, 0..4),
        vec(0u8..40, 0..3),
        any::<bool>(),
        any::<bool>(),
    );
    prop_oneof![
        // Few VFs, so that they meet.
        40 => (0u8..3, acts()).prop_map(|(vf, act)| Op::Vf(vf, act)),
        8 => Just(Op::Serve),
        3 => (1u16..3000).prop_map(Op::Tick),
        2 => (0u8..8).prop_map(Op::NumVfs),
        3 => Just(Op::ResetBegins),
        5 => Just(Op::ResetEnds),
        1 => (0u8..18).prop_map(Op::PfMac),
        2 => rx_mode.prop_map(|(unicast, groups, all_multicast, promiscuous)| Op::RxMode {
            unicast,
            groups,
            all_multicast,
            promiscuous,
        }),
        1 => (0u8..6, any::<bool>()).prop_map(|(vid, join)| Op::PfVlan(vid, join)),
        1 => any::<bool>().prop_map(Op::PfFilter),
    ]
}
