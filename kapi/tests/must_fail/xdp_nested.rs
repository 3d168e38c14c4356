// SPDX-License-Identifier: GPL-2.0

//! Who has a transmit queue's lock does not take it again.

use kapi::kapi::net::{
    Softirq,
    XmitCell,
    XmitQueue, //
};

/// As in `ndo_xdp_xmit`.
pub fn xdp_xmit(cell: &XmitCell<u32>, softirq: &mut Softirq<'_>) {
    let inner = |one: &mut u32, _: &XmitQueue<'_>| {
        cell.lock(softirq, |two, _| *one = *two);
    };
    cell.lock(softirq, inner); //~ E0501
}
