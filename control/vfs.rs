// SPDX-License-Identifier: GPL-2.0

//! The table of VFs, and what belongs under one lock with it.

use super::{
    card::{
        Card,
        Event,
        Log, //
    },
    device::MacBytes,
    image::NoSpace,
    switch::Switch,
    vf::VfPool,
    vf_id::{
        PerVf,
        VfId,
        MAX_VFS, //
    }, //
};
use crate::{
    heap::NoMemory,
    mbox::{
        limit::LogLimit,
        penalty::{
            Cause,
            Penalties, //
        },
        pf_state::{
            VfConfig,
            VfState, //
        },
        server::Server,
        time::Time,
        types::MacAddr, //
    }, //
};

/// How a VF talks to the PF, and what it does. What it may do is a [`VfPool`].
pub struct Vf<E> {
    /// The PF's end of its mailbox.
    pub server: Server,
    /// What of its misbehaviour is borne.
    pub penalties: Penalties,
    /// The card has stopped it, and its driver has not started again since.
    pub blocked: bool,
    /// Limits what the log says of that.
    pub block_log: LogLimit,
    /// How often it was seen to send with a foreign address or VLAN.
    pub spoof_events: u64,
    /// Limits what the log says of that.
    pub spoof_log: LogLimit,
    /// Limits what the log says of its mailbox.
    pub port_log: LogLimit,
    /// What the driver keeps of it besides.
    pub extra: E,
}

impl<E: Default> Vf<E> {
    /// A VF that there is not, or that has done nothing yet.
    fn new(config: &VfConfig) -> Self {
        Self {
            server: Server::new(config),
            penalties: Penalties::new(),
            blocked: false,
            block_log: LogLimit::new(),
            spoof_events: 0,
            spoof_log: LogLimit::new(),
            port_log: LogLimit::new(),
            extra: E::default(),
        }
    }
}

/// The addresses that a VF may have by default, the first that is free: the PF's permanent one,
/// marked as locally administered and told apart in the upper six bits of the first byte, where no
/// two ports with addresses in a row can meet. The same at each boot, and no other VF's.
fn default_macs(pf_mac: &MacBytes, vf: VfId) -> impl Iterator<Item = MacAddr> {
    const LOCAL: u8 = 0x02;
    const NUMBERS: usize = 1 << 6;
    let pf_mac = *pf_mac;
    (vf.index() + 1..NUMBERS)
        .step_by(MAX_VFS + 1)
        .filter_map(move |number| {
            let mut mac = pf_mac;
            mac[0] = (mac[0] ^ u8::try_from(number).ok()? << 2) | LOCAL;
            MacAddr::new(mac)
        })
}

/// The switch and the VFs. Behind one mutex, which serialises mailboxes, administrator, receive
/// mode and resets.
pub struct Control<C: Card> {
    /// The switch.
    pub switch: Switch,
    /// The VFs that there can be. Those that there are come first, see [`Control::num_vfs`].
    pub vfs: PerVf<Vf<C::Extra>>,
    /// The device is being reset: mailboxes are not served.
    pub resetting: bool,
    /// When the addresses behind the PF have aged last.
    pub neighbours_aged: Option<Time>,
}

impl<C: Card> Control<C> {
    /// Without VFs.
    ///
    /// # Errors
    ///
    /// [`NoMemory`].
    pub fn new(switch: Switch) -> Result<Self, NoMemory> {
        Ok(Self {
            switch,
            vfs: PerVf::new(|| Vf::new(&VfConfig::default()))?,
            resetting: false,
            neighbours_aged: None,
        })
    }

    /// How many VFs there are.
    pub fn num_vfs(&self) -> usize {
        self.switch.state.num_vfs
    }

    /// Whether there are VFs.
    pub fn has_vfs(&self) -> bool {
        self.num_vfs() != 0
    }

    /// Whether there is a VF of this number.
    pub fn has_vf(&self, vf: VfId) -> bool {
        vf.index() < self.num_vfs()
    }

    /// The VF that the bus, the network core or another module means by `number`, if there is one.
    pub fn find_vf(&self, number: u32) -> Option<VfId> {
        VfId::new(number).filter(|vf| self.has_vf(*vf))
    }

    /// The numbers of the VFs that there are.
    pub fn vf_ids(&self) -> impl Iterator<Item = VfId> {
        VfId::all().take(self.num_vfs())
    }

    /// The VFs that there are.
    pub fn live_vfs(&self) -> impl Iterator<Item = (VfId, &Vf<C::Extra>)> {
        self.vfs.iter().take(self.num_vfs())
    }

