// SPDX-License-Identifier: GPL-2.0

//! Addresses behind the PF: of containers and guests on a bridge that it is a port of.
//!
//! What a VF sends to an address that no function has goes out on the wire, and on silicon to the
//! PF as well while that is promiscuous ([`crate::control::image`]). A receive address of the PF's for each
//! such neighbour keeps local traffic off the wire, and is what works in QEMU's model of the card. So
//! the PF learns as a bridge does: an address is behind the PF when the PF sends from it, and is not
//! any more when the PF receives from it, or has not sent from it for long.
//!
//! Both ends of the data path look here for each frame while there is something to learn, so the
//! table has no lock: a cell is one word, and an address has one cell that it may be in. Of two that
//! want the same cell the last that sent is known. Where two processors write at once one of the two
//! is lost, which the next frame mends.

use core::sync::atomic::{
    AtomicBool,
    Ordering, //
};

use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

use crate::kapi::net::MacAddress;

/// Cells. The card has 24 receive addresses, so few collide.
const CELLS: usize = 128;
/// In a cell: the address was sent from since the last [`Learned::age`].
const RECENT: u64 = 1 << 63;
/// In a cell, where groups echo: how many frames to groups have not come back yet.
const ECHOES: u64 = 7 << 48;
const ONE_ECHO: u64 = 1 << 48;
/// In a cell: the address.
const KEY: u64 = ONE_ECHO - 1;

/// The first bit of an address of a group.
const GROUP: u8 = 1;

/// What a received frame says of its sender.
pub(crate) enum Seen {
    /// It is not behind the PF, and was not known to be.
    Elsewhere,
    /// It was behind the PF before.
    Moved,
    /// The PF has sent this frame itself.
    Echo,
}

/// The table.
pub(crate) struct Learned {
    /// Asked for each frame, hence no atomic of the kernel crate, whose load is a call of C.
    active: AtomicBool,
    /// A frame to a group comes back to the pool that sent it. The card does not do that
    /// (DTXSWC.LLE), QEMU's model does, and a bridge would take it for a move of the sender.
    echoes: bool,
    /// [`CELLS`] of them.
    cells: KVec<Atomic<u64>>,
}

impl Learned {
    /// An empty table.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(echoes: bool) -> Result<Self> {
        let mut cells = KVec::with_capacity(CELLS, GFP_KERNEL)?;
        for _ in 0..CELLS {
            cells.push(Atomic::new(0), GFP_KERNEL)?;
        }
        Ok(Self {
            active: AtomicBool::new(false),
            echoes,
            cells,
        })
    }

    /// Whether addresses are learned now.
    #[inline]
    pub(crate) fn active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Begins to learn, or ends that and forgets all.
    pub(crate) fn set_active(&self, active: bool) {
        if self.active.swap(active, Ordering::Relaxed) && !active {
            for cell in self.cells.iter() {
                cell.store(0, Relaxed);
            }
        }
    }

    /// The cell of an address, and what is in it if it is known. No cell for a group.
    #[inline]
    fn cell(&self, mac: &MacAddress) -> Option<(&Atomic<u64>, u64)> {
        // 2^64 divided by the golden ratio: spreads addresses in a row.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [a, b, c, d, e, f] = *mac;
        let key = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
        if a & GROUP != 0 || key == 0 {
            return None;
        }
        // CAST: Seven bits.
        let index = (key.wrapping_mul(SPREAD) >> (u64::BITS - CELLS.ilog2())) as usize;
        self.cells.get(index).map(|cell| (cell, key))
    }

    /// The PF sends a frame. Whether it is news that its sender is behind the PF.
    #[inline]
    pub(crate) fn sent(&self, to: &MacAddress, from: &MacAddress) -> bool {
        let Some((cell, key)) = self.cell(from) else {
            return false;
        };
        let before = cell.load(Relaxed);
        let known = before & KEY == key;
        let echo = self.echoes && to[0] & GROUP != 0;
        // Most often. Other processors have the cell, too, so it is not written.
        if known && before & RECENT != 0 && !echo {
            return false;
        }
        let echoes = if known { before & ECHOES } else { 0 };
        let more = if echo && echoes != ECHOES {
            ONE_ECHO
        } else {
            0
        };
        cell.store(key | RECENT | (echoes + more), Relaxed);
        !known
    }

    /// The PF receives a frame.
    #[inline]
    pub(crate) fn received(&self, to: &MacAddress, from: &MacAddress) -> Seen {
        let Some((cell, key)) = self.cell(from) else {
            return Seen::Elsewhere;
        };
        let before = cell.load(Relaxed);
        if before & KEY != key {
            return Seen::Elsewhere;
        }
        if before & ECHOES != 0 && to[0] & GROUP != 0 {
            cell.store(before - ONE_ECHO, Relaxed);
            return Seen::Echo;
        }
        cell.store(0, Relaxed);
        Seen::Moved
    }

    /// Forgets what was not sent from since it was called before.
    pub(crate) fn age(&self) {
        for cell in self.cells.iter() {
            let now = cell.load(Relaxed);
            let next = if now & RECENT != 0 { now & KEY } else { 0 };
            // What is sent from at this moment is noted by the next frame.
            cell.store(next, Relaxed);
        }
    }

    /// The addresses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = MacAddress> + '_ {
        self.cells
            .iter()
            .map(|cell| cell.load(Relaxed) & KEY)
            .filter(|key| *key != 0)
            .map(|key| {
                let [a, b, c, d, e, f, ..] = key.to_le_bytes();
                [a, b, c, d, e, f]
            })
    }
}
