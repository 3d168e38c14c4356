// SPDX-License-Identifier: GPL-2.0

//! A bounded queue between one producer and one consumer, without a lock.
//!
//! Made for transmit rings: the slot numbers are those of the descriptors, so an element can say
//! what belongs to its descriptor. The producer stages elements and commits them together; the
//! consumer pops elements and releases their slots together. One slot stays empty, as on the
//! hardware's ring.
//!
//! The queue itself (`ring.rs`) knows only what `storage.rs` gives it, so that the same file is
//! tested on the host, also by a model checker: see `make -C kapi test`.

mod ring;
mod storage;

pub use self::ring::{
    channel,
    Consumer,
    Producer, //
};
