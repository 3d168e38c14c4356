// SPDX-License-Identifier: GPL-2.0

//! C igb's PF (Linux 7.3) against our client.

use mbox::pf_to_vf::Reply;
use mbox::port::{
    P2vMailbox,
    PfEvents,
    PfPort, //
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
    vlan, //
};

const ACK: u32 = 0x8000_0000;
const NACK: u32 = 0x4000_0000;
const CTS: u32 = 0x2000_0000;
const NACK_INTERVAL: Span = Span::from_millis(2_000);

/// A VF of igb: flags, the last NACK, and one address. The filters are of no interest here.
struct Igb {
    mailbox: Mailbox,
    events: PfEvents,
    client: Client,
    now: Time,
    clear_to_send: bool,
    last_nack: Time,
    address: [u32; 2],
    /// What igb before Linux 6.2 leaves behind a NACK: words of its stack.
    behind_nack: [u32; 2],
    /// Send the control message as soon as the next request has rung, before it is read.
    ping_over_request: bool,
    seen: Vec<Words>,
}

impl Igb {
    fn new() -> Self {
        Self {
            mailbox: Mailbox::new(Model::Qemu),
            events: PfEvents::default(),
            client: Client::new(),
            now: Time::from_micros(60_000_000),
            clear_to_send: false,
            last_nack: Time::from_micros(0),
            address: [0, 0],
            behind_nack: [0, 0],
            ping_over_request: false,
            seen: Vec::new(),
        }
    }

    fn nack_due(&self) -> bool {
        self.now.since(self.last_nack) > NACK_INTERVAL
    }

    /// Forgets the doorbells of the VF, whatever they were for, and writes.
    fn write(&mut self, words: &[u32]) {
        let mut port = self.mailbox.pf();
        assert!(port.try_lock());
        port.take_events();
        self.events = PfEvents::default();
        port.write(words);
        port.set_control(P2vMailbox::STS);
    }

    fn ping(&mut self) {
        let cts = if self.clear_to_send { CTS } else { 0 };
        self.write(&[0x0100 | cts]);
    }

    fn interrupt(&mut self) {
        let mut port = self.mailbox.pf();
        self.events = self.events.merge(port.take_events());
        if self.ping_over_request && self.events.request {
            self.ping_over_request = false;
            self.ping();
            return;
        }
        if core::mem::take(&mut self.events.function_reset) {
            self.forget();
        }
        if core::mem::take(&mut self.events.request) {
            self.receive();
        }
        if core::mem::take(&mut self.events.ack) && !self.clear_to_send && self.nack_due() {
            self.write(&[NACK]);
            self.last_nack = self.now;
        }
    }

    fn forget(&mut self) {
        self.clear_to_send = false;
        self.last_nack = self.now;
    }

    fn receive(&mut self) {
        let mut port = self.mailbox.pf();
        assert!(port.try_lock());
        let words = port.read();
        port.set_control(P2vMailbox::ACK.with(P2vMailbox::PFU));
        self.seen.push(words);
        if words[0] & (ACK | NACK) != 0 {
            port.unlock();
            return;
        }
        if words[0] == 0x01 {
            self.forget();
            self.clear_to_send = true;
            let (flag, [low, high]) = if self.address == [0, 0] {
                (NACK, self.behind_nack)
            } else {
                (ACK, self.address)
            };
            self.write(&[0x01 | flag, low, high]);
            return;
        }
        if !self.clear_to_send {
            if self.nack_due() {
                self.write(&[words[0] | NACK]);
            } else {
                port.unlock();
            }
            return;
        }
        let (head, granted) = Self::judge(&words);
        let flag = if granted { ACK } else { NACK };
        self.write(&[head | CTS | flag]);
    }

