// SPDX-License-Identifier: GPL-2.0

//! What the administrator changes of a VF, and what the host's own addresses mean for VFs.
//!
//! Each change is tried and kept, or refused as a whole. It is in force at once, whatever the VF's
//! driver does. A driver that has agreed on events with the PF is told of each change. Any other has
//! to know of an address only: the VF is closed and told to start again.

use super::{
    card::{
        Card,
        Event,
        Log,
        Owner, //
    },
    device::MacBytes,
    image::NoSpace,
    vf::Admin,
    vf_id::VfId,
    vfs::Control, //
};
use crate::{
    heap::List,
    mbox::{
        event::LinkPolicy,
        pf_state::{
            VfConfig,
            VfState, //
        },
        types::{
            HashSet,
            MacAddr, //
        }, //
    }, //
};

/// Why an address cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacRefusal {
    /// Another function has a right to it.
    Reserved,
    /// The card's tables are full.
    NoSpace,
}

impl From<NoSpace> for MacRefusal {
    fn from(_: NoSpace) -> Self {
        Self::NoSpace
    }
}

/// Whether a VF has more further addresses than `config` lets it have.
fn has_too_many(granted: &VfState, config: &VfConfig) -> bool {
    let most = match (config.may_set_mac(), config.trusted) {
        (false, _) => 0,
        (true, false) => usize::from(config.filter_quota),
        (true, true) => return false,
    };
    granted.filters().count() > most
}

impl<C: Card> Control<C> {
    /// Gives a VF an address that it may not change unless it is trusted; without one it gets back its
    /// default and its freedom.
    ///
    /// # Errors
    ///
    /// [`MacRefusal::Reserved`] if the PF or another VF has it.
    pub fn set_vf_mac<L: Log>(
        &mut self,
        card: &C,
        log: &L,
        vf: VfId,
        given: Option<MacAddr>,
    ) -> Result<(), MacRefusal> {
        let pool = self.pool(vf);
        let admin = Admin {
            mac: given,
            ..pool.admin
        };
        if let Some(mac) = given.or(pool.default_mac) {
            if self.switch.state.mac_reserved(Some(vf), mac) {
                return Err(MacRefusal::Reserved);
            }
            self.reclaim_mac(card, log, Some(vf), mac)?;
        }
        Ok(self.administer(card, vf, admin, true)?)
    }

    /// Makes `admin` what the administrator wants of a VF. Where it has other addresses than it may have
    /// by that, and with `give_mac` in any case, it gets the one that it shall have.
    fn administer(
        &mut self,
        card: &C,
        vf: VfId,
        admin: Admin,
        give_mac: bool,
    ) -> Result<(), NoSpace> {
        let config = self.switch.state.config_with(vf, &admin);
        let granted = &self.pool(vf).granted;
        let given = (give_mac || !config.may_set_mac()) && granted.mac() != config.mac;
        if has_too_many(granted, &config) || given && !granted.takes_mac(&config) {
            return self.restart(card, vf, admin);
        }
        // Another address may be reserved for it from now on.
        self.switch.release();
        self.switch.change_vf(card, vf, |pool| {
            pool.admin = admin;
            if given {
                pool.granted.assign_mac(config.mac);
            }
        })
    }

    /// Changes what the administrator wants of a VF, but for its address. Whether that was another
    /// thing before.
    ///
    /// # Errors
    ///
    /// [`NoSpace`]; nothing is changed then.
    pub fn set_admin(
        &mut self,
        card: &C,
        vf: VfId,
        change: impl FnOnce(&mut Admin),
    ) -> Result<bool, NoSpace> {
        let before = self.pool(vf).admin;
        let mut admin = before;
        change(&mut admin);
        if admin == before {
            return Ok(false);
        }
        self.administer(card, vf, admin, false)?;
        Ok(true)
    }

