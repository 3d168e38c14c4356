// SPDX-License-Identifier: GPL-2.0

//! Interrupts (datasheet 7.3, 8.8).

use kernel::io::register;

register! {
    /// Interrupt cause; cleared by reading (with GPIE.NSICR, always).
    pub(crate) ICR(u32) @ 0x0_00c0 {
        /// Link status change.
        2:2 lsc => bool;
        /// VM mailbox: request, acknowledge or function level reset of a VF.
        8:8 vmmb => bool;
        /// A pool sent what it must not: LVMMC and WVBR say more. C igb's DOUTSYNC.
        28:28 mddet => bool;
        /// The device reset itself.
        30:30 drsta => bool;
    }
    /// Raises causes.
    pub(crate) ICS(u32) @ 0x0_00c8 { 31:0 value; }
    /// Enables causes.
    pub(crate) IMS(u32) @ 0x0_00d0 { 31:0 value; }
    /// Disables causes.
    pub(crate) IMC(u32) @ 0x0_00d8 { 31:0 value; }
    /// Causes that reading ICR disables.
    pub(crate) IAM(u32) @ 0x0_00e0 { 31:0 value; }

    /// General purpose interrupt enable.
    pub(crate) GPIE(u32) @ 0x0_1514 {
        /// Reading ICR clears it whatever is enabled.
        0:0 nsicr => bool;
        /// Several MSI-X vectors.
        4:4 multiple_msix => bool;
        /// EIAM works with MSI-X.
        30:30 eiame => bool;
        /// The pending bits follow the causes.
        31:31 pba_support => bool;
    }
    /// Enables vectors.
    pub(crate) EIMS(u32) @ 0x0_1524 { 31:0 vectors; }
    /// Disables vectors.
    pub(crate) EIMC(u32) @ 0x0_1528 { 31:0 vectors; }
    /// Vectors whose cause firing clears.
    pub(crate) EIAC(u32) @ 0x0_152c { 31:0 vectors; }
    /// Vectors that firing disables.
    pub(crate) EIAM(u32) @ 0x0_1530 { 31:0 vectors; }
    /// Moderation of each vector.
    pub(crate) EITR(u32)[25] @ 0x0_1680 {
        /// Least time between two interrupts, in microseconds.
        14:2 interval;
        /// Keep the counter of the interval.
        31:31 cnt_ingr => bool;
    }
    /// Vectors of queues `n` and `n + 8`.
    pub(crate) IVAR(u32)[8] @ 0x0_1700 {
        /// Vector of receive queue `n`.
        4:0 rx_low;
        /// It is valid.
        7:7 rx_low_valid => bool;
        /// Vector of transmit queue `n`.
        12:8 tx_low;
        /// It is valid.
        15:15 tx_low_valid => bool;
        /// Vector of receive queue `n + 8`.
        20:16 rx_high;
        /// It is valid.
        23:23 rx_high_valid => bool;
        /// Vector of transmit queue `n + 8`.
        28:24 tx_high;
        /// It is valid.
        31:31 tx_high_valid => bool;
    }
    /// Vectors of other causes.
    pub(crate) IVAR_MISC(u32) @ 0x0_1740 {
        /// Vector of all causes but the TCP timer.
        12:8 other;
        /// It is valid.
        15:15 other_valid => bool;
    }
}
