// SPDX-License-Identifier: GPL-2.0

//! C igbvf (Linux 5.10 to 7.3) against our PF.

use mbox::pf_state::VfConfig;
use mbox::port::{
    V2pCache,
    V2pMailbox,
    VfPort, //
};
use mbox::reason::Reason;
use mbox::sim::Model;
use mbox::time::Span;

use super::super::common::{
    mac,
    vlan,
    Pair, //
};

const TRIES: u32 = 2000;
const DELAY: Span = Span::from_micros(500);
const ACK: u32 = 0x8000_0000;
const NACK: u32 = 0x4000_0000;
const CTS: u32 = 0x2000_0000;

/// The mailbox of igbvf: it waits in place, and after one timeout it is dead until its reset.
struct Igbvf {
    pair: Pair,
    cache: V2pCache,
    alive: bool,
    /// What the PF assigned.
    permanent: [u8; 6],
    address: [u8; 6],
    /// It is of Linux 6.2 or older: NACK to VF_RESET is `PF still resetting`, and the address that was
    /// assigned before is not forgotten. Then it goes on in the same way.
    old: bool,
    link_unknown: bool,
    needs_reset: bool,
}

impl Igbvf {
    fn new(model: Model, config: VfConfig) -> Self {
        Self {
            pair: Pair::new(model, config),
            cache: V2pCache::new(),
            alive: false,
            permanent: [0; 6],
            address: [0; 6],
            old: false,
            link_unknown: true,
            needs_reset: false,
        }
    }

    fn delay(&mut self, span: Span) {
        self.pair.sleep(span);
        self.pair.serve_if_due();
    }

    fn check(&mut self, bits: V2pMailbox) -> bool {
        let seen = self.cache.read(&mut self.pair.mailbox.vf()).has(bits);
        self.cache.take(bits);
        seen
    }

    fn lock(&mut self) {
        for _ in 0..11 {
            if self.cache.try_lock(&mut self.pair.mailbox.vf()) {
                return;
            }
            self.delay(Span::from_millis(1));
        }
        panic!("the PF keeps the buffer");
    }

    fn wait(&mut self, bits: V2pMailbox) -> bool {
        for _ in 0..TRIES {
            if self.check(bits) {
                return true;
            }
            self.delay(DELAY);
        }
        self.alive = false;
        false
    }

    fn read(&mut self, words: &mut [u32]) {
        self.lock();
        self.pair.mailbox.vf().read(words);
        self.pair.mailbox.vf().set_control(V2pMailbox::ACK);
    }

    /// Writes, waits for PFACK, waits for PFSTS, reads.
    fn exchange(&mut self, message: &[u32], reply: &mut [u32]) -> bool {
        if !self.alive {
            return false;
        }
        self.lock();
        self.check(V2pMailbox::PFACK);
        self.check(V2pMailbox::PFSTS);
        self.pair.mailbox.vf().write(message);
        self.pair.mailbox.vf().set_control(V2pMailbox::REQ);
        if !self.wait(V2pMailbox::PFACK) || !self.wait(V2pMailbox::PFSTS) {
            return false;
        }
        self.read(reply);
        self.pair.serve_if_due();
        true
    }

    fn ask(&mut self, message: &[u32]) -> u32 {
        let mut reply = [0];
        assert!(
            self.exchange(message, &mut reply),
            "no answer to {message:x?}"
        );
        reply[0]
    }

    fn mac_words(head: u32, address: [u8; 6]) -> [u32; 3] {
        let [a, b, c, d, e, f] = address;
        let low = u32::from_le_bytes([a, b, c, d]);
        [head, low, u32::from_le_bytes([e, f, 0, 0])]
    }

    /// Its whole reset: the function's, the handshake, then its own address again.
    fn reset(&mut self) -> bool {
        self.pair.mailbox.function_reset();
        let mut tries = 200;
        while self.check(V2pMailbox::RSTI.with(V2pMailbox::RSTD)) {
            self.delay(Span::from_micros(5));
            tries -= 1;
            if tries == 0 {
                return false;
            }
        }
        self.alive = true;
        let mut reply = [0; 3];
        if !self.exchange(&[0x01], &mut reply) {
            return false;
        }
        self.permanent = match reply[0] {
            0x8000_0001 => {
                let low = reply[1].to_le_bytes();
                let high = reply[2].to_le_bytes();
                [low[0], low[1], low[2], low[3], high[0], high[1]]
            }
            0x4000_0001 if self.old => self.permanent,
            0x4000_0001 => [0; 6],
            other => panic!("{other:x} is no reply to a reset"),
        };
        if self.address == [0; 6] {
            self.address = self.permanent;
            if self.permanent == [0; 6] {
                self.address = [0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee];
            }
        }
        let set = self.ask(&Self::mac_words(0x02, self.address));
        if set & !CTS == 0x02 | NACK {
            self.address = self.permanent;
        }
        self.link_unknown = true;
        self.needs_reset = false;
        true
    }

