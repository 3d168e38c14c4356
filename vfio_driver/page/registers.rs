// SPDX-License-Identifier: GPL-2.0

//! The registers of the page: a list of all that a VF has there (datasheet 8.28). What is not
//! listed does not exist.

use crate::mbox::wire::MAILBOX_WORDS;

/// CTRL.RST: resets the VF. Clears itself.
pub const CTRL_RST: u32 = 1 << 26;
/// STATUS.FD: full duplex.
pub const STATUS_FD: u32 = 1 << 0;
/// STATUS.LU: the link is up.
pub const STATUS_LU: u32 = 1 << 1;
/// STATUS.SPEED: 0 is 10, 1 is 100, 2 is 1000 Mbit/s.
pub const STATUS_SPEED_SHIFT: u32 = 6;
/// All bits of STATUS that tell of the link.
pub const STATUS_LINK: u32 = STATUS_FD | STATUS_LU | 3 << STATUS_SPEED_SHIFT;

/// VMBMEM, sixteen words.
pub const VMBMEM: u16 = 0x0800;
/// V2PMAILBOX.
pub const V2PMAILBOX: u16 = 0x0c40;

/// How a register is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// CTRL, also at its second address: emulated, the reset is passed on.
    Control,
    /// STATUS: passed on for reading, but for the link, which is as the PF says.
    Status,
    /// A word of VMBMEM: emulated.
    Buffer(usize),
    /// V2PMAILBOX: emulated.
    Mailbox,
    /// A statistic of this VF: passed on for reading.
    Counter,
    /// A setting of this VF's pool: passed on.
    Pool,
    /// Refused: reads as zero, ignores writes.
    None,
}

impl Register {
    /// The register at this offset, which is a multiple of 4.
    pub fn at(offset: u16) -> Self {
        match offset {
            0x0000 | 0x0004 => Self::Control,
            0x0008 => Self::Status,
            V2PMAILBOX => Self::Mailbox,
            // PSRTYPE: splitting of headers, for this pool alone.
            0x0f0c => Self::Pool,
            // VFGPRC, VFGPTC, VFGORC, VFGOTC, VFMPRC, VFGPRLBC, VFGPTLBC, VFGORLBC, VFGOTLBC
            0x0f10 | 0x0f14 | 0x0f18 | 0x0f34 | 0x0f3c | 0x0f40 | 0x0f44 | 0x0f48 | 0x0f50 => {
                Self::Counter
            }
            _ => Self::buffer(offset),
        }
    }

    fn buffer(offset: u16) -> Self {
        offset
            .checked_sub(VMBMEM)
            .map(|bytes| usize::from(bytes / 4))
            .filter(|index| *index < MAILBOX_WORDS)
            .map_or(Self::None, Self::Buffer)
    }
}
