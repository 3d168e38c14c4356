// SPDX-License-Identifier: GPL-2.0

//! Interrupt vectors of the PF.
//!
//! Vector 0 is for everything but traffic; vector `1 + n` for queue pair `n`. VF `n` has vectors
//! `22 - 3n` to `24 - 3n`, so with all seven VFs the PF has vectors 0 to 3: enough for the two queue
//! pairs it then has.
//!
//! Each vector clears its cause and disables itself when it fires (EIAC, EIAM): a cause that
//! stayed would fire only once in QEMU, and again and again on silicon.

use kernel::{
    io::Io,
    num::Bounded,
    prelude::*, //
};

use super::{
    flush,
    get,
    pool,
    put, //
};
use crate::{
    control::device::MAX_PAIRS,
    regs::{
        irq::{
            EIAC,
            EIAM,
            EIMC,
            EIMS,
            EITR,
            GPIE,
            IAM,
            ICR,
            ICS,
            IMC,
            IMS,
            IVAR,
            IVAR_MISC, //
        },
        Bar0, //
    }, //
};

/// Vector of the link, the mailboxes and errors.
pub(crate) const OTHER_VECTOR: u32 = 0;

/// Least time between interrupts of the mailboxes and the link, in microseconds: what a VF that
/// rings without pause can cost.
const OTHER_INTERVAL: u16 = 50;
/// The same while a VF is in quarantine.
const OTHER_INTERVAL_SLOW: u16 = 1000;

/// Vector of queue pair `pair`.
pub(crate) const fn pair_vector(pair: u32) -> u32 {
    1 + pair
}

/// Sets up MSI-X, with all vectors disabled. Needed after each reset.
pub(crate) fn setup(bar: &Bar0) {
    mask_all(bar);
    bar.write_reg(
        GPIE::zeroed()
            .with_nsicr(true)
            .with_multiple_msix(true)
            .with_eiame(true)
            .with_pba_support(true),
    );
    own_vectors(bar, 0);
    bar.write_reg(IAM::from(0));
    bar.write_reg(
        IVAR_MISC::zeroed()
            .with_const_other::<OTHER_VECTOR>()
            .with_other_valid(true),
    );
    set_interval(bar, OTHER_VECTOR, OTHER_INTERVAL);
}

/// Has the PF's vectors clear and mask themselves: those of `pairs` queue pairs, and the other one.
/// The bits of further vectors are VFs', whose drivers may want them otherwise.
fn own_vectors(bar: &Bar0, pairs: u32) {
    let mask = 1 << OTHER_VECTOR | pairs_mask(pairs);
    bar.write_reg(EIAC::from(mask));
    bar.write_reg(EIAM::from(mask));
}

/// Disables all interrupts of the PF.
pub(crate) fn mask_all(bar: &Bar0) {
    bar.write_reg(IMC::from(u32::MAX));
    // The vectors of VFs have bits of their own here; those of the PF are the lowest.
    bar.write_reg(EIMC::from((1 << pair_vector(MAX_PAIRS)) - 1));
    flush(bar);
}

/// Lets the link, the mailboxes, misconduct and errors interrupt.
pub(crate) fn enable_other(bar: &Bar0) {
    // What was seen while pools were set up is held against nobody. The cause is read last: what comes
    // after the rest was read is not lost.
    let _ = pool::take_sighting(bar);
    let _ = bar.read(ICR);
    let causes = ICR::zeroed()
        .with_lsc(true)
        .with_vmmb(true)
        .with_mddet(true)
        .with_drsta(true);
    bar.write_reg(IMS::from(causes.into_raw()));
    rearm_other(bar);
}

/// Keeps misconduct from interrupting: a VF can cause that with every frame that it sends.
pub(crate) fn mask_misconduct(bar: &Bar0) {
    let cause = ICR::zeroed().with_mddet(true);
    bar.write_reg(IMC::from(cause.into_raw()));
}

/// Lets misconduct interrupt, and has it interrupt now for what has come meanwhile: its registers
/// have one reader, the handler.
pub(crate) fn unmask_misconduct(bar: &Bar0) {
    let cause = ICR::zeroed().with_mddet(true);
    bar.write_reg(IMS::from(cause.into_raw()));
    bar.write_reg(ICS::from(cause.into_raw()));
}

/// Has vector [`OTHER_VECTOR`] fire at its usual rate, or once in a millisecond at most.
pub(crate) fn slow_other(bar: &Bar0, slow: bool) {
    let interval = if slow {
        OTHER_INTERVAL_SLOW
    } else {
        OTHER_INTERVAL
    };
    set_interval(bar, OTHER_VECTOR, interval);
}

/// Lets vector [`OTHER_VECTOR`] fire again.
pub(crate) fn rearm_other(bar: &Bar0) {
    bar.write_reg(EIMS::from(1 << OTHER_VECTOR));
}

/// Lets the vectors of `pairs` queue pairs fire.
pub(crate) fn enable_pairs(bar: &Bar0, pairs: u32) {
    own_vectors(bar, pairs);
    bar.write_reg(EIMS::from(pairs_mask(pairs)));
}

/// Keeps the vectors of `pairs` queue pairs from firing.
pub(crate) fn disable_pairs(bar: &Bar0, pairs: u32) {
    bar.write_reg(EIMC::from(pairs_mask(pairs)));
    flush(bar);
}

fn pairs_mask(pairs: u32) -> u32 {
    ((1 << pairs) - 1) << pair_vector(0)
}

/// Sets the least time between two interrupts of `vector`, in microseconds.
pub(crate) fn set_interval(bar: &Bar0, vector: u32, usecs: u16) {
    let eitr = EITR::zeroed()
        .with_interval(Bounded::from_expr(u32::from(usecs) & 0x1fff))
        .with_cnt_ingr(true);
    // CAST: A vector number.
    put::<EITR>(bar, vector as usize, eitr.into_raw());
}

/// Forgets all vectors of queues, before the VFs set their own: QEMU only ever adds bits then.
pub(crate) fn clear_queue_vectors(bar: &Bar0) {
    for entry in 0..8 {
        put::<IVAR>(bar, entry, 0);
    }
}

/// Has queues `queue` of both directions use `vector`.
pub(crate) fn set_queue_vector(bar: &Bar0, queue: usize, vector: u32) {
    let vector = Bounded::<u32, 5>::from_expr(vector & 0x1f);
    let entry = queue & 7;
    let old = IVAR::from(get::<IVAR>(bar, entry));
    let new = if queue < 8 {
        old.with_rx_low(vector)
            .with_rx_low_valid(true)
            .with_tx_low(vector)
            .with_tx_low_valid(true)
    } else {
        old.with_rx_high(vector)
            .with_rx_high_valid(true)
            .with_tx_high(vector)
            .with_tx_high_valid(true)
    };
    put::<IVAR>(bar, entry, new.into_raw());
}
