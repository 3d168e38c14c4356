// SPDX-License-Identifier: GPL-2.0

//! A port with its control plane, and all who act on it: the host's stack, the administrator, guests, the
//! bus. Each step is looked at by [`World::check`].

use std::cell::RefCell;

use rigb_control::control::{
    card::{
        Card,
        Event,
        Log, //
    },
    device::{
        Layout,
        MacBytes, //
    },
    state::PfPool,
    switch::Switch,
    vf_id::VfId,
    vfs::Control, //
};
use rigb_control::mbox::{
    port::{
        V2pMailbox,
        VfPort, //
    },
    reason::{
        Failure,
        Reason, //
    },
    time::{
        Span,
        Time, //
    },
    types::{
        HashSet,
        MacAddr,
        McHash, //
    },
    vf_to_pf::Request,
    wire::{
        Words,
        MAILBOX_WORDS, //
    }, //
};

use super::{
    card::Model,
    ops::Op,
    reach::Reach, //
};

/// The permanent address of the PF.
pub(crate) const PF_MAC: MacBytes = [0x00, 0x1b, 0x21, 0xaa, 0xbb, 0xcc];
/// The upper half of a word that a guest leaves in its mailbox; the lower one is the tenant.
const MARK: u32 = 0xfeed_0000;

/// What was told of VFs.
#[derive(Default)]
pub(crate) struct Diary {
    pub(crate) events: RefCell<Vec<(VfId, Event)>>,
    pub(crate) no_space: RefCell<Vec<VfId>>,
}

impl Log for Diary {
    fn event(&self, vf: VfId, event: Event) {
        self.events.borrow_mut().push((vf, event));
    }

    fn request(&self, vf: VfId, reason: Reason, _: u32) {
        if reason == Reason::Failed(Failure::NoSpace) {
            self.no_space.borrow_mut().push(vf);
        }
    }
}

/// What a guest is, from outside.
#[derive(Clone, Copy, Default)]
pub(crate) struct Guest {
    /// Goes up with each tenant.
    pub(crate) tenant: u16,
    /// A new tenant has come, and so many resets had been followed before.
    pub(crate) new_since: Option<u64>,
    /// That was before the reset of the port that goes on.
    before_reset: bool,
}

