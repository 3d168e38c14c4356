// SPDX-License-Identifier: GPL-2.0

//! FreeBSD 16: its PF (igb with SR-IOV) against our client, its VF (igbv) against our PF.

use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::Reply;
use mbox::port::{
    P2vMailbox,
    PfEvents,
    PfPort,
    V2pCache,
    V2pMailbox,
    VfPort, //
};
use mbox::refusal::Refusal;
use mbox::sim::{
    Mailbox,
    Model, //
};
use mbox::time::{
    Span,
    Time, //
};
use mbox::types::{
    HashList,
    MaxFrame,
    McHash,
    Promisc, //
};
use mbox::vf::{
    Client,
    Error,
    Progress, //
};
use mbox::vf_to_pf::Request;
use mbox::wire::Words;

use super::super::common::{
    mac,
    vlan,
    Pair, //
};

const ACK: u32 = 0x8000_0000;
const NACK: u32 = 0x4000_0000;
const CTS: u32 = 0x2000_0000;

/// A VF of FreeBSD's PF, with the options that iovctl sets.
struct Host {
    mailbox: Mailbox,
    events: PfEvents,
    client: Client,
    now: Time,
    clear_to_send: bool,
    /// `allow-set-mac` and `allow-promisc`.
    allowed: bool,
    /// `vlan`.
    access_vlan: bool,
    /// How often a queue of the VF will still not stop.
    stuck: u32,
    requests: u32,
}

impl Host {
    fn new() -> Self {
        Self {
            mailbox: Mailbox::new(Model::Qemu),
            events: PfEvents::default(),
            client: Client::new(),
            now: Time::from_micros(60_000_000),
            clear_to_send: false,
            allowed: false,
            access_vlan: false,
            stuck: 0,
            requests: 0,
        }
    }

    fn serve(&mut self) {
        let mut port = self.mailbox.pf();
        self.events = self.events.merge(port.take_events());
        if core::mem::take(&mut self.events.function_reset) {
            self.clear_to_send = false;
        }
        if !core::mem::take(&mut self.events.request) {
            return;
        }
        assert!(port.try_lock());
        let words = port.read();
        port.set_control(P2vMailbox::ACK.with(P2vMailbox::PFU));
        self.requests += 1;
        let reply = self.answer(&words);
        let mut port = self.mailbox.pf();
        port.write(&reply);
        port.set_control(P2vMailbox::STS);
    }

    fn answer(&mut self, words: &Words) -> Vec<u32> {
        assert_eq!(words[0] & (ACK | NACK | CTS), 0);
        if words[0] == 0x01 {
            if self.stuck > 0 {
                self.stuck -= 1;
                return vec![0x01 | NACK];
            }
            self.clear_to_send = true;
            return vec![0x01 | ACK, 0x3322_1102, 0x0000_0144];
        }
        if !self.clear_to_send {
            return vec![Self::head(words[0]) | NACK];
        }
        let flag = if self.judge(words) { ACK } else { NACK };
        vec![Self::head(words[0]) | CTS | flag]
    }

    /// The first word of a reply: the opcode, and for SET_MAC_ADDR its information field.
    fn head(word: u32) -> u32 {
        match word & 0xffff {
            0x02 => word & 0x1fff_ffff,
            opcode => opcode,
        }
    }

    fn judge(&self, words: &Words) -> bool {
        let info = words[0] >> 16 & 0xff;
        match (words[0] & 0xffff, info) {
            (0x02, 1) => true,
            (0x02, 0) if words[1] == 0x3322_1102 && words[2] == 0x0144 => true,
            (0x02, 0 | 2) => self.allowed,
            (0x03, _) => true,
            (0x04, _) => !self.access_vlan && words[1] < 4096,
            (0x05, _) => words[1] >= 64,
            (0x06, 0) => true,
            (0x06, modes) => modes & !3 == 0 && self.allowed,
            _ => false,
        }
    }

    fn run(&mut self, request: &Request) -> Result<Reply, Error> {
        self.client.start(request, self.now).unwrap();
        loop {
            match self.client.poll(&mut self.mailbox.vf(), self.now) {
                Progress::Pending { next_check } => self.now = next_check,
                Progress::Done(reply) => return Ok(reply),
                Progress::Failed(error) => return Err(error),
                Progress::Idle => panic!("no request"),
            }
            self.serve();
        }
    }

    fn reset(&mut self) -> Result<Reply, Error> {
        self.mailbox.function_reset();
        self.run(&Request::Reset)
    }

    fn ready() -> Self {
        let mut host = Self::new();
        assert_eq!(host.reset(), reset_done());
        host
    }
}

fn reset_done() -> Result<Reply, Error> {
    Ok(Reply::Reset {
        mac: Some(mac(1)),
        offer: false,
    })
}

/// All that rigbvf may ask a base PF for.
fn requests() -> Vec<Request> {
    let vid = vlan(9);
    let mut hashes = HashList::EMPTY;
    hashes.push(McHash::new(5).unwrap());
    let mut many = HashList::EMPTY;
    (0..40).for_each(|value| many.push(McHash::new(value).unwrap()));
    let multicast = Promisc {
        multicast: true,
        unicast: false,
    };
    vec![
        Request::SetMaxFrame(MaxFrame::STANDARD),
        Request::SetMac(mac(2)),
        Request::ClearFilters {
            filler: Some(mac(1)),
        },
        Request::AddFilter(mac(3)),
        Request::SetMulticast(hashes),
        Request::SetMulticast(many),
        Request::SetMulticast(HashList::EMPTY),
        Request::SetVlan { vid, join: true },
        Request::SetVlan { vid, join: false },
        Request::SetPromisc(multicast),
        Request::SetPromisc(Promisc::default()),
    ]
}

