// SPDX-License-Identifier: GPL-2.0

//! A frame that is on a ring is nobody else's.

use kapi::kapi::net::xdp::{
    TxFrame,
    XdpFrame, //
};

/// As on the way into a ring.
pub fn post(frame: XdpFrame) -> (TxFrame, u32) {
    (TxFrame::from(frame), frame.len()) //~ E0382
}