    /// What its watchdog does every two seconds and after each mailbox interrupt.
    fn check_link(&mut self) {
        if self.check(V2pMailbox::RSTI.with(V2pMailbox::RSTD)) || !self.alive {
            self.link_unknown = true;
        }
        if !self.link_unknown {
            return;
        }
        let mut word = [0];
        self.read(&mut word);
        self.pair.serve_if_due();
        if word[0] & CTS == 0 {
            self.needs_reset |= word[0] & NACK != 0;
        } else if !self.alive {
            self.needs_reset = true;
        } else {
            self.link_unknown = false;
        }
    }

    fn open(&mut self) {
        assert!(self.reset());
        // Multicast hashes: sixteen words always. Then all filters are cleared, with no address.
        let mut hashes = [0xdead_beef; 16];
        hashes[0] = 0x0003_0003;
        hashes[1] = 0x0010_0fb0;
        // The other half of the last word is what was on its stack.
        hashes[2] = 0xdead_0123;
        assert_eq!(self.ask(&hashes), 0xa003_0003);
        assert_eq!(self.ask(&[0x0001_0002, 0, 0]), 0xa001_0002);
        self.check_link();
        assert!(!self.link_unknown, "the link does not come up");
    }
}

fn config() -> VfConfig {
    VfConfig {
        mac: Some(mac(1)),
        ..VfConfig::default()
    }
}

#[test]
fn it_comes_up_and_uses_everything() {
    for model in [Model::Datasheet, Model::Qemu] {
        let mut vf = Igbvf::new(model, config());
        assert!(vf.reset());
        vf.open();
        assert_eq!(Some(vf.address), vf.pair.device.mac.map(|mac| *mac.bytes()));
        assert_eq!(vf.pair.device.groups.len(), 3);
        // 8021q adds VLAN 0 to each interface that comes up.
        assert_eq!(vf.ask(&[0x0001_0004, 0]), 0xa001_0004);
        assert_eq!(vf.ask(&[0x0001_0004, 100]), 0xa001_0004);
        assert_eq!(vf.pair.device.vlans.len(), 1);
        assert_eq!(vf.ask(&[0x0000_0004, 100]), 0xa000_0004);
        // MTU 9000: 9018 bytes and a tag.
        assert_eq!(vf.ask(&[0x0000_0005, 9022]), 0xa000_0005);
        assert_eq!(vf.pair.device.max_frame.get(), 9022);
        let other = [0x02, 1, 2, 3, 4, 5];
        let add = Igbvf::mac_words(0x0002_0002, other);
        assert_eq!(vf.ask(&add), 0xa002_0002);
        assert_eq!(vf.pair.device.filters.len(), 1);
        let set = Igbvf::mac_words(0x02, other);
        assert_eq!(vf.ask(&set), 0xa000_0002);
        assert!(vf.pair.device.reports.is_empty());
    }
}

#[test]
fn it_takes_the_administrators_address_without_a_complaint() {
    let locked = VfConfig {
        mac_locked: true,
        ..config()
    };
    let mut vf = Igbvf::new(Model::Qemu, locked);
    assert!(vf.reset());
    vf.open();
    // C igb warns of an attempt to override the address here, with each reset.
    assert!(vf.pair.device.reports.is_empty());
    assert_eq!(vf.ask(&Igbvf::mac_words(0x02, [2; 6])), 0x6000_0002);
}

#[test]
fn it_chooses_an_address_when_none_is_assigned() {
    let mut vf = Igbvf::new(Model::Qemu, VfConfig::default());
    vf.open();
    assert_eq!(Some(vf.address), vf.pair.device.mac.map(|mac| *mac.bytes()));
}

#[test]
fn an_older_one_comes_up_without_an_address_as_well() {
    let mut vf = Igbvf {
        old: true,
        ..Igbvf::new(Model::Qemu, VfConfig::default())
    };
    vf.open();
    let own = vf.address;
    assert_eq!(Some(own), vf.pair.device.mac.map(|mac| *mac.bytes()));
    // The administrator gives it one, which it takes with its next reset.
    vf.pair.config.mac = Some(mac(1));
    vf.pair.config.mac_locked = true;
    assert!(!vf.pair.device.granted.takes_mac(&vf.pair.config));
    vf.pair.server.reconfigure();
    vf.pair.serve();
    vf.open();
    assert_eq!(vf.address, *mac(1).bytes());
    // And takes it back: the VF still names it, and may have it as any other that it chooses.
    vf.pair.config = VfConfig::default();
    vf.pair.server.reconfigure();
    vf.pair.serve();
    assert_eq!(vf.pair.device.mac, None);
    vf.open();
    assert_eq!(vf.pair.device.mac, Some(mac(1)));
    // Unless it is another function's by then: it sends with an address that it has no right to, and
    // its pool passes nothing of that.
    vf.pair.device.taken.insert(mac(1));
    vf.pair.mailbox.function_reset();
    vf.pair.serve();
    assert!(vf.reset());
    assert_eq!((vf.address, vf.pair.device.mac), (*mac(1).bytes(), None));
}

