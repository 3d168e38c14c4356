// SPDX-License-Identifier: GPL-2.0

//! What the PF decides about each request, and what it does when the device cannot follow.

use mbox::event::State;
use mbox::pf::{
    Answer,
    Effect, //
};
use mbox::pf_state::VfConfig;
use mbox::reason::{
    Failure,
    Reason, //
};
use mbox::server::{
    REQUEST_BURST,
    UNREADY_NACK_INTERVAL, //
};
use mbox::sim::Model;
use mbox::time::Span;
use mbox::types::{
    HashList,
    MaxFrame,
    McHash,
    Promisc, //
};
use mbox::vf_to_pf::{
    Reject,
    Request, //
};
use mbox::wire::{
    ACK,
    NACK, //
};

use super::common::{
    mac,
    vlan,
    words,
    Device,
    Pair,
    PF_MAC_LAST, //
};

const DEFAULT_MAC: u8 = 1;

fn config() -> VfConfig {
    VfConfig {
        mac: Some(mac(DEFAULT_MAC)),
        ..VfConfig::default()
    }
}

/// One VF of a PF, asked without a mailbox in between.
struct Bench {
    config: VfConfig,
    device: Device,
}

impl Bench {
    fn new(config: VfConfig) -> Self {
        let mut bench = Self {
            config,
            device: Device::new(&config),
        };
        let flag = if config.mac.is_some() { ACK } else { NACK };
        assert_eq!(bench.ask(&Request::Reset).0, flag | 1);
        bench.device.effects.clear();
        bench
    }

    /// The first word of the reply, and the reason.
    fn ask(&mut self, request: &Request) -> (u32, Option<Reason>) {
        self.ask_raw(request.encode().words())
    }

    fn ask_raw(&mut self, head: &[u32]) -> (u32, Option<Reason>) {
        use mbox::pf::service;
        use mbox::server::Backend;

        let before = self.device.granted;
        let told = State::default();
        let words = words(head);
        let plan = service(&before, &self.config, &self.device, &told, &words, true);
        let result = match (plan.next(), plan.effect()) {
            (Some(next), Some(effect)) => self.device.apply(next, effect),
            (next, effect) => {
                assert!(effect.is_none(), "an effect of a request that is refused");
                self.device.granted = *next.unwrap_or(&before);
                Ok(())
            }
        };
        let outcome = plan.finish(result);
        self.device.check(&self.config);
        let Answer::Reply(reply) = outcome.answer else {
            panic!("no reply to {head:x?}");
        };
        if !outcome.granted {
            assert_eq!(
                before, self.device.granted,
                "a refused request has changed the state"
            );
        }
        (reply.first().raw(), outcome.reason)
    }

    fn granted(&mut self, request: &Request) {
        let (word, reason) = self.ask(request);
        assert_eq!((word >> 29, reason), (0b101, None), "{request:?}");
    }

    fn refused(&mut self, request: &Request, reason: Reason) {
        let (word, given) = self.ask(request);
        assert_eq!((word >> 29, given), (0b011, Some(reason)), "{request:?}");
    }
}

fn join(id: u16) -> Request {
    Request::SetVlan {
        vid: vlan(id),
        join: true,
    }
}

fn leave(id: u16) -> Request {
    Request::SetVlan {
        vid: vlan(id),
        join: false,
    }
}

fn all_multicast(multicast: bool) -> Request {
    Request::SetPromisc(Promisc {
        multicast,
        unicast: false,
    })
}

fn many_hashes() -> HashList {
    let mut list = HashList::EMPTY;
    for value in 0..31 {
        list.push(McHash::new(value).unwrap());
    }
    assert!(list.overflow());
    list
}

#[test]
fn a_vf_may_choose_its_address() {
    let mut bench = Bench::new(config());
    bench.granted(&Request::SetMac(mac(9)));
    assert_eq!(bench.device.mac, Some(mac(9)));
    // And keeps it over its own reset, as DPDK expects.
    bench.ask(&Request::Reset);
    assert_eq!(bench.device.mac, Some(mac(9)));
}

#[test]
fn an_address_in_use_is_refused() {
    let mut bench = Bench::new(config());
    let taken = mac(PF_MAC_LAST);
    bench.refused(&Request::SetMac(taken), Reason::MacInUse(taken));
    bench.refused(&Request::AddFilter(taken), Reason::MacInUse(taken));
}

