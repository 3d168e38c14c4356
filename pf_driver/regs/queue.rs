// SPDX-License-Identifier: GPL-2.0

//! Descriptor queues and the two DMA engines (datasheet 8.10, 8.12).

use kernel::io::register;

register! {
    /// Transmit control.
    pub(crate) TCTL(u32) @ 0x0_0400 {
        /// Enable.
        1:1 en => bool;
        /// Pad short packets.
        3:3 psp => bool;
        /// Collision threshold.
        11:4 ct;
        /// Collision distance.
        21:12 bst;
        /// Retransmit on late collision.
        24:24 rtlc => bool;
    }
    /// Queues that drop a frame for which they have no descriptor.
    pub(crate) QDE(u32) @ 0x0_2408 { 15:0 queues; }
    /// DMA transmit control.
    pub(crate) DTXCTL(u32) @ 0x0_3590 {
        /// Frames may come with a tag in their data.
        3:3 add_vlan_location => bool;
        /// Stop queues with malformed descriptors: malicious driver protection.
        5:5 mdp_en => bool;
        /// Report what VFs send against the rules.
        6:6 spoof_int => bool;
    }

    /// Receive descriptor base, low.
    pub(crate) RDBAL(u32)[16, stride = 0x40] @ 0x0_c000 { 31:0 value; }
    /// Receive descriptor base, high.
    pub(crate) RDBAH(u32)[16, stride = 0x40] @ 0x0_c004 { 31:0 value; }
    /// Receive descriptor ring length in bytes.
    pub(crate) RDLEN(u32)[16, stride = 0x40] @ 0x0_c008 { 19:0 value; }
    /// Split and replication receive control.
    pub(crate) SRRCTL(u32)[16, stride = 0x40] @ 0x0_c00c { 31:0 value; }
    /// Receive descriptor head.
    pub(crate) RDH(u32)[16, stride = 0x40] @ 0x0_c010 { 15:0 value; }
    /// Direct cache access of a receive queue.
    pub(crate) DCA_RXCTRL(u32)[16, stride = 0x40] @ 0x0_c014 { 31:0 value; }
    /// Receive descriptor tail.
    pub(crate) RDT(u32)[16, stride = 0x40] @ 0x0_c018 { 15:0 value; }
    /// Receive descriptor control.
    pub(crate) RXDCTL(u32)[16, stride = 0x40] @ 0x0_c028 {
        /// The queue runs. Reads as set until a disabled queue has come to rest.
        25:25 enable => bool;
    }
    /// Frames dropped for want of descriptors.
    pub(crate) RQDPC(u32)[16, stride = 0x40] @ 0x0_c030 { 31:0 value; }

    /// Transmit descriptor base, low.
    pub(crate) TDBAL(u32)[16, stride = 0x40] @ 0x0_e000 { 31:0 value; }
    /// Transmit descriptor base, high.
    pub(crate) TDBAH(u32)[16, stride = 0x40] @ 0x0_e004 { 31:0 value; }
    /// Transmit descriptor ring length in bytes.
    pub(crate) TDLEN(u32)[16, stride = 0x40] @ 0x0_e008 { 19:0 value; }
    /// Transmit descriptor head.
    pub(crate) TDH(u32)[16, stride = 0x40] @ 0x0_e010 { 15:0 value; }
    /// Direct cache access of a transmit queue.
    pub(crate) DCA_TXCTRL(u32)[16, stride = 0x40] @ 0x0_e014 { 31:0 value; }
    /// Transmit descriptor tail.
    pub(crate) TDT(u32)[16, stride = 0x40] @ 0x0_e018 { 15:0 value; }
    /// Transmit descriptor control.
    pub(crate) TXDCTL(u32)[16, stride = 0x40] @ 0x0_e028 {
        /// The queue runs.
        25:25 enable => bool;
    }
    /// Transmit head write-back address, low.
    pub(crate) TDWBAL(u32)[16, stride = 0x40] @ 0x0_e038 { 31:0 value; }
    /// Transmit head write-back address, high.
    pub(crate) TDWBAH(u32)[16, stride = 0x40] @ 0x0_e03c { 31:0 value; }
}