#[test]
fn under_a_port_vlan_it_comes_up_without_a_warning() {
    let tagged = VfConfig {
        port_vlan: Some(vlan(100)),
        ..config()
    };
    let mut vf = Igbvf::new(Model::Qemu, tagged);
    vf.open();
    assert_eq!(vf.ask(&[0x0001_0004, 0]), 0xa001_0004);
    assert_eq!(vf.ask(&[0x0001_0004, 7]), 0x6001_0004);
}

#[test]
fn it_learns_of_a_link_change() {
    let mut vf = Igbvf::new(Model::Qemu, config());
    vf.open();
    vf.pair.server.notify();
    vf.pair.serve();
    // The mailbox interrupt sets the link to unknown.
    vf.link_unknown = true;
    vf.check_link();
    assert!(!vf.link_unknown && !vf.needs_reset);
}

#[test]
fn it_recovers_from_a_pf_reset() {
    let mut vf = Igbvf::new(Model::Qemu, config());
    vf.open();
    vf.pair.mailbox.pf_reset_begin();
    vf.pair.device_reset();
    vf.pair.mailbox.pf_reset_end();
    vf.pair.serve();
    // The control message without CTS brings the link down; reading it tells the PF, and the
    // bare NACK that follows is what makes igbvf reset itself.
    vf.check_link();
    assert!(vf.link_unknown && !vf.needs_reset);
    vf.check_link();
    assert!(vf.needs_reset);
    vf.open();
}

#[test]
fn a_notice_during_its_request_costs_it_nothing() {
    let mut vf = Igbvf::new(Model::Qemu, config());
    vf.open();
    for _ in 0..20 {
        vf.pair.server.notify();
        assert_eq!(vf.ask(&[0x0000_0005, 1522]), 0xa000_0005);
    }
    // C igb would have destroyed one, and the VF been dead until its reset.
    assert!(vf.alive);
    vf.pair.sleep(Span::from_millis(1_000));
    vf.pair.serve();
    assert!(vf.pair.server.counters().notices > 0);
}

#[test]
fn dpdk_with_more_addresses_than_fit_is_served_by_trust() {
    let mut vf = Igbvf::new(Model::Qemu, config());
    vf.open();
    let mut hashes = [0x0123_0456; 16];
    hashes[0] = 0x009e_0003;
    assert_eq!(vf.ask(&hashes), 0xa09e_0003);
    assert!(!vf.pair.device.modes.multicast);
    assert_eq!(vf.pair.device.reports.len(), 1);
    assert_eq!(vf.ask(&[0x0002_0006]), 0x6002_0006);
    vf.pair.config.trusted = true;
    let granted = vf.ask(&hashes);
    assert_eq!(granted, ACK | CTS | hashes[0]);
    assert!(vf.pair.device.modes.multicast);
    assert_eq!(vf.ask(&[0x0002_0006]), 0xa000_0006);
}

#[test]
fn who_names_as_many_groups_as_he_can_may_have_more() {
    let mut vf = Igbvf::new(Model::Qemu, config());
    vf.open();
    let list = |count: u32| {
        let mut words = [0; 16];
        words[0] = count << 16 | 3;
        for (index, word) in words.iter_mut().skip(1).enumerate() {
            let first = 2 * index as u32;
            *word = first | (first + 1) << 16;
        }
        words
    };
    assert_eq!(vf.ask(&list(29)), 0xa01d_0003);
    assert!(vf.pair.device.reports.is_empty());
    // igbvf stops at 30 and does not say so: the operator of the host is told what helps.
    assert_eq!(vf.ask(&list(30)), 0xa01e_0003);
    assert_eq!(vf.pair.device.groups.len(), 30);
    assert!(!vf.pair.device.modes.multicast);
    let reasons: Vec<_> = vf.pair.device.reports.iter().map(|(why, _)| *why).collect();
    assert_eq!(reasons, [Reason::MulticastFull]);
    assert_eq!(vf.pair.server.counters().offences, 0);
    // And trust does, also afterwards.
    vf.pair.config.trusted = true;
    assert!(vf.pair.device.granted.all_multicast(vf.pair.config.trusted));
    vf.pair.device.follow_trust(&vf.pair.config);
    assert_eq!(vf.ask(&list(30)), 0xa01e_0003);
    assert!(vf.pair.device.modes.multicast);
    assert_eq!(vf.ask(&list(29)), 0xa01d_0003);
    assert!(!vf.pair.device.modes.multicast);
}

#[test]
fn seven_of_them_have_seven_mailboxes() {
    let mut vfs: Vec<Igbvf> = (1..=7)
        .map(|last| {
            let mac = Some(mac(last));
            let config = VfConfig { mac, ..config() };
            Igbvf::new(Model::Qemu, config)
        })
        .collect();
    vfs.iter_mut().for_each(Igbvf::open);
    let mut addresses: Vec<_> = vfs.iter().map(|vf| vf.address).collect();
    addresses.dedup();
    assert_eq!(addresses.len(), 7);
}
