// SPDX-License-Identifier: GPL-2.0

//! What the card sees of pools that send what they must not: its registers LVMMC ("last VM
//! misbehaviour cause") and WVBR ("VM wrong behaviour"), decoded.
//!
//! Pool `n` has queues `n` and `n + 8`. The card drops a frame with a foreign address or VLAN and goes
//! on. A malformed descriptor makes it stop the queue, so that it cannot stop the engine for all.

const POOLS: u32 = 8;
const QUEUES: u32 = 0xffff;
/// The upper half of WVBR: queues that are stopped.
const STOPPED_SHIFT: u32 = 16;
/// Causes of LVMMC for which the card stops a queue.
const STOPPING: u32 = 0x1c;
const LAST_QUEUE_SHIFT: u32 = 16;

/// Pools, one bit each: VF `n` has pool `n`, the PF the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pools(u8);

impl Pools {
    /// No pool.
    pub const NONE: Self = Self(0);

    /// The pools below `count`.
    pub const fn first(count: usize) -> Self {
        if count >= POOLS as usize {
            return Self(u8::MAX);
        }
        // CAST: Less than eight.
        Self(1u8.wrapping_shl(count as u32).wrapping_sub(1))
    }

    /// The pools of a set of queues, one bit each.
    const fn of_queues(queues: u32) -> Self {
        // CAST: Eight bits are left.
        Self(((queues | queues >> POOLS) & 0xff) as u8)
    }

    /// Whether `pool` is one of them.
    pub const fn has(self, pool: usize) -> bool {
        // CAST: Less than eight, where it counts.
        pool < POOLS as usize && self.0.wrapping_shr(pool as u32) & 1 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What was seen in one look at the registers, or in several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Sent with a foreign address or VLAN, and go on.
    pub spoofed: Pools,
    /// Are stopped, or may be: to be closed, and opened again by a handshake.
    pub stopped: Pools,
    /// Those of [`Self::stopped`] of which it is certain.
    pub certain: Pools,
}

impl Sighting {
    /// Nothing was seen.
    pub const NONE: Self = Self {
        spoofed: Pools::NONE,
        stopped: Pools::NONE,
        certain: Pools::NONE,
    };

    /// Decodes LVMMC and WVBR, read in this order. Ones come from a card that is gone.
    ///
    /// Events that come together may leave the upper half of WVBR empty. Then a cause that stops is held
    /// against all queues in the lower half and the last one: a pool that is closed for nothing
    /// makes a handshake, one that is stopped and not closed stays silent for ever.
    pub const fn of_registers(lvmmc: u32, wvbr: u32) -> Self {
        if lvmmc == u32::MAX || wvbr == u32::MAX {
            return Self::NONE;
        }
        let named = Pools::of_queues(wvbr & QUEUES);
        let marked = Pools::of_queues(wvbr >> STOPPED_SHIFT & QUEUES);
        let stopped = if !marked.is_empty() {
            marked
        } else if lvmmc & STOPPING == 0 {
            Pools::NONE
        } else {
            let last = 1u8.wrapping_shl(lvmmc >> LAST_QUEUE_SHIFT & (POOLS - 1));
            Pools(named.0 | last)
        };
        let certain = if !marked.is_empty() || stopped.0.is_power_of_two() {
            stopped
        } else {
            Pools::NONE
        };
        Self {
            spoofed: Pools(named.0 & !stopped.0),
            stopped,
            certain,
        }
    }

    /// As one word, so that sightings add up by OR.
    pub const fn pack(self) -> u32 {
        u32::from_le_bytes([self.spoofed.0, self.stopped.0, self.certain.0, 0])
    }

    /// The sum of what was packed.
    pub const fn unpack(word: u32) -> Self {
        let [spoofed, stopped, certain, _] = word.to_le_bytes();
        Self {
            spoofed: Pools(spoofed & !stopped),
            stopped: Pools(stopped),
            certain: Pools(certain & stopped),
        }
    }

    /// Whether nothing was seen.
    pub const fn is_empty(self) -> bool {
        self.spoofed.is_empty() && self.stopped.is_empty()
    }
}
