// SPDX-License-Identifier: GPL-2.0

//! How much misbehaviour of a VF is borne, what is forgiven, and what managers are told.

use mbox::penalty::{
    Cause,
    Penalties,
    VfEvent, //
};
use mbox::server::Counters;
use mbox::time::{
    Span,
    Time, //
};

/// Late enough for all that is forgiven with time to be forgiven.
const START: Time = Time::from_micros(1_000_000_000);

/// One of the counters.
type Field = fn(&mut Counters) -> &mut u64;

fn counted(field: Field, count: u64) -> Counters {
    let mut counters = Counters::NONE;
    *field(&mut counters) = count;
    counters
}

#[test]
fn each_kind_of_misbehaviour_is_borne_to_its_limit() {
    let kinds: [(Field, u64, Cause); 6] = [
        (|counters| &mut counters.offences, 1000, Cause::Offences),
        (|counters| &mut counters.denials, 4000, Cause::Denials),
        (|counters| &mut counters.stray_acks, 1000, Cause::Strays),
        (|counters| &mut counters.extra_rings, 1000, Cause::Strays),
        (|counters| &mut counters.resets, 400, Cause::Resets),
        (|counters| &mut counters.function_resets, 400, Cause::Resets),
    ];
    for (field, most, cause) in kinds {
        let mut penalties = Penalties::new();
        assert_eq!(penalties.charge(&counted(field, most), START), None);
        // What was charged is not charged again.
        assert_eq!(penalties.charge(&counted(field, most), START), None);
        let over = penalties.charge(&counted(field, most + 1), START);
        assert_eq!(over, Some(cause));
    }
}

#[test]
fn an_offence_is_forgiven_with_time() {
    let mut penalties = Penalties::new();
    let offences = |count| counted(|counters| &mut counters.offences, count);
    assert_eq!(penalties.charge(&offences(1000), START), None);
    let later = START.after(Span::from_millis(50));
    assert_eq!(penalties.charge(&offences(1001), later), None);
    assert_eq!(
        penalties.charge(&offences(1002), later),
        Some(Cause::Offences)
    );
}

#[test]
fn blocks_count_only_against_who_is_certain_to_have_caused_them() {
    let mut penalties = Penalties::new();
    for _ in 0..100 {
        penalties.blocked(false, false, START);
    }
    assert_eq!(penalties.charge(&Counters::NONE, START), None);
    // Nor does anybody hear of it but at the rate of the log.
    assert_eq!(penalties.take_event(false), None);
    for _ in 0..8 {
        penalties.blocked(true, false, START);
    }
    assert_eq!(penalties.charge(&Counters::NONE, START), None);
    penalties.blocked(true, false, START);
    assert_eq!(
        penalties.charge(&Counters::NONE, START),
        Some(Cause::Blocks)
    );
    assert_eq!(penalties.card_blocks(), 109);
}

#[test]
fn few_function_level_resets_release() {
    let mut penalties = Penalties::new();
    assert_eq!(penalties.may_release(false, START), Err(None));
    for _ in 0..3 {
        assert_eq!(penalties.may_release(true, START), Ok(()));
        penalties.release();
    }
    // The next one does so when its time has come, without another reset.
    let Err(Some(later)) = penalties.may_release(true, START) else {
        panic!("released a fourth time");
    };
    assert_eq!(later, START.after(Span::from_millis(60_000)));
    assert_eq!(penalties.resets_ignored(), 1);
    assert_eq!(penalties.may_release(false, later), Ok(()));
}

#[test]
fn a_release_gives_back_all_but_the_releases() {
    let mut penalties = Penalties::new();
    let resets = |count| counted(|counters| &mut counters.resets, count);
    assert_eq!(penalties.charge(&resets(401), START), Some(Cause::Resets));
    penalties.release();
    assert_eq!(penalties.charge(&resets(801), START), None);
    assert_eq!(penalties.charge(&resets(802), START), Some(Cause::Resets));
}

#[test]
fn managers_hear_of_each_quarantine_and_of_its_end_once() {
    let mut penalties = Penalties::new();
    // Who was never in quarantine is not released.
    assert_eq!(penalties.take_event(true), None);
    penalties.quarantined(Cause::Resets);
    assert_eq!(penalties.quarantines(), 1);
    let quarantined = Some(VfEvent::Quarantined(Cause::Resets));
    assert_eq!(penalties.take_event(false), quarantined);
    assert_eq!(penalties.take_event(false), None);
    penalties.blocked(true, true, START);
    assert_eq!(penalties.take_event(false), Some(VfEvent::Blocked));
    assert_eq!(penalties.take_event(true), Some(VfEvent::Released));
    assert_eq!(penalties.take_event(true), None);
    // Both may come between two looks.
    penalties.quarantined(Cause::Offences);
    let both = [penalties.take_event(true), penalties.take_event(true)];
    let quarantined = Some(VfEvent::Quarantined(Cause::Offences));
    assert_eq!(both, [quarantined, Some(VfEvent::Released)]);
}
