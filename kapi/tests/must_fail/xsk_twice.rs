// SPDX-License-Identifier: GPL-2.0

//! A frame in the buffer of a socket is copied or shown to a program once: then the buffer is given back.

use kapi::kapi::net::{
    xdp::{
        ProgramRun,
        XdpMeta, //
    },
    xsk::XskBuff,
    RxContext, //
};

/// As in a poll function.
pub fn pass(buff: XskBuff<'_>, program: &ProgramRun<'_>, ctx: &RxContext<'_>) {
    let _ = program.run_xsk(buff, XdpMeta::default, ctx);
    let _ = buff.into_frame(ctx); //~ E0382
}
