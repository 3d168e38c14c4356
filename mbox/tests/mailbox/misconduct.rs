// SPDX-License-Identifier: GPL-2.0

//! What the card's registers say of pools that misbehave.

use mbox::misconduct::{
    Pools,
    Sighting, //
};
use proptest::prelude::*;

const SPOOF: u32 = 1 << 0;
const STOPPING: [u32; 3] = [1 << 2, 1 << 3, 1 << 4];

fn set(pools: Pools) -> Vec<usize> {
    (0..16).filter(|&pool| pools.has(pool)).collect()
}

/// Spoofed, stopped, and of those which for certain.
fn seen(lvmmc: u32, wvbr: u32) -> [Vec<usize>; 3] {
    let sighting = Sighting::of_registers(lvmmc, wvbr);
    [
        set(sighting.spoofed),
        set(sighting.stopped),
        set(sighting.certain),
    ]
}

#[test]
fn both_queues_are_their_pool() {
    for pool in 0..8 {
        for queue in [pool, pool + 8] {
            assert_eq!(seen(SPOOF, 1 << queue), [vec![pool], vec![], vec![]]);
            let stopped = [vec![], vec![pool], vec![pool]];
            assert_eq!(seen(STOPPING[0], 1 << (queue + 16)), stopped);
            // The lower half names stopped queues as well.
            let both = 1 << queue | 1 << (queue + 16);
            assert_eq!(seen(STOPPING[0], both), stopped);
        }
    }
    assert_eq!(seen(0, 0), [vec![], vec![], vec![]]);
    assert!(Sighting::of_registers(0, 0).is_empty());
}

#[test]
fn a_spoofer_beside_a_stopped_one_goes_on() {
    assert_eq!(
        seen(STOPPING[1], 0b0110 | 1 << (16 + 8 + 2)),
        [vec![1], vec![2], vec![2]]
    );
}

#[test]
fn without_the_upper_half_all_that_are_named_count_as_stopped() {
    for cause in STOPPING {
        // It is certain of none of several.
        assert_eq!(
            seen(cause | 2 << 16, 0x0101 | 4),
            [vec![], vec![0, 2], vec![]]
        );
        assert_eq!(
            seen(cause | SPOOF | 2 << 16, 0x0400),
            [vec![], vec![2], vec![2]]
        );
        // Who sent with a foreign address need not be who is stopped.
        assert_eq!(seen(cause | 3 << 16, 1), [vec![], vec![0, 3], vec![]]);
        // Nobody is named: the last one.
        assert_eq!(seen(cause | 3 << 16, 0), [vec![], vec![3], vec![3]]);
        assert_eq!(seen(cause | 0xf << 16, 0), [vec![], vec![7], vec![7]]);
    }
    // A cause that stops nobody.
    assert_eq!(seen(3 | 5 << 16, 0), [vec![], vec![], vec![]]);
}

#[test]
fn ones_are_a_card_that_is_gone() {
    for (lvmmc, wvbr) in [(u32::MAX, 1), (STOPPING[0], u32::MAX), (u32::MAX, u32::MAX)] {
        assert_eq!(Sighting::of_registers(lvmmc, wvbr), Sighting::NONE);
    }
}

#[test]
fn pools_are_counted_from_the_first() {
    assert_eq!(set(Pools::first(0)), Vec::<usize>::new());
    assert_eq!(set(Pools::first(3)), [0, 1, 2]);
    for many in [8, 9, 32, usize::MAX] {
        assert_eq!(set(Pools::first(many)), (0..8).collect::<Vec<_>>());
    }
}

proptest! {
    /// Whatever is read, and however sightings add up, nobody is forgotten and nobody invented.
    #[test]
    fn sightings_add_up(registers in prop::collection::vec((any::<u32>(), any::<u32>()), 1..5)) {
        let sightings: Vec<Sighting> = registers
            .iter()
            .map(|&(lvmmc, wvbr)| Sighting::of_registers(lvmmc, wvbr))
            .collect();
        let word = sightings.iter().fold(0, |word, each| word | each.pack());
        let sum = Sighting::unpack(word);
        for pool in 0..8 {
            let any = |of: fn(&Sighting) -> Pools| sightings.iter().any(|each| of(each).has(pool));
            prop_assert_eq!(sum.stopped.has(pool), any(|each| each.stopped));
            prop_assert_eq!(sum.certain.has(pool), any(|each| each.certain));
            let spoofed = any(|each| each.spoofed) && !any(|each| each.stopped);
            prop_assert_eq!(sum.spoofed.has(pool), spoofed);
        }
        for (&(_, wvbr), each) in registers.iter().zip(&sightings) {
            prop_assert_eq!(Sighting::unpack(each.pack()), *each);
            // The card's own word on who is stopped is followed, always.
            for queue in 0..16 {
                let marked = wvbr != u32::MAX && wvbr >> (16 + queue) & 1 != 0;
                prop_assert!(!marked || each.stopped.has(queue % 8) || each.is_empty());
            }
        }
    }
}