#[test]
fn the_administrators_address_stays() {
    let locked = VfConfig {
        mac_locked: true,
        ..config()
    };
    let mut bench = Bench::new(locked);
    bench.refused(&Request::SetMac(mac(9)), Reason::MacLocked(mac(9)));
    bench.refused(&Request::AddFilter(mac(9)), Reason::MacLocked(mac(9)));
    // igbvf repeats the address it was given at each reset.
    bench.granted(&Request::SetMac(mac(DEFAULT_MAC)));
    bench.granted(&Request::ClearFilters { filler: None });
    assert!(bench.device.effects.is_empty());
    bench.config.trusted = true;
    bench.granted(&Request::SetMac(mac(9)));
    // Without the trust it is not given back at the next reset.
    bench.config.trusted = false;
    assert_eq!(bench.ask(&Request::Reset).0, 0x8000_0001);
    assert_eq!(bench.device.mac, Some(mac(DEFAULT_MAC)));
}

#[test]
fn filters_have_a_quota_and_are_cleared_by_a_zero_address() {
    let mut bench = Bench::new(config());
    for last in 10..13 {
        bench.granted(&Request::AddFilter(mac(last)));
        // Once more costs nothing.
        bench.granted(&Request::AddFilter(mac(last)));
    }
    bench.refused(&Request::AddFilter(mac(13)), Reason::FilterQuota(3));
    bench.granted(&Request::AddFilter(mac(DEFAULT_MAC)));
    assert_eq!(bench.device.filters.len(), 3);
    // What C igbvf sends, and C igb always refuses.
    assert_eq!(bench.ask_raw(&[0x0001_0002, 0, 0]), (0xa001_0002, None));
    assert!(bench.device.filters.is_empty());
    bench.granted(&Request::AddFilter(mac(13)));
    bench.ask(&Request::Reset);
    assert!(bench.device.filters.is_empty());
}

#[test]
fn a_full_device_refuses_and_the_state_follows() {
    let mut bench = Bench::new(config());
    bench.device.free_slots = 1;
    bench.granted(&Request::AddFilter(mac(10)));
    let full = Reason::Failed(Failure::NoSpace);
    bench.refused(&Request::AddFilter(mac(11)), full);
    bench.refused(&join(5), full);
    bench.granted(&Request::ClearFilters { filler: None });
    bench.granted(&join(5));
}

#[test]
fn a_device_that_fails_a_reset_says_not_now() {
    let mut bench = Bench::new(config());
    bench.granted(&join(5));
    bench.device.fail = Some(Failure::InReset);
    let (word, reason) = bench.ask(&Request::Reset);
    assert_eq!(word, 0x4000_0000);
    assert_eq!(reason, Some(Reason::Failed(Failure::InReset)));
}

#[test]
fn each_request_may_fail_in_the_device() {
    let mut bench = Bench::new(VfConfig {
        trusted: true,
        ..config()
    });
    bench.granted(&join(5));
    bench.granted(&Request::AddFilter(mac(10)));
    for request in [
        Request::SetMac(mac(9)),
        Request::AddFilter(mac(9)),
        Request::ClearFilters { filler: None },
        Request::SetMulticast(many_hashes()),
        join(6),
        leave(5),
        Request::SetMaxFrame(MaxFrame::MAX),
        all_multicast(true),
    ] {
        bench.device.fail = Some(Failure::Device);
        bench.refused(&request, Reason::Failed(Failure::Device));
        assert_eq!(
            bench.device.fail, None,
            "{request:?} did not reach the device"
        );
    }
}

#[test]
fn vlans_have_a_quota_and_an_owner() {
    let mut bench = Bench::new(config());
    for id in 1..=4 {
        bench.granted(&join(id));
        bench.granted(&join(id));
    }
    bench.refused(&join(5), Reason::VlanQuota(4));
    bench.granted(&leave(1));
    bench.granted(&leave(1));
    bench.refused(&join(666), Reason::VlanDenied(vlan(666)));
    bench.granted(&join(5));
    assert_eq!(bench.device.vlans.len(), 4);
}

#[test]
fn a_port_vlan_is_not_left_and_vlan_zero_is_no_question() {
    let mut bench = Bench::new(VfConfig {
        port_vlan: Some(vlan(100)),
        ..config()
    });
    bench.refused(&join(5), Reason::PortVlan(vlan(100)));
    bench.refused(&join(100), Reason::PortVlan(vlan(100)));
    bench.refused(&leave(100), Reason::PortVlan(vlan(100)));
    // The 8021q module asks for VLAN 0 on each interface.
    bench.granted(&join(0));
    bench.granted(&leave(0));
    assert!(bench.device.effects.is_empty());
}

