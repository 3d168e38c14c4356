// SPDX-License-Identifier: GPL-2.0

//! Encode and decode are inverse, over all values and over all words.

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::pf_to_vf::{
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
use mbox::vf_to_pf::{
    Reject,
    Request, //
};
use mbox::wire::{
    Words,
    MAILBOX_WORDS, //
};
use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) fn any_mac() -> impl Strategy<Value = MacAddr> {
    any::<[u8; 6]>().prop_map(|mut bytes| {
        bytes[0] &= !1;
        bytes[5] = bytes[5].max(1);
        MacAddr::new(bytes).unwrap()
    })
}

fn any_hashes() -> impl Strategy<Value = HashList> {
    (vec(0u16..=0xfff, 0..=30), any::<bool>()).prop_map(|(values, overflow)| {
        let mut list = HashList::EMPTY;
        for value in values {
            list.push(McHash::new(value).unwrap());
        }
        if overflow {
            list.set_overflow();
        }
        list
    })
}

/// Any request, those of the extension among them.
pub(crate) fn any_request() -> impl Strategy<Value = Request> {
    let negotiate =
        (1u16.., any::<u16>(), any::<u32>()).prop_map(|(major, minor, caps)| Request::Negotiate {
            version: Version { major, minor },
            caps: Caps::from_word(caps),
        });
    let groups = (any_hashes(), any::<bool>())
        .prop_map(|(list, leave)| Request::ChangeMulticast { list, leave });
    prop_oneof![
        8 => base_request(),
        1 => negotiate,
        1 => Just(Request::GetState),
        1 => groups,
    ]
}

pub(crate) fn base_request() -> impl Strategy<Value = Request> {
    let vlan = (0u16..4095).prop_map(|id| VlanId::new(id).unwrap());
    let size = (64u32..=0x2600).prop_map(|bytes| MaxFrame::new(bytes).unwrap());
    let modes = (any::<bool>(), any::<bool>());
    prop_oneof![
        Just(Request::Reset),
        any_mac().prop_map(Request::SetMac),
        proptest::option::of(any_mac()).prop_map(|filler| Request::ClearFilters { filler }),
        any_mac().prop_map(Request::AddFilter),
        any_hashes().prop_map(Request::SetMulticast),
        (vlan, any::<bool>()).prop_map(|(vid, join)| Request::SetVlan { vid, join }),
        size.prop_map(Request::SetMaxFrame),
        modes.prop_map(|(unicast, multicast)| {
            Request::SetPromisc(Promisc { unicast, multicast })
        }),
    ]
}

/// Words that look like a message more often than not.
fn near_message() -> impl Strategy<Value = Words> {
    let opcode =
        prop_oneof![8 => 0u32..=9, 1 => 0x10u32..=0x11, 1 => Just(0x100u32), 1 => 0u32..=0xffff];
    let info = prop_oneof![4 => 0u32..=3, 1 => 0u32..=0xff];
    let flags = prop_oneof![8 => Just(0u32), 1 => 0u32..=0xff];
    let word = prop_oneof![any::<u32>(), 0u32..=0x3000, Just(0)];
    (opcode, info, flags, vec(word, MAILBOX_WORDS)).prop_map(|(opcode, info, flags, rest)| {
        let mut words = [0; MAILBOX_WORDS];
        words.copy_from_slice(&rest);
        words[0] = opcode | info << 16 | flags << 24;
        words
    })
}

/// How many words of the buffer the message defines.
fn defined_words(request: &Request) -> usize {
    match request {
        // An odd list leaves half a word open; the test looks at whole words.
        Request::SetMulticast(list) | Request::ChangeMulticast { list, .. } => {
            1 + list.as_slice().len() / 2
        }
        other => other.encode().words().len(),
    }
}

proptest! {
    #[test]
    fn decode_undoes_encode(request in any_request(), rubbish in any::<[u32; MAILBOX_WORDS]>()) {
        let message = request.encode();
        prop_assert_eq!(Request::decode(message.padded()), Ok(request));
        // The rest of the buffer is of no importance.
        let mut buffer = rubbish;
        buffer[..message.words().len()].copy_from_slice(message.words());
        prop_assert_eq!(Request::decode(&buffer), Ok(request));
    }

    #[test]
    fn encode_undoes_decode(words in near_message()) {
        if let Ok(request) = Request::decode(&words) {
            let message = request.encode();
            let defined = defined_words(&request);
            prop_assert_eq!(&message.padded()[..defined], &words[..defined]);
        }
    }

    #[test]
    fn no_flag_of_the_pf_makes_a_request(words in near_message(), flag in 29u32..=31) {
        let mut words = words;
        words[0] |= 1 << flag;
        prop_assert_eq!(Request::decode(&words), Err(Reject::NotARequest));
    }

    #[test]
    fn a_reply_is_read_as_written(
        request in base_request(),
        granted in any::<bool>(),
        cts in any::<bool>(),
        assigned in proptest::option::of(any_mac()),
    ) {
        let header = request.encode().first();
        let (message, expected) = if request == Request::Reset {
            (reset_reply(assigned), Reply::Reset { mac: assigned, offer: assigned.is_some() })
        } else {
            let expected = match (granted, cts) {
                (true, _) => Reply::Granted,
                (false, true) => Reply::Refused(Refusal::Undisclosed),
                (false, false) => Reply::NotReady,
            };
            (simple_reply(header, granted, cts), expected)
        };
        let FromPf::Reply(raw) = FromPf::decode(message.padded()) else {
            return Err(TestCaseError::fail("not a reply"));
        };
        prop_assert_eq!(raw.to(header, Caps::NONE), Some(expected));
        // And it is never taken for a request.
        prop_assert_eq!(Request::decode(message.padded()), Err(Reject::NotARequest));
    }
}
