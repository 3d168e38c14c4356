// SPDX-License-Identifier: GPL-2.0

//! Descriptors byte by byte, against the layouts of the 82576 datasheet.
//!
//! The expected bytes are written out by hand from the field tables of 7.1.5 and 7.2.2, not computed
//! with the code under test.

use rigb_datapath::{
    desc::{
        data_desc,
        rx_read_desc,
        tx_done,
        CmdType,
        Context,
        ContextIndex,
        Olinfo,
        L4, //
    },
    offload::{
        transport,
        Frame,
        Work, //
    },
    queue_ctl::{
        rxdctl,
        srrctl,
        txdctl,
        RX_BUFFER_KB, //
    },
    rx_status::{
        is_tag,
        rss_hash,
        rss_type,
        Checksum,
        HashKind,
        HashType,
        RssHash,
        RxStatus, //
    }, //
};

fn bytes(words: [u64; 2]) -> [u8; 16] {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&words[0].to_ne_bytes());
    out[8..].copy_from_slice(&words[1].to_ne_bytes());
    out
}

/// The second word of a write-back from its fields: status/error, length, VLAN.
fn write_back(status_error: u32, length: u16, vlan: u16) -> RxStatus {
    let mut raw = [0; 8];
    raw[..4].copy_from_slice(&status_error.to_le_bytes());
    raw[4..6].copy_from_slice(&length.to_le_bytes());
    raw[6..].copy_from_slice(&vlan.to_le_bytes());
    RxStatus::new(u64::from_ne_bytes(raw))
}

#[test]
fn data_descriptor_of_a_plain_frame() {
    let olinfo = Olinfo::new(60).unwrap();
    let words = data_desc(0x1122_3344_5566_7788, 60, CmdType::DATA.last(), olinfo);
    assert_eq!(
        bytes(words),
        [
            0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, // buffer address
            0x3c, 0x00, // DTALEN 60
            0x30, // DTYP 0011
            0x2b, // DEXT, RS, IFCS, EOP
            0x00, 0x00, 0x0f, 0x00, // PAYLEN 60 << 14
        ]
    );
}

#[test]
fn data_descriptor_with_every_request() {
    let cmd = CmdType::DATA.with_vlan().with_segmentation();
    let olinfo = Olinfo::new(0x3ffff)
        .unwrap()
        .with_l4_checksum()
        .with_ipv4_checksum()
        .with_context(ContextIndex::One);
    let words = data_desc(0, 0x8000, cmd, olinfo);
    assert_eq!(
        bytes(words)[8..],
        [0x00, 0x80, 0x30, 0xe2, 0x10, 0xc3, 0xff, 0xff]
    );
    assert_eq!(CmdType::DATA.without_fcs().bits(), 0x2030_0000);
}

#[test]
fn context_descriptor_of_tcp_over_ipv4_segmentation() {
    let context = Context::new(14)
        .and_then(|c| c.with_vlan(0xe123).with_l4(20, L4::Tcp))
        .and_then(|c| c.with_segmentation(true, 32, 1448))
        .unwrap();
    assert_eq!(
        bytes(context.words(ContextIndex::One)),
        [
            0x14, 0x1c, // IPLEN 20, MACLEN 14
            0x23, 0xe1, // VLAN
            0x00, 0x00, 0x00, 0x00, // launch time
            0x00, 0x0c, // IPV4, L4T TCP
            0x20, // DTYP 0010
            0x20, // DEXT
            0x10, // IDX 1
            0x20, // L4LEN 32
            0xa8, 0x05, // MSS 1448
        ]
    );
}

#[test]
fn context_descriptor_names_its_transport() {
    for (l4, l4t) in [(L4::Udp, 0x00), (L4::Tcp, 0x08), (L4::Sctp, 0x10)] {
        let context = Context::new(18).and_then(|c| c.with_l4(40, l4)).unwrap();
        let raw = bytes(context.words(ContextIndex::Zero));
        assert_eq!(
            raw,
            [0x28, 0x24, 0, 0, 0, 0, 0, 0, 0, l4t, 0x20, 0x20, 0, 0, 0, 0]
        );
    }
}

