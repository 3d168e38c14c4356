// SPDX-License-Identifier: GPL-2.0

//! A bounded queue between one producer and one consumer, without a lock.
//!
//! Made for transmit rings: the slot numbers are those of the descriptors, so an element can say
//! what belongs to its descriptor. The producer stages elements and commits them together; the
//! consumer pops elements and releases their slots together. One slot stays empty, as on the
//! hardware's ring.

use core::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    sync::atomic::{
        AtomicUsize,
        Ordering, //
    },
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Keeps what one side writes off the cache line of the other.
#[repr(align(64))]
struct Line<T>(T);

struct Shared<T> {
    slots: KVVec<UnsafeCell<MaybeUninit<T>>>,
    /// First slot that holds nothing committed. Written by the producer.
    tail: Line<AtomicUsize>,
    /// First slot that was not released. Written by the consumer.
    head: Line<AtomicUsize>,
}

// SAFETY: A slot belongs to the producer from release to commit and to the consumer from commit to
// release; the indices are handed over with acquire and release ordering.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: As above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    #[inline]
    fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The slot after `index`.
    #[inline]
    fn after(&self, index: usize) -> usize {
        if index + 1 == self.capacity() {
            0
        } else {
            index + 1
        }
    }

    /// How far `to` lies after `from`.
    #[inline]
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.capacity() - from
        }
    }

    #[inline]
    fn slot(&self, index: usize) -> *mut MaybeUninit<T> {
        // Every index is below the capacity; `get()` keeps the check out of panics.
        self.slots
            .get(index)
            .map_or(core::ptr::null_mut(), UnsafeCell::get)
    }

    /// Free slots as of now.
    #[inline]
    fn free(&self) -> usize {
        let head = self.head.0.load(Ordering::Acquire);
        let tail = self.tail.0.load(Ordering::Relaxed);
        self.capacity() - 1 - self.distance(head, tail)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let mut index = *self.head.0.get_mut();
        let tail = *self.tail.0.get_mut();
        while index != tail {
            // SAFETY: Slots from head to tail are committed and were not popped: the consumer
            // releases what it pops before it goes away.
            unsafe { (*self.slot(index)).assume_init_drop() };
            index = self.after(index);
        }
    }
}

/// Makes a queue with `capacity` slots, of which `capacity - 1` can be filled.
///
/// # Errors
///
/// [`EINVAL`] for fewer than two slots, [`ENOMEM`].
pub fn channel<T: Send>(capacity: usize) -> Result<(Producer<T>, Consumer<T>)> {
    if capacity < 2 {
        return Err(EINVAL);
    }
    let mut slots = KVVec::with_capacity(capacity, GFP_KERNEL)?;
    for _ in 0..capacity {
        slots.push(UnsafeCell::new(MaybeUninit::uninit()), GFP_KERNEL)?;
    }
    let shared = Arc::new(
        Shared {
            slots,
            tail: Line(AtomicUsize::new(0)),
            head: Line(AtomicUsize::new(0)),
        },
        GFP_KERNEL,
    )?;
    Ok((
        Producer {
            shared: shared.clone(),
            next: 0,
        },
        Consumer { shared, next: 0 },
    ))
}

/// The side that fills slots.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    /// Where the next element is staged; ahead of `tail` by what is staged.
    next: usize,
}

impl<T> Producer<T> {
    /// The slot of the next element.
    #[inline]
    pub fn next_index(&self) -> usize {
        self.next
    }

    /// How many more elements can be staged, as of now: the consumer may release more at any time.
    #[inline]
    pub fn free(&self) -> usize {
        let head = self.shared.head.0.load(Ordering::Acquire);
        self.shared.capacity() - 1 - self.shared.distance(head, self.next)
    }

    /// Puts an element into the next slot, invisible until [`Producer::commit`].
    ///
    /// # Errors
    ///
    /// Gives it back if no slot is free.
    #[inline]
    pub fn stage(&mut self, value: T) -> core::result::Result<(), T> {
        if self.free() == 0 {
            return Err(value);
        }
        // SAFETY: The slot lies between what is staged and what was not released: it is the
        // producer's and holds nothing.
        unsafe { self.shared.slot(self.next).write(MaybeUninit::new(value)) };
        self.next = self.shared.after(self.next);
        Ok(())
    }

    /// Takes back the element that was staged last and not committed.
    #[inline]
    pub fn unstage(&mut self) -> Option<T> {
        if self.next == self.shared.tail.0.load(Ordering::Relaxed) {
            return None;
        }
        self.next = if self.next == 0 {
            self.shared.capacity() - 1
        } else {
            self.next - 1
        };
        // SAFETY: Staged, not committed: filled, and the producer's.
        Some(unsafe { self.shared.slot(self.next).read().assume_init() })
    }

    /// Shows all staged elements to the consumer.
    #[inline]
    pub fn commit(&mut self) {
        self.shared.tail.0.store(self.next, Ordering::Release);
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        while let Some(value) = self.unstage() {
            drop(value);
        }
    }
}

/// The side that empties slots.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    /// The next element; ahead of `head` by what was popped and not released.
    next: usize,
}

impl<T> Consumer<T> {
    /// The slot of the next element.
    #[inline]
    pub fn index(&self) -> usize {
        self.next
    }

    /// The next element.
    #[inline]
    pub fn peek(&self) -> Option<&T> {
        if self.next == self.shared.tail.0.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: Committed and not popped: filled, and the consumer's.
        Some(unsafe { (*self.shared.slot(self.next)).assume_init_ref() })
    }

    /// Takes the next element out. Its slot stays taken until [`Consumer::release`].
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.next == self.shared.tail.0.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: As in `peek()`; it is read once, since `next` moves on.
        let value = unsafe { self.shared.slot(self.next).read().assume_init() };
        self.next = self.shared.after(self.next);
        Some(value)
    }

    /// Gives the slots of all popped elements back to the producer.
    #[inline]
    pub fn release(&mut self) {
        self.shared.head.0.store(self.next, Ordering::Release);
    }

    /// Free slots as the producer sees them once it committed all that it staged.
    #[inline]
    pub fn free(&self) -> usize {
        self.shared.free()
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.release();
    }
}