#[test]
fn promiscuous_modes_take_trust() {
    let mut bench = Bench::new(config());
    bench.refused(&all_multicast(true), Reason::MulticastPromisc);
    bench.granted(&all_multicast(false));
    // What the drivers for FreeBSD and of DPDK send.
    let all = Request::SetPromisc(Promisc {
        unicast: true,
        multicast: true,
    });
    bench.refused(&all, Reason::UnicastPromisc);
    assert!(!bench.device.modes.unicast && !bench.device.modes.multicast);
    bench.config.trusted = true;
    bench.granted(&all_multicast(true));
    assert!(bench.device.modes.multicast && !bench.device.modes.unicast);
    bench.granted(&all);
    assert!(bench.device.modes.multicast && bench.device.modes.unicast);
    // The trust is withdrawn: what the VF asked for stays, what it gets does not.
    bench.config.trusted = false;
    assert!(!bench.device.granted.all_multicast(bench.config.trusted));
    assert!(!bench.device.granted.promiscuous(bench.config.trusted));
}

#[test]
fn leaving_all_multicast_restores_the_hashes() {
    let mut bench = Bench::new(VfConfig {
        trusted: true,
        ..config()
    });
    let mut list = HashList::EMPTY;
    list.push(McHash::new(0x123).unwrap());
    bench.granted(&all_multicast(true));
    bench.granted(&Request::SetMulticast(list));
    assert!(bench.device.modes.multicast);
    bench.granted(&all_multicast(false));
    assert!(!bench.device.modes.multicast);
    assert!(bench.device.groups.contains(McHash::new(0x123).unwrap()));
    assert_eq!(bench.device.groups.len(), 1);
}

#[test]
fn more_addresses_than_fit_make_no_untrusted_vf_promiscuous() {
    let mut bench = Bench::new(config());
    let (word, reason) = bench.ask(&Request::SetMulticast(many_hashes()));
    assert_eq!(
        (word >> 29, reason),
        (0b101, Some(Reason::MulticastOverflow))
    );
    assert!(!bench.device.modes.multicast);
    assert_eq!(bench.device.groups.len(), 30);
    bench.config.trusted = true;
    bench.granted(&Request::SetMulticast(many_hashes()));
    assert!(bench.device.modes.multicast);
    bench.granted(&Request::SetMulticast(HashList::EMPTY));
    assert!(!bench.device.modes.multicast);
}

#[test]
fn bad_messages_are_refused_with_a_reason() {
    let mut bench = Bench::new(config());
    let m = [0xc3b2_a102, 0xe5d4];
    for (head, reject) in [
        (vec![0x0001_0001], Reject::BadInfo(1)),
        (vec![0x0100_0001], Reject::ReservedBits(0)),
        (vec![0x0003_0002, m[0], m[1]], Reject::BadInfo(3)),
        (vec![2, 0, 0], Reject::BadMac([0; 6])),
        (vec![0x0002_0002, 0, 0], Reject::BadMac([0; 6])),
        (vec![2, 0xffff_ffff, 0xffff], Reject::BadMac([0xff; 6])),
        (vec![2, m[0], 0x0001_e5d4], Reject::ReservedBits(2)),
        (vec![0x001f_0003], Reject::BadCount(0x1f)),
        (vec![0x0040_0003], Reject::BadCount(0x40)),
        (vec![0x00ff_0003], Reject::BadCount(0xff)),
        (vec![0x0001_0003, 0x1000], Reject::BadHash(0x1000)),
        (vec![0x0002_0004, 5], Reject::BadInfo(2)),
        (vec![0x0001_0004, 4095], Reject::BadVlan(4095)),
        (vec![0x0001_0004, 0x0001_0005], Reject::BadVlan(0x0001_0005)),
        (vec![5, 63], Reject::BadFrameSize(63)),
        (vec![5, 0x2601], Reject::BadFrameSize(0x2601)),
        // C igb takes this for a negative number, and ORs it into VMOLR.
        (vec![5, 0x8100_0000], Reject::BadFrameSize(0x8100_0000)),
        (vec![5, u32::MAX], Reject::BadFrameSize(u32::MAX)),
        (vec![0x0001_0005, 1522], Reject::BadInfo(1)),
        (vec![0x0004_0006], Reject::BadInfo(4)),
        (vec![0], Reject::UnknownOpcode(0)),
        (vec![7], Reject::UnknownOpcode(7)),
        (vec![7], Reject::UnknownOpcode(7)),
        (vec![0x0001_0008, 0, 0], Reject::BadInfo(1)),
        (vec![0x0100_0008, 0, 0], Reject::ReservedBits(0)),
        (vec![8, 0x0000_0001, 0], Reject::BadVersion(1)),
        // What was not agreed on is not known.
        (vec![0x10], Reject::UnknownOpcode(0x10)),
        (vec![0x0500_0005, 1522], Reject::ReservedBits(0)),
        (vec![0xffff], Reject::UnknownOpcode(0xffff)),
    ] {
        let expected = (head[0] | 0x6000_0000, Some(Reason::Invalid(reject)));
        assert_eq!(bench.ask_raw(&head), expected, "{head:x?}");
    }
    assert!(bench.device.effects.is_empty());
}