    /// [`Control::set_admin`] for trust, which lets a VF out of quarantine. Without it a VF has the
    /// address that it was given, and no more others than its share.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_trust<L: Log>(
        &mut self,
        card: &C,
        log: &L,
        vf: VfId,
        on: bool,
    ) -> Result<bool, NoSpace> {
        if on {
            self.release_vf(card, log, vf);
        }
        self.set_admin(card, vf, |admin| admin.trusted = on)
    }

    /// [`Control::set_admin`] for the link, which lets a VF out of quarantine. Without one its pool is
    /// closed.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_link<L: Log>(
        &mut self,
        card: &C,
        log: &L,
        vf: VfId,
        link: LinkPolicy,
    ) -> Result<bool, NoSpace> {
        if link != LinkPolicy::ForcedDown {
            self.release_vf(card, log, vf);
        }
        let changed = self.set_admin(card, vf, |admin| admin.link = link)?;
        if changed {
            self.vfs[vf].server.notify();
        }
        Ok(changed)
    }

    /// Takes from a VF all that its driver was granted, and makes `admin` what the administrator wants
    /// of it. It is closed until it starts again, which its driver is told.
    fn restart(&mut self, card: &C, vf: VfId, admin: Admin) -> Result<(), NoSpace> {
        let mac = self.switch.state.config_with(vf, &admin).mac;
        // Others may have its places at once; its driver asks anew when it has started again.
        self.switch.change_vf(card, vf, |pool| {
            pool.admin = admin;
            pool.take_back(VfState::new(mac));
        })?;
        self.vfs[vf].server.reconfigure();
        Ok(())
    }

    /// Takes `mac` from the guests that have chosen it, but for that of VF `but`, to which it is given;
    /// without `but` it is the PF's: they have it for as long as the host does not give it to somebody
    /// else. A VF to which it is assigned keeps it.
    fn reclaim_mac<L: Log>(
        &mut self,
        card: &C,
        log: &L,
        but: Option<VfId>,
        mac: MacAddr,
    ) -> Result<(), NoSpace> {
        for vf in self.vf_ids() {
            let state = &self.switch.state;
            let pool = &state.vfs[vf];
            let assigned = state.config(vf).mac == Some(mac);
            if Some(vf) == but || assigned || !pool.granted.uses_mac(mac) {
                continue;
            }
            let admin = pool.admin;
            self.restart(card, vf, admin)?;
            let owner = but.map_or(Owner::Pf, Owner::Vf);
            log.event(vf, Event::Reclaimed(mac, owner));
        }
        Ok(())
    }

    /// Gives the PF another address.
    ///
    /// # Errors
    ///
    /// [`MacRefusal::Reserved`] if a VF has a right to it.
    pub fn set_pf_mac<L: Log>(
        &mut self,
        card: &C,
        log: &L,
        mac: MacAddr,
    ) -> Result<(), MacRefusal> {
        let state = &self.switch.state;
        if !state.pf.uses_mac(mac.bytes()) && state.mac_reserved(None, mac) {
            return Err(MacRefusal::Reserved);
        }
        self.reclaim_mac(card, log, None, mac)?;
        let old = core::mem::replace(&mut self.switch.state.pf.mac, *mac.bytes());
        self.commit(card).inspect_err(|_| {
            self.switch.state.pf.mac = old;
        })?;
        Ok(())
    }

    /// Takes what the host's stack wants the PF to receive. A guest that had chosen one of these
    /// addresses loses it.
    ///
    /// # Errors
    ///
    /// [`NoSpace`]. The PF's addresses take what places are left, so not for these.
    pub fn set_rx_mode<L: Log>(
        &mut self,
        card: &C,
        log: &L,
        unicast: List<MacBytes>,
        groups: HashSet,
        all_multicast: bool,
        promiscuous: bool,
    ) -> Result<(), NoSpace> {
        for mac in unicast.iter().filter_map(|mac| MacAddr::new(*mac)) {
            self.reclaim_mac(card, log, None, mac)?;
        }
        let pf = &mut self.switch.state.pf;
        pf.set_receive(unicast, groups, all_multicast, promiscuous);
        self.switch.release();
        self.commit(card)
    }
}
