// SPDX-License-Identifier: GPL-2.0

//! A frame is the program's while that runs: what can be asked of it is told without it.

use kapi::kapi::net::xdp::{
    ProgramRun,
    XdpBuff,
    XdpMeta, //
};

/// As in a poll function.
pub fn show(program: &ProgramRun<'_>, buff: XdpBuff<'_>) {
    let told = || XdpMeta {
        hash: None,
        vlan: buff.after_addresses().map(|_| 1),
    };
    let _ = program.run(buff, told); //~ E0505
}
