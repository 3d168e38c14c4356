// SPDX-License-Identifier: GPL-2.0

//! Pools, their filters and switches, and the mailboxes (datasheet 7.10, 8.14).

use kernel::io::register;

pub(crate) use crate::control::device::{
    ALL_POOLS,
    POOLS, //
};

/// Registers of the unicast table.
pub(crate) const UTA_REGS: usize = 128;
/// Words of one mailbox.
pub(crate) const VMBMEM_WORDS: usize = 16;

register! {
    /// Mailbox memory: sixteen words for each VF.
    pub(crate) VMBMEM(u32)[128] @ 0x0_0800 { 31:0 word; }
    /// Mailbox control of each VF, see `mbox::port::P2vMailbox`.
    pub(crate) P2VMAILBOX(u32)[8] @ 0x0_0c00 { 31:0 value; }
    /// Mailbox events of all VFs; writing ones clears.
    pub(crate) MBVFICR(u32) @ 0x0_0c80 {
        /// VFs with a request.
        7:0 vfreq;
        /// VFs that acknowledged.
        23:16 vfack;
    }
    /// VFs whose mailbox may interrupt.
    pub(crate) MBVFIMR(u32) @ 0x0_0c84 { 7:0 vfs; }
    /// VFs that went through a function level reset; writing ones clears.
    pub(crate) VFLRE(u32) @ 0x0_0c88 { 7:0 vfs; }
    /// Pools that may receive.
    pub(crate) VFRE(u32) @ 0x0_0c8c { 7:0 pools; }
    /// Pools that may send.
    pub(crate) VFTE(u32) @ 0x0_0c90 { 7:0 pools; }

    /// DMA transmit switch control.
    pub(crate) DTXSWC(u32) @ 0x0_3500 {
        /// Pools whose source address is checked.
        7:0 mac_spoof;
        /// Pools whose VLAN is checked.
        15:8 vlan_spoof;
        /// Pools that may receive what they sent.
        23:16 lle;
        /// Frames are switched between pools.
        31:31 loopback_en => bool;
    }
    /// Last VM misbehaviour cause. Cleared by reading. See `mbox::misconduct`.
    pub(crate) LVMMC(u32) @ 0x0_3548 { 31:0 value; }
    /// VM wrong behaviour: what queues did. Cleared by reading.
    pub(crate) WVBR(u32) @ 0x0_3554 {
        /// Queues that broke the rules of DTXSWC, or were stopped.
        15:0 named;
        /// Queues that were stopped for a malformed descriptor.
        31:16 stopped;
    }
    /// Insertion of VLAN tags into what a pool sends.
    pub(crate) VMVIR(u32)[8] @ 0x0_3700 {
        /// The VLAN of the tag.
        11:0 vlan_id;
        /// Its priority.
        15:13 priority;
        /// Which tag, see [`vlana`].
        31:30 vlana;
    }

    /// How the headers of what a pool receives are split off.
    pub(crate) PSRTYPE(u32)[8] @ 0x0_5480 { 31:0 value; }
    /// Pools in general.
    pub(crate) VT_CTL(u32) @ 0x0_581c {
        /// Pool that receives what matches no filter.
        9:7 def_pl;
        /// There is no such pool.
        29:29 dis_def_pool => bool;
        /// Multicast and broadcast go to all pools that want them.
        30:30 rpl_en => bool;
    }
    /// What a pool receives.
    pub(crate) VMOLR(u32)[8] @ 0x0_5ad0 {
        /// Longest frame in bytes, with [`VMOLR::lpe`].
        13:0 rlpml;
        /// Long frames.
        16:16 lpe => bool;
        /// RSS within the pool.
        17:17 rsse => bool;
        /// Accept untagged frames.
        24:24 aupe => bool;
        /// Accept multicast frames by the MTA.
        25:25 rompe => bool;
        /// Accept unicast frames by the UTA.
        26:26 rope => bool;
        /// Accept broadcast.
        27:27 bam => bool;
        /// Accept all multicast.
        28:28 mpme => bool;
        /// Strip VLAN tags.
        30:30 strvlan => bool;
        /// Strip the CRC.
        31:31 strcrc => bool;
    }
    /// Offloads of replicated frames.
    pub(crate) RPLOLR(u32) @ 0x0_5af0 {
        /// Strip VLAN tags.
        30:30 strvlan => bool;
        /// Strip the CRC.
        31:31 strcrc => bool;
    }
    /// VLAN to pool filter.
    pub(crate) VLVF(u32)[32] @ 0x0_5d00 {
        /// VLAN.
        11:0 vlan_id;
        /// Pools in it.
        19:12 poolsel;
        /// The entry is valid.
        31:31 vi_en => bool;
    }
    /// Control of virtual functions.
    pub(crate) IOVCTL(u32) @ 0x0_5bbc {
        /// The PF uses queues that were VFs'.
        0:0 reuse_vfq => bool;
    }
    /// Transmit queue that RTTBCNRC is about.
    pub(crate) RTTDQSEL(u32) @ 0x0_3604 { 3:0 queue; }
    /// Window of the rate limiter's memory.
    pub(crate) RTTBCNRM(u32) @ 0x0_3690 { 9:0 window; }
    /// Rate limit of the chosen queue: the link's speed divided by a factor.
    pub(crate) RTTBCNRC(u32) @ 0x0_36b0 {
        /// The factor, in units of 1/16384.
        27:0 factor;
        /// The limit is in force.
        31:31 enable => bool;
    }
    /// Unicast table: hashes of addresses that pools with [`VMOLR::rope`] receive.
    pub(crate) UTA(u32)[128] @ 0x0_a000 { 31:0 bits; }
}

/// Values of [`VMVIR::vlana`]. 0 is as the descriptor says, 2 none.
pub(crate) mod vlana {
    /// Always that of the register.
    pub(crate) const THIS: u32 = 1;
}
