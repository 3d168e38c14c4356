// SPDX-License-Identifier: GPL-2.0

//! What the tests share: a model of the PF's device, and a PF and a VF on one simulated mailbox
//! under a clock that the test moves.

#![allow(dead_code)]

use std::collections::BTreeSet;

use mbox::pf::{
    Effect,
    Policy, //
};
use mbox::pf_state::{
    VfConfig,
    VfState, //
};
use mbox::pf_to_vf::Reply;
use mbox::reason::{
    Failure,
    Reason, //
};
use mbox::server::{
    Backend,
    Server, //
};
use mbox::sim::{
    Mailbox,
    Model, //
};
use mbox::time::{
    Span,
    Time, //
};
use mbox::types::{
    HashSet,
    MacAddr,
    MaxFrame,
    Promisc,
    VlanId,
    MAX_GROUPS, //
};
use mbox::vf::{
    Client,
    Error,
    Progress, //
};
use mbox::vf_to_pf::Request;
use mbox::wire::{
    Words,
    MAILBOX_WORDS, //
};

pub(crate) fn mac(last: u8) -> MacAddr {
    MacAddr::new([0x02, 0x11, 0x22, 0x33, 0x44, last]).unwrap()
}

pub(crate) fn vlan(id: u16) -> VlanId {
    VlanId::new(id).unwrap()
}

/// The buffer with these words, and rubbish behind them, as earlier messages leave it.
pub(crate) fn words(head: &[u32]) -> Words {
    let mut words = [0xdead_beef; MAILBOX_WORDS];
    words[..head.len()].copy_from_slice(head);
    words
}

/// The address that the tests take for the PF's own.
pub(crate) const PF_MAC_LAST: u8 = 0xff;

/// What the pool of one VF in the device is set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Device {
    /// What the VF has been granted. The rest is what the effects have made of the device.
    pub(crate) granted: VfState,
    pub(crate) enabled: bool,
    pub(crate) mac: Option<MacAddr>,
    pub(crate) filters: BTreeSet<MacAddr>,
    pub(crate) vlans: BTreeSet<VlanId>,
    pub(crate) modes: Promisc,
    pub(crate) groups: HashSet,
    pub(crate) max_frame: MaxFrame,
    /// Addresses that other functions have.
    pub(crate) taken: BTreeSet<MacAddr>,
    pub(crate) releases: u64,
    /// Filter slots that are left for this VF.
    pub(crate) free_slots: usize,
    /// Fail whatever comes next.
    pub(crate) fail: Option<Failure>,
    /// A function level reset has failed, and waits for the next attempt.
    pub(crate) reset_due: bool,
    pub(crate) reports: Vec<(Reason, u32)>,
    pub(crate) effects: Vec<Effect>,
}

impl Device {
    pub(crate) fn new(config: &VfConfig) -> Self {
        Self {
            granted: VfState::new(config.mac),
            enabled: false,
            mac: config.mac,
            filters: BTreeSet::new(),
            vlans: BTreeSet::new(),
            modes: Promisc::default(),
            groups: HashSet::EMPTY,
            max_frame: MaxFrame::STANDARD,
            taken: BTreeSet::from([mac(PF_MAC_LAST)]),
            releases: 0,
            free_slots: 8,
            fail: None,
            reset_due: false,
            reports: Vec::new(),
            effects: Vec::new(),
        }
    }

    fn clear(&mut self, mac: Option<MacAddr>, enabled: bool) {
        self.free_slots += self.filters.len() + self.vlans.len();
        self.filters.clear();
        self.vlans.clear();
        self.modes = Promisc::default();
        self.max_frame = MaxFrame::STANDARD;
        self.mac = mac;
        self.enabled = enabled;
        self.reset_due = false;
    }

    /// The VF is trusted now, or no more.
    pub(crate) fn follow_trust(&mut self, config: &VfConfig) {
        self.modes = Promisc {
            unicast: self.granted.promiscuous(config.trusted),
            multicast: self.granted.all_multicast(config.trusted),
        };
    }

