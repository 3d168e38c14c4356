// SPDX-License-Identifier: GPL-2.0

//! One function per target: each reads its input as a script, and checks what has to hold.

use mbox::caps::{
    Caps,
    Version, //
};
use mbox::event::{
    Event,
    Link, //
};
use mbox::pf_state::VfConfig;
use mbox::pf_to_vf::{
    FromPf,
    Reply, //
};
use mbox::port::{
    P2vMailbox,
    PfPort,
    V2pMailbox,
    VfPort, //
};
use mbox::sim::{
    Doorbells,
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
    Promisc,
    MAX_HASHES, //
};
use mbox::vf::{
    Client,
    Progress,
    PF_RESET_TIMEOUT,
    REQUEST_TIMEOUT, //
};
use mbox::vf_to_pf::Request;
use mbox::wire::{
    Header,
    Words,
    MAILBOX_WORDS, //
};

use super::common::{
    mac,
    vlan,
    Pair, //
};

// Loaded by paths from here and from the tests.
#[path = "inputs/snapshot.rs"]
mod snapshot;

pub use snapshot::snapshot;

/// The input, read as a script. Where it ends, zeros follow.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }
}

const NEGOTIATE: Request = Request::Negotiate {
    version: Version::OURS,
    caps: Caps::OURS,
};

fn requests() -> [Request; 13] {
    let vid = vlan(5);
    let multicast = Promisc {
        multicast: true,
        unicast: false,
    };
    [
        Request::Reset,
        Request::SetMac(mac(9)),
        Request::ClearFilters { filler: None },
        Request::AddFilter(mac(10)),
        Request::SetMulticast(HashList::EMPTY),
        Request::SetVlan { vid, join: true },
        Request::SetVlan { vid, join: false },
        Request::SetMaxFrame(MaxFrame::MAX),
        Request::SetPromisc(multicast),
        NEGOTIATE,
        Request::GetState,
        groups(false),
        groups(true),
    ]
}

/// A full message of multicast groups.
fn groups(leave: bool) -> Request {
    let mut list = HashList::EMPTY;
    (0..MAX_HASHES as u16).for_each(|value| list.push(McHash::new(value * 100).unwrap()));
    Request::ChangeMulticast { list, leave }
}

/// Any words: what decodes is in range, and is encoded to the words that it came from.
pub fn decode(data: &[u8]) {
    let mut script = Script(data);
    let mut words: Words = [0; MAILBOX_WORDS];
    words.fill_with(|| script.word());
    if let Ok(request) = Request::decode(&words) {
        let message = request.encode();
        assert_eq!(message.first(), Header::from_raw(words[0]));
        assert_eq!(Request::decode(message.padded()), Ok(request));
        assert!(matches!(FromPf::decode(&words), FromPf::Malformed(_)));
    }
    let event = Event::decode(&words);
    let message = event.encode(Header::from_raw(words[0]));
    assert_eq!(Event::decode(message.padded()), event);
    if let FromPf::Reply(reply) = FromPf::decode(&words) {
        let agreed = Caps::from_word(words[8]);
        let _ = reply.generation(agreed);
        for request in requests() {
            let header = request.encode().first();
            if let Some(Reply::Reset { mac: Some(mac), .. }) = reply.to(header, agreed) {
                assert_eq!(request, Request::Reset);
                assert!(mac.bytes()[0] & 1 == 0 && mac.bytes() != &[0; 6]);
            }
        }
    }
}

fn config(bits: u8) -> VfConfig {
    VfConfig {
        mac: (bits & 1 != 0).then(|| mac(1)),
        mac_locked: bits & 3 == 3,
        trusted: bits & 4 != 0,
        port_vlan: (bits & 8 != 0).then(|| vlan(100)),
        filter_quota: bits >> 4 & 3,
        vlan_quota: bits >> 6,
        ..VfConfig::default()
    }
}

/// A script of what a VF does to its registers, and of what happens on the host meanwhile. The
/// checks are those of the device model: it holds what the PF believes, within the VF's rights.
pub fn pf_server(data: &[u8]) {
    let mut script = Script(data);
    let bits = script.byte();
    let model = match script.byte() & 1 {
        0 => Model::Datasheet,
        _ => Model::Qemu,
    };
    let mut pair = Pair::new(model, config(bits));
    while !script.is_over() {
        vf_deed(&mut pair, &mut script);
        pair.serve_if_due();
        let control = pair.mailbox.pf().control();
        assert!(!control.has(P2vMailbox::PFU), "the PF keeps the buffer");
    }
    let elapsed = pair.now.as_micros() / 5_000_000;
    assert!(
        pair.device.reports.len() as u64 <= 6 + elapsed,
        "a flood in the log"
    );
    // An honest driver takes over.
    pair.mailbox.vf().set_control(V2pMailbox::default());
    pair.device.fail = None;
    pair.sleep(Span::from_millis(2_000));
    assert!(pair.reset_vf().is_ok());
    // And learns what is so by now.
    let caps = Caps::OURS;
    let version = Version::OURS;
    assert_eq!(pair.run(&NEGOTIATE), Ok(Reply::Agreed { version, caps }));
    let told = pair.run(&Request::GetState);
    assert_eq!(told, Ok(Reply::State(*pair.server.told())));
}

