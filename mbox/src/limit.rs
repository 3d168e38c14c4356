// SPDX-License-Identifier: GPL-2.0

//! Rate limits on a clock that the caller passes: what a VF can cost its PF has a bound.

use super::time::{
    Span,
    Time, //
};

/// A token bucket: `burst` events at once, then one per `interval`.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    burst: u32,
    interval: Span,
    tokens: u32,
    filled: Time,
}

impl TokenBucket {
    /// A full bucket. An interval of zero means no limit, a burst of zero counts as one.
    pub const fn new(burst: u32, interval: Span) -> Self {
        let burst = if burst == 0 { 1 } else { burst };
        Self {
            burst,
            interval,
            tokens: burst,
            filled: Time::from_micros(0),
        }
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: Time) -> bool {
        self.refill(now);
        match self.tokens.checked_sub(1) {
            Some(rest) => {
                self.tokens = rest;
                true
            }
            None => false,
        }
    }

    /// Whether there is a token.
    pub fn ready(&mut self, now: Time) -> bool {
        self.refill(now);
        self.tokens > 0
    }

    /// When there will be a token again; the past if there is one.
    pub fn next(&self) -> Time {
        if self.tokens > 0 {
            self.filled
        } else {
            self.filled.after(self.interval)
        }
    }

    fn refill(&mut self, now: Time) {
        let gained = now
            .since(self.filled)
            .as_micros()
            .checked_div(self.interval.as_micros())
            .unwrap_or(u64::from(u32::MAX));
        if gained == 0 {
            return;
        }
        let room = u64::from(self.burst.saturating_sub(self.tokens));
        if gained >= room {
            self.tokens = self.burst;
            self.filled = now;
        } else {
            // CAST: `gained` is less than `room`, which is a u32.
            self.tokens = self.tokens.saturating_add(gained as u32);
            let used = Span::from_micros(gained.saturating_mul(self.interval.as_micros()));
            self.filled = self.filled.after(used);
        }
    }
}

/// Messages to the log at a bounded rate, with a count of what was left out.
#[derive(Clone, Copy, Debug)]
pub struct LogLimit {
    bucket: TokenBucket,
    suppressed: u32,
}

impl LogLimit {
    /// Messages that may come at once.
    pub const BURST: u32 = 5;
    /// One more message per this time.
    pub const INTERVAL: Span = Span::from_millis(5_000);

    /// A limit that has not been used.
    pub const fn new() -> Self {
        Self {
            bucket: TokenBucket::new(Self::BURST, Self::INTERVAL),
            suppressed: 0,
        }
    }

    /// Whether to print a message now: the number of messages left out since the last one, or
    /// nothing to stay silent.
    pub fn admit(&mut self, now: Time) -> Option<u32> {
        if self.bucket.take(now) {
            Some(core::mem::take(&mut self.suppressed))
        } else {
            self.suppressed = self.suppressed.saturating_add(1);
            None
        }
    }
}

impl Default for LogLimit {
    fn default() -> Self {
        Self::new()
    }
}