#[test]
fn its_short_replies_are_understood() {
    let mut host = Host::ready();
    host.allowed = true;
    for request in requests() {
        let before = host.requests;
        assert_eq!(host.run(&request), Ok(Reply::Granted), "{request:?}");
        assert_eq!(host.requests, before + 1, "{request:?} was sent again");
    }
    assert_eq!(host.client.counters().dropped, 0);
}

#[test]
fn its_short_refusals_are_understood() {
    let mut host = Host::ready();
    host.access_vlan = true;
    let refused = Ok(Reply::Refused(Refusal::Undisclosed));
    for request in requests() {
        let forbidden = match request {
            Request::SetMac(_) | Request::AddFilter(_) | Request::SetVlan { .. } => true,
            Request::SetPromisc(modes) => modes.multicast,
            _ => false,
        };
        let wanted = if forbidden {
            refused
        } else {
            Ok(Reply::Granted)
        };
        assert_eq!(host.run(&request), wanted, "{request:?}");
        assert!(!host.client.needs_reset());
    }
}

#[test]
fn what_it_says_without_clear_to_send_is_understood() {
    let mut host = Host::ready();
    host.clear_to_send = false;
    let vid = vlan(9);
    let join = Request::SetVlan { vid, join: true };
    assert_eq!(host.run(&join), Ok(Reply::NotReady));
    assert!(host.client.needs_reset());
    assert_eq!(host.reset(), reset_done());
}

#[test]
fn its_refusal_of_a_reset_is_no_reset() {
    let mut host = Host::new();
    host.stuck = 3;
    assert_eq!(host.reset(), reset_done());
    assert_eq!(host.requests, 4);
    host.stuck = u32::MAX;
    assert!(host.reset().is_err());
    assert!(host.client.needs_reset());
}

/// igbv: as igbvf, but for what is below.
struct Guest {
    pair: Pair,
    cache: V2pCache,
}

impl Guest {
    fn new(config: VfConfig) -> Self {
        Self {
            pair: Pair::new(Model::Datasheet, config),
            cache: V2pCache::new(),
        }
    }

    fn seen(&mut self, bits: V2pMailbox) -> bool {
        let seen = self.cache.read(&mut self.pair.mailbox.vf()).has(bits);
        self.cache.take(bits);
        seen
    }

    fn ask(&mut self, message: &[u32]) -> Words {
        assert!(self.cache.try_lock(&mut self.pair.mailbox.vf()));
        self.pair.mailbox.vf().write(message);
        self.pair.mailbox.vf().set_control(V2pMailbox::REQ);
        self.pair.serve_if_due();
        assert!(self.seen(V2pMailbox::PFACK) && self.seen(V2pMailbox::PFSTS));
        self.read()
    }

    /// It also reads without having been told that there is something, and acknowledges that.
    fn read(&mut self) -> Words {
        assert!(self.cache.try_lock(&mut self.pair.mailbox.vf()));
        let mut words = [0; 16];
        self.pair.mailbox.vf().read(&mut words);
        self.pair.mailbox.vf().set_control(V2pMailbox::ACK);
        self.pair.serve_if_due();
        words
    }

    fn init(&mut self) {
        self.pair.mailbox.function_reset();
        self.pair.serve_if_due();
        // The words behind RESET are ones; only six bytes of the reply are looked at.
        let reply = self.ask(&[0x01, u32::MAX, u32::MAX]);
        assert_eq!(reply[..2], [0x8000_0001, 0x3322_1102]);
        assert_eq!(reply[2] & 0xffff, 0x0144);
        assert_eq!(self.ask(&[0x02, 0x3322_1102, 0x0144])[0], 0xa000_0002);
        assert_eq!(self.ask(&[0x05, 1522])[0], 0xa000_0005);
        assert_eq!(self.ask(&[0x06])[0], 0xa000_0006);
    }
}

#[test]
fn its_guest_chooses_an_address_when_none_is_assigned() {
    let mut guest = Guest::new(VfConfig::default());
    assert_eq!(
        guest.ask(&[0x01, u32::MAX, u32::MAX])[..3],
        [0x4000_0001, 0, 0]
    );
}

#[test]
fn its_guest_comes_up_and_is_served() {
    let config = VfConfig {
        mac: Some(mac(1)),
        ..VfConfig::default()
    };
    let mut guest = Guest::new(config);
    guest.init();
    // While the link is down it looks at the first word, twice a second: CTS is what it wants.
    for _ in 0..20 {
        guest.pair.sleep(Span::from_millis(500));
        assert_eq!(guest.read()[0] & CTS, CTS);
    }
    let counters = *guest.pair.server.counters();
    assert_eq!((counters.offences, counters.stray_acks), (0, 20));
    assert_eq!(guest.ask(&[0x0001_0004, 57])[0], 0xa001_0004);
    // Both promiscuous modes at once: the refusal is a word that it understands.
    assert_eq!(guest.ask(&[0x0003_0006])[0] & NACK, NACK);
    // It starts again at once when it is told so without CTS.
    guest.pair.server.reconfigure();
    guest.pair.serve();
    assert_eq!(guest.read()[0], 0x0000_0100);
    guest.init();
}
