// SPDX-License-Identifier: GPL-2.0

//! What a transmit queue's lock guards is used under that lock only.

use kapi::kapi::net::{
    XmitCell,
    XmitQueue, //
};

/// As in `start_xmit`.
pub fn start_xmit(cell: &XmitCell<u32>, queue: &mut XmitQueue<'_>) {
    let mut kept = None;
    cell.with(queue, |value, _| kept = Some(value)); //~ E0521
    drop(kept);
}
