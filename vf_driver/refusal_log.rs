// SPDX-License-Identifier: GPL-2.0

//! What the log says of addresses and groups that the PF does not give.

use crate::mbox::{
    limit::TokenBucket,
    refusal::Refusal,
    time::{
        Span,
        Time, //
    }, //
};

/// What the log has of addresses that the PF does not give.
pub(crate) struct RefusalLog {
    /// Why the PF refused the last one.
    pub(crate) why: Refusal,
    /// How many were refused when a line was written last.
    logged: usize,
    limit: TokenBucket,
}

impl RefusalLog {
    /// Lines at once, and one more per this time: each change of the stack's list may bring one.
    const BURST: u32 = 5;
    const INTERVAL: Span = Span::from_millis(5_000);

    pub(crate) const fn new() -> Self {
        Self {
            why: Refusal::Undisclosed,
            logged: 0,
            limit: TokenBucket::new(Self::BURST, Self::INTERVAL),
        }
    }

    /// Whether a line is due, as another number is refused than the log says. One that is above the
    /// limit stays due.
    pub(crate) fn take(&mut self, refused: usize, now: Time) -> bool {
        if refused == 0 {
            self.logged = 0;
        }
        let due = refused != self.logged && self.limit.take(now);
        if due {
            self.logged = refused;
        }
        due
    }
}
