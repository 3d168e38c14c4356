// SPDX-License-Identifier: GPL-2.0

//! The EEPROM, and the MAC address in it (datasheet 3.3, 6).

use kernel::{
    fmt,
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    prelude::*,
    time::Delta, //
};

use super::{
    lan_id,
    sync::{
        Owned,
        Resource, //
    }, //
};
use crate::{
    kapi::net::{
        is_valid_ether_addr,
        MacAddress, //
    },
    regs::{
        filter::{
            RAH,
            RAL, //
        },
        general::{
            EECD,
            EERD,
            WUC, //
        },
        Bar0, //
    }, //
};

/// Words that the checksum covers, itself included.
const CHECKED_WORDS: u16 = 0x40;
/// What they add up to.
const CHECKSUM: u16 = 0xbaba;
/// Word with the version of the image.
const IMAGE_VERSION: u16 = 0x05;
/// First of two words with the number of the printed board assembly.
const BOARD: u16 = 0x08;
/// First of them where the number is a string elsewhere.
const BOARD_IS_STRING: u16 = 0xfafa;
/// First of two words with the number of the image.
const TRACK: u16 = 0x42;
/// Compatibility.
const COMPATIBILITY: u16 = 0x03;
/// In it: the PCS of a SerDes board does not negotiate.
const PCS_FORCED: u16 = 1 << 14;
/// Initialization control 2.
const INIT_CONTROL_2: u16 = 0x0f;
/// In it: [`WUC::apmpme`].
const APM_PME: u16 = 1 << 15;
/// Initialization control 3 of each port.
const INIT_CONTROL_3: [u16; 2] = [0x24, 0x14];
/// In it: [`WUC::apme`].
const APM_ENABLE: u16 = 1 << 10;
/// Word with the place of the alternate MAC addresses.
const ALT_MAC_POINTER: u16 = 0x37;
/// Words of an alternate MAC address.
const MAC_WORDS: u16 = 3;

/// Most words that [`struct@EERD`] can reach: it has 14 bits for the address.
const MAX_WORDS: usize = 1 << 14;
/// Words that are read before the other port and firmware get their turn.
const BURST: u16 = 64;

const READ_TIMEOUT: Delta = Delta::from_millis(500);
const READ_INTERVAL: Delta = Delta::from_micros(10);

/// Why the NVM is of no use.
pub(crate) enum Fault {
    /// It could not be read.
    Access(Error),
    /// Its words add up to this.
    Checksum(u16),
    /// This is no unicast address.
    Mac(MacAddress),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Access(error)
    }
}

/// Reads word `addr`.
///
/// # Errors
///
/// [`ETIMEDOUT`].
fn read_word(bar: &Bar0, addr: u16) -> Result<u16> {
    bar.write_reg(EERD::from(1 | u32::from(addr) << 2));
    let eerd = read_poll_timeout(
        || Ok(bar.read(EERD)),
        |eerd| eerd.done(),
        READ_INTERVAL,
        READ_TIMEOUT,
    )?;
    // CAST: The upper half.
    Ok((eerd.into_raw() >> 16) as u16)
}

/// Words of the NVM: 64 to 16384, or none if there is none.
pub(crate) fn words(bar: &Bar0) -> usize {
    let eecd = bar.read(EECD);
    if eecd.ee_pres() {
        (64usize << eecd.ee_size().get()).min(MAX_WORDS)
    } else {
        0
    }
}

