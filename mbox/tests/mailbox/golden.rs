// SPDX-License-Identifier: GPL-2.0

//! The words of each message, written out by hand from the documented layout: what C igb, C igbvf
//! and DPDK put on the wire.

use mbox::caps::Caps;
use mbox::pf_to_vf::{
    control,
    lost,
    reset_reply,
    simple_reply,
    FromPf,
    Reply, //
};
use mbox::refusal::Refusal;
use mbox::types::{
    HashList,
    MacAddr,
    MaxFrame,
    McHash,
    Promisc,
    VlanId, //
};
use mbox::vf_to_pf::Request;
use mbox::wire::Header;

use super::common::words;

const MAC: [u8; 6] = [0x02, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5];

fn mac() -> MacAddr {
    MacAddr::new(MAC).unwrap()
}

fn hashes(values: &[u16], overflow: bool) -> HashList {
    let mut list = HashList::EMPTY;
    for &value in values {
        list.push(McHash::new(value).unwrap());
    }
    if overflow {
        list.set_overflow();
    }
    list
}

/// Each request with its words, none left out.
fn requests() -> Vec<(Request, Vec<u32>)> {
    let full: Vec<u16> = (1..=30).collect();
    let mut full_words = vec![0x001e_0003];
    full_words.extend((0..15).map(|i: u32| (2 * i + 1) | (2 * i + 2) << 16));
    let mut overflow_words = full_words.clone();
    overflow_words[0] = 0x009e_0003;
    let three = |head: u32| vec![head, 0xc3b2_a102, 0x0000_e5d4];
    let none = Promisc::default();
    let multicast = Promisc {
        multicast: true,
        unicast: false,
    };
    let both = Promisc {
        multicast: true,
        unicast: true,
    };
    let mut one_hash = vec![0x0001_0003, 0x0000_0fff];
    one_hash.resize(16, 0);
    let mut no_hash = vec![0x0000_0003];
    no_hash.resize(16, 0);
    vec![
        (Request::Reset, vec![0x0000_0001]),
        (Request::SetMac(mac()), three(0x0000_0002)),
        (
            Request::ClearFilters { filler: None },
            vec![0x0001_0002, 0, 0],
        ),
        (
            Request::ClearFilters {
                filler: Some(mac()),
            },
            three(0x0001_0002),
        ),
        (Request::AddFilter(mac()), three(0x0002_0002)),
        (Request::SetMulticast(HashList::EMPTY), no_hash),
        (Request::SetMulticast(hashes(&[0xfff], false)), one_hash),
        (Request::SetMulticast(hashes(&full, false)), full_words),
        (Request::SetMulticast(hashes(&full, true)), overflow_words),
        (
            Request::SetVlan {
                vid: VlanId::new(100).unwrap(),
                join: true,
            },
            vec![0x0001_0004, 100],
        ),
        (
            Request::SetVlan {
                vid: VlanId::new(4094).unwrap(),
                join: false,
            },
            vec![0x0000_0004, 4094],
        ),
        // igbvf with an MTU of 1500: 1518 bytes and a VLAN tag.
        (
            Request::SetMaxFrame(MaxFrame::for_mtu(1500).unwrap()),
            vec![0x0000_0005, 1522],
        ),
        // And with its largest, 9216.
        (
            Request::SetMaxFrame(MaxFrame::for_mtu(9216).unwrap()),
            vec![0x0000_0005, 9238],
        ),
        (Request::SetPromisc(none), vec![0x0000_0006]),
        (Request::SetPromisc(multicast), vec![0x0002_0006]),
        (Request::SetPromisc(both), vec![0x0003_0006]),
    ]
}

#[test]
fn requests_are_written_as_documented() {
    for (request, expected) in requests() {
        assert_eq!(request.encode().words(), expected, "{request:?}");
    }
}

#[test]
fn requests_are_read_whatever_earlier_messages_left_behind() {
    for (request, raw) in requests() {
        assert_eq!(Request::decode(&words(&raw)), Ok(request));
    }
}

#[test]
fn an_odd_hash_count_ignores_the_other_half_of_the_word() {
    // igbvf does not initialise it.
    let read = Request::decode(&words(&[0x0001_0003, 0xffff_0123]));
    assert_eq!(read, Ok(Request::SetMulticast(hashes(&[0x123], false))));
}

#[test]
fn the_mac_address_is_in_order_of_transmission() {
    let Ok(Request::SetMac(read)) = Request::decode(&words(&[2, 0xc3b2_a102, 0xe5d4])) else {
        panic!("not a SET_MAC_ADDR");
    };
    assert_eq!(read.bytes(), &MAC);
    assert_eq!(read.to_string(), "02:a1:b2:c3:d4:e5");
}

