// SPDX-License-Identifier: GPL-2.0

//! The PF's server and a VF's client, each as its driver has it, over the page.

use rigb_vfio_page::{
    mbox::{
        pf::{
            Effect,
            Policy, //
        },
        pf_state::{
            VfConfig,
            VfState, //
        },
        port::{
            P2vMailbox,
            PfEvents,
            PfPort,
            V2pMailbox,
            VfPort, //
        },
        reason::{
            Failure,
            Reason, //
        },
        server::{
            Backend,
            Server, //
        },
        time::Time,
        types::{
            HashSet,
            MacAddr, //
        },
        vf::{
            Client,
            Progress, //
        },
        vf_to_pf::Request,
        wire::Words, //
    },
    page::{
        Page,
        Reading, //
    }, //
};

struct PfEnd<'a>(&'a mut Page);
struct VfEnd<'a>(&'a mut Page);

impl PfPort for PfEnd<'_> {
    fn take_events(&mut self) -> PfEvents {
        self.0.mailbox_mut().take_events()
    }
    fn control(&mut self) -> P2vMailbox {
        self.0.mailbox().control()
    }
    fn set_control(&mut self, value: P2vMailbox) {
        self.0.mailbox_mut().set_control(value);
    }
    fn read(&mut self) -> Words {
        self.0.mailbox().read()
    }
    fn write(&mut self, words: &[u32]) {
        self.0.mailbox_mut().write(words);
    }
}

impl VfPort for VfEnd<'_> {
    fn status(&mut self) -> V2pMailbox {
        V2pMailbox::from_raw(value(self.0, 0xc40))
    }
    fn set_control(&mut self, value: V2pMailbox) {
        self.0.write(0xc40, 4, value.raw());
    }
    fn read(&mut self, words: &mut [u32]) {
        for (index, word) in words.iter_mut().enumerate() {
            *word = value(self.0, 0x800 + 4 * index);
        }
    }
    fn write(&mut self, words: &[u32]) {
        for (index, word) in words.iter().enumerate() {
            self.0.write(0x800 + 4 * index, 4, *word);
        }
    }
}

fn value(page: &mut Page, offset: usize) -> u32 {
    match page.read(offset, 4) {
        Reading::Value(value) => value,
        Reading::Device(_) => panic!("not emulated"),
    }
}

struct Device {
    granted: VfState,
    groups: HashSet,
    reports: Vec<Reason>,
}

impl Policy for Device {
    fn mac_in_use(&self, _mac: MacAddr) -> bool {
        false
    }
    fn groups(&self) -> &HashSet {
        &self.groups
    }
}

impl Backend for Device {
    fn granted(&self) -> &VfState {
        &self.granted
    }
    fn granted_mut(&mut self) -> &mut VfState {
        &mut self.granted
    }
    fn apply(&mut self, next: &VfState, effect: &Effect) -> Result<(), Failure> {
        effect.change_groups(&mut self.groups);
        self.granted = *next;
        Ok(())
    }
    fn report(&mut self, reason: Reason, _suppressed: u32) {
        self.reports.push(reason);
    }
}

struct World {
    page: Page,
    server: Server,
    client: Client,
    config: VfConfig,
    device: Device,
    now: u64,
}

impl World {
    fn new() -> Self {
        let config = VfConfig {
            mac: MacAddr::new([2, 0, 0, 0, 0, 1]),
            ..VfConfig::default()
        };
        Self {
            page: Page::new(),
            server: Server::new(&config),
            client: Client::new(),
            config,
            device: Device {
                granted: VfState::new(config.mac),
                groups: HashSet::EMPTY,
                reports: Vec::new(),
            },
            now: 0,
        }
    }

    fn serve(&mut self) {
        let now = Time::from_micros(self.now);
        let mut port = PfEnd(&mut self.page);
        self.server
            .service(&mut port, &self.config, &mut self.device, now);
    }

    fn poll(&mut self) -> Progress {
        self.now += 1000;
        let now = Time::from_micros(self.now);
        self.client.poll(&mut VfEnd(&mut self.page), now)
    }

    /// Runs a request to its end.
    fn ask(&mut self, request: &Request) -> Progress {
        let now = Time::from_micros(self.now);
        self.client.start(request, now).unwrap();
        for _ in 0..2000 {
            match self.poll() {
                Progress::Pending { .. } => self.serve(),
                end => return end,
            }
        }
        panic!("{request:?} never ends");
    }
}

#[test]
fn handshake_and_address() {
    let mut world = World::new();
    world.page.write(0, 4, 1 << 26);
    let answer = world.ask(&Request::Reset);
    assert!(matches!(answer, Progress::Done(_)), "{answer:?}");
    let mac = MacAddr::new([2, 0, 0, 0, 0, 9]).unwrap();
    let answer = world.ask(&Request::SetMac(mac));
    assert!(matches!(answer, Progress::Done(_)), "{answer:?}");
    assert_eq!(world.device.granted.mac(), Some(mac));
    assert!(
        world.device.reports.is_empty(),
        "{:?}",
        world.device.reports
    );
}

#[test]
fn notice_reaches_the_guest() {
    let mut world = World::new();
    world.ask(&Request::Reset);
    // The reply is acknowledged.
    world.poll();
    world.serve();
    world.client.take_events();
    world.server.notify();
    world.serve();
    world.poll();
    assert!(world.client.take_events().link_check);
}

#[test]
fn a_guest_that_keeps_the_buffer_harms_itself_alone() {
    let mut world = World::new();
    world.ask(&Request::Reset);
    world.poll();
    world.serve();
    VfEnd(&mut world.page).set_control(V2pMailbox::VFU);
    world.server.notify();
    for _ in 0..5000 {
        world.now += 1000;
        world.serve();
    }
    // No complaint about a held buffer: there is none.
    assert!(
        world.device.reports.is_empty(),
        "{:?}",
        world.device.reports
    );
    VfEnd(&mut world.page).set_control(V2pMailbox::default());
    world.poll();
    assert!(world.client.take_events().link_check);
}

#[test]
fn a_request_is_not_lost_for_a_notice() {
    let mut world = World::new();
    world.ask(&Request::Reset);
    for _ in 0..50 {
        // The notice is under way while the guest writes.
        VfEnd(&mut world.page).set_control(V2pMailbox::VFU);
        world.server.notify();
        world.serve();
        let mac = MacAddr::new([2, 0, 0, 0, 1, 1]).unwrap();
        let answer = world.ask(&Request::SetMac(mac));
        assert!(matches!(answer, Progress::Done(_)), "{answer:?}");
        world.now += 10_000_000;
        world.serve();
        world.poll();
        assert!(world.client.take_events().link_check);
        world.poll();
        world.serve();
    }
}

#[test]
fn the_next_tenant_inherits_nothing() {
    let mut world = World::new();
    world.ask(&Request::Reset);
    // The VMM dies with a request that nobody has read, and another one opens the device.
    VfEnd(&mut world.page).write(&[0x2, 0xbad, 0xbad]);
    VfEnd(&mut world.page).set_control(V2pMailbox::REQ);
    world.page = Page::new();
    world.client = Client::new();
    world.server.notify();
    world.server.forget_driver();
    world.serve();
    assert!(!world.device.granted.clear_to_send());
    assert_eq!(world.server.counters().function_resets, 1);
    // Nobody is told, for nobody was there.
    assert_eq!(world.page.mailbox().status(), V2pMailbox::default());
    assert_eq!(world.page.buffer(), [0; 16]);
    let answer = world.ask(&Request::Reset);
    assert!(matches!(answer, Progress::Done(_)), "{answer:?}");
}
