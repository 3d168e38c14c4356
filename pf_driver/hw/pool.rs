// SPDX-License-Identifier: GPL-2.0

//! The queues of a VF's pool, from the PF's side: emptied when the VF changes hands.
//!
//! A reset of the VF leaves all registers of its queues as they are but for the enable bits (82576
//! specification update, software clarification 3): ring addresses, head write-back, DCA. What one
//! driver leaves there the card would use for the next one, with that one's memory.

use kernel::{
    io::poll::read_poll_timeout,
    prelude::*,
    time::Delta, //
};

use super::{
    get,
    put, //
};
use crate::{
    control::vf_id::VfId,
    regs::{
        iov::{
            POOLS,
            PSRTYPE, //
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
    let running = |queue| {
        RXDCTL::from(get::<RXDCTL>(bar, queue)).enable()
            || TXDCTL::from(get::<TXDCTL>(bar, queue)).enable()
    };
    read_poll_timeout(
        || Ok(queues.into_iter().any(running)),
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