#[test]
fn multicast_hashes_are_those_of_the_hardware() {
    // 33:33:ff:00:00:01 and 01:00:5e:00:00:fb, filter type 0: bits 47:36 of the address.
    let all_nodes = McHash::of(&[0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(all_nodes.get(), 0x010);
    let mdns = McHash::of(&[0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb]);
    assert_eq!(
        (mdns.get(), mdns.register(), mdns.bit()),
        (0xfb0, 0x7d, 0x10)
    );
    let spread = McHash::of(&[0x33, 0x33, 0xff, 0x12, 0xa4, 0x56]);
    assert_eq!(spread.get(), 0x56a);
}

#[test]
fn replies_are_written_as_documented() {
    assert_eq!(
        reset_reply(Some(mac())).words(),
        [0x8000_0001, 0xc3b2_a102, 0xe5a1_e5d4]
    );
    assert_eq!(reset_reply(None).words(), [0x4000_0001, 0, 0]);
    let reply = |head, granted, cts| simple_reply(Header::from_raw(head), granted, cts);
    assert_eq!(reply(0x0000_0002, true, true).words(), [0xa000_0002]);
    assert_eq!(reply(0x0002_0002, false, true).words(), [0x6002_0002]);
    assert_eq!(reply(0x001e_0003, true, true).words(), [0xa01e_0003]);
    assert_eq!(reply(0x0001_0004, false, true).words(), [0x6001_0004]);
    // Without a reset the VF is told no, and not told that it may go on.
    assert_eq!(reply(0x0000_0005, false, false).words(), [0x4000_0005]);
    // C igb clears the bit that it has granted, and only then.
    assert_eq!(reply(0x0002_0006, true, true).words(), [0xa000_0006]);
    assert_eq!(reply(0x0002_0006, false, true).words(), [0x6002_0006]);
    // An unknown message is echoed, reserved bits and all.
    assert_eq!(reply(0x1fff_1234, false, true).words(), [0x7fff_1234]);
}

#[test]
fn notices_are_written_as_documented() {
    assert_eq!(control(true).words(), [0x2000_0100]);
    // DPDK compares with exactly this.
    assert_eq!(control(false).words(), [0x0000_0100]);
    assert_eq!(lost().words(), [0x4000_0000]);
}

#[test]
fn what_a_pf_writes_is_sorted() {
    let read = |head: &[u32]| FromPf::decode(&words(head));
    let control = |clear_to_send| FromPf::Control { clear_to_send };
    assert_eq!(read(&[0x2000_0100]), control(true));
    assert_eq!(read(&[0x0000_0100]), control(false));
    assert_eq!(read(&[0x4000_0000]), FromPf::Lost);
    for malformed in [0, 0x2000_0000, 0xc000_0002, 0x0000_0002, 0xe000_0100] {
        assert_eq!(read(&[malformed]), FromPf::Malformed(malformed));
    }
}

fn reply_to(request: &Request, head: &[u32]) -> Option<Reply> {
    match FromPf::decode(&words(head)) {
        FromPf::Reply(raw) => raw.to(request.encode().first(), Caps::NONE),
        other => panic!("{other:?} is no reply"),
    }
}

#[test]
fn replies_belong_to_their_requests() {
    let set_mac = Request::SetMac(mac());
    assert_eq!(reply_to(&set_mac, &[0xa000_0002]), Some(Reply::Granted));
    assert_eq!(
        reply_to(&set_mac, &[0x6000_0002]),
        Some(Reply::Refused(Refusal::Undisclosed))
    );
    assert_eq!(reply_to(&set_mac, &[0x4000_0002]), Some(Reply::NotReady));
    assert_eq!(reply_to(&set_mac, &[0xa000_0003]), None);
    assert_eq!(reply_to(&set_mac, &[0xa001_0002]), None);
    let promisc = Request::SetPromisc(Promisc {
        multicast: true,
        unicast: false,
    });
    for granted in [0xa000_0006, 0xa002_0006] {
        assert_eq!(reply_to(&promisc, &[granted]), Some(Reply::Granted));
    }
    assert_eq!(reply_to(&promisc, &[0xa001_0006]), None);
}

#[test]
fn the_reply_to_reset_is_checked() {
    let reset = |head: &[u32]| reply_to(&Request::Reset, head);
    let mac = Some(mac());
    assert_eq!(
        reset(&[0x8000_0001, 0xc3b2_a102, 0x0000_e5d4]),
        Some(Reply::Reset { mac, offer: false })
    );
    assert_eq!(
        reset(&[0x8000_0001, 0xc3b2_a102, 0x1234_e5d4]),
        Some(Reply::Reset { mac, offer: false })
    );
    assert_eq!(
        reset(&[0x8000_0001, 0xc3b2_a102, 0xe5a1_e5d4]),
        Some(Reply::Reset { mac, offer: true })
    );
    // PFs of before offer with a NACK as well.
    assert_eq!(
        reset(&[0x4000_0001, 0, 0xe5a1_0000]),
        Some(Reply::Reset {
            mac: None,
            offer: true
        })
    );
    // No address assigned is no failure; an address that is none is not used.
    for none in [
        [0x4000_0001, 0, 0],
        [0x4000_0001, 0xc3b2_a102, 0xe5d4],
        [0x8000_0001, 0, 0],
        [0x8000_0001, 0xc3b2_a103, 0xe5d4],
    ] {
        let offer = false;
        assert_eq!(reset(&none), Some(Reply::Reset { mac: None, offer }));
    }
}
