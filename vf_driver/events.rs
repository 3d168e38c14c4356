// SPDX-License-Identifier: GPL-2.0

//! Acting on what the PF tells by events, see [`PfState`](crate::pf_state::PfState).

use crate::{
    adapter::Adapter,
    control::Failure,
    kapi::net::{
        netdev_info,
        rtnl_lock,
        Device,
        Rtnl, //
    },
    mbox::{
        event::{
            Changes,
            State, //
        },
        vf_to_pf::Request, //
    },
    pf_state::Update,
    replay::adopt,
    wanted::Wanted, //
};

impl Adapter {
    /// Acts on what events have told. Takes the RTNL if there is something.
    pub(crate) fn handle_events(&self) {
        if !self.pf_state.lock().has_pending() {
            return;
        }
        let rtnl = rtnl_lock();
        let dev = rtnl.device(&self.ndev);
        let now = self.control.now();
        let Some(update) = self.pf_state.lock().take_pending(now) else {
            return;
        };
        let Update {
            state,
            before,
            room,
            log,
        } = update;
        let changes = before.map_or(Changes::NONE, |before| state.changes_since(&before));
        if log {
            report(dev, changes, &state);
        }
        // Who is not ready asks for all of it soon.
        if self.ready() {
            let mut wanted = self.wanted.lock();
            let done = self
                .follow_mac(dev, &mut wanted, before, &state)
                .and_then(|()| self.ask_again(dev, &mut wanted, changes, &state))
                .and_then(|()| self.ask_for_room(dev, &mut wanted, room));
            if let Err(failure) = done {
                self.request_failed(failure);
            }
        }
    }

    /// Takes the address that the host has given this VF, if it is another one than before. What
    /// was chosen on this side is over.
    fn follow_mac(
        &self,
        dev: &Device<Rtnl>,
        wanted: &mut Wanted,
        before: Option<State>,
        state: &State,
    ) -> Result<(), Failure> {
        let changed = match before {
            Some(before) => before.mac != state.mac,
            // The handshake has settled it, unless the host was quick: then there is no choice.
            None => state.mac_locked && !state.trusted,
        };
        let Some(mac) = state.mac.filter(|_| changed) else {
            return Ok(());
        };
        wanted.own_mac = None;
        wanted.assigned_mac = Some(mac);
        adopt(dev, mac);
        // The PF has it already, unless a choice of this side came in between.
        self.ask(&Request::SetMac(mac)).map(|_| ())
    }

    /// Asks for what the PF has refused, and may grant now.
    fn ask_again(
        &self,
        dev: &Device<Rtnl>,
        wanted: &mut Wanted,
        changes: Changes,
        state: &State,
    ) -> Result<(), Failure> {
        if changes.has(Changes::VLAN) {
            for vid in wanted.vlans.iter() {
                if state.port_vlan {
                    self.hw.set_vlan(vid.get(), false);
                } else {
                    self.join_vlan(vid)?;
                }
            }
        }
        if changes.has(Changes::TRUST) && state.trusted {
            wanted.asked.all_unicast = false;
            wanted.asked.all_multicast = false;
        }
        if changes.has(Changes::TRUST) || changes.has(Changes::MAC) {
            wanted.ask_refused_again();
            self.sync_filters(dev, wanted)?;
        }
        Ok(())
    }

    /// Asks for the addresses that the PF has refused, if it may give one of them now: another function
    /// had it, or the room for it.
    fn ask_for_room(
        &self,
        dev: &Device<Rtnl>,
        wanted: &mut Wanted,
        room: bool,
    ) -> Result<(), Failure> {
        if !room {
            return Ok(());
        }
        self.ask_own_mac(dev, wanted)?;
        wanted.ask_refused_again();
        self.sync_filters(dev, wanted)
    }
}

/// Says what the host has changed.
fn report(dev: &Device<Rtnl>, changes: Changes, state: &State) {
    if changes.has(Changes::VLAN) && state.port_vlan {
        netdev_info!(
            dev,
            "the host has put this VF into a VLAN; those joined on this side rest\n"
        );
    } else if changes.has(Changes::VLAN) {
        netdev_info!(dev, "the host has taken this VF out of its VLAN\n");
    }
    if changes.has(Changes::TRUST) && state.trusted {
        netdev_info!(
            dev,
            "the host trusts this VF: it may choose its MAC address and receive all multicast\n"
        );
    } else if changes.has(Changes::TRUST) {
        netdev_info!(dev, "the host does not trust this VF any more\n");
    }
    if changes.has(Changes::MTU) {
        netdev_info!(
            dev,
            "the PF's MTU is {} now, on this side it is {}\n",
            state.mtu,
            dev.mtu()
        );
    }
}