    /// The VFs that there are.
    pub fn live_vfs_mut(&mut self) -> impl Iterator<Item = (VfId, &mut Vf<C::Extra>)> {
        let count = self.num_vfs();
        self.vfs.iter_mut().take(count)
    }

    /// What a VF may do.
    pub fn pool(&self, vf: VfId) -> &VfPool {
        &self.switch.state.vfs[vf]
    }

    /// Why a VF is in quarantine, if it is.
    pub fn quarantine(&self, vf: VfId) -> Option<Cause> {
        self.pool(vf).quarantine
    }

    /// Commits the switch.
    ///
    /// # Errors
    ///
    /// [`NoSpace`], see [`Switch::commit`].
    pub fn commit(&mut self, card: &C) -> Result<(), NoSpace> {
        self.switch.commit(card)
    }

    /// Has there be `count` VFs, all without a driver, and set up as the administrator left them. The
    /// caller commits.
    pub fn set_vfs<L: Log>(&mut self, log: &L, pf_mac: &MacBytes, count: usize) {
        let count = count.min(MAX_VFS);
        for (_, pool) in self.switch.state.vfs.iter_mut() {
            *pool = VfPool::new(pool.admin);
        }
        // What the administrator has given before what nobody has chosen, and of that what was given to
        // those who come first.
        for vf in VfId::all().take(count) {
            self.switch.state.num_vfs = vf.index();
            self.check_given_mac(log, vf);
        }
        self.switch.state.num_vfs = count;
        for vf in self.vf_ids() {
            self.find_default_mac(log, vf, pf_mac);
        }
        for vf in VfId::all() {
            let config = self.switch.state.config(vf);
            self.switch.state.vfs[vf].granted = VfState::new(config.mac);
            self.vfs[vf] = Vf::new(&config);
        }
    }

    /// Closes the pools of all VFs: these are gone.
    pub fn close_vfs(&mut self, card: &C) {
        for vf in VfId::all() {
            self.switch.close_vf(card, vf, |_| ());
        }
    }

    /// Forgets the address that the administrator gave a VF if it is in use: the PF may have taken it
    /// while there was no such VF.
    fn check_given_mac<L: Log>(&mut self, log: &L, vf: VfId) {
        let state = &mut self.switch.state;
        let given = state.vfs[vf].admin.mac;
        if given.is_some_and(|mac| state.mac_in_use(Some(vf), mac)) {
            state.vfs[vf].admin.mac = None;
            log.event(vf, Event::GivenMacInUse);
        }
    }

    /// Finds a default address for a VF.
    fn find_default_mac<L: Log>(&mut self, log: &L, vf: VfId, pf_mac: &MacBytes) {
        let state = &mut self.switch.state;
        let free = default_macs(pf_mac, vf).find(|mac| !state.mac_in_use(Some(vf), *mac));
        let usual = default_macs(pf_mac, vf).next();
        if let Some(usual) = usual.filter(|usual| free != Some(*usual)) {
            log.event(vf, Event::DefaultMacInUse(usual));
        }
        state.vfs[vf].default_mac = free;
    }

    /// The device is about to be reset: keeps what it would forget of the mailboxes, above all
    /// that a VF went through a function level reset.
    pub fn collect_events(&mut self, card: &C) {
        for vf in self.vf_ids() {
            let quarantined = self.quarantine(vf).is_some();
            let entry = &mut self.vfs[vf];
            let mut port = card.mailbox(vf, &entry.extra);
            // The server forgets with the reset what would let the VF out of quarantine.
            if entry.server.before_device_reset(&mut port) && quarantined {
                entry.penalties.note_function_reset();
            }
        }
    }

    /// The device is about to be reset: tells those VFs that can be told.
    pub fn warn_of_reset(&mut self, card: &C, now: Time) {
        for vf in self.vf_ids() {
            if self.quarantine(vf).is_some() {
                continue;
            }
            let entry = &mut self.vfs[vf];
            let granted = &self.switch.state.vfs[vf].granted;
            let mut port = card.mailbox(vf, &entry.extra);
            entry.server.warn_of_reset(&mut port, granted, now);
        }
    }

    /// The device was reset: no VF has a driver that knows of it.
    pub fn device_reset(&mut self) {
        for vf in self.vf_ids() {
            let config = self.switch.state.config(vf);
            let entry = &mut self.vfs[vf];
            let pool = &mut self.switch.state.vfs[vf];
            let granted = entry.server.device_reset(&pool.granted, &config);
            pool.take_back(granted);
            entry.blocked = false;
        }
    }

    /// Has all VFs look at their link.
    pub fn notify_all(&mut self) {
        for (_, vf) in self.live_vfs_mut() {
            vf.server.notify();
        }
    }
}
