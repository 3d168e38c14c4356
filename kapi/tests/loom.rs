// SPDX-License-Identifier: GPL-2.0

//! The queue under every interleaving, and every reordering that the memory model allows. loom
//! fails a test in which two threads use a slot without an order between them.

#![cfg(loom)]

use loom::thread;
use rigb_kapi::ring::channel;

/// Capacity 3: indices wrap, the ring gets full and empty.
#[test]
fn hands_slots_over_in_order() {
    loom::model(|| {
        let (mut producer, mut consumer) = channel::<Box<u32>>(3).unwrap();
        let sender = thread::spawn(move || {
            let mut sent = 0;
            for _ in 0..3 {
                if producer.stage(Box::new(sent)).is_ok() {
                    sent += 1;
                }
                producer.commit();
            }
            sent
        });
        let mut received = 0;
        for _ in 0..3 {
            if let Some(number) = consumer.pop() {
                assert_eq!(*number, received);
                received += 1;
            }
            consumer.release();
        }
        let sent = sender.join().unwrap();
        while let Some(number) = consumer.pop() {
            assert_eq!(*number, received);
            received += 1;
        }
        assert_eq!(sent, received);
    });
}

/// Batches: slots change hands two at a time, and a staged element is taken back.
#[test]
fn hands_batches_over() {
    loom::model(|| {
        let (mut producer, mut consumer) = channel::<Box<u32>>(3).unwrap();
        let sender = thread::spawn(move || {
            for base in [0, 2] {
                // Room for both, or for none of them.
                if producer.free() < 2 {
                    continue;
                }
                producer.stage(Box::new(base)).unwrap();
                producer.stage(Box::new(99)).unwrap();
                assert_eq!(producer.unstage().as_deref(), Some(&99));
                producer.stage(Box::new(base + 1)).unwrap();
                producer.commit();
            }
        });
        let mut expected = 0;
        for _ in 0..2 {
            while let Some(number) = consumer.pop() {
                assert_eq!(*number, expected);
                expected += 1;
            }
            assert_eq!(expected % 2, 0, "half a batch");
            consumer.release();
        }
        sender.join().unwrap();
    });
}

/// Either side may go while the other works; nothing is lost or dropped twice.
#[test]
fn ends_in_any_order() {
    loom::model(|| {
        let alive = loom::sync::Arc::new(());
        let (mut producer, mut consumer) = channel(2).unwrap();
        let element = alive.clone();
        let sender = thread::spawn(move || {
            let _ = producer.stage(element.clone());
            producer.commit();
            let _ = producer.stage(element);
        });
        drop(consumer.pop());
        drop(consumer);
        sender.join().unwrap();
        assert_eq!(loom::sync::Arc::strong_count(&alive), 1);
    });
}
