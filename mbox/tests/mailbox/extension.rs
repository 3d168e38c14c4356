// SPDX-License-Identifier: GPL-2.0

//! What both sides speak beyond the base protocol: the words, and the talk.

mod room;
mod talk;
mod words;

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::event::{
    Link,
    LinkPolicy,
    State, //
};
use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::Reply;
use mbox::sim::Model;
use mbox::time::Span;
use mbox::vf_to_pf::Request;

use super::common::Pair;

/// A VF that has agreed on everything, and knows what is so.
fn agreed_pair(config: VfConfig) -> Pair {
    let mut pair = Pair::new(Model::Qemu, config);
    pair.reset_vf().unwrap();
    assert_eq!(pair.client.offer(), Some(NEGOTIATE));
    let caps = Caps::OURS;
    let version = Version::OURS;
    assert_eq!(pair.run(&NEGOTIATE), Ok(Reply::Agreed { version, caps }));
    assert_eq!(pair.client.agreed(), Caps::OURS);
    assert_eq!(pair.device.granted.agreed(), Caps::OURS);
    let told = *pair.server.told();
    assert_eq!(pair.run(&Request::GetState), Ok(Reply::State(told)));
    pair.client.take_events();
    pair
}

/// What the VF hears within a moment.
fn hear(pair: &mut Pair) -> Option<State> {
    pair.serve();
    pair.idle(Span::from_millis(20));
    pair.client.take_events().state
}

const NEGOTIATE: Request = Request::Negotiate {
    version: Version::OURS,
    caps: Caps::OURS,
};

const GIGABIT: Link = Link {
    policy: LinkPolicy::Auto,
    up: true,
    full_duplex: true,
    speed: 1000,
};