    /// Another function lets go of an address.
    pub(crate) fn free(&mut self, address: MacAddr) {
        self.taken.remove(&address);
        self.releases += 1;
    }

    fn take_slot(&mut self) -> Result<(), Failure> {
        self.free_slots = self.free_slots.checked_sub(1).ok_or(Failure::NoSpace)?;
        Ok(())
    }

    /// The device holds what the PF believes that it holds, within the VF's rights.
    pub(crate) fn check(&self, config: &VfConfig) {
        let state = &self.granted;
        assert_eq!(self.enabled && !self.reset_due, state.clear_to_send());
        assert_eq!(self.mac, state.mac());
        assert_eq!(self.filters, state.filters().collect());
        assert_eq!(self.vlans, state.vlans().collect());
        assert_eq!(self.modes.multicast, state.all_multicast(config.trusted));
        assert_eq!(self.modes.unicast, state.promiscuous(config.trusted));
        assert_eq!(self.max_frame, state.max_frame());
        assert!(self.filters.len() <= usize::from(config.filter_quota));
        assert!(self.vlans.len() <= usize::from(config.vlan_quota));
        assert!(self.groups.len() <= u32::from(MAX_GROUPS));
        assert!(self.vlans.iter().all(|vid| (1..4095).contains(&vid.get())));
        assert!((64..=0x2600).contains(&self.max_frame.get()));
        if !config.trusted {
            assert_eq!(self.modes, Promisc::default(), "all frames without trust");
            if config.mac_locked {
                assert_eq!(
                    self.mac, config.mac,
                    "the administrator's MAC address is gone"
                );
                assert!(self.filters.is_empty());
            }
        }
        assert_ne!(
            self.mac,
            Some(mac(PF_MAC_LAST)),
            "the VF has taken the PF's MAC address"
        );
        assert!(!self.filters.contains(&mac(PF_MAC_LAST)));
        if config.port_vlan.is_some() {
            assert!(self.vlans.is_empty(), "a VLAN beside the port VLAN");
        }
    }
}

impl Policy for Device {
    fn mac_in_use(&self, address: MacAddr) -> bool {
        self.taken.contains(&address)
    }

    fn releases(&self) -> u64 {
        self.releases
    }

    fn may_join_vlan(&self, vid: VlanId) -> bool {
        vid.get() != 666
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
        if let Some(failure) = self.fail.take() {
            self.reset_due |= matches!(effect, Effect::FunctionReset { .. });
            return Err(failure);
        }
        effect.change_groups(&mut self.groups);
        match *effect {
            Effect::Reset { mac } => self.clear(mac, true),
            Effect::FunctionReset { mac } => self.clear(mac, false),
            Effect::SetMac(mac) => self.mac = Some(mac),
            Effect::AddFilter(mac) => {
                self.take_slot()?;
                assert!(self.filters.insert(mac), "filter added twice");
            }
            Effect::ClearFilters => {
                assert_eq!(self.filters, self.granted.filters().collect());
                self.free_slots += self.filters.len();
                self.filters.clear();
            }
            Effect::SetMulticast(change)
            | Effect::AddMulticast(change)
            | Effect::RemoveMulticast(change) => self.modes.multicast = change.all,
            Effect::SetPromisc(modes) => self.modes = modes,
            Effect::JoinVlan(vid) => {
                self.take_slot()?;
                assert!(self.vlans.insert(vid), "VLAN joined twice");
            }
            Effect::LeaveVlan(vid) => {
                self.free_slots += 1;
                assert!(self.vlans.remove(&vid), "VLAN left that was not joined");
            }
            Effect::SetMaxFrame(size) => self.max_frame = size,
        }
        self.effects.push(*effect);
        self.granted = *next;
        Ok(())
    }

    fn report(&mut self, reason: Reason, suppressed: u32) {
        assert!(!reason.to_string().is_empty());
        self.reports.push((reason, suppressed));
    }
}

