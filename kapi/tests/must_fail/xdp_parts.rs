// SPDX-License-Identifier: GPL-2.0

//! A page is a buffer of one frame, once; and a frame that a program has seen gets no more.

use kapi::kapi::net::{
    xdp::{
        ProgramRun,
        XdpBuff,
        XdpMeta, //
    },
    PoolPage, //
};

/// As in a poll function.
pub fn gather(buff: &mut XdpBuff<'_>, page: PoolPage) {
    let _ = buff.add_page(page, 1500);
    let _ = buff.add_page(page, 1500); //~ E0382
}

/// As in a poll function.
pub fn show(mut buff: XdpBuff<'_>, page: PoolPage, program: &ProgramRun<'_>) {
    let _ = program.run(buff, XdpMeta::default);
    let _ = buff.add_page(page, 1500); //~ E0382
}
