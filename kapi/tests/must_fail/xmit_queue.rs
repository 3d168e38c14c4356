// SPDX-License-Identifier: GPL-2.0

//! The evidence that a transmit queue's lock is held is only lent to `start_xmit`.

use kapi::kapi::net::XmitQueue;

/// As in `start_xmit`.
pub fn start_xmit<'a>(queue: &mut XmitQueue<'a>) -> XmitQueue<'a> {
    *queue //~ E0507
}
