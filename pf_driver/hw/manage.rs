// SPDX-License-Identifier: GPL-2.0

//! What the board's management has to do with the port (datasheet 10): its link is not for this
//! driver alone.

use kernel::io::Io;

use crate::regs::{
    general::{
        FACTPS,
        FWSM,
        MANC, //
    },
    Bar0, //
};

/// FWSM.MODE of firmware that passes frames on to a controller of the board.
const MODE_PASS_THROUGH: u32 = 2;

/// Whether frames for the board's management come and go by this port. As C igb finds it out.
fn passes_through(bar: &Bar0) -> bool {
    let manc = bar.read(MANC);
    if !manc.rcv_tco_en() {
        return false;
    }
    match bar.read(FWSM).mode().get() {
        // No firmware, but perhaps a controller on the SMBus.
        0 => manc.smbus_en() && !manc.asf_en(),
        mode => mode == MODE_PASS_THROUGH && !bar.read(FACTPS).mngcg(),
    }
}

/// Whether management has a session over the port (serial or IDE redirection) that changes of the link
/// would end.
pub(crate) fn holds_link(bar: &Bar0) -> bool {
    bar.read(MANC).blk_phy_rst_on_ide()
}

/// Whether management needs the link.
pub(crate) fn needs_link(bar: &Bar0) -> bool {
    holds_link(bar) || passes_through(bar)
}
