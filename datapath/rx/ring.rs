// SPDX-License-Identifier: GPL-2.0

//! What a receive ring is, without its buffers: descriptors, their indices, and what the hardware says of
//! frames.

use kernel::sync::Arc;

use super::{
    Hw,
    RxMeta, //
};
use crate::{
    datapath::{
        desc::{
            rx_read_desc,
            DESC_WORDS, //
        },
        ring::RingSize,
        rx_status::{
            is_tag,
            rss_hash,
            rss_type,
            Checksum,
            HashKind,
            HashType,
            RxStatus, //
        },
        stats::QueueCounters, //
    },
    kapi::{
        dma::{
            dma_rmb,
            dma_wmb,
            DescRing, //
        },
        net::{
            xdp::{
                RssType,
                XdpMeta, //
            },
            Features, //
        }, //
    }, //
};

/// Buffers given to the hardware at a time: each time costs a doorbell.
pub(super) const REFILL_BATCH: u16 = 16;

/// With fewer buffers on the ring than this, and no memory for more, polling goes on: the hardware
/// might wait for buffers without ever raising an interrupt. Enough for the longest frame.
pub(super) const STARVING: u16 = 16;

/// What a poll did.
pub(in crate::datapath) struct Cleaned {
    /// Frames handled, good or bad: what counts against the budget.
    pub(in crate::datapath) frames: usize,
    /// There may be more to do at once.
    pub(in crate::datapath) more: bool,
}

/// What is the same for all frames of one poll, and its sums, added to the counters at its end.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) packets: u32,
    bytes: u32,
    csum_good: u32,
    csum_none: u32,
    /// Asked once a poll: [`Hw::looks_at_frames`].
    pub(super) looks_at_frames: bool,
    /// What a program said of frames.
    pub(super) said: Said,
}

/// How many frames a program passed, and so on.
#[derive(Default)]
pub(super) struct Said {
    pub(super) pass: u32,
    pub(super) drop: u32,
    pub(super) tx: u32,
    pub(super) redirect: u32,
}

impl Batch {
    /// A good frame of `len` bytes.
    #[inline(always)]
    pub(super) fn count(&mut self, len: u32) {
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(len);
    }
}

/// The descriptors of a receive queue.
pub(in crate::datapath) struct RxRing<H: Hw> {
    pub(super) hw: Arc<H>,
    pub(super) queue: u16,
    pub(super) size: RingSize,
    descs: DescRing<u64>,
    /// The descriptor that the hardware finishes next.
    next_clean: u16,
    /// The descriptor that gets a buffer next; also the tail, after [`Self::give`].
    next_fill: u16,
    /// Descriptors that the hardware could have, and has not.
    not_given: u16,
    /// Those of them that have a buffer.
    written: u16,
    pub(super) counters: Arc<QueueCounters>,
}

/// A descriptor that the hardware has finished.
#[derive(Clone, Copy)]
pub(super) struct Finished {
    /// Its number.
    pub(super) index: usize,
    pub(super) status: RxStatus,
}

impl Finished {
    /// Its first word.
    #[inline]
    pub(super) fn at(self) -> usize {
        self.index * DESC_WORDS
    }
}

impl<H: Hw> RxRing<H> {
    /// A ring without buffers.
    pub(in crate::datapath) fn new(
        hw: Arc<H>,
        queue: u16,
        size: RingSize,
        descs: DescRing<u64>,
        counters: Arc<QueueCounters>,
    ) -> Self {
        Self {
            hw,
            queue,
            size,
            descs,
            next_clean: 0,
            next_fill: 0,
            // Tail must not reach head, or the ring would look empty.
            not_given: size.get() - 1,
            written: 0,
            counters,
        }
    }

    /// Begins a poll.
    #[inline(always)]
    pub(super) fn begin(&self) -> Batch {
        Batch {
            looks_at_frames: self.hw.looks_at_frames(),
            ..Batch::default()
        }
    }

    /// Buffers that the hardware has.
    pub(super) fn filled(&self) -> u16 {
        // Hardware that finishes what it was not given makes this wrong, and nothing else.
        (self.size.get() - 1).saturating_sub(self.not_given)
    }

    /// Descriptors that the hardware could have, and has not.
    #[inline]
    pub(super) fn not_given(&self) -> u16 {
        self.not_given
    }

    /// Descriptors that could get a buffer.
    #[inline]
    pub(super) fn empty(&self) -> u16 {
        self.not_given.wrapping_sub(self.written)
    }

    /// The descriptor that gets a buffer next.
    #[inline]
    pub(super) fn next_fill(&self) -> usize {
        usize::from(self.next_fill)
    }

    /// Writes descriptor `index`, for a buffer at `addr`.
    #[inline]
    pub(super) fn write(&self, index: usize, addr: u64) {
        self.descs.write_all(index * DESC_WORDS, rx_read_desc(addr));
    }