    /// The first word of the reply without its flags, and the verdict.
    fn judge(words: &Words) -> (u32, bool) {
        let address_valid = words[1] & 1 == 0 && (words[1] != 0 || words[2] & 0xffff != 0);
        match words[0] & 0xffff {
            // The filters may be cleared only with a valid address, although it is not used.
            0x02 => (words[0], address_valid),
            0x03..=0x05 => (words[0], true),
            0x06 => {
                let head = words[0] & !0x0002_0000;
                (head, head & 0x00ff_0000 == 0)
            }
            _ => (words[0], false),
        }
    }

    fn run(&mut self, request: &Request) -> Result<Reply, Error> {
        self.client.start(request, self.now).unwrap();
        loop {
            match self.client.poll(&mut self.mailbox.vf(), self.now) {
                Progress::Pending { next_check } => self.now = next_check,
                Progress::Done(reply) => {
                    self.interrupt();
                    return Ok(reply);
                }
                Progress::Failed(error) => return Err(error),
                Progress::Idle => panic!("no request"),
            }
            self.interrupt();
        }
    }

    fn reset(&mut self) -> Result<Reply, Error> {
        self.mailbox.function_reset();
        self.run(&Request::Reset)
    }

    fn ready() -> Self {
        let mut igb = Self::new();
        assert!(igb.reset().is_ok());
        igb
    }

    fn poll_idle(&mut self) {
        let progress = self.client.poll(&mut self.mailbox.vf(), self.now);
        assert_eq!(progress, Progress::Idle);
        self.interrupt();
    }
}

#[test]
fn a_reset_with_and_without_an_address() {
    let mut igb = Igb::new();
    let none = Reply::Reset {
        mac: None,
        offer: false,
    };
    assert_eq!(igb.reset(), Ok(none));
    assert!(!igb.client.needs_reset());
    igb.address = [0x3322_1102, 0x0000_0144];
    assert_eq!(mac(1).bytes(), &[0x02, 0x11, 0x22, 0x33, 0x44, 1]);
    let mac = Some(mac(1));
    assert_eq!(igb.reset(), Ok(Reply::Reset { mac, offer: false }));
}

#[test]
fn it_is_asked_for_nothing_that_it_does_not_know() {
    let mut igb = Igb::ready();
    assert_eq!(igb.client.offer(), None);
    // An older one, that leaves rubbish behind the address: it says no, and that is that.
    igb.address = [0x3322_1102, 0xe5a1_0144];
    assert!(igb.reset().is_ok());
    let negotiate = igb
        .client
        .offer()
        .expect("rubbish that looks like an offer");
    let no = Ok(Reply::Refused(Refusal::Undisclosed));
    assert_eq!(igb.run(&negotiate), no);
    assert_eq!(igb.client.offer(), None);
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    assert_eq!(igb.run(&request), Ok(Reply::Granted));
    // No tag, and what the buffer holds behind the control message is not looked at.
    assert_eq!(igb.seen.pop().map(|words| words[0]), Some(5));
    igb.client.take_events();
    igb.ping();
    igb.poll_idle();
    let events = igb.client.take_events();
    assert!(events.link_check && events.state.is_none() && !events.state_lost);
}

#[test]
fn everything_it_grants_is_understood() {
    let mut igb = Igb::ready();
    let mut hashes = HashList::EMPTY;
    hashes.push(McHash::new(5).unwrap());
    let vid = vlan(9);
    let multicast = Promisc {
        multicast: true,
        unicast: false,
    };
    for request in [
        Request::SetMac(mac(2)),
        // With an address of its own the filters can be cleared, other than by igbvf.
        Request::ClearFilters {
            filler: Some(mac(2)),
        },
        Request::AddFilter(mac(3)),
        Request::SetMulticast(hashes),
        Request::SetVlan { vid, join: true },
        Request::SetVlan { vid, join: false },
        Request::SetMaxFrame(MaxFrame::MAX),
        Request::SetPromisc(multicast),
        Request::SetPromisc(Promisc::default()),
    ] {
        assert_eq!(igb.run(&request), Ok(Reply::Granted), "{request:?}");
        // One message, one reply; nothing that igb would log or count.
        assert_eq!(
            igb.seen.pop().map(|words| words[0]),
            Some(request.encode().first().raw())
        );
    }
    assert_eq!(igb.client.counters().resends, 0);
}

