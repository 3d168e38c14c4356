// SPDX-License-Identifier: GPL-2.0

//! What is received, and how it is spread over queues (datasheet 7.1, 8.10).

use kernel::io::register;

/// Registers of the RSS redirection table, of four entries each.
pub(crate) const RETA_REGS: usize = 32;
/// Registers of the RSS key.
pub(crate) const RSSRK_REGS: usize = 10;

register! {
    /// Receive control.
    pub(crate) RCTL(u32) @ 0x0_0100 {
        /// Enable.
        1:1 rxen => bool;
        /// Store bad packets.
        2:2 sbp => bool;
        /// Unicast promiscuous. Without pools.
        3:3 upe => bool;
        /// Multicast promiscuous. Without pools.
        4:4 mpe => bool;
        /// Long packets: up to RLPML instead of 1522 bytes.
        5:5 lpe => bool;
        /// Which bits of an address select the bit of the MTA; 0 is 47:36.
        13:12 mo;
        /// Accept broadcast.
        15:15 bam => bool;
        /// VLAN filter.
        18:18 vfe => bool;
        /// Pass MAC control frames.
        23:23 pmcf => bool;
        /// Strip the CRC.
        26:26 secrc => bool;
    }
    /// Receive checksum control.
    pub(crate) RXCSUM(u32) @ 0x0_5000 {
        /// IPv4 header.
        8:8 ipofld => bool;
        /// TCP and UDP.
        9:9 tuofld => bool;
        /// SCTP.
        11:11 crcofl => bool;
        /// The RSS hash instead of the packet checksum in the descriptor.
        13:13 pcsd => bool;
    }
    /// Longest frame.
    pub(crate) RLPML(u32) @ 0x0_5004 { 13:0 rlpml; }
    /// Receive filter control.
    pub(crate) RFCTL(u32) @ 0x0_5008 {
        /// Do not look at NFS requests.
        6:6 nfsw_dis => bool;
        /// Do not look at NFS replies.
        7:7 nfsr_dis => bool;
        /// Do not hash IPv6 frames with extension headers: the hardware gets them wrong.
        16:16 ipv6_ex_dis => bool;
    }
    /// Multicast table.
    pub(crate) MTA(u32)[128] @ 0x0_5200 { 31:0 bits; }
    /// Receive address, first four bytes, entries 0 to 15.
    pub(crate) RAL(u32)[16, stride = 8] @ 0x0_5400 { 31:0 value; }
    /// Receive address, last two bytes, entries 0 to 15.
    pub(crate) RAH(u32)[16, stride = 8] @ 0x0_5404 {
        /// Bytes 4 and 5.
        15:0 rah;
        /// Pools that receive it.
        25:18 poolsel;
        /// The entry is valid.
        31:31 av => bool;
    }
    /// Receive address, first four bytes, entries 16 to 23.
    pub(crate) RAL2(u32)[8, stride = 8] @ 0x0_54e0 { 31:0 value; }
    /// Receive address, last two bytes and more as in [`struct@RAH`], entries 16 to 23.
    pub(crate) RAH2(u32)[8, stride = 8] @ 0x0_54e4 { 31:0 value; }
    /// VLAN filter table.
    pub(crate) VFTA(u32)[128] @ 0x0_5600 { 31:0 bits; }
    /// Multiple receive queues.
    pub(crate) MRQC(u32) @ 0x0_5818 {
        /// Mode: 2 is RSS, 3 pools, 5 pools with RSS.
        2:0 mrqe;
        /// What is hashed: TCPv4, IPv4, TCPv6 with extensions, ..., one bit each.
        24:16 rss_field;
    }
    /// RSS redirection table, four entries each.
    pub(crate) RETA(u32)[32] @ 0x0_5c00 { 31:0 queues; }
    /// RSS key.
    pub(crate) RSSRK(u32)[10] @ 0x0_5c80 { 31:0 value; }
}

/// Values of [`struct@MRQC`].
pub(crate) mod mrqe {
    /// All queues are the PF's, by RSS.
    pub(crate) const RSS: u32 = 2;
    /// Pools.
    pub(crate) const VMDQ: u32 = 3;
    /// Pools, and RSS within those that want it (VMOLR.RSSE).
    pub(crate) const VMDQ_RSS: u32 = 5;
    /// Hash TCP and IP, both versions (MRQC bits 16, 17, 18, 20, 21).
    pub(crate) const HASH_TCP_IP: u32 = 0b11_0111;
}