/// Reads bytes from byte `offset` on; the lower half of a word comes first. May sleep.
///
/// # Errors
///
/// [`EINVAL`] beyond of what [`struct@EERD`] can reach, [`ETIMEDOUT`].
pub(crate) fn read(bar: &Bar0, offset: usize, out: &mut [u8]) -> Result {
    let mut bytes = out.iter_mut();
    let mut addr = u16::try_from(offset / 2)?;
    let mut skip = offset % 2;
    while bytes.len() != 0 {
        let _nvm = Owned::acquire(bar, Resource::Nvm)?;
        for _ in 0..BURST {
            if usize::from(addr) >= MAX_WORDS {
                return Err(EINVAL);
            }
            let word = read_word(bar, addr)?.to_le_bytes();
            for (from, to) in word.into_iter().skip(skip).zip(bytes.by_ref()) {
                *to = from;
            }
            addr += 1;
            skip = 0;
            if bytes.len() == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// What the NVM says of itself and of the board (datasheet 6.2).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Image {
    /// Major version of the image.
    pub(crate) major: u16,
    /// Minor version, two decimal digits as they are to be shown in hexadecimal.
    pub(crate) minor: u16,
    /// Number by which the vendor tracks images.
    pub(crate) track: u32,
    /// Number of the printed board assembly: nine hexadecimal digits.
    pub(crate) board: Option<(u32, u8)>,
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02x}, {:#010x}", self.major, self.minor, self.track)
    }
}

/// Reads what the NVM says of itself.
///
/// # Errors
///
/// [`ETIMEDOUT`].
pub(crate) fn image(bar: &Bar0) -> Result<Image> {
    let _nvm = Owned::acquire(bar, Resource::Nvm)?;
    let version = read_word(bar, IMAGE_VERSION)?;
    let track = [read_word(bar, TRACK)?, read_word(bar, TRACK + 1)?];
    let board = [read_word(bar, BOARD)?, read_word(bar, BOARD + 1)?];
    let minor = match version >> 8 & 0xf {
        0 => version & 0xff,
        _ => version >> 4 & 0xff,
    };
    // Later images hold a pointer to a string there.
    let plain = !matches!(board[0], 0 | BOARD_IS_STRING | 0xffff);
    Ok(Image {
        major: version >> 12,
        minor,
        track: u32::from(track[1]) << 16 | u32::from(track[0]),
        // CAST: The lower byte.
        board: plain.then_some((
            u32::from(board[0]) << 8 | u32::from(board[1]) >> 8,
            board[1] as u8,
        )),
    })
}

/// Whether the PCS of a SerDes board may negotiate.
///
/// # Errors
///
/// [`ETIMEDOUT`].
pub(crate) fn pcs_negotiates(bar: &Bar0) -> Result<bool> {
    let _nvm = Owned::acquire(bar, Resource::Nvm)?;
    Ok(read_word(bar, COMPATIBILITY)? & PCS_FORCED == 0)
}

/// How this port wakes the host before there is a driver, as WUC has it.
///
/// # Errors
///
/// [`ETIMEDOUT`].
pub(crate) fn wake_up(bar: &Bar0) -> Result<WUC> {
    let _nvm = Owned::acquire(bar, Resource::Nvm)?;
    let [first, second] = INIT_CONTROL_3;
    let port = read_word(bar, if lan_id(bar) == 0 { first } else { second })?;
    let both = read_word(bar, INIT_CONTROL_2)?;
    Ok(WUC::zeroed()
        .with_apme(port & APM_ENABLE != 0)
        .with_apmpme(both & APM_PME != 0))
}

/// Checks the NVM.
///
/// # Errors
///
/// A [`Fault`].
pub(crate) fn check(bar: &Bar0) -> core::result::Result<(), Fault> {
    let _nvm = Owned::acquire(bar, Resource::Nvm)?;
    let mut sum = 0u16;
    for word in 0..CHECKED_WORDS {
        sum = sum.wrapping_add(read_word(bar, word)?);
    }
    if sum == CHECKSUM {
        Ok(())
    } else {
        Err(Fault::Checksum(sum))
    }
}

/// Checks the NVM and reads the address of this port. To be called after a reset, by which the
/// hardware has loaded the address of the port into the first receive address.
///
/// # Errors
///
/// A [`Fault`].
pub(crate) fn permanent_mac(bar: &Bar0) -> core::result::Result<MacAddress, Fault> {
    check(bar)?;
    let _nvm = Owned::acquire(bar, Resource::Nvm)?;
    let mac = match alternate_mac(bar)? {
        Some(mac) => mac,
        None => loaded_mac(bar),
    };
    if is_valid_ether_addr(&mac) {
        Ok(mac)
    } else {
        Err(Fault::Mac(mac))
    }
}

/// The first receive address.
fn loaded_mac(bar: &Bar0) -> MacAddress {
    let [a, b, c, d] = super::get::<RAL>(bar, 0).to_le_bytes();
    let [e, f, _, _] = super::get::<RAH>(bar, 0).to_le_bytes();
    [a, b, c, d, e, f]
}

/// The address that somebody has put in the place of the hardware's, such as a blade's management.
fn alternate_mac(bar: &Bar0) -> Result<Option<MacAddress>> {
    let pointer = read_word(bar, ALT_MAC_POINTER)?;
    if pointer == 0 || pointer == 0xffff {
        return Ok(None);
    }
    // CAST: 0 to 3.
    let first = pointer.wrapping_add(MAC_WORDS * lan_id(bar) as u16);
    let mut mac = [0; 6];
    for (bytes, word) in mac.chunks_exact_mut(2).zip(0..MAC_WORDS) {
        bytes.copy_from_slice(&read_word(bar, first.wrapping_add(word))?.to_le_bytes());
    }
    Ok(is_valid_ether_addr(&mac).then_some(mac))
}