#[test]
fn everything_it_refuses_is_understood() {
    let mut igb = Igb::ready();
    let clear = Request::ClearFilters { filler: None };
    assert_eq!(igb.run(&clear), Ok(Reply::Refused(Refusal::Undisclosed)));
    let unicast = Request::SetPromisc(Promisc {
        unicast: true,
        multicast: true,
    });
    assert_eq!(igb.run(&unicast), Ok(Reply::Refused(Refusal::Undisclosed)));
    assert!(!igb.client.needs_reset());
}

#[test]
fn what_an_older_one_leaves_behind_its_nack_is_no_address() {
    let mut igb = Igb::new();
    igb.behind_nack = [0x3322_1102, 0xe5a1_0144];
    let none = Reply::Reset {
        mac: None,
        offer: true,
    };
    assert_eq!(igb.reset(), Ok(none));
    // What looks like an offer is none.
    let offer = igb.client.offer().expect("no offer");
    assert_eq!(igb.run(&offer), Ok(Reply::Refused(Refusal::Undisclosed)));
    assert!(!igb.client.needs_reset());
    assert_eq!(igb.client.offer(), None);
}

#[test]
fn its_notice_over_our_request_costs_no_timeout() {
    let mut igb = Igb::ready();
    igb.ping_over_request = true;
    let started = igb.now;
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    assert_eq!(igb.run(&request), Ok(Reply::Granted));
    assert!(igb.now.since(started) < Span::from_millis(20));
    assert!(igb.client.take_events().link_check);
}

#[test]
fn its_notice_over_our_reset_costs_no_timeout() {
    let mut igb = Igb::new();
    igb.ping_over_request = true;
    let started = igb.now;
    assert!(igb.reset().is_ok());
    assert!(igb.now.since(started) < Span::from_millis(100));
}

#[test]
fn a_link_change_is_told() {
    let mut igb = Igb::ready();
    igb.client.take_events();
    igb.ping();
    igb.poll_idle();
    let events = igb.client.take_events();
    assert!(events.link_check && !events.lost);
}

#[test]
fn its_reset_is_noticed_and_survived() {
    let mut igb = Igb::ready();
    // The ping without CTS, then RSTI, the buffer gone, then RSTD.
    igb.clear_to_send = false;
    igb.ping();
    igb.mailbox.pf_reset_begin();
    igb.poll_idle();
    assert!(igb.client.take_events().lost);
    assert_eq!(igb.reset(), Err(Error::PfInReset));
    igb.mailbox.pf_reset_end();
    assert!(igb.reset().is_ok());
}

#[test]
fn its_silence_before_the_reset_ends_within_the_bound() {
    let mut igb = Igb::ready();
    // igb has lost the VF and has just said NACK to it: it reads and does not answer.
    igb.forget();
    let started = igb.now;
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    assert_eq!(igb.run(&request), Err(Error::ReplyTimeout));
    assert!(igb.now.since(started) <= mbox::vf::REQUEST_TIMEOUT);
    assert!(igb.reset().is_ok());
}

#[test]
fn its_nack_to_a_lost_vf_is_noticed() {
    let mut igb = Igb::ready();
    igb.forget();
    igb.now = igb.now.after(Span::from_millis(3_000));
    let request = Request::SetMaxFrame(MaxFrame::MAX);
    assert_eq!(igb.run(&request), Ok(Reply::NotReady));
    assert!(igb.client.needs_reset());
    assert!(igb.reset().is_ok());
}

#[test]
fn its_bare_nack_to_our_acknowledgement_is_survived() {
    let mut igb = Igb::ready();
    igb.forget();
    igb.now = igb.now.after(Span::from_millis(3_000));
    // A ping without CTS; we acknowledge, it writes the bare NACK, while we start our reset.
    igb.ping();
    igb.poll_idle();
    assert!(igb.client.needs_reset());
    assert!(igb.reset().is_ok());
    assert!(!igb.client.needs_reset());
}
