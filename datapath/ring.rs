// SPDX-License-Identifier: GPL-2.0

//! Index arithmetic of a descriptor ring.

use super::desc::MAX_DATA_PER_DESC;

/// Number of descriptors in a ring: 64 to 4096, a multiple of 8.
///
/// The hardware states ring lengths in units of 128 bytes, which is 8 descriptors (datasheet 8.10.7
/// RDLEN, 8.12.8 TDLEN).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingSize(u16);

impl RingSize {
    /// Fewest descriptors: enough for one frame of the most fragments while another is sent.
    pub const MIN: u16 = 64;
    /// Most descriptors.
    pub const MAX: u16 = 4096;
    /// What a driver starts with.
    pub const DEFAULT: Self = Self(256);
    /// Sizes are multiples of this.
    pub const STEP: u16 = 8;

    /// `None` unless `count` is in range and a multiple of [`Self::STEP`].
    pub const fn new(count: u16) -> Option<Self> {
        if count < Self::MIN || count > Self::MAX || count % Self::STEP != 0 {
            return None;
        }
        Some(Self(count))
    }

    /// The nearest size that is allowed and not smaller, at most [`Self::MAX`].
    pub const fn nearest(count: u32) -> Self {
        if count <= Self::MIN as u32 {
            Self(Self::MIN)
        } else if count >= Self::MAX as u32 {
            Self(Self::MAX)
        } else {
            // CAST: below MAX, which is a multiple of STEP, so rounding up cannot pass MAX.
            Self((count as u16).next_multiple_of(Self::STEP))
        }
    }

    /// Number of descriptors.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The index after `index`.
    #[inline]
    pub const fn next(self, index: u16) -> u16 {
        let next = index.wrapping_add(1);
        if next >= self.0 {
            0
        } else {
            next
        }
    }

    /// The index `distance` behind `index`, both smaller than the ring: nothing can wrap.
    #[inline]
    pub const fn add(self, index: u16, distance: u16) -> u16 {
        let sum = index.wrapping_add(distance);
        if sum >= self.0 {
            sum.wrapping_sub(self.0)
        } else {
            sum
        }
    }

    /// How many steps lead from `from` to `to`; zero if they are equal.
    #[inline]
    pub const fn distance(self, from: u16, to: u16) -> u16 {
        if to >= from {
            to - from
        } else {
            to + self.0 - from
        }
    }
}

/// Data descriptors that a buffer of `len` bytes takes; none for an empty one.
#[inline]
pub const fn data_descs(len: u32) -> u32 {
    len.div_ceil(MAX_DATA_PER_DESC)
}

/// The pieces of a buffer that one data descriptor each takes: `(offset, length)`.
#[derive(Clone, Debug)]
pub struct Chunks {
    offset: u32,
    len: u32,
}

impl Chunks {
    /// Divides a buffer of `len` bytes.
    #[inline]
    pub const fn new(len: u32) -> Self {
        Self { offset: 0, len }
    }

    /// No piece is left.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Iterator for Chunks {
    type Item = (u32, u32);

    #[inline]
    fn next(&mut self) -> Option<(u32, u32)> {
        if self.len == 0 {
            return None;
        }
        let piece = (self.offset, self.len.min(MAX_DATA_PER_DESC));
        self.offset = self.offset.wrapping_add(piece.1);
        self.len = self.len.wrapping_sub(piece.1);
        Some(piece)
    }
}
