// SPDX-License-Identifier: GPL-2.0

//! What can happen to a pair, and how much of each.

use mbox::sim::Doorbells;
use mbox::vf_to_pf::Request;
use proptest::prelude::*;

use super::super::roundtrip::any_request;

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Move {
    Serve,
    Poll,
    Pass(u64),
    Deliver(Doorbells),
    Lose(Doorbells),
    Repeat(Doorbells),
    Start(Box<Request>),
    Cancel,
    Notify,
    Agree,
    GetState,
    Tell(u8),
    Others(u8),
    Warn,
    Reconfigure(u8),
    PfResetBegin,
    PfResetEnd,
    ResetVf,
    DeviceFails,
}

fn some_doorbells() -> impl Strategy<Value = Doorbells> {
    any::<[bool; 4]>().prop_map(|[req, ack, pfsts, pfack]| Doorbells {
        req,
        ack,
        pfsts,
        pfack,
    })
}

pub(super) fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        10 => Just(Move::Serve),
        10 => Just(Move::Poll),
        5 => (0u64..20_000).prop_map(Move::Pass),
        1 => (20_000u64..400_000).prop_map(Move::Pass),
        10 => some_doorbells().prop_map(Move::Deliver),
        2 => some_doorbells().prop_map(Move::Lose),
        1 => some_doorbells().prop_map(Move::Repeat),
        6 => any_request().prop_map(|request| Move::Start(Box::new(request))),
        1 => Just(Move::Cancel),
        2 => Just(Move::Notify),
        4 => Just(Move::Agree),
        1 => Just(Move::GetState),
        4 => any::<u8>().prop_map(Move::Tell),
        2 => any::<u8>().prop_map(Move::Others),
        1 => Just(Move::Warn),
        1 => any::<u8>().prop_map(Move::Reconfigure),
        1 => Just(Move::PfResetBegin),
        2 => Just(Move::PfResetEnd),
        2 => Just(Move::ResetVf),
        1 => Just(Move::DeviceFails),
    ]
}