pub(crate) struct World {
    pub(crate) control: Control<Model>,
    pub(crate) card: Model,
    pub(crate) log: Diary,
    pub(crate) now: Time,
    pub(crate) guests: [Guest; 7],
    /// What VFs could do at the last [`World::look_at_trail`].
    before: Reach,
    /// What was seen wrong, in the order in which it was.
    pub(crate) wrong: Vec<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        let switch = Switch::new(PfPool::new(PF_MAC, 1500), false).unwrap();
        let card = Model::new();
        let mut world = Self {
            control: Control::new(switch).unwrap(),
            before: card.reach(),
            card,
            log: Diary::default(),
            now: Time::from_micros(1_000_000),
            guests: [Guest::default(); 7],
            wrong: Vec::new(),
        };
        world.control.switch.restore(&world.card).unwrap();
        world
    }

    /// Does one thing, and looks at what came of it.
    pub(crate) fn step(&mut self, op: &Op) {
        self.card.begin_trail();
        self.apply(op);
        self.look_at_trail();
        self.check();
    }

    /// On the way from one state to another no VF can do what it can do in neither. The next one begins.
    pub(crate) fn look_at_trail(&mut self) {
        let after = self.card.reach();
        for between in self.card.take_trail() {
            if let Some(what) = between.beyond(&self.before, &after) {
                self.wrong.push(format!("on the way {what}"));
                break;
            }
        }
        self.before = after;
        self.card.begin_trail();
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Tick(millis) => self.now = self.now.after(Span::from_millis((*millis).into())),
            Op::NumVfs(count) => self.set_num_vfs((*count).into()),
            Op::Serve => self.serve_all(),
            Op::ResetBegins => self.reset_begins(),
            Op::ResetEnds => self.reset_ends(),
            Op::PfMac(which) => {
                let mac = self.mac(*which);
                let _ = self.control.set_pf_mac(&self.card, &self.log, mac);
            }
            Op::RxMode {
                unicast,
                groups,
                all_multicast,
                promiscuous,
            } => {
                let unicast = unicast.iter().map(|which| *self.mac(*which).bytes());
                let unicast = unicast.collect();
                let mut hashes = HashSet::EMPTY;
                for group in groups {
                    hashes.insert(hash(*group));
                }
                let (card, log) = (&self.card, &self.log);
                self.control
                    .set_rx_mode(card, log, unicast, hashes, *all_multicast, *promiscuous)
                    .unwrap();
            }
            Op::PfVlan(vid, join) => {
                self.control.switch.state.pf.set_vlan((*vid).into(), *join);
                self.control.commit(&self.card).unwrap();
            }
            Op::PfFilter(on) => {
                self.control.switch.state.pf.filter_vlans = *on;
                self.control.commit(&self.card).unwrap();
            }
            Op::Vf(number, act) => {
                if let Some(vf) = self.control.find_vf((*number).into()) {
                    self.act(vf, act);
                }
            }
        }
    }

    fn set_num_vfs(&mut self, count: usize) {
        let resetting = self.control.resetting;
        self.control.close_vfs(&self.card);
        for vf in VfId::all() {
            self.card.set_stuck(vf, false);
            if !resetting {
                self.card.empty_queues(vf).unwrap();
            }
            self.new_tenant(vf);
            self.guests[vf.index()].new_since = None;
        }
        self.control.set_vfs(&self.log, &PF_MAC, count);
        self.control.switch.state.layout = match count {
            0 => Layout::Single,
            _ => Layout::Pools,
        };
        self.control.commit(&self.card).unwrap();
        for vf in self.control.vf_ids() {
            self.check_default(vf);
        }
    }

    /// Serves all mailboxes, until there is nothing left to do now.
    pub(crate) fn serve_all(&mut self) {
        for vf in self.control.vf_ids() {
            self.serve(vf);
        }
    }

    pub(crate) fn serve(&mut self, vf: VfId) {
        for _ in 0..4 {
            if self.control.resetting {
                return;
            }
            let again = self.control.serve(&self.card, &self.log, vf, self.now);
            if again.is_none_or(|again| again.since(self.now) != Span::from_micros(0)) {
                return;
            }
        }
    }

    fn reset_begins(&mut self) {
        if self.control.resetting {
            return;
        }
        self.control.warn_of_reset(&self.card, self.now);
        self.control.collect_events(&self.card);
        self.control.resetting = true;
        self.control.switch.suspend();
        self.card.reset_begins();
        for guest in &mut self.guests {
            guest.before_reset = guest.new_since.is_some();
        }
    }

    fn reset_ends(&mut self) {
        if !self.control.resetting {
            return;
        }
        self.card.reset_ends();
        self.control.device_reset();
        self.control.switch.restore(&self.card).unwrap();
        self.control.resetting = false;
        // Who has come just before has nothing of the one before.
        for vf in self.control.vf_ids() {
            self.check_nothing(vf);
            let guest = &mut self.guests[vf.index()];
            if core::mem::take(&mut guest.before_reset) {
                guest.new_since = None;
                self.check_new(vf);
            }
        }
    }

    /// A VF is given to somebody else: it goes through a function level reset.
    pub(crate) fn new_tenant(&mut self, vf: VfId) {
        let mailbox = self.card.mailbox_of(vf);
        // That takes the buffer from who held it.
        mailbox.vf().set_control(V2pMailbox::default());
        mailbox.function_reset();
        self.card.leave_to_next(vf);
        let resets = self.control.vfs[vf].server.counters().function_resets;
        let guest = &mut self.guests[vf.index()];
        guest.tenant = guest.tenant.wrapping_add(1);
        guest.new_since = Some(resets);
        guest.before_reset = false;
    }

    /// The guest asks for something, and reads the answer.
    pub(crate) fn ask(&mut self, vf: VfId, request: &Request) {
        if *request == Request::Reset && !self.control.resetting {
            self.card.leave_queues(vf);
        }
        let resets = self.control.vfs[vf].server.counters().resets;
        self.send(vf, request.encode().words());
        let started = self.control.vfs[vf].server.counters().resets > resets;
        if started && self.control.pool(vf).open && self.card.has_left(vf) {
            self.wrong
                .push(format!("VF {vf} is open with the queues of another driver"));
        }
    }

    /// The guest writes words into its mailbox and rings, and reads what comes back.
    pub(crate) fn send(&mut self, vf: VfId, words: &[u32]) {
        let mut port = self.card.mailbox_of(vf).vf();
        port.set_control(V2pMailbox::VFU);
        if !port.status().has(V2pMailbox::VFU) {
            return;
        }
        port.write(words);
        port.set_control(V2pMailbox::REQ);
        self.serve(vf);
        let mut port = self.card.mailbox_of(vf).vf();
        if !port.status().has(V2pMailbox::PFSTS) {
            return;
        }
        let mut answer: Words = [0; MAILBOX_WORDS];
        port.read(&mut answer);
        port.set_control(V2pMailbox::ACK);
        self.serve(vf);
        let guest = self.guests[vf.index()];
        let former = |word: &u32| word & 0xffff_0000 == MARK && *word != mark(guest.tenant);
        if guest.new_since.is_none() && answer.iter().any(former) {
            self.wrong
                .push(format!("VF {vf} reads what a former tenant wrote"));
        }
    }

    /// The guest leaves words in its mailbox.
    pub(crate) fn leave_mark(&mut self, vf: VfId) {
        let mut port = self.card.mailbox_of(vf).vf();
        port.set_control(V2pMailbox::VFU);
        if port.status().has(V2pMailbox::VFU) {
            port.write(&[mark(self.guests[vf.index()].tenant); MAILBOX_WORDS]);
            port.set_control(V2pMailbox::default());
        }
    }

    /// The addresses that the tests use: eight of nobody's, those that VFs have by default, and the PF's.
    pub(crate) fn mac(&self, which: u8) -> MacAddr {
        let state = &self.control.switch.state;
        let bytes = match which % 18 {
            16 => PF_MAC,
            17 => state.pf.mac,
            last @ 0..8 => [2, 0, 0, 0, 0, last + 1],
            vf => {
                let vf = VfId::new(u32::from(vf) - 8);
                let default = vf.and_then(|vf| state.vfs[vf].default_mac);
                return default.unwrap_or(MacAddr::new([2, 0, 0, 0, 0, 1]).unwrap());
            }
        };
        MacAddr::new(bytes).unwrap()
    }
}

fn mark(tenant: u16) -> u32 {
    MARK | u32::from(tenant)
}

/// The multicast hashes that the tests use.
pub(crate) fn hash(which: u8) -> McHash {
    McHash::new(u16::from(which) % 40).unwrap()
}
