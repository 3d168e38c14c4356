// SPDX-License-Identifier: GPL-2.0

//! The first page of BAR 0 of an 82576 VF, as software.
//!
//! Pure: no kernel type, no lock, no clock. The driver hands in each access of the guest and does
//! what comes back ([`Reading`], [`Writing`]); the PF's driver reaches the mailbox in it by the
//! methods that are named for those of [`PfPort`](crate::mbox::port::PfPort).
//!
//! - [`access`]: offsets and widths.
//! - [`registers`]: which register is emulated, which passed on, which refused.
//! - [`mailbox`]: the mailbox, seen from both sides.

pub mod access;
pub mod mailbox;
pub mod registers;

use crate::mbox::{
    port::V2pMailbox,
    wire::Words, //
};

use self::{
    access::Access,
    mailbox::Mailbox,
    registers::{
        Register,
        CTRL_RST,
        STATUS_FD,
        STATUS_LINK,
        STATUS_LU, //
    }, //
};

/// What a read of the guest comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// This value, already cut to the access.
    Value(u32),
    /// The device is to be read, and the value goes through [`DeviceRead::finish`].
    Device(DeviceRead),
}

/// A read of a register of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRead {
    access: Access,
    keep: u32,
    set: u32,
}

impl DeviceRead {
    /// Offset of the register in BAR 0, to be read with 32 bits.
    pub const fn register(self) -> u16 {
        self.access.register()
    }

    /// What the guest gets, where the device said `raw`.
    pub const fn finish(self, raw: u32) -> u32 {
        self.access.cut((raw & self.keep) | self.set)
    }
}

/// What a write of the guest comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Nothing beyond this page.
    Done,
    /// The doorbell rang: the PF has to look.
    Ring,
    /// The guest let go of the buffer, and finds a message: its interrupt is due.
    Signal,
    /// The guest reset its VF: the device has to be reset by this register and value, and then the
    /// PF has to look.
    Reset {
        /// Offset in BAR 0.
        register: u16,
        /// What to write there.
        value: u32,
    },
    /// A register of the device is to be written.
    Device {
        /// Offset in BAR 0.
        register: u16,
        /// What to write there.
        value: u32,
    },
}

/// What the guest did with the page. All wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Accesses.
    pub traps: u64,
    /// Those without effect: no such register, or not in a way that it is for.
    pub refused: u64,
    /// Rings of the doorbell.
    pub rings: u64,
    /// Resets by CTRL.
    pub resets: u64,
}

/// The page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    mailbox: Mailbox,
    link: u32,
    counters: Counters,
}

impl Page {
    /// The page of a VF that was just reset, without a link.
    pub const fn new() -> Self {
        Self {
            mailbox: Mailbox::new(),
            link: 0,
            counters: Counters {
                traps: 0,
                refused: 0,
                rings: 0,
                resets: 0,
            },
        }
    }

    /// What the guest did so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The mailbox.
    pub const fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The mailbox, for the PF.
    pub fn mailbox_mut(&mut self) -> &mut Mailbox {
        &mut self.mailbox
    }

    /// Sets the link that STATUS shows. Other bits of `status` are dropped.
    pub fn set_link(&mut self, status: u32) {
        self.link = status & STATUS_LINK;
        if self.link & STATUS_LU == 0 {
            self.link &= STATUS_FD;
        }
    }

    /// The VF was reset, by whatever: function level reset, the guest's reboot.
    pub fn function_reset(&mut self) {
        self.mailbox.function_reset();
    }

    /// The guest reads `width` bytes at `offset`. Anything but an aligned access of 1, 2 or 4
    /// bytes inside of the page reads as zero.
    pub fn read(&mut self, offset: usize, width: usize) -> Reading {
        self.counters.traps = self.counters.traps.wrapping_add(1);
        let Some(access) = Access::new(offset, width) else {
            return self.refuse_read();
        };
        match Register::at(access.register()) {
            // Its one bit clears itself.
            Register::Control => Reading::Value(0),
            // The device is read all the same: drivers read STATUS to be sure that what they wrote
            // to other registers has arrived.
            Register::Status => Reading::Device(DeviceRead {
                access,
                keep: !STATUS_LINK,
                set: self.link,
            }),
            Register::Buffer(index) => Reading::Value(access.cut(self.mailbox.word(index))),
            Register::Mailbox if access.is_full() => Reading::Value(self.mailbox.take_status()),
            // What reading clears would be lost with the bytes that are not read.
            Register::Mailbox => Reading::Value(access.cut(self.mailbox.status().raw())),
            Register::Counter | Register::Pool => Reading::Device(DeviceRead {
                access,
                keep: u32::MAX,
                set: 0,
            }),
            Register::None => self.refuse_read(),
        }
    }

    /// The guest writes the lower `width` bytes of `value` at `offset`. Anything but an aligned
    /// access of 1, 2 or 4 bytes inside of the page is without effect.
    pub fn write(&mut self, offset: usize, width: usize, value: u32) -> Writing {
        self.counters.traps = self.counters.traps.wrapping_add(1);
        let Some(access) = Access::new(offset, width) else {
            return self.refuse_write();
        };
        match Register::at(access.register()) {
            Register::Buffer(index) => {
                let old = self.mailbox.word(index);
                self.mailbox.set_word(index, access.merge(old, value));
                Writing::Done
            }
            // All others are written at once or not at all.
            _ if !access.is_full() => self.refuse_write(),
            Register::Control if value & CTRL_RST != 0 => {
                self.counters.resets = self.counters.resets.wrapping_add(1);
                self.mailbox.function_reset();
                Writing::Reset {
                    register: access.register(),
                    value: CTRL_RST,
                }
            }
            Register::Control => Writing::Done,
            Register::Mailbox => self.write_mailbox(V2pMailbox::from_raw(value)),
            Register::Pool => Writing::Device {
                register: access.register(),
                value,
            },
            Register::Status | Register::Counter | Register::None => self.refuse_write(),
        }
    }

    fn write_mailbox(&mut self, value: V2pMailbox) -> Writing {
        let signal = self.mailbox.set_status(value);
        if value.has(V2pMailbox::REQ.with(V2pMailbox::ACK)) {
            self.counters.rings = self.counters.rings.wrapping_add(1);
            return Writing::Ring;
        }
        if signal {
            Writing::Signal
        } else {
            Writing::Done
        }
    }

    fn refuse_read(&mut self) -> Reading {
        self.count_refusal();
        Reading::Value(0)
    }

    fn refuse_write(&mut self) -> Writing {
        self.count_refusal();
        Writing::Done
    }

    fn count_refusal(&mut self) {
        self.counters.refused = self.counters.refused.wrapping_add(1);
    }

    /// The words that the guest sees in the buffer.
    pub fn buffer(&self) -> Words {
        core::array::from_fn(|index| self.mailbox.word(index))
    }
}
