// SPDX-License-Identifier: GPL-2.0

//! Doorbells that are lost: a request ends all the same.

use mbox::pf_to_vf::Reply;
use mbox::sim::{
    Doorbells,
    Model, //
};
use mbox::types::MaxFrame;
use mbox::vf::Progress;
use mbox::vf_to_pf::Request;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::common::Pair;
use super::trusted;

/// Runs a request to its end; of the doorbells that it rings, those are lost that `losses` says.
fn run_with_losses(pair: &mut Pair, request: &Request, losses: &mut dyn Iterator<Item = bool>) {
    let mut decide = |pair: &Pair| {
        let held = pair.mailbox.held_back();
        let mut lose = |rung: bool| rung && losses.next().unwrap_or(false);
        let lost = Doorbells {
            req: lose(held.req),
            ack: lose(held.ack),
            pfsts: lose(held.pfsts),
            pfack: lose(held.pfack),
        };
        pair.mailbox.lose(lost);
        pair.mailbox.deliver(Doorbells::ALL);
    };
    pair.client.start(request, pair.now).unwrap();
    loop {
        match pair.poll() {
            Progress::Pending { next_check } => pair.now = next_check,
            Progress::Done(reply) => {
                let granted = matches!(reply, Reply::Granted | Reply::Reset { .. });
                assert!(granted, "{reply:?}");
                break;
            }
            other => panic!("{other:?}"),
        }
        decide(pair);
        pair.serve_if_due();
        decide(pair);
    }
    decide(pair);
    pair.serve_if_due();
}

proptest! {
    #[test]
    fn three_lost_doorbells_are_survived(
        size in 64u32..=0x2600,
        at in vec(0usize..12, 3),
    ) {
        let mut pair = Pair::new(Model::Datasheet, trusted());
        pair.reset_vf().unwrap();
        pair.mailbox.hold_doorbells(true);
        let mut losses = (0..).map(|index| at.contains(&index));
        let size = MaxFrame::new(size).unwrap();
        run_with_losses(&mut pair, &Request::SetMaxFrame(size), &mut losses);
        prop_assert_eq!(pair.device.max_frame, size);
    }

    #[test]
    fn a_reset_survives_three_lost_doorbells(at in vec(0usize..12, 3)) {
        let mut pair = Pair::new(Model::Qemu, trusted());
        pair.mailbox.function_reset();
        pair.mailbox.hold_doorbells(true);
        let mut losses = (0..).map(|index| at.contains(&index));
        run_with_losses(&mut pair, &Request::Reset, &mut losses);
        prop_assert!(!pair.client.needs_reset());
    }
}
