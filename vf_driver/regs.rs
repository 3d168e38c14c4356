// SPDX-License-Identifier: GPL-2.0

//! The registers of a 82576 virtual function, as its BAR 0 shows them.
//!
//! Abbreviations: EI = extended interrupt, IVAR = interrupt vector allocation, SRR = split and
//! replication receive, DCA = direct cache access. Receive and transmit registers are those of
//! queue 0; a VF has a second queue, which this driver does not use, see [`both`].

use kernel::io::register;

/// Length of BAR 0.
pub(crate) const BAR_LEN: usize = 0x4000;

// General

register! {
    /// Device control.
    pub(crate) CTRL(u32) @ 0x0000_0000 {
        /// Resets the queues and interrupts of this VF and tells the PF of it. Clears itself.
        26:26 rst => bool;
    }

    /// Device status: that of the port, which the VF shares.
    pub(crate) STATUS(u32) @ 0x0000_0008 {
        /// Full duplex.
        0:0 fd => bool;
        /// Link up.
        1:1 lu => bool;
        /// Speed: 0 is 10, 1 is 100, 2 and 3 are 1000 Mbit/s.
        7:6 speed;
    }
}

// Interrupts. Bit and array index are the number of the MSI-X vector, 0 to 2.

register! {
    /// Vectors to unmask. Reads as the set of unmasked ones.
    pub(crate) EIMS(u32) @ 0x0000_1524 {
        /// Vectors.
        2:0 vectors;
    }

    /// Vectors to mask.
    pub(crate) EIMC(u32) @ 0x0000_1528 {
        /// Vectors.
        2:0 vectors;
    }

    /// Vectors whose cause is cleared when the interrupt is sent.
    pub(crate) EIAC(u32) @ 0x0000_152c {
        /// Vectors.
        2:0 vectors;
    }

    /// Vectors that are masked when the interrupt is sent.
    pub(crate) EIAM(u32) @ 0x0000_1530 {
        /// Vectors.
        2:0 vectors;
    }

    /// Pending causes. Reading clears them.
    pub(crate) EICR(u32) @ 0x0000_1580 {
        /// Vectors.
        2:0 vectors;
    }

    /// Interrupt throttling of a vector.
    pub(crate) EITR(u32)[3] @ 0x0000_1680 {
        /// Least time between two interrupts, in microseconds.
        14:2 interval;
        /// Leaves the running countdown alone when this register is written.
        31:31 cnt_ignr => bool;
    }

    /// Vectors of the queues. The fields of queue 1 are not used.
    pub(crate) VTIVAR(u32) @ 0x0000_1700 {
        /// Vector of receive queue 0.
        1:0 rx_vector;
        /// Whether receive queue 0 has a vector.
        7:7 rx_valid => bool;
        /// Vector of transmit queue 0.
        9:8 tx_vector;
        /// Whether transmit queue 0 has a vector.
        15:15 tx_valid => bool;
    }

    /// Vector of the mailbox.
    pub(crate) VTIVAR_MISC(u32) @ 0x0000_1740 {
        /// Vector.
        1:0 vector;
        /// Whether there is one.
        7:7 valid => bool;
    }
}

// Mailbox. The bits of V2PMAILBOX are in `mbox::port`.

register! {
    /// Mailbox buffer.
    pub(crate) VMBMEM(u32)[16] @ 0x0000_0800 {
        /// Word of a message.
        31:0 word;
    }

    /// Mailbox control.
    pub(crate) V2PMAILBOX(u32) @ 0x0000_0c40 {
        /// All bits.
        31:0 bits;
    }
}

// Receive queue

register! {
    /// Low half of the ring's address.
    pub(crate) RDBAL(u32) @ 0x0000_2800 {
        /// Address.
        31:0 base;
    }

    /// High half of the ring's address.
    pub(crate) RDBAH(u32) @ 0x0000_2804 {
        /// Address.
        31:0 base;
    }

    /// Length of the ring.
    pub(crate) RDLEN(u32) @ 0x0000_2808 {
        /// Bytes.
        19:0 len;
    }

    /// Receive buffers; the value is the data path's.
    pub(crate) SRRCTL(u32) @ 0x0000_280c {
        /// Drops a frame that finds no descriptor.
        31:31 drop_en => bool;
    }

    /// Head: the descriptor that the hardware fills next.
    pub(crate) RDH(u32) @ 0x0000_2810 {
        /// Descriptor.
        15:0 head;
    }

    /// Tail: the first descriptor that the hardware must not use.
    pub(crate) RDT(u32) @ 0x0000_2818 {
        /// Descriptor.
        15:0 tail;
    }

    /// Control of the queue; the thresholds are the data path's.
    pub(crate) RXDCTL(u32) @ 0x0000_2828 {
        /// Enables the queue. Reads as set until all accesses to memory are over.
        25:25 enable => bool;
    }
}

// Transmit queue

