// SPDX-License-Identifier: GPL-2.0

//! A frame in the buffer of a socket is over before the queue goes on, and a descriptor with the call that
//! shows it.

use kapi::kapi::net::xsk::{
    XskBuff,
    XskDesc,
    XskQueue, //
};

/// As in a poll function.
pub fn receive(queue: &mut XskQueue, use_it: fn(Option<XskBuff<'_>>)) {
    let frame = queue.frame();
    queue.fill(0, 1, |_, _| {}); //~ E0499
    use_it(frame);
}

/// As in a poll function.
pub fn send(queue: &mut XskQueue, kept: &mut Option<XskDesc<'static>>) {
    queue.send(1, |desc| *kept = Some(desc)); //~ E0521
}
