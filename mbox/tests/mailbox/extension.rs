// SPDX-License-Identifier: GPL-2.0

//! What both sides speak beyond the base protocol: the words, and the talk.

mod talk;
mod words;

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::event::{
    Link,
    LinkPolicy, //
};
use mbox::vf_to_pf::Request;

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