register! {
    /// Low half of the ring's address.
    pub(crate) TDBAL(u32) @ 0x0000_3800 {
        /// Address.
        31:0 base;
    }

    /// High half of the ring's address.
    pub(crate) TDBAH(u32) @ 0x0000_3804 {
        /// Address.
        31:0 base;
    }

    /// Length of the ring.
    pub(crate) TDLEN(u32) @ 0x0000_3808 {
        /// Bytes.
        19:0 len;
    }

    /// Head: the descriptor that the hardware reads next.
    pub(crate) TDH(u32) @ 0x0000_3810 {
        /// Descriptor.
        15:0 head;
    }

    /// DCA and ordering of the queue.
    pub(crate) TXCTL(u32) @ 0x0000_3814 {
        /// Lets descriptor write-backs overtake each other.
        11:11 wb_ro_en => bool;
    }

    /// Tail: the first descriptor that the hardware must not use.
    pub(crate) TDT(u32) @ 0x0000_3818 {
        /// Descriptor.
        15:0 tail;
    }

    /// Control of the queue; the thresholds are the data path's.
    pub(crate) TXDCTL(u32) @ 0x0000_3828 {
        /// Enables the queue. Reads as set until all accesses to memory are over.
        25:25 enable => bool;
    }
}

/// The registers of both queues of a VF, for emptying them.
pub(crate) mod both {
    use kernel::io::register;

    register! {
        /// Low half of a receive ring's address.
        pub(crate) RDBAL(u32)[2, stride = 0x100] @ 0x0000_2800 { 31:0 value; }
        /// High half of it.
        pub(crate) RDBAH(u32)[2, stride = 0x100] @ 0x0000_2804 { 31:0 value; }
        /// Length of a receive ring.
        pub(crate) RDLEN(u32)[2, stride = 0x100] @ 0x0000_2808 { 31:0 value; }
        /// Receive buffers.
        pub(crate) SRRCTL(u32)[2, stride = 0x100] @ 0x0000_280c { 31:0 value; }
        /// DCA of a receive queue.
        pub(crate) DCA_RXCTRL(u32)[2, stride = 0x100] @ 0x0000_2814 { 31:0 value; }
        /// Control of a receive queue.
        pub(crate) RXDCTL(u32)[2, stride = 0x100] @ 0x0000_2828 {
            /// See [`super::RXDCTL`].
            25:25 enable => bool;
        }

        /// Low half of a transmit ring's address.
        pub(crate) TDBAL(u32)[2, stride = 0x100] @ 0x0000_3800 { 31:0 value; }
        /// High half of it.
        pub(crate) TDBAH(u32)[2, stride = 0x100] @ 0x0000_3804 { 31:0 value; }
        /// Length of a transmit ring.
        pub(crate) TDLEN(u32)[2, stride = 0x100] @ 0x0000_3808 { 31:0 value; }
        /// DCA of a transmit queue.
        pub(crate) DCA_TXCTRL(u32)[2, stride = 0x100] @ 0x0000_3814 { 31:0 value; }
        /// Control of a transmit queue.
        pub(crate) TXDCTL(u32)[2, stride = 0x100] @ 0x0000_3828 {
            /// See [`super::TXDCTL`].
            25:25 enable => bool;
        }
        /// Where the card writes the head of a transmit queue, low half; bit 0 turns that on.
        pub(crate) TDWBAL(u32)[2, stride = 0x100] @ 0x0000_3838 { 31:0 value; }
        /// High half of it.
        pub(crate) TDWBAH(u32)[2, stride = 0x100] @ 0x0000_383c { 31:0 value; }

        /// Which headers are split off what is received.
        pub(crate) PSRTYPE(u32) @ 0x0000_0f0c { 31:0 value; }
    }
}

// Statistics of this VF. They wrap, and are zeroed by a reset of the PF only.

register! {
    /// Frames received.
    pub(crate) VFGPRC(u32) @ 0x0000_0f10 {
        /// Count.
        31:0 count;
    }

    /// Frames sent.
    pub(crate) VFGPTC(u32) @ 0x0000_0f14 {
        /// Count.
        31:0 count;
    }

    /// Bytes received.
    pub(crate) VFGORC(u32) @ 0x0000_0f18 {
        /// Count.
        31:0 count;
    }

    /// Bytes sent.
    pub(crate) VFGOTC(u32) @ 0x0000_0f34 {
        /// Count.
        31:0 count;
    }

    /// Multicast frames received.
    pub(crate) VFMPRC(u32) @ 0x0000_0f3c {
        /// Count.
        31:0 count;
    }

    /// Frames received from functions of the same port.
    pub(crate) VFGPRLBC(u32) @ 0x0000_0f40 {
        /// Count.
        31:0 count;
    }

    /// Frames sent to functions of the same port.
    pub(crate) VFGPTLBC(u32) @ 0x0000_0f44 {
        /// Count.
        31:0 count;
    }

    /// Bytes received from functions of the same port.
    pub(crate) VFGORLBC(u32) @ 0x0000_0f48 {
        /// Count.
        31:0 count;
    }

    /// Bytes sent to functions of the same port.
    pub(crate) VFGOTLBC(u32) @ 0x0000_0f50 {
        /// Count.
        31:0 count;
    }
}
