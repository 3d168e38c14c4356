// SPDX-License-Identifier: GPL-2.0

//! Laws that hold for every input.

use proptest::prelude::*;
use rigb_datapath::{
    desc::{
        Context,
        ContextIndex,
        L4,
        MAX_DATA_PER_DESC, //
    },
    offload::{
        fits,
        wire_bytes,
        ContextCache,
        Fit,
        Frame,
        Plan,
        Work, //
    },
    ring::{
        data_descs,
        Chunks,
        RingSize, //
    },
    rx_status::{
        rss_hash,
        RxStatus, //
    },
    tso::Headers, //
};

fn size() -> impl Strategy<Value = RingSize> {
    (8u16..=512).prop_map(|n| RingSize::new(n * 8).unwrap())
}

fn l4() -> impl Strategy<Value = L4> {
    prop_oneof![Just(L4::Udp), Just(L4::Tcp), Just(L4::Sctp)]
}

fn context() -> impl Strategy<Value = Context> {
    // Few values, so that repetitions are frequent.
    (14u32..16, 20u32..22, l4())
        .prop_map(|(mac, ip, l4)| Context::new(mac).unwrap().with_l4(ip, l4).unwrap())
}

/// RFC 1071, of an even number of bytes.
fn internet_sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks_exact(2)
        .map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])));
    let sum: u32 = words.sum();
    let sum = (sum >> 16) + (sum & 0xffff);
    u16::try_from((sum >> 16) + (sum & 0xffff)).unwrap()
}

/// A frame that is to be segmented: IPv4 or IPv6, behind it maybe the headers of a tunnel, TCP or UDP. The
/// transport checksum is the sum of the pseudo header with the length of all that follows.
#[derive(Clone, Debug)]
struct Gso {
    bytes: Vec<u8>,
    l3: usize,
    l4: usize,
    proto: L4,
    len: u32,
    pseudo: Vec<u8>,
}

fn gso() -> impl Strategy<Value = Gso> {
    let parts = (
        any::<bool>(),
        any::<bool>(),
        5usize..16,
        0usize..40,
        5u8..16,
        1u32..60_000,
    );
    (parts, proptest::collection::vec(any::<u8>(), 400)).prop_map(
        |((v4, udp, ihl, tunnel, doff, payload), noise)| {
            let l3 = 14;
            let l4 = l3 + if v4 { 4 * ihl } else { 40 } + 2 * tunnel;
            let (proto, number, check, least) = if udp {
                (L4::Udp, 17, 6, 8)
            } else {
                (L4::Tcp, 6, 16, 20)
            };
            let mut bytes = noise[..l4 + least].to_vec();
            bytes[l3] = if v4 {
                0x40 | u8::try_from(ihl).unwrap()
            } else {
                0x60
            };
            if !udp {
                bytes[l4 + 12] = doff << 4;
            }
            let mut pseudo = noise[360..392].to_vec();
            pseudo.extend([0, number]);
            let rest = u32::from(if udp { 8 } else { 4 * doff }) + payload;
            let with_len = [&pseudo[..], &rest.to_be_bytes()].concat();
            bytes[l4 + check..][..2].copy_from_slice(&internet_sum(&with_len).to_be_bytes());
            let len = u32::try_from(l4).unwrap() + rest;
            Gso {
                bytes,
                l3,
                l4,
                proto,
                len,
                pseudo,
            }
        },
    )
}