/// Something changes that the VF is told of.
fn tell(pair: &mut Pair, what: u8) {
    match what & 3 {
        0 => pair.server.notify(),
        1 => pair.config.link = Link::from_word(u32::from(what) << 28),
        2 => pair.config.mtu ^= u16::from(what),
        // Without trust an address beside the administrator's would have to be taken back.
        _ if pair.config.mac_locked => {}
        _ => {
            pair.config.trusted = !pair.config.trusted;
            pair.device.follow_trust(&pair.config);
        }
    }
    pair.serve();
}

fn vf_deed(pair: &mut Pair, script: &mut Script<'_>) {
    let deed = script.byte();
    match deed & 0xf {
        0..=3 => {
            // A message, with words changed by the script.
            let requests = requests();
            let request = &requests[usize::from(deed >> 4) % requests.len()];
            let mut words = *request.encode().padded();
            let changes = deed & 3;
            for _ in 0..changes {
                let at = usize::from(script.byte()) % MAILBOX_WORDS;
                words[at] ^= script.word();
            }
            pair.mailbox.vf().write(&words);
            pair.mailbox.vf().set_control(V2pMailbox::REQ);
        }
        4 => {
            let mut words: Words = [0; MAILBOX_WORDS];
            words.fill_with(|| script.word());
            pair.mailbox.vf().write(&words);
        }
        5 | 6 => {
            let value = V2pMailbox::from_raw(script.word());
            pair.mailbox.vf().set_control(value);
        }
        7 => drop(pair.mailbox.vf().status()),
        8 => pair.mailbox.function_reset(),
        9 => pair.sleep(Span::from_micros(u64::from(script.word() >> 12))),
        10 => pair.sleep(Span::from_millis(u64::from(deed >> 4))),
        11 => tell(pair, deed >> 4),
        12 => pair.server.reconfigure(),
        13 => pair.device.fail = Some(mbox::reason::Failure::NoSpace),
        14 => pair.mailbox.ring(Doorbells::ALL),
        _ => {
            pair.mailbox.pf_reset_begin();
            let fail = pair.device.fail;
            pair.device_reset();
            pair.device.fail = fail;
            pair.mailbox.pf_reset_end();
        }
    }
}

/// A PF that shows what the script says.
struct HostilePf<'a> {
    script: Script<'a>,
    /// The first word of the request that the VF wrote last, with its tag.
    asked: u32,
}

impl VfPort for HostilePf<'_> {
    fn status(&mut self) -> V2pMailbox {
        V2pMailbox::from_raw(u32::from(self.script.byte()))
    }

    fn set_control(&mut self, _value: V2pMailbox) {}

    fn read(&mut self, words: &mut [u32]) {
        // Mostly what could be a reply, for others are dropped early.
        let kind = self.script.byte();
        words.fill_with(|| self.script.word());
        if kind & 1 != 0 {
            let flags = u32::from(kind >> 1 & 7) << 29;
            let requests = requests();
            let request = &requests[usize::from(kind >> 4) % requests.len()];
            let echo = if kind >> 4 == 0 {
                self.asked
            } else {
                request.encode().first().raw()
            };
            words[0] = echo | flags;
        } else if kind & 2 != 0 {
            words[0] = [0x0100, 0x2000_0100, 0x4000_0000, 0][usize::from(kind >> 2 & 3)];
        }
    }

    fn write(&mut self, words: &[u32]) {
        self.asked = words[0];
    }
}

/// A script of requests, and of what the PF shows: each request ends within its bound, polled as a
/// driver does, which never has to poll without having slept.
pub fn vf_client(data: &[u8]) {
    let mut pf = HostilePf {
        script: Script(data),
        asked: 0,
    };
    let mut client = Client::new();
    let mut now = Time::from_micros(1_000_000);
    while !pf.script.is_over() {
        let choice = pf.script.byte();
        let requests = requests();
        let request = &requests[usize::from(choice) % requests.len()];
        let needed = client.needs_reset();
        let started = client.start(request, now).is_ok();
        assert_eq!(started, !needed || *request == Request::Reset);
        if started {
            now = run(&mut client, &mut pf, now, request);
        } else {
            let progress = client.poll(&mut pf, now);
            assert_eq!(progress, Progress::Idle);
        }
        client.take_events();
        now = now.after(Span::from_micros(u64::from(choice) * 1000));
    }
}

/// Runs a request to its end. Returns when that was.
fn run(client: &mut Client, pf: &mut HostilePf<'_>, start: Time, request: &Request) -> Time {
    let bound = start.after(REQUEST_TIMEOUT).after(PF_RESET_TIMEOUT);
    let mut now = start;
    loop {
        assert!(now <= bound, "a request without end");
        match client.poll(pf, now) {
            Progress::Idle => panic!("the request is gone"),
            Progress::Pending { next_check } => {
                assert!(next_check > now, "the client spins");
                now = next_check;
            }
            Progress::Failed(_) => {
                assert!(client.needs_reset());
                return now;
            }
            Progress::Done(reply) => {
                let reset = matches!(reply, Reply::Reset { .. });
                assert_eq!(reset, *request == Request::Reset);
                assert_eq!(client.needs_reset(), reply == Reply::NotReady);
                let agreed = matches!(reply, Reply::Agreed { .. });
                assert!(!agreed || matches!(request, Request::Negotiate { .. }));
                let state = matches!(reply, Reply::State(_));
                assert!(!state || *request == Request::GetState);
                assert!(Caps::OURS.has(client.agreed()));
                return now;
            }
        }
    }
}
