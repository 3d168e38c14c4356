// SPDX-License-Identifier: GPL-2.0

//! The queues of a VF's pool, from the PF's side: emptied when the VF changes hands, and what the card
//! has seen of them.
//!
//! A reset of the VF leaves all registers of its queues as they are but for the enable bits (82576
//! specification update, software clarification 3): ring addresses, head write-back, DCA. What one
//! driver leaves there the card would use for the next one, with that one's memory.

use kernel::{
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    },
    time::Delta, //
};

use super::{
    get,
    put, //
};
use crate::{
    control::vf_id::VfId,
    mbox::misconduct::Sighting,
    regs::{
        iov::{
            LVMMC,
            POOLS,
            PSRTYPE,
            WVBR, //
        },
        queue::{
            DCA_RXCTRL,
            DCA_TXCTRL,
            RDBAH,
            RDBAL,
            RDH,
            RDLEN,
            RDT,
            RXDCTL,
            SRRCTL,
            TDBAH,
            TDBAL,
            TDH,
            TDLEN,
            TDT,
            TDWBAH,
            TDWBAL,
            TXDCTL, //
        },
        Bar0, //
    }, //
};

/// How long a queue may take to come to rest. The pool is closed, so only what is under way is left.
const REST_TIMEOUT: Delta = Delta::from_millis(1);
const REST_INTERVAL: Delta = Delta::from_micros(50);

/// Whether one of the two queues of this number has not come to rest.
pub(super) fn runs(bar: &Bar0, queue: usize) -> bool {
    RXDCTL::from(get::<RXDCTL>(bar, queue)).enable()
        || TXDCTL::from(get::<TXDCTL>(bar, queue)).enable()
}

/// Stops both queues of `vf`, whose pool is closed, and zeroes all that a driver has set in them. Sleeps.
///
/// # Errors
///
/// [`ETIMEDOUT`] if a queue does not stop: then its registers are as they were, but for the enable
/// bits, and the pool must stay closed.
pub(crate) fn empty_queues(bar: &Bar0, vf: VfId) -> Result {
    let queues = [vf.index(), vf.index() + POOLS];
    for queue in queues {
        put::<RXDCTL>(bar, queue, 0);
        put::<TXDCTL>(bar, queue, 0);
    }
    read_poll_timeout(
        || Ok(queues.into_iter().any(|queue| runs(bar, queue))),
        |running| !*running,
        REST_INTERVAL,
        REST_TIMEOUT,
    )?;
    for queue in queues {
        // First what makes the card write to memory by itself.
        put::<TDWBAL>(bar, queue, 0);
        put::<TDWBAH>(bar, queue, 0);
        put::<DCA_TXCTRL>(bar, queue, 0);
        put::<DCA_RXCTRL>(bar, queue, 0);
        put::<SRRCTL>(bar, queue, 0);
        put::<TDLEN>(bar, queue, 0);
        put::<TDBAL>(bar, queue, 0);
        put::<TDBAH>(bar, queue, 0);
        put::<TDH>(bar, queue, 0);
        put::<TDT>(bar, queue, 0);
        put::<RDLEN>(bar, queue, 0);
        put::<RDBAL>(bar, queue, 0);
        put::<RDBAH>(bar, queue, 0);
        put::<RDH>(bar, queue, 0);
        put::<RDT>(bar, queue, 0);
    }
    put::<PSRTYPE>(bar, vf.index(), 0);
    Ok(())
}

/// What the card has seen of pools that send what they must not. Reading clears, so there is one reader:
/// the interrupt handler, once that may run, but for who has closed all pools.
pub(crate) fn take_sighting(bar: &Bar0) -> Sighting {
    let cause = bar.read(LVMMC).into_raw();
    Sighting::of_registers(cause, bar.read(WVBR).into_raw())
}

/// What the interrupt handler has seen and the work has not.
pub(crate) struct Seen(Atomic<u32>);

impl Seen {
    pub(crate) fn nothing() -> Self {
        Self(Atomic::new(Sighting::NONE.pack()))
    }

    /// Adds to that. From the interrupt handler.
    pub(crate) fn add(&self, sighting: Sighting) {
        let mut old = self.0.load(Relaxed);
        // Nobody else adds, and who takes leaves nothing: the second attempt succeeds.
        while let Err(now) = self.0.cmpxchg(old, old | sighting.pack(), Full) {
            old = now;
        }
    }

    /// What was seen since the last time.
    pub(crate) fn take(&self) -> Sighting {
        Sighting::unpack(self.0.xchg(Sighting::NONE.pack(), Full))
    }
}
