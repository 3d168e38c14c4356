// SPDX-License-Identifier: GPL-2.0

//! A frame that is received is not exchanged for one that the stack gave to be sent.

use core::mem;

use kapi::kapi::net::{
    RxFrame,
    SkBuff, //
};

/// As in a poll function.
pub fn poll(frame: &mut RxFrame, mut sent: SkBuff) {
    let received: &mut SkBuff = &mut *frame; //~ E0596
    mem::swap(received, &mut sent);
}