#[test]
fn without_an_address_the_vf_is_told_to_choose() {
    let mut bench = Bench::new(VfConfig::default());
    assert_eq!(bench.ask(&Request::Reset).0, 0x4000_0001);
    bench.granted(&Request::SetMac(mac(9)));
}

/// What the PF writes after the doorbell rang for these words, if anything.
fn ring(pair: &mut Pair, head: &[u32]) -> Option<u32> {
    use mbox::port::{
        V2pMailbox,
        VfPort, //
    };
    let mut port = pair.mailbox.vf();
    port.set_control(V2pMailbox::VFU);
    assert!(port.status().has(V2pMailbox::VFU));
    port.write(head);
    port.set_control(V2pMailbox::REQ);
    pair.serve();
    let mut port = pair.mailbox.vf();
    let mut word = [0];
    let status = port.status();
    assert!(status.has(V2pMailbox::PFACK));
    assert!(!status.has(V2pMailbox::PFU), "the PF keeps the buffer");
    port.read(&mut word);
    status.has(V2pMailbox::PFSTS).then_some(word[0])
}

#[test]
fn a_vf_that_was_not_reset_is_told_so_now_and_then() {
    let mut pair = Pair::new(Model::Datasheet, config());
    assert_eq!(ring(&mut pair, &[5, 1522]), Some(0x4000_0005));
    for _ in 0..3 {
        assert_eq!(ring(&mut pair, &[5, 1522]), None);
    }
    pair.sleep(UNREADY_NACK_INTERVAL);
    assert_eq!(ring(&mut pair, &[5, 1522]), Some(0x4000_0005));
    assert_eq!(ring(&mut pair, &[1]), Some(0x8000_0001));
    assert_eq!(ring(&mut pair, &[5, 1522]), Some(0xa000_0005));
}

#[test]
fn a_doorbell_without_a_request_is_not_answered() {
    let mut pair = Pair::new(Model::Datasheet, config());
    ring(&mut pair, &[1]);
    // The PF's own words are in the buffer; an answer would destroy them.
    for own in [
        0x8000_0001,
        0x4000_0000,
        0x2000_0100,
        0x0000_0100,
        0xa000_0005,
    ] {
        assert_eq!(ring(&mut pair, &[own]), None, "{own:x}");
    }
    assert!(pair.device.reports.is_empty());
}

#[test]
fn a_flood_is_served_late_and_logged_at_a_bounded_rate() {
    let mut pair = Pair::new(Model::Datasheet, config());
    ring(&mut pair, &[1]);
    for _ in 1..REQUEST_BURST {
        assert_eq!(ring(&mut pair, &[0x1234]), Some(0x6000_1234));
    }
    assert!(pair.device.reports.len() <= 5);
    let before = *pair.server.counters();
    pair.mailbox.ring(mbox::sim::Doorbells {
        req: true,
        ..Default::default()
    });
    pair.serve();
    assert_eq!(*pair.server.counters(), before, "served beyond the limit");
    let wake = pair.pf_wake.unwrap();
    assert!(wake > pair.now && wake <= pair.now.after(Span::from_millis(2)));
    pair.now = wake;
    pair.serve();
    assert_eq!(pair.server.counters().requests, before.requests + 1);
    assert!(pair.device.reports.len() <= 6);
}

#[test]
fn a_function_reset_takes_everything_back() {
    let trusted = VfConfig {
        trusted: true,
        ..config()
    };
    let mut pair = Pair::new(Model::Datasheet, trusted);
    pair.reset_vf().unwrap();
    for request in [
        Request::SetMac(mac(9)),
        Request::AddFilter(mac(10)),
        join(5),
        all_multicast(true),
        Request::SetMaxFrame(MaxFrame::MAX),
    ] {
        assert_eq!(pair.run(&request), Ok(mbox::pf_to_vf::Reply::Granted));
    }
    pair.mailbox.function_reset();
    pair.serve();
    let fresh = Device::new(&pair.config);
    assert_eq!(pair.device.mac, fresh.mac);
    assert!(pair.device.filters.is_empty() && pair.device.vlans.is_empty());
    assert_eq!(pair.device.modes, fresh.modes);
    assert_eq!(pair.device.groups, fresh.groups);
    assert!(!pair.device.granted.clear_to_send());
    let last = pair.device.effects.last();
    assert_eq!(last, Some(&Effect::FunctionReset { mac: fresh.mac }));
}
