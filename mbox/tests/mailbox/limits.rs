// SPDX-License-Identifier: GPL-2.0

//! Rate limits: their bounds hold for any sequence of times, also a clock that goes back.

use mbox::limit::{
    LogLimit,
    TokenBucket, //
};
use mbox::time::{
    Span,
    Time, //
};
use proptest::prelude::*;

fn at_millis(millis: u64) -> Time {
    Time::from_micros(millis * 1000)
}

#[test]
fn a_bucket_gives_its_burst_and_then_one_per_interval() {
    let mut bucket = TokenBucket::new(3, Span::from_millis(10));
    let start = at_millis(1_000);
    let taken = (0..10).filter(|_| bucket.take(start)).count();
    assert_eq!(taken, 3);
    assert_eq!(bucket.next(), at_millis(1_010));
    assert!(!bucket.take(at_millis(1_009)));
    assert!(bucket.take(at_millis(1_010)));
    assert!(!bucket.take(at_millis(1_010)));
    // A long pause gives no more than the burst.
    let taken = (0..10)
        .filter(|_| bucket.take(at_millis(1_000_000)))
        .count();
    assert_eq!(taken, 3);
}

#[test]
fn a_bucket_without_interval_is_no_limit() {
    let mut bucket = TokenBucket::new(1, Span::default());
    assert!((0..1000).all(|_| bucket.take(at_millis(1))));
}

#[test]
fn the_log_counts_what_it_left_out() {
    let mut log = LogLimit::new();
    let start = at_millis(60_000);
    for _ in 0..LogLimit::BURST {
        assert_eq!(log.admit(start), Some(0));
    }
    assert_eq!(log.admit(start), None);
    assert_eq!(log.admit(start), None);
    assert_eq!(log.admit(start.after(LogLimit::INTERVAL)), Some(2));
}

proptest! {
    #[test]
    fn a_bucket_never_gives_more_than_it_should(
        burst in 0u32..20,
        interval in 1u64..5_000,
        steps in proptest::collection::vec(0u64..3_000, 1..200),
    ) {
        let mut bucket = TokenBucket::new(burst, Span::from_micros(interval));
        let mut now = Time::from_micros(1_000_000);
        let start = now;
        let mut given = 0u64;
        for step in steps {
            now = now.after(Span::from_micros(step));
            if bucket.take(now) {
                given += 1;
            } else {
                prop_assert!(bucket.next() > now, "no token, and none to come");
                prop_assert!(bucket.next() <= now.after(Span::from_micros(interval)));
            }
            let elapsed = now.since(start).as_micros();
            prop_assert!(given <= u64::from(burst.max(1)) + elapsed / interval);
        }
    }

    #[test]
    fn no_clock_breaks_a_bucket(times in proptest::collection::vec(any::<u64>(), 1..50)) {
        let mut bucket = TokenBucket::new(u32::MAX, Span::from_micros(1));
        let mut slow = TokenBucket::new(2, Span::from_micros(u64::MAX));
        for time in times {
            bucket.take(Time::from_micros(time));
            slow.take(Time::from_micros(time));
            let _ = (bucket.next(), slow.next());
        }
    }
}
