// SPDX-License-Identifier: GPL-2.0

//! Where and how wide a guest reads or writes.

/// Bytes of the page.
pub const PAGE: usize = 0x1000;

/// An access of 1, 2 or 4 bytes, aligned to its width, inside of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    register: u16,
    shift: u32,
    mask: u32,
}

impl Access {
    /// The access to `width` bytes at `offset`, or nothing if it is not of this kind.
    pub fn new(offset: usize, width: usize) -> Option<Self> {
        let mask = match width {
            1 => 0xff,
            2 => 0xffff,
            4 => u32::MAX,
            _ => return None,
        };
        if offset >= PAGE || offset.checked_rem(width) != Some(0) {
            return None;
        }
        let register = u16::try_from(offset & !3).ok()?;
        let byte = u32::try_from(offset & 3).ok()?;
        Some(Self {
            register,
            shift: byte.saturating_mul(8),
            mask,
        })
    }

    /// Offset of the 32-bit register that it is to.
    pub const fn register(self) -> u16 {
        self.register
    }

    /// Whether it is to all of that register.
    pub const fn is_full(self) -> bool {
        self.mask == u32::MAX
    }

    /// What it sees of a register with this value.
    pub const fn cut(self, value: u32) -> u32 {
        (value >> self.shift) & self.mask
    }

    /// The register after it has written `value`, where it was `old`.
    pub const fn merge(self, old: u32, value: u32) -> u32 {
        let mask = self.mask << self.shift;
        (old & !mask) | ((value << self.shift) & mask)
    }
}