#[test]
fn fields_refuse_what_they_cannot_hold() {
    assert!(Context::new(127).is_some());
    assert!(Context::new(128).is_none());
    let context = Context::new(14).unwrap();
    assert!(context.with_l4(511, L4::Tcp).is_some());
    assert!(context.with_l4(512, L4::Tcp).is_none());
    assert!(context.with_segmentation(true, 255, 1).is_some());
    assert!(context.with_segmentation(true, 256, 1).is_none());
    assert!(context.with_segmentation(true, 20, 0).is_none());
    assert!(Olinfo::new(Olinfo::MAX_PAYLOAD).is_some());
    assert!(Olinfo::new(Olinfo::MAX_PAYLOAD + 1).is_none());
}

#[test]
fn transmit_write_back() {
    let mut words = data_desc(0x1000, 60, CmdType::DATA.last(), Olinfo::new(60).unwrap());
    assert!(!tx_done(words[1]));
    // STA is the lowest byte of the last double word: byte 12.
    words[1] |= u64::from_ne_bytes([0, 0, 0, 0, 1, 0, 0, 0]);
    assert!(tx_done(words[1]));
}

#[test]
fn receive_descriptor_read_format() {
    let words = rx_read_desc(0x0000_0001_2345_6040);
    assert_eq!(
        bytes(words),
        [0x40, 0x60, 0x45, 0x23, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    // Handing a descriptor out takes the DD of its last use away.
    assert!(!RxStatus::new(words[1]).done());
}

#[test]
fn receive_write_back_of_a_good_tcp_frame() {
    // DD, EOP, L4CS, IPCS.
    let status = write_back(0x0000_0063, 1514, 0);
    assert!(status.done() && status.end_of_packet() && !status.frame_error());
    assert_eq!(status.len(), 1514);
    assert_eq!(status.vlan(), None);
    assert_eq!(status.checksum(1514), Checksum::Good);
    assert!(!status.looped_back());
}

#[test]
fn receive_checksum_verdicts() {
    // (status/error, frame length, verdict)
    let table = [
        (0x0000_0003, 1000, Checksum::Unchecked),
        (0x0000_0013, 1000, Checksum::Good),
        (0x0000_0023, 1000, Checksum::Good),
        (0x0000_0027, 1000, Checksum::Unchecked),
        (0x2000_0023, 1000, Checksum::Bad),
        (0x4000_0043, 1000, Checksum::Bad),
        (0x6000_0063, 1000, Checksum::Bad),
        (0x2000_0023, 61, Checksum::Bad),
        (0x2000_0023, 60, Checksum::Unchecked),
    ];
    for (status_error, len, verdict) in table {
        assert_eq!(
            write_back(status_error, 60, 0).checksum(len),
            verdict,
            "{status_error:#x}"
        );
    }
}

#[test]
fn receive_frame_errors() {
    for bit in [24, 25, 26, 28, 31] {
        assert!(write_back(1 << bit | 3, 60, 0).frame_error(), "bit {bit}");
    }
    // Checksum errors are no damage of the frame.
    assert!(!write_back(0x6000_0063, 60, 0).frame_error());
}

#[test]
fn receive_vlan_is_little_endian_for_loopback_too() {
    for loopback in [0, 1 << 18] {
        let status = write_back(0x0000_000b | loopback, 64, 0x6123);
        assert_eq!(status.vlan(), Some(0x6123));
        assert_eq!(status.looped_back(), loopback != 0);
    }
    assert_eq!(write_back(0x3, 64, 0x6123).vlan(), None);
}

#[test]
fn a_tag_that_was_left_in_the_frame() {
    assert!(is_tag([0x81, 0x00, 0x61, 0x23], 0x6123));
    // Another VLAN or priority, another kind of tag, IPv4.
    assert!(!is_tag([0x81, 0x00, 0x61, 0x24], 0x6123));
    assert!(!is_tag([0x81, 0x00, 0x41, 0x23], 0x6123));
    assert!(!is_tag([0x88, 0xa8, 0x61, 0x23], 0x6123));
    assert!(!is_tag([0x08, 0x00, 0x45, 0x00], 0x4500));
}

#[test]
fn receive_hash() {
    let word = |kind: u8| u64::from_ne_bytes([kind | 0x10, 1, 0, 0, 0x78, 0x56, 0x34, 0x12]);
    assert_eq!(rss_hash(word(0)), None);
    for kind in [1, 3, 6, 7, 8, 9] {
        let hash = RssHash {
            value: 0x1234_5678,
            kind: HashKind::L4,
        };
        assert_eq!(rss_hash(word(kind)), Some(hash));
    }
    for kind in [2, 4, 5] {
        let hash = RssHash {
            value: 0x1234_5678,
            kind: HashKind::L3,
        };
        assert_eq!(rss_hash(word(kind)), Some(hash));
    }
    for kind in 10..16 {
        assert_eq!(rss_hash(word(kind)), None);
    }
}

#[test]
fn receive_hash_in_detail() {
    let types = [
        HashType::Ipv4Tcp,
        HashType::Ipv4,
        HashType::Ipv6Tcp,
        HashType::Ipv6Ex,
        HashType::Ipv6,
        HashType::Ipv6TcpEx,
        HashType::Ipv4Udp,
        HashType::Ipv6Udp,
        HashType::Ipv6UdpEx,
    ];
    let word = |kind: u8| u64::from_ne_bytes([kind | 0x30, 1, 0, 0, 0x78, 0x56, 0x34, 0x12]);
    for (kind, covers) in (1..).zip(types) {
        assert_eq!(rss_type(word(kind)), Some(covers));
    }
    for kind in [0, 10, 15] {
        assert_eq!(rss_type(word(kind)), None);
    }
}

#[test]
fn plan_of_a_large_tcp_frame() {
    let frame = Frame {
        len: 14 + 40 + 32 + 5000,
        mac_len: 14,
        vlan: None,
        work: Work::Segment {
            l4: L4::Tcp,
            ipv4: false,
            ip_len: 40,
            l4_len: 32,
            mss: 1428,
        },
        has_fcs: false,
    };
    let plan = frame.plan().unwrap();
    assert_eq!(plan.header_len, 86);
    assert_eq!(plan.cmd.bits(), 0xa230_0000);
    // PAYLEN is the payload alone; the IPv4 checksum bit stays clear for IPv6.
    assert_eq!(plan.olinfo.bits(), 5000 << 14 | 1 << 9);
    let raw = bytes(plan.context.unwrap().words(ContextIndex::Zero));
    assert_eq!(raw[..4], [0x28, 0x1c, 0, 0]);
    assert_eq!(raw[8..], [0x00, 0x08, 0x20, 0x20, 0x00, 0x20, 0x94, 0x05]);
}

#[test]
fn plan_without_wishes_needs_no_context() {
    let frame = Frame {
        len: 60,
        mac_len: 14,
        vlan: None,
        work: Work::None,
        has_fcs: false,
    };
    assert_eq!(frame.plan().unwrap().context, None);
    let tagged = Frame {
        vlan: Some(5),
        ..frame
    };
    assert_eq!(
        tagged.plan().unwrap().context,
        Context::new(14).map(|c| c.with_vlan(5))
    );
    // A link-layer header that no context can state does not matter without a context.
    assert!(Frame {
        mac_len: 1000,
        ..frame
    }
    .plan()
    .is_ok());
    assert!(Frame {
        mac_len: 1000,
        ..tagged
    }
    .plan()
    .is_err());
}

#[test]
fn checksum_offset_names_the_transport() {
    assert_eq!(transport(6, false), Some(L4::Udp));
    assert_eq!(transport(16, false), Some(L4::Tcp));
    assert_eq!(transport(8, true), Some(L4::Sctp));
    // ICMPv6 has its checksum at 2; an offset of 8 that is not SCTP is some other protocol.
    for (offset, sctp) in [(2, false), (8, false), (0, false), (6, true), (16, true)] {
        assert_eq!(transport(offset, sctp), None);
    }
}

#[test]
fn queue_control_registers() {
    // BSIZEPACKET 3 KB, BSIZEHEADER 256 bytes, DESCTYPE advanced one buffer, DROP_EN.
    assert_eq!(srrctl(RX_BUFFER_KB, false), 0x0200_0403);
    assert_eq!(srrctl(RX_BUFFER_KB, true), 0x8200_0403);
    assert_eq!(srrctl(1, true), 0x8200_0401);
    // PTHRESH, HTHRESH, WTHRESH, ENABLE.
    assert_eq!(rxdctl(false), 0x0001_0808);
    assert_eq!(rxdctl(true), 0x0201_0808);
    assert_eq!(txdctl(true), 0x0201_0108);
}
