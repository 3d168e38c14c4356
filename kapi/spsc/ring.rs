// SPDX-License-Identifier: GPL-2.0

//! The queue: who owns which slot, and how slots change hands.
//!
//! Going round the ring there are always, in this order: slots that are released or were never used
//! (the producer's, empty), staged ones (the producer's, filled), committed ones (the consumer's,
//! filled) and popped ones (the consumer's, empty). `tail` parts staged from committed, `head`
//! popped from released. Each side writes its own index only, and keeps a copy of the other's
//! that it renews when the copy does not suffice: the cache line of the other side is then left
//! alone for most elements.

use core::{
    cell::Cell,
    result::Result as CoreResult,
    sync::atomic::Ordering, //
};

use super::storage::{
    share,
    Arc,
    AtomicUsize,
    Result,
    Slots,
    EINVAL, //
};

/// Keeps what one side writes off the cache line of the other.
#[repr(align(64))]
struct Line<T>(T);

/// # Invariants
///
/// `head` and `tail` are below `capacity`, which is the number of `slots`. The slots from `head`
/// up to `tail` that were not popped are filled.
struct Shared<T> {
    slots: Slots<T>,
    capacity: usize,
    /// First slot that holds nothing committed. Written by the producer.
    tail: Line<AtomicUsize>,
    /// First slot that was not released. Written by the consumer.
    head: Line<AtomicUsize>,
}

// SAFETY: A slot is used by one side at a time: it is the producer's from release to commit and the
// consumer's from commit to release. Both hand over by a store with release ordering that the other
// side reads with acquire ordering. Elements go from thread to thread, hence `Send`.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: As above.
unsafe impl<T: Send> Sync for Shared<T> {}

// The arithmetic wraps nowhere, by the invariant; saying so keeps overflow checks off a hot path.
impl<T> Shared<T> {
    /// The slot after `index`.
    #[inline]
    fn after(&self, index: usize) -> usize {
        let after = index.wrapping_add(1);
        if after == self.capacity {
            0
        } else {
            after
        }
    }

    /// The slot before `index`.
    #[inline]
    fn before(&self, index: usize) -> usize {
        let from = if index == 0 { self.capacity } else { index };
        from.wrapping_sub(1)
    }

    /// How many elements can be added when all before `head` is released and `next` is to be
    /// filled.
    #[inline]
    fn room(&self, head: usize, next: usize) -> usize {
        let used = next.wrapping_sub(head);
        let used = if next >= head {
            used
        } else {
            used.wrapping_add(self.capacity)
        };
        self.capacity.wrapping_sub(1).wrapping_sub(used)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // Nobody else is left, and each side saw to it that the other's stores are visible when it
        // let go of its reference.
        let mut index = self.head.0.load(Ordering::Relaxed);
        let tail = self.tail.0.load(Ordering::Relaxed);
        while index != tail {
            // SAFETY: Committed and not popped, for the consumer releases what it popped before it
            // goes: filled by the type invariant, and below the capacity.
            drop(unsafe { self.slots.take(index) });
            index = self.after(index);
        }
    }
}

/// Makes a queue with `capacity` slots, of which `capacity - 1` can be filled.
///
/// # Errors
///
/// [`EINVAL`] for fewer than two slots, [`ENOMEM`](kernel::error::code::ENOMEM).
pub fn channel<T: Send>(capacity: usize) -> Result<(Producer<T>, Consumer<T>)> {
    if capacity < 2 {
        return Err(EINVAL);
    }
    // INVARIANT: Both indices are zero: nothing is filled.
    let shared = share(Shared {
        slots: Slots::new(capacity)?,
        capacity,
        tail: Line(AtomicUsize::new(0)),
        head: Line(AtomicUsize::new(0)),
    })?;
    // INVARIANT: As above.
    let producer = Producer {
        shared: shared.clone(),
        next: 0,
        tail: 0,
        room: capacity - 1,
    };
    // INVARIANT: As above.
    let consumer = Consumer {
        shared,
        next: 0,
        tail: Cell::new(0),
    };
    Ok((producer, consumer))
}

/// The side that fills slots.
///
/// # Invariants
///
/// The slots from `tail` up to `next` are staged: filled, and this side's. The `room` slots from
/// `next` on are this side's and empty. There is one producer of a queue.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    /// Where the next element is staged.
    next: usize,
    /// What the shared `tail` holds.
    tail: usize,
    /// How many elements can be staged, by what the shared `head` held when it was last looked at.
    /// `head` only moves forward, and never past `tail`: there may be more room, never less.
    room: usize,
}

impl<T> Producer<T> {
    /// The slot of the next element.
    #[inline]
    pub fn next_index(&self) -> usize {
        self.next
    }