proptest! {
    /// The hardware adds lengths: what it computes is right if the sum has none, and if what lies between
    /// the network header and the transport header cancels out.
    #[test]
    fn template_has_sums_without_lengths(gso in gso()) {
        let Gso { bytes: before, l3, l4, proto, len, pseudo } = gso;
        let mut bytes = before.clone();
        let headers = Headers { bytes: &mut bytes, l3_offset: l3, l4_offset: l4, l4: proto };
        let template = headers.into_template(len).unwrap();
        let v4 = before[l3] >> 4 == 4;
        prop_assert_eq!(template.ipv4, v4);
        let check = l4 + if proto == L4::Tcp { 16 } else { 6 };
        prop_assert_eq!(internet_sum(&bytes[check..check + 2]), internet_sum(&pseudo));
        let (l4_len, changed) = match (proto, v4) {
            (L4::Tcp, true) => ((before[l4 + 12] >> 4) * 4, vec![l3 + 2, l3 + 10, check]),
            (L4::Tcp, false) => ((before[l4 + 12] >> 4) * 4, vec![l3 + 4, check]),
            (_, true) => (8, vec![l3 + 2, l3 + 10, check]),
            (_, false) => (8, vec![l3 + 4, check]),
        };
        prop_assert_eq!(template.l4_len, l4_len);
        if v4 {
            let options_end = l3 + usize::from(before[l3] & 0xf) * 4;
            let sum = [&bytes[options_end..l4], &bytes[l3 + 10..l3 + 12]].concat();
            prop_assert_eq!(internet_sum(&sum), 0xffff);
            prop_assert_eq!(&bytes[l3 + 2..l3 + 4], &[0, 0]);
        } else {
            prop_assert_eq!(&bytes[l3 + 4..l3 + 6], &[0, 0]);
        }
        for (index, (old, new)) in before.iter().zip(&bytes).enumerate() {
            let may = changed.iter().any(|&at| (at..at + 2).contains(&index));
            prop_assert!(may || old == new, "byte {} of the headers", index);
        }
    }

    /// Whatever the bytes and the offsets are, there is an answer, and none for headers that are too short.
    #[test]
    fn template_of_anything(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..120),
        l3 in 0usize..130,
        l4 in 0usize..130,
        len in any::<u32>(),
        proto in l4(),
    ) {
        let size = bytes.len();
        let headers = Headers { bytes: &mut bytes, l3_offset: l3, l4_offset: l4, l4: proto };
        let least = if proto == L4::Tcp { 18 } else { 8 };
        if headers.into_template(len).is_some() {
            prop_assert!(l3 + 20 <= l4 && l4 + least <= size && u64::from(len) >= l4 as u64);
        }
    }

    #[test]
    fn ring_size_is_what_the_hardware_takes(n in any::<u16>()) {
        let fine = (64..=4096).contains(&n) && n % 8 == 0;
        prop_assert_eq!(RingSize::new(n).map(RingSize::get), fine.then_some(n));
    }

    #[test]
    fn nearest_size_is_valid_and_least(n in any::<u32>()) {
        let near = RingSize::nearest(n).get();
        prop_assert!(RingSize::new(near).is_some());
        if (64..=4096).contains(&n) {
            prop_assert!(u32::from(near) >= n && u32::from(near) < n + 8);
        }
    }

    #[test]
    fn ring_add_and_distance_are_inverse(size in size(), a in any::<u16>(), d in any::<u16>()) {
        let (a, d) = (a % size.get(), d % size.get());
        let b = size.add(a, d);
        prop_assert!(b < size.get());
        prop_assert_eq!(size.distance(a, b), d);
    }

    #[test]
    fn ring_next_visits_every_index(size in size(), start in any::<u16>()) {
        let start = start % size.get();
        let mut index = start;
        for _ in 1..size.get() {
            index = size.next(index);
            prop_assert!(index != start && index < size.get());
        }
        prop_assert_eq!(size.next(index), start);
    }

    #[test]
    fn chunks_cover_a_buffer_once(len in 0u32..1 << 20) {
        let mut end = 0;
        let mut count = 0;
        for (offset, piece) in Chunks::new(len) {
            prop_assert_eq!(offset, end);
            prop_assert!(piece > 0 && piece <= MAX_DATA_PER_DESC);
            end = offset + piece;
            count += 1;
        }
        prop_assert_eq!(end, len);
        prop_assert_eq!(count, data_descs(len));
    }

    /// The cache answers as the hardware would: what it names holds the context that was asked for.
    #[test]
    fn context_cache_is_always_right(frames in prop::collection::vec(context(), 1..100)) {
        let mut cache = ContextCache::new();
        let mut hardware = [None; 2];
        for context in frames {
            let selected = cache.select(context);
            let slot = match selected.index {
                ContextIndex::Zero => &mut hardware[0],
                ContextIndex::One => &mut hardware[1],
            };
            if selected.load {
                *slot = Some(context);
            }
            prop_assert_eq!(*slot, Some(context));
        }
    }

    #[test]
    fn context_cache_settles_on_two(a in context(), b in context()) {
        let mut cache = ContextCache::new();
        cache.select(a);
        cache.select(b);
        for context in [a, b, b, a, a] {
            prop_assert!(!cache.select(context).load);
        }
        cache.forget();
        prop_assert!(cache.select(a).load);
    }

    /// Headers that pass the check of `features_check` can always be encoded.
    #[test]
    fn what_fits_can_be_planned(
        (mac_len, ip_len, l4_len) in (0u32..200, 0u32..700, 8u32..61),
        (payload, mss) in (1u32..0x3ffff, 1u16..),
        l4 in l4(),
        vlan in any::<Option<u16>>(),
        (ipv4, has_fcs) in any::<(bool, bool)>(),
    ) {
        let len = mac_len + ip_len + l4_len + payload;
        let base = Frame { len, mac_len, vlan, work: Work::None, has_fcs };
        let checksum = Frame { work: Work::Checksum { l4, ip_len }, ..base };
        let segment = Frame { work: Work::Segment { l4, ipv4, ip_len, l4_len, mss }, ..base };
        let short = len <= 0x3ffff;
        match fits(mac_len, ip_len) {
            Fit::All => {
                prop_assert_eq!(base.plan().is_ok(), short);
                prop_assert_eq!(checksum.plan().is_ok(), short);
                let plan = segment.plan();
                prop_assert_eq!(plan.map(|p| p.header_len), Ok(mac_len + ip_len + l4_len));
            }
            Fit::VlanOnly => {
                prop_assert_eq!(base.plan().is_ok(), short);
                prop_assert!(checksum.plan().is_err() && segment.plan().is_err());
            }
            Fit::Nothing => {
                prop_assert_eq!(base.plan().is_ok(), short && vlan.is_none());
                prop_assert!(checksum.plan().is_err() && segment.plan().is_err());
            }
        }
    }

    #[test]
    fn frames_shorter_than_their_headers_are_refused(
        len in 0u32..100,
        ip_len in 0u32..511,
        l4_len in 0u32..255,
    ) {
        let work = Work::Segment { l4: L4::Tcp, ipv4: true, ip_len, l4_len, mss: 1 };
        let frame = Frame { len, mac_len: 14, vlan: None, work, has_fcs: false };
        prop_assert_eq!(frame.plan().is_ok(), len >= 14 + ip_len + l4_len);
    }

    #[test]
    fn wire_bytes_count_headers_per_segment(
        segments in 1u32..64,
        mss in 1u32..1460,
        header in 54u32..120,
    ) {
        let len = header + segments * mss;
        prop_assert_eq!(wire_bytes(len, segments, header), segments * (header + mss));
        prop_assert_eq!(wire_bytes(len, 0, 0), len);
    }

    /// No write-back of a broken device makes the decoder do anything but answer.
    #[test]
    fn any_write_back_is_decoded(word0 in any::<u64>(), word1 in any::<u64>(), len in any::<u32>()) {
        let status = RxStatus::new(word1);
        let raw = word1.to_ne_bytes();
        prop_assert_eq!(status.len(), u16::from_le_bytes([raw[4], raw[5]]));
        prop_assert_eq!(status.done(), raw[0] & 1 != 0);
        prop_assert_eq!(status.end_of_packet(), raw[0] & 2 != 0);
        prop_assert_eq!(status.vlan().is_some(), raw[0] & 8 != 0);
        let _ = status.checksum(len);
        prop_assert_eq!(rss_hash(word0).is_some(), (1..10).contains(&(word0.to_ne_bytes()[0] & 15)));
    }
}

proptest! {
    #[test]
    fn a_frame_without_wishes_has_the_plan_of_any_other(len in 14u32..1 << 19) {
        let frame = Frame { len, mac_len: 14, vlan: None, work: Work::None, has_fcs: false };
        prop_assert_eq!(Plan::plain(len), frame.plan());
    }
}
