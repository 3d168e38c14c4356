// SPDX-License-Identifier: GPL-2.0

//! Statistics of the port (datasheet 8.19). Reading clears.

use kernel::io::register;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident @ $offset:literal;)*) => {
        register! {
            $($(#[$doc])* pub(crate) $name(u32) @ $offset { 31:0 count; })*
        }
    };
}

counters! {
    /// Bad CRC.
    CRCERRS @ 0x4000;
    /// Alignment errors.
    ALGNERRC @ 0x4004;
    /// Other receive errors.
    RXERRC @ 0x400c;
    /// Frames missed for want of FIFO space.
    MPC @ 0x4010;
    /// Single collisions.
    SCC @ 0x4014;
    /// Excessive collisions.
    ECOL @ 0x4018;
    /// Multiple collisions.
    MCC @ 0x401c;
    /// Late collisions.
    LATECOL @ 0x4020;
    /// Collisions.
    COLC @ 0x4028;
    /// Deferred transmissions.
    DC @ 0x4030;
    /// Transmissions without carrier sense.
    TNCRS @ 0x4034;
    /// XON received.
    XONRXC @ 0x4048;
    /// XON sent.
    XONTXC @ 0x404c;
    /// XOFF received.
    XOFFRXC @ 0x4050;
    /// XOFF sent.
    XOFFTXC @ 0x4054;
    /// Good frames received.
    GPRC @ 0x4074;
    /// Broadcast frames received.
    BPRC @ 0x4078;
    /// Multicast frames received.
    MPRC @ 0x407c;
    /// Good frames sent.
    GPTC @ 0x4080;
    /// Good bytes received, low.
    GORCL @ 0x4088;
    /// Good bytes received, high; reading it clears both.
    GORCH @ 0x408c;
    /// Good bytes sent, low.
    GOTCL @ 0x4090;
    /// Good bytes sent, high; reading it clears both.
    GOTCH @ 0x4094;
    /// Frames for which there was no descriptor.
    RNBC @ 0x40a0;
    /// Undersized frames.
    RUC @ 0x40a4;
    /// Oversized frames.
    ROC @ 0x40ac;
    /// Management frames received.
    MGTPRC @ 0x40b4;
    /// Management frames dropped.
    MGTPDC @ 0x40b8;
    /// Management frames sent.
    MGTPTC @ 0x40bc;
    /// Multicast frames sent.
    MPTC @ 0x40f0;
    /// Broadcast frames sent.
    BPTC @ 0x40f4;
    /// TCP segmentation contexts sent.
    TSCTC @ 0x40f8;
    /// TCP segmentation contexts that failed.
    TSCTFC @ 0x40fc;
}

register! {
    /// Frames received by a VF. Counts on and wraps.
    pub(crate) PVFGPRC(u32)[8, stride = 0x100] @ 0x1_0010 { 31:0 count; }
    /// Frames sent by a VF. Counts on and wraps.
    pub(crate) PVFGPTC(u32)[8, stride = 0x100] @ 0x1_0014 { 31:0 count; }
    /// Bytes received by a VF. Counts on and wraps.
    pub(crate) PVFGORC(u32)[8, stride = 0x100] @ 0x1_0018 { 31:0 count; }
    /// Bytes sent by a VF. Counts on and wraps.
    pub(crate) PVFGOTC(u32)[8, stride = 0x100] @ 0x1_0034 { 31:0 count; }
    /// Multicast frames received by a VF. Counts on and wraps.
    pub(crate) PVFMPRC(u32)[8, stride = 0x100] @ 0x1_003c { 31:0 count; }
}