    /// How many more elements can be staged at least, without a look at what the consumer writes.
    #[inline]
    pub fn known_free(&self) -> usize {
        self.room
    }

    /// How many more elements can be staged, as of now: the consumer may release more at any time.
    #[inline]
    pub fn free(&self) -> usize {
        // Acquire: what the consumer did with the slots is over before they are filled again.
        let head = self.shared.head.0.load(Ordering::Acquire);
        self.shared.room(head, self.next)
    }

    /// Looks at what the consumer has released, for [`Producer::known_free`].
    #[inline]
    pub fn refresh(&mut self) {
        // INVARIANT: The consumer released all that is counted.
        self.room = self.free();
    }

    /// Whether there is room after all. Who stages asks before, so that this is seldom needed.
    #[cold]
    fn finds_room(&mut self) -> bool {
        self.refresh();
        self.room > 0
    }

    /// Puts an element into the next slot, invisible until [`Producer::commit`].
    ///
    /// # Errors
    ///
    /// Gives it back if no slot is free.
    #[inline]
    pub fn stage(&mut self, value: T) -> CoreResult<(), T> {
        if self.room == 0 && !self.finds_room() {
            return Err(value);
        }
        // SAFETY: There is room: by the type invariant the slot is this side's and empty. Every
        // index is below the capacity.
        unsafe { self.shared.slots.write(self.next, value) };
        // INVARIANT: Filled just now.
        self.next = self.shared.after(self.next);
        self.room -= 1;
        Ok(())
    }

    /// Takes back the element that was staged last and not committed.
    #[inline]
    pub fn unstage(&mut self) -> Option<T> {
        if self.next == self.tail {
            return None;
        }
        // INVARIANT: The slot is emptied here.
        self.next = self.shared.before(self.next);
        self.room += 1;
        // SAFETY: Staged: filled and this side's by the type invariant.
        Some(unsafe { self.shared.slots.take(self.next) })
    }

    /// Shows all staged elements to the consumer.
    #[inline]
    pub fn commit(&mut self) {
        // INVARIANT: Nothing is staged any more.
        self.tail = self.next;
        // Release: the slots are filled before the consumer finds them.
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
///
/// # Invariants
///
/// The slots from `next` up to `tail` are committed: filled, and this side's. There is one consumer
/// of a queue.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    /// The next element; ahead of the shared `head` by what was popped and not released.
    next: usize,
    /// What the shared `tail` held when it was last looked at.
    tail: Cell<usize>,
}

impl<T> Consumer<T> {
    /// The slot of the next element.
    #[inline]
    pub fn index(&self) -> usize {
        self.next
    }

    /// How many elements can be popped, as of now.
    #[inline]
    pub fn available(&self) -> usize {
        // Acquire: as below.
        let tail = self.shared.tail.0.load(Ordering::Acquire);
        // INVARIANT: As below.
        self.tail.set(tail);
        let ahead = tail.wrapping_sub(self.next);
        if tail >= self.next {
            ahead
        } else {
            ahead.wrapping_add(self.shared.capacity)
        }
    }

    /// Whether there is nothing to pop, as of now.
    #[inline]
    fn is_empty(&self) -> bool {
        if self.next != self.tail.get() {
            return false;
        }
        // Acquire: the slots are filled before they are read.
        let tail = self.shared.tail.0.load(Ordering::Acquire);
        // INVARIANT: The producer committed everything before `tail`.
        self.tail.set(tail);
        self.next == tail
    }

    /// The next element.
    #[inline]
    pub fn peek(&self) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: Committed: filled and this side's by the type invariant, and `pop()` needs
        // `&mut self`.
        Some(unsafe { self.shared.slots.get(self.next) })
    }

    /// Takes the next element out. Its slot stays taken until [`Consumer::release`].
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: Committed, as in `peek()`; `next` moves on, so that it is not read again.
        let value = unsafe { self.shared.slots.take(self.next) };
        // INVARIANT: Emptied just now.
        self.next = self.shared.after(self.next);
        Some(value)
    }

    /// Gives the slots of all popped elements back to the producer.
    #[inline]
    pub fn release(&mut self) {
        // Release: this side is done with the slots before the producer fills them again.
        self.shared.head.0.store(self.next, Ordering::Release);
    }

    /// Free slots as the producer sees them once it committed all that it staged.
    #[inline]
    pub fn free(&self) -> usize {
        let head = self.shared.head.0.load(Ordering::Relaxed);
        let tail = self.shared.tail.0.load(Ordering::Relaxed);
        self.shared.room(head, tail)
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.release();
    }
}
