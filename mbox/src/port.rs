// SPDX-License-Identifier: GPL-2.0

//! What carries the words: a buffer, and one register on either side.
//!
//! No operation here waits. Ownership of the buffer is taken by writing a bit and reading it back
//! ([`PfPort::try_lock`], [`V2pCache::try_lock`]); ringing a doorbell drops it in the same write.
//!
//! An implementation is the 82576's registers seen from the PF (P2VMAILBOX, VMBMEM, MBVFICR,
//! VFLRE), the same seen from the VF (V2PMAILBOX, VMBMEM), a virtual mailbox, or the simulated pair
//! that the tests use. Register accesses keep their order: the words are in the buffer before
//! the doorbell rings.

use super::wire::Words;

/// Defines a register image: a set of named bits.
macro_rules! bits {
    (
        $(#[$meta:meta])* $name:ident { $($(#[$bit_meta:meta])* $bit:ident = $value:expr;)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(u32);

        impl $name {
            $($(#[$bit_meta])* pub const $bit: Self = Self($value);)*

            /// The register with this value.
            pub const fn from_raw(value: u32) -> Self {
                Self(value)
            }

            /// The value of the register.
            pub const fn raw(self) -> u32 {
                self.0
            }

            /// Whether any bit of `other` is set.
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// The bits of both.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The bits that are not in `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }
    };
}

bits! {
    /// P2VMAILBOX, one per VF, at 0x0c00 + 4 * VF of the PF (datasheet 8.14.2).
    P2vMailbox {
        /// Tells the VF that a message is in the buffer. Reads as zero.
        STS = 0x01;
        /// Tells the VF that its message has been read. Reads as zero.
        ACK = 0x02;
        /// The VF owns the buffer. Read-only.
        VFU = 0x04;
        /// The PF owns the buffer. Sticks only while VFU is clear.
        PFU = 0x08;
        /// Takes the buffer from a VF that does not let go. Reads as zero.
        RVFU = 0x10;
    }
}

bits! {
    /// V2PMAILBOX, at 0x0c40 of the VF (datasheet 8.14.3).
    V2pMailbox {
        /// Tells the PF that a message is in the buffer. Reads as zero.
        REQ = 0x01;
        /// Tells the PF that its message has been read. Reads as zero.
        ACK = 0x02;
        /// The VF owns the buffer. Sticks only while PFU is clear.
        VFU = 0x04;
        /// The PF owns the buffer. Read-only.
        PFU = 0x08;
        /// The PF has put a message into the buffer. Cleared by reading.
        PFSTS = 0x10;
        /// The PF has read the VF's message. Cleared by reading.
        PFACK = 0x20;
        /// The PF is in reset.
        RSTI = 0x40;
        /// The PF has finished a reset. Cleared by reading.
        RSTD = 0x80;
        /// The bits that a read clears.
        READ_TO_CLEAR = 0xb0;
    }
}

/// What has happened on one mailbox since the PF last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PfEvents {
    /// The VF rang its doorbell (MBVFICR bits 7:0).
    pub request: bool,
    /// The VF has read what the PF wrote (MBVFICR bits 23:16).
    pub ack: bool,
    /// The VF went through a function level reset (VFLRE).
    pub function_reset: bool,
}

impl PfEvents {
    /// The events of both.
    #[must_use]
    pub const fn merge(self, other: Self) -> Self {
        Self {
            request: self.request || other.request,
            ack: self.ack || other.ack,
            function_reset: self.function_reset || other.function_reset,
        }
    }
}

/// The PF's end of one VF's mailbox.
pub trait PfPort {
    /// Reads and clears the events of this VF.
    ///
    /// MBVFICR has to be read before VFLRE: a VF resets itself and then rings, so a request that
    /// is seen without its reset would be served, and then be undone by that reset.
    fn take_events(&mut self) -> PfEvents;

    /// Reads P2VMAILBOX.
    fn control(&mut self) -> P2vMailbox;

    /// Writes P2VMAILBOX. A value without PFU drops ownership.
    fn set_control(&mut self, value: P2vMailbox);

    /// Reads the buffer, all of it, each word once.
    fn read(&mut self) -> Words;

    /// Writes words from the start of the buffer.
    fn write(&mut self, words: &[u32]);

    /// Tries once to own the buffer.
    fn try_lock(&mut self) -> bool {
        self.set_control(P2vMailbox::PFU);
        self.control().has(P2vMailbox::PFU)
    }

    /// Lets go of the buffer without a word.
    fn unlock(&mut self) {
        self.set_control(P2vMailbox::default());
    }
}

/// The VF's end of its mailbox.
pub trait VfPort {
    /// Reads V2PMAILBOX. What the read clears is lost unless the caller keeps it: [`V2pCache`].
    fn status(&mut self) -> V2pMailbox;

    /// Writes V2PMAILBOX. A value without VFU drops ownership.
    fn set_control(&mut self, value: V2pMailbox);

    /// Reads words from the start of the buffer.
    fn read(&mut self, words: &mut [u32]);

    /// Writes words from the start of the buffer.
    fn write(&mut self, words: &[u32]);
}

/// V2PMAILBOX without the loss: remembers the bits that reading clears until they are taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct V2pCache {
    kept: V2pMailbox,
}

impl V2pCache {
    /// Nothing seen.
    pub const fn new() -> Self {
        Self {
            kept: V2pMailbox::from_raw(0),
        }
    }

    /// Reads the register. The result has the bits of this read and those not yet taken.
    pub fn read(&mut self, port: &mut (impl VfPort + ?Sized)) -> V2pMailbox {
        let now = port.status().with(self.kept);
        let others = V2pMailbox::from_raw(!V2pMailbox::READ_TO_CLEAR.raw());
        self.kept = now.without(others);
        now
    }

    /// Whether a kept bit of `bits` is set. Does not read the register.
    pub const fn has(&self, bits: V2pMailbox) -> bool {
        self.kept.has(bits)
    }

    /// Takes the kept bits of `bits`: whether any was set.
    pub fn take(&mut self, bits: V2pMailbox) -> bool {
        let set = self.kept.has(bits);
        self.kept = self.kept.without(bits);
        set
    }

    /// Tries once to own the buffer.
    pub fn try_lock(&mut self, port: &mut (impl VfPort + ?Sized)) -> bool {
        port.set_control(V2pMailbox::VFU);
        self.read(port).has(V2pMailbox::VFU)
    }

    /// Lets go of the buffer without a word.
    pub fn unlock(&mut self, port: &mut (impl VfPort + ?Sized)) {
        port.set_control(V2pMailbox::default());
    }
}
