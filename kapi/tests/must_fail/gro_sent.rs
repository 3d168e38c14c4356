// SPDX-License-Identifier: GPL-2.0

//! A frame that the stack gave to be sent does not go to GRO: it has no device, and may be shared.

use kapi::kapi::net::{
    RxContext,
    RxMeta,
    SkBuff, //
};

/// As in a poll function.
pub fn poll(ctx: &mut RxContext<'_>, skb: SkBuff) {
    ctx.gro_receive(skb, 0, &RxMeta::default()); //~ E0308
}
