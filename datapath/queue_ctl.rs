// SPDX-License-Identifier: GPL-2.0

//! Values of the queue control registers, the same for PF and VF.
//!
//! The drivers own the registers; what these must say follows from how the rings are used here.

/// Kilobytes that the hardware may write into one receive buffer (SRRCTL.BSIZEPACKET).
///
/// Longer frames take several buffers, so that no setting of the longest accepted frame can make
/// the hardware write past a buffer.
pub const RX_BUFFER_KB: u32 = 3;

/// The same in bytes.
pub const RX_BUFFER_BYTES: u32 = RX_BUFFER_KB << 10;

/// SRRCTL of a receive queue (datasheet 8.10.2): advanced descriptors, one buffer each, of `buffer_kb`
/// kilobytes.
///
/// With `drop` a frame that finds no descriptor is dropped at once instead of holding up the frames
/// of all other queues. It must be set as soon as there is another queue and no pause frame is sent.
pub const fn srrctl(buffer_kb: u32, drop: bool) -> u32 {
    const ONE_BUFFER: u32 = 0b001 << 25;
    // Units of 64 bytes. Only header split would use it; four is the least legal value.
    const BSIZEHEADER: u32 = 4 << 8;

    let drop_en = if drop { SRRCTL_DROP_EN } else { 0 };
    buffer_kb | BSIZEHEADER | ONE_BUFFER | drop_en
}

/// The bit of SRRCTL that has frames dropped.
pub const SRRCTL_DROP_EN: u32 = 1 << 31;

const QUEUE_ENABLE: u32 = 1 << 25;

const fn thresholds(prefetch: u32, host: u32, write_back: u32) -> u32 {
    prefetch | host << 8 | write_back << 16
}

/// RXDCTL of a receive queue (datasheet 8.10.9).
///
/// Descriptors are written back one by one, as the 82576 needs with MSI-X: a higher threshold can
/// hold a frame back until the next one comes.
pub const fn rxdctl(enable: bool) -> u32 {
    thresholds(8, 8, 1) | if enable { QUEUE_ENABLE } else { 0 }
}

/// TXDCTL of a transmit queue (datasheet 8.12.11), with the same reason for the write-back
/// threshold.
pub const fn txdctl(enable: bool) -> u32 {
    thresholds(8, 1, 1) | if enable { QUEUE_ENABLE } else { 0 }
}
