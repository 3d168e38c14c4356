// SPDX-License-Identifier: GPL-2.0

//! Frames are made of pages in a poll that may receive: the processor's cache of skbs is used there.

use kapi::kapi::net::{
    PollContext,
    PoolPage,
    RxFrame, //
};

/// As in netpoll.
pub fn poll(page: PoolPage, ctx: &PollContext<'_>) -> Option<RxFrame> {
    RxFrame::new(page, 60, ctx).ok() //~ E0308
}
