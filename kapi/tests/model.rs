// SPDX-License-Identifier: GPL-2.0

//! The queue against a model of it, operation by operation, and under two threads.

#![cfg(not(loom))]

use std::{
    collections::VecDeque,
    sync::{
        atomic::{
            AtomicIsize,
            Ordering, //
        },
        Arc,
    },
    thread,
};

use rigb_kapi::{
    ring::{
        channel,
        Consumer,
        Producer, //
    },
    Error,
};

/// An element that knows how many of its kind live.
struct Counted {
    number: u64,
    alive: Arc<AtomicIsize>,
}

impl Counted {
    fn new(number: u64, alive: &Arc<AtomicIsize>) -> Box<Self> {
        alive.fetch_add(1, Ordering::Relaxed);
        Box::new(Self {
            number,
            alive: alive.clone(),
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// xorshift64: the same sequence each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What the queue must do, in the simplest way.
struct Model {
    capacity: usize,
    staged: VecDeque<u64>,
    committed: VecDeque<u64>,
    popped: usize,
    next_in: usize,
    next_out: usize,
}

impl Model {
    fn new(capacity: usize) -> Self {
        Self {
            capacity,
            staged: VecDeque::new(),
            committed: VecDeque::new(),
            popped: 0,
            next_in: 0,
            next_out: 0,
        }
    }

    fn free(&self) -> usize {
        self.capacity - 1 - self.popped - self.committed.len() - self.staged.len()
    }
}

fn step(
    random: &mut Random,
    model: &mut Model,
    producer: &mut Producer<Box<Counted>>,
    consumer: &mut Consumer<Box<Counted>>,
    number: u64,
    alive: &Arc<AtomicIsize>,
) {
    match random.below(10) {
        0..=3 => {
            let fits = model.free() > 0;
            match producer.stage(Counted::new(number, alive)) {
                Ok(()) => {
                    assert!(fits, "staged although full");
                    model.staged.push_back(number);
                    model.next_in = (model.next_in + 1) % model.capacity;
                }
                Err(back) => {
                    assert!(!fits, "refused although there is room");
                    assert_eq!(back.number, number);
                }
            }
        }
        4 => {
            let back = producer.unstage();
            assert_eq!(back.as_ref().map(|b| b.number), model.staged.pop_back());
            if back.is_some() {
                model.next_in = (model.next_in + model.capacity - 1) % model.capacity;
            }
        }
        5 => {
            producer.commit();
            model.committed.append(&mut model.staged);
        }
        6..=8 => {
            assert_eq!(consumer.available(), model.committed.len());
            assert_eq!(
                consumer.peek().map(|b| b.number),
                model.committed.front().copied()
            );
            let value = consumer.pop();
            assert_eq!(value.map(|b| b.number), model.committed.front().copied());
            if model.committed.pop_front().is_some() {
                model.popped += 1;
                model.next_out = (model.next_out + 1) % model.capacity;
            }
        }
        _ => {
            consumer.release();
            model.popped = 0;
        }
    }
    assert!(producer.known_free() <= model.free());
    assert_eq!(producer.free(), model.free());
    if random.below(4) == 0 {
        producer.refresh();
        assert_eq!(producer.known_free(), model.free());
    }
    assert_eq!(consumer.free(), model.free() + model.staged.len());
    assert_eq!(producer.next_index(), model.next_in);
    assert_eq!(consumer.index(), model.next_out);
}

#[test]
fn does_what_the_model_does() {
    for capacity in 2..20 {
        for seed in 1..40 {
            let alive = Arc::new(AtomicIsize::new(0));
            let (mut producer, mut consumer) = channel(capacity).unwrap();
            let mut model = Model::new(capacity);
            let mut random = Random(seed);
            for number in 0..400 {
                step(
                    &mut random,
                    &mut model,
                    &mut producer,
                    &mut consumer,
                    number,
                    &alive,
                );
            }
            let held = model.staged.len() + model.committed.len();
            assert_eq!(alive.load(Ordering::Relaxed), held as isize);
            // Either may go first, with elements in every state.
            if seed % 2 == 0 {
                drop(producer);
                drop(consumer);
            } else {
                drop(consumer);
                drop(producer);
            }
            assert_eq!(alive.load(Ordering::Relaxed), 0, "leaked or dropped twice");
        }
    }
}

#[test]
fn refuses_a_ring_without_room() {
    assert_eq!(channel::<u8>(0).err(), Some(Error::Invalid));
    assert_eq!(channel::<u8>(1).err(), Some(Error::Invalid));
    assert!(channel::<u8>(2).is_ok());
}

/// Sends `count` elements in batches with some taken back; the consumer drops out at the end.
#[test]
fn keeps_the_order_between_threads() {
    const COUNT: u64 = 50_000;
    for capacity in [2, 3, 64] {
        let alive = Arc::new(AtomicIsize::new(0));
        let (mut producer, mut consumer) = channel(capacity).unwrap();
        let counter = alive.clone();
        let sender = thread::spawn(move || {
            let mut random = Random(7);
            let mut number = 0;
            while number < COUNT {
                let mut staged = 0;
                for _ in 0..=random.below(4) {
                    if producer
                        .stage(Counted::new(number + staged, &counter))
                        .is_err()
                    {
                        break;
                    }
                    staged += 1;
                }
                // A frame that fails half way is taken back.
                if staged > 0 && random.below(8) == 0 {
                    let back = producer.unstage().unwrap();
                    staged -= 1;
                    assert_eq!(back.number, number + staged);
                }
                producer.commit();
                number += staged;
                if staged == 0 {
                    thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        let mut random = Random(9);
        while expected < COUNT {
            let batch = random.below(5);
            for _ in 0..batch {
                let Some(number) = consumer.peek().map(|b| b.number) else {
                    thread::yield_now();
                    break;
                };
                assert_eq!(number, expected);
                assert_eq!(consumer.pop().map(|b| b.number), Some(expected));
                expected += 1;
            }
            consumer.release();
        }
        sender.join().unwrap();
        drop(consumer);
        assert_eq!(alive.load(Ordering::Relaxed), 0, "leaked or dropped twice");
    }
}
