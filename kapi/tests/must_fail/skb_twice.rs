// SPDX-License-Identifier: GPL-2.0

//! A frame is given away once.

use kapi::kapi::net::{
    PollContext,
    SkBuff, //
};

/// As in a poll function.
pub fn poll(skb: SkBuff, ctx: &PollContext<'_>) {
    skb.consume(ctx);
    skb.consume(ctx); //~ E0382
}