    /// So many more descriptors, in a row up to the end of the ring at most, were written.
    #[inline]
    pub(super) fn filled_by(&mut self, count: u16) {
        self.next_fill = self.size.add(self.next_fill, count);
        self.written = self.written.wrapping_add(count);
    }

    /// Gives the hardware the descriptors that were written, if there are any.
    #[inline]
    pub(super) fn give(&mut self) {
        if self.written == 0 {
            return;
        }
        self.not_given = self.not_given.wrapping_sub(self.written);
        self.written = 0;
        // They must be in memory before the hardware hears of them.
        dma_wmb();
        self.hw.set_rx_tail(self.queue, u32::from(self.next_fill));
    }

    /// The next descriptor, if the hardware is done with it.
    #[inline(always)]
    pub(super) fn finished(&self) -> Option<Finished> {
        let index = usize::from(self.next_clean);
        let status = RxStatus::new(self.descs.read(index * DESC_WORDS + 1));
        if !status.done() {
            return None;
        }
        // The write-back of the rest, and the frame, come before DD.
        dma_rmb();
        Some(Finished { index, status })
    }

    /// Its buffer was taken.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.next_clean = self.size.next(self.next_clean);
        self.not_given = self.not_given.wrapping_add(1);
    }

    /// What the hardware said of the frame of `len` bytes that ends with `done`, but for what
    /// [`Self::vlan`] says.
    #[inline(always)]
    pub(super) fn describe(
        &self,
        done: Finished,
        len: u32,
        features: Features,
        batch: &mut Batch,
    ) -> RxMeta {
        let mut meta = RxMeta::default();
        match done.status.checksum(len) {
            _ if !features.contains(Features::RXCSUM) => batch.csum_none += 1,
            Checksum::Good => {
                batch.csum_good += 1;
                meta.checksum_ok = true;
            }
            Checksum::Unchecked => batch.csum_none += 1,
            Checksum::Bad => self.counters.rx.csum_err.add(1),
        }
        if features.contains(Features::RXHASH) {
            meta.hash = rss_hash(self.descs.read(done.at()))
                .map(|hash| (hash.value, hash.kind == HashKind::L4));
        }
        meta
    }

    /// The tag that the hardware took out of the frame that ends with `done`. `next` gives what follows its
    /// addresses.
    #[inline(always)]
    pub(super) fn vlan(
        &self,
        done: Finished,
        features: Features,
        next: impl Fn() -> Option<[u8; 4]>,
    ) -> Option<u16> {
        let taken_out = |tci: &u16| {
            features.contains(Features::HW_VLAN_CTAG_RX)
                || !next().is_some_and(|next| is_tag(next, *tci))
        };
        done.status
            .vlan()
            .filter(|&tci| self.hw.shows_vlan(tci))
            .filter(taken_out)
    }

    /// What a program can ask of the frame that ends with `done`, of which [`Self::vlan`] said `vlan`.
    #[cold]
    pub(super) fn metadata(
        &self,
        done: Finished,
        features: Features,
        vlan: Option<u16>,
    ) -> XdpMeta {
        let word = self.descs.read(done.at());
        let hash = rss_hash(word).and_then(|hash| {
            let covers = rss_type(word)?;
            Some((hash.value, type_for_programs(covers)))
        });
        XdpMeta {
            hash: hash.filter(|_| features.contains(Features::RXHASH)),
            vlan,
        }
    }

    #[inline]
    pub(super) fn account(&self, batch: &Batch) {
        if batch.packets == 0 {
            return;
        }
        let rx = &self.counters.rx;
        rx.packets.add(u64::from(batch.packets));
        rx.bytes.add(u64::from(batch.bytes));
        rx.csum_good.add(u64::from(batch.csum_good));
        rx.csum_none.add(u64::from(batch.csum_none));
    }

    /// The same for what a program said.
    #[inline]
    pub(super) fn account_said(&self, said: &Said) {
        let rx = &self.counters.rx;
        for (counter, frames) in [
            (&rx.xdp_pass, said.pass),
            (&rx.xdp_drop, said.drop),
            (&rx.xdp_tx, said.tx),
            (&rx.xdp_redirect, said.redirect),
        ] {
            if frames > 0 {
                counter.add(u64::from(frames));
            }
        }
    }
}

fn type_for_programs(covers: HashType) -> RssType {
    match covers {
        HashType::Ipv4 => RssType::IPV4,
        HashType::Ipv6 => RssType::IPV6,
        HashType::Ipv6Ex => RssType::IPV6_EX,
        HashType::Ipv4Tcp => RssType::IPV4_TCP,
        HashType::Ipv4Udp => RssType::IPV4_UDP,
        HashType::Ipv6Tcp => RssType::IPV6_TCP,
        HashType::Ipv6Udp => RssType::IPV6_UDP,
        HashType::Ipv6TcpEx => RssType::IPV6_TCP_EX,
        HashType::Ipv6UdpEx => RssType::IPV6_UDP_EX,
    }
}