/// A PF and a VF on one mailbox.
pub(crate) struct Pair {
    pub(crate) mailbox: Mailbox,
    pub(crate) config: VfConfig,
    pub(crate) server: Server,
    pub(crate) device: Device,
    pub(crate) client: Client,
    pub(crate) now: Time,
    pub(crate) pf_wake: Option<Time>,
    /// The PF's driver is gone or asleep.
    pub(crate) pf_dead: bool,
}

impl Pair {
    pub(crate) fn new(model: Model, config: VfConfig) -> Self {
        Self {
            mailbox: Mailbox::new(model),
            config,
            server: Server::new(&config),
            device: Device::new(&config),
            client: Client::new(),
            now: Time::from_micros(1_000_000),
            pf_wake: None,
            pf_dead: false,
        }
    }

    /// The PF's work item.
    pub(crate) fn serve(&mut self) {
        if self.pf_dead {
            return;
        }
        let mut port = self.mailbox.pf();
        self.pf_wake = self
            .server
            .service(&mut port, &self.config, &mut self.device, self.now);
        if let Some(due) = self.server.room_due(self.device.releases) {
            assert!(due > self.now, "the PF spins");
            self.pf_wake = Some(self.pf_wake.map_or(due, |wake| wake.min(due)));
        }
        self.device.check(&self.config);
    }

    /// The device was reset, and holds nothing but the addresses of VFs.
    pub(crate) fn device_reset(&mut self) {
        let granted = self.server.device_reset(&self.device.granted, &self.config);
        self.device = Device {
            granted,
            mac: granted.mac(),
            taken: core::mem::take(&mut self.device.taken),
            releases: self.device.releases,
            ..Device::new(&self.config)
        };
    }

    /// The PF is about to be reset.
    pub(crate) fn warn_of_reset(&mut self) {
        let granted = &self.device.granted;
        self.server
            .warn_of_reset(&mut self.mailbox.pf(), granted, self.now);
    }

    /// The PF's work item, if there is a reason to run it.
    pub(crate) fn serve_if_due(&mut self) {
        let due = self.pf_wake.is_some_and(|at| at <= self.now);
        if due || self.mailbox.pf_interrupt() {
            self.serve();
        }
    }

    pub(crate) fn poll(&mut self) -> Progress {
        self.client.poll(&mut self.mailbox.vf(), self.now)
    }

    pub(crate) fn sleep(&mut self, span: Span) {
        self.now = self.now.after(span);
    }

    /// Runs the request to its end, polling as a driver does; the PF serves in between.
    pub(crate) fn run(&mut self, request: &Request) -> Result<Reply, Error> {
        self.client.start(request, self.now).unwrap();
        self.finish()
    }

    /// Runs the request under way to its end.
    pub(crate) fn finish(&mut self) -> Result<Reply, Error> {
        let started = self.now;
        loop {
            let limit = Span::from_millis(1_600);
            assert!(self.now.since(started) <= limit, "a request without end");
            match self.poll() {
                Progress::Done(reply) => {
                    // The PF is told that its reply was read.
                    self.serve_if_due();
                    return Ok(reply);
                }
                Progress::Failed(error) => return Err(error),
                Progress::Idle => panic!("no request"),
                Progress::Pending { next_check } => {
                    self.serve_if_due();
                    assert!(next_check > self.now, "the client spins");
                    self.now = next_check;
                }
            }
        }
    }

    /// The VF resets itself and makes itself known.
    pub(crate) fn reset_vf(&mut self) -> Result<Reply, Error> {
        self.mailbox.function_reset();
        self.run(&Request::Reset)
    }

    /// Idle time, as the drivers pass it: the PF on its wake-ups, the VF on its interrupt and
    /// every IDLE_POLL.
    pub(crate) fn idle(&mut self, span: Span) {
        let end = self.now.after(span);
        let mut next_poll = self.now;
        while self.now < end {
            self.serve_if_due();
            if self.mailbox.vf_interrupt() || self.now >= next_poll {
                assert_eq!(self.poll(), Progress::Idle);
                next_poll = self.now.after(mbox::vf::IDLE_POLL);
            }
            self.sleep(Span::from_millis(5));
        }
    }
}
