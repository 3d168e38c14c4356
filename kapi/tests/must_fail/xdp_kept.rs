// SPDX-License-Identifier: GPL-2.0

//! A program may be freed once the poll that found it is over.

use kapi::kapi::net::{
    xdp::{
        ProgramRun,
        ProgramSlot, //
    },
    PollContext, //
};

/// As in a poll function.
pub fn poll(ctx: &mut PollContext<'_>, slot: &ProgramSlot, kept: &mut Option<ProgramRun<'static>>) {
    *kept = ctx.receive().and_then(|ctx| ctx.program(slot)); //~ lifetime may not live long enough
}
