// SPDX-License-Identifier: GPL-2.0

//! What one frame is does not say how to prepare another for segmentation.

use kapi::kapi::net::SkBuff;

/// As in `start_xmit`.
pub fn start_xmit(one: &SkBuff, other: &mut SkBuff) {
    let wishes = one.tx_wishes();
    let _ = other.gso_headers(&wishes); //~ E0061
}
