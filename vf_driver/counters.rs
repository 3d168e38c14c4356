// SPDX-License-Identifier: GPL-2.0

//! The statistics that the hardware keeps of this VF: 32 bits each, widened here.

use kernel::{
    io::Io,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Mutex, //
    }, //
};

use crate::{
    hw::Hw,
    regs, //
};

/// Number of counters.
const COUNT: usize = 9;

/// Their names, as ethtool shows them.
pub(crate) const NAMES: [&str; COUNT] = [
    "hw_rx_packets",
    "hw_rx_bytes",
    "hw_rx_multicast",
    "hw_tx_packets",
    "hw_tx_bytes",
    "hw_rx_local_packets",
    "hw_rx_local_bytes",
    "hw_tx_local_packets",
    "hw_tx_local_bytes",
];

/// Index of multicast frames received.
const MULTICAST: usize = 2;

fn read(hw: &Hw) -> [u32; COUNT] {
    let io = hw.io();
    [
        io.read(regs::VFGPRC).into_raw(),
        io.read(regs::VFGORC).into_raw(),
        io.read(regs::VFMPRC).into_raw(),
        io.read(regs::VFGPTC).into_raw(),
        io.read(regs::VFGOTC).into_raw(),
        io.read(regs::VFGPRLBC).into_raw(),
        io.read(regs::VFGORLBC).into_raw(),
        io.read(regs::VFGPTLBC).into_raw(),
        io.read(regs::VFGOTLBC).into_raw(),
    ]
}

struct Inner {
    last: [u32; COUNT],
    total: [u64; COUNT],
}

/// The hardware's counters since probe. At a gigabit per second the byte counters wrap after half a
/// minute; the service work reads them more often.
#[pin_data]
pub(crate) struct HwCounters {
    #[pin]
    inner: Mutex<Inner>,
    /// Multicast frames, for who may not sleep.
    multicast: Atomic<u64>,
}

impl HwCounters {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            inner <- new_mutex!(Inner {
                last: [0; COUNT],
                total: [0; COUNT],
            }),
            multicast: Atomic::new(0),
        })
    }

    /// Adds what came since the last look. Process context.
    pub(crate) fn update(&self, hw: &Hw) {
        if hw.is_gone() {
            return;
        }
        let mut inner = self.inner.lock();
        let Inner { last, total } = &mut *inner;
        let now = read(hw);
        let mut gained = now;
        for (gained, last) in gained.iter_mut().zip(last.iter()) {
            *gained = gained.wrapping_sub(*last);
        }
        *last = now;
        // No counter gains half its range between two looks: a reset that nobody has told of yet.
        if gained.iter().any(|gained| *gained > u32::MAX / 2) {
            return;
        }
        for (total, gained) in total.iter_mut().zip(gained) {
            *total += u64::from(gained);
        }
        self.multicast.store(total[MULTICAST], Relaxed);
    }

    /// A reset may have zeroed the hardware's counters: counts on from what they say now.
    pub(crate) fn start_over(&self, hw: &Hw) {
        self.inner.lock().last = read(hw);
    }

    /// The counters, in the order of [`NAMES`]. Process context.
    pub(crate) fn totals(&self) -> [u64; COUNT] {
        self.inner.lock().total
    }

    /// Multicast frames received. Any context.
    pub(crate) fn multicast(&self) -> u64 {
        self.multicast.load(Relaxed)
    }
}
