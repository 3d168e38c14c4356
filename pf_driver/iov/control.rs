// SPDX-License-Identifier: GPL-2.0

//! The administrator's operations on VFs: `ip link set DEV vf N mac|vlan|trust|spoofchk`, and in
//! [`super::limit`] those that limit what a VF sends. The core has no way to hand back a sentence
//! from them, so a refusal is explained in the log.
//!
//! Each is checked, written to the hardware and kept, or refused as a whole. It is in force at once,
//! whatever the VF's driver does. A driver that has agreed on events with the PF is told of each
//! change. Any other has to know of an address only: the VF is closed and told to start again.

use kernel::{
    fmt,
    prelude::*, //
};

use super::{
    policy::{
        holds_mac,
        mac_reserved, //
    },
    vf::Control, //
};
use crate::{
    adapter::Adapter,
    kapi::net::{
        is_zero_ether_addr,
        netdev_err,
        netdev_info,
        netdev_warn,
        MacAddress,
        ETH_P_8021Q, //
    },
    mbox::{
        pf::Effect,
        pf_state::VfConfig,
        reason::Failure,
        types::{
            MacAddr,
            VlanId, //
        }, //
    },
    switch::state::PortVlan, //
};

impl Adapter {
    /// The index of VF `vf`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such VF.
    pub(super) fn find_vf(&self, control: &Control, vf: u32) -> Result<usize> {
        let count = control.vfs.len();
        let index = usize::try_from(vf)?;
        if index < count {
            return Ok(index);
        }
        netdev_err!(
            self.ndev,
            "there is no VF {}: {} are enabled, counted from 0; enable more by 'sriov_numvfs'\n",
            vf,
            count
        );
        Err(EINVAL)
    }

    /// Gives a VF an address that it may not change unless it is trusted; all zero gives it back
    /// its default and its freedom.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF and for a multicast address, [`EEXIST`] if the PF or another VF
    /// has it.
    pub(crate) fn set_vf_mac(&self, vf: u32, mac: MacAddress) -> Result {
        let mut guard = self.control.lock();
        let control = &mut *guard;
        let index = self.find_vf(control, vf)?;
        let default_mac = control.vf(vf)?.default_mac;
        let (mac, locked) = if is_zero_ether_addr(&mac) {
            (default_mac, false)
        } else {
            let unicast = MacAddr::new(mac).ok_or(EINVAL).inspect_err(|_| {
                netdev_err!(
                    self.ndev,
                    "VF {} cannot have a multicast address: give it a unicast one, or all zero for its default\n",
                    vf
                );
            })?;
            (Some(unicast), true)
        };
        if let Some(mac) = mac {
            if mac_reserved(&control.switch, &control.vfs, index, mac) {
                netdev_err!(
                    self.ndev,
                    "VF {} cannot have {}: the PF or another VF uses it; choose another one\n",
                    vf,
                    mac
                );
                return Err(EEXIST);
            }
            self.reclaim_mac(control, index, mac, fmt!("VF {vf}"))?;
        }
        let mut config = control.vf(vf)?.config;
        config.mac = mac;
        config.mac_locked = locked;
        self.enforce(control, index, config)?;
        drop(guard);
        if let (Some(mac), true) = (mac, locked) {
            netdev_info!(self.ndev, "VF {} has address {}\n", vf, mac);
        }
        self.works.mailbox.queue();
        Ok(())
    }

    /// Makes `config` that of VF `index`. Where it has other addresses than it may have by that, it
    /// gets the one that it shall have.
    fn enforce(&self, control: &mut Control, index: usize, config: VfConfig) -> Result {
        let pool = control.switch.state.vfs.get(index).ok_or(EINVAL)?;
        let chosen = pool.filters.iter().any(Option::is_some);
        let changed = pool.mac != config.mac || (chosen && !config.may_set_mac());
        let entry = control.vfs.get_mut(index).ok_or(EINVAL)?;
        let live = entry.server.takes_mac(&config);
        if changed {
            control.switch.change_vf(&self.bar, index, |pool| {
                pool.open &= live;
                pool.mac = config.mac;
                Ok::<(), Error>(())
            })?;
        }
        entry.config = config;
        if changed && live {
            entry.server.assign_mac(&config);
        } else if changed {
            entry.server.reconfigure();
        }
        Ok(())
    }

    /// Takes `mac` from the guests that have chosen it, but for that of VF `but`: they have it for
    /// as long as the host does not give it to somebody else, here `owner`. A VF to which it is
    /// assigned keeps it.
    pub(crate) fn reclaim_mac(
        &self,
        control: &mut Control,
        but: usize,
        mac: MacAddr,
        owner: fmt::Arguments<'_>,
    ) -> Result {
        for index in 0..control.vfs.len() {
            let assigned = control.vfs.get(index).and_then(|vf| vf.config.mac);
            if index == but || assigned == Some(mac) || !holds_mac(&control.switch, index, mac) {
                continue;
            }
            self.take_back(control, index)?;
            netdev_warn!(
                self.ndev,
                "VF {} had chosen {} and loses it: it is given to {}\n",
                index,
                mac,
                owner
            );
            self.works.mailbox.queue();
            self.vf_changed();
        }
        Ok(())
    }

    /// Takes from VF `index` all that its driver has asked for. It is closed until it starts again.
    fn take_back(&self, control: &mut Control, index: usize) -> Result {
        let entry = control.vfs.get_mut(index).ok_or(EINVAL)?;
        let mac = entry.config.mac;
        control
            .switch
            .change_vf(&self.bar, index, |pool| {
                pool.apply(&Effect::FunctionReset { mac })
            })
            .map_err(|_: Failure| EIO)?;
        entry.server.reconfigure();
        Ok(())
    }

    /// Puts a VF into a VLAN that it cannot leave and does not see; VLAN 0 without priority takes
    /// it out. The VF goes on meanwhile, but the VLANs it has joined rest.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF and out of range, [`EPROTONOSUPPORT`] for other tags than
    /// 802.1Q, [`ENOSPC`] if the card's VLAN table is full.
    pub(crate) fn set_vf_vlan(&self, vf: u32, vlan: u16, qos: u8, proto: u16) -> Result {
        let port_vlan = self.check_port_vlan(vf, vlan, qos, proto)?;
        let mut guard = self.control.lock();
        let control = &mut *guard;
        let index = self.find_vf(control, vf)?;
        if control
            .switch
            .state
            .vfs
            .get(index)
            .is_some_and(|pool| pool.port_vlan == port_vlan)
        {
            return Ok(());
        }
        let entry = control.vfs.get_mut(index).ok_or(EINVAL)?;
        let granted = entry.server.state();
        control
            .switch
            .change_vf(&self.bar, index, |pool| {
            pool.set_port_vlan(port_vlan, granted.vlans());
            Ok::<(), Error>(())
        })
        .inspect_err(|_| {
            netdev_err!(
                self.ndev,
                "VF {} cannot be put into VLAN {}: the card's table of 32 VLANs is full; remove VLANs from the PF or from other VFs\n",
                vf,
                vlan
            );
        })?;
        entry.config.port_vlan = port_vlan.map(|port| port.vid);
        drop(guard);
        self.works.mailbox.queue();
        match port_vlan {
            Some(_) => netdev_info!(
                self.ndev,
                "VF {} is in VLAN {}, priority {}\n",
                vf,
                vlan,
                qos
            ),
            None => netdev_info!(self.ndev, "VF {} is in no VLAN of the host's\n", vf),
        }
        Ok(())
    }

    fn check_port_vlan(&self, vf: u32, vlan: u16, qos: u8, proto: u16) -> Result<Option<PortVlan>> {
        if proto != ETH_P_8021Q {
            netdev_err!(
                self.ndev,
                "VF {} cannot have tags of type {:#06x}: the card inserts 802.1Q only; leave out 'proto'\n",
                vf,
                proto
            );
            return Err(EPROTONOSUPPORT);
        }
        let Some(vid) = VlanId::new(vlan).filter(|_| qos <= 7) else {
            netdev_err!(
                self.ndev,
                "VF {} cannot have VLAN {} with priority {}: VLANs are 0 to 4094, priorities 0 to 7\n",
                vf,
                vlan,
                qos
            );
            return Err(EINVAL);
        };
        Ok((vlan != 0 || qos != 0).then_some(PortVlan { vid, qos }))
    }

    /// Lets a VF change what the administrator would otherwise decide: its address, and whether it
    /// receives all frames. Trust lets it out of quarantine.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(crate) fn set_vf_trust(&self, vf: u32, on: bool) -> Result {
        if on {
            self.pardon(vf)?;
        }
        let mut control = self.control.lock();
        let index = self.find_vf(&control, vf)?;
        let entry = control.vf(vf)?;
        if entry.config.trusted == on {
            return Ok(());
        }
        let mut config = entry.config;
        config.trusted = on;
        let state = entry.server.state();
        let multicast = state.multicast(&config);
        let promiscuous = state.promiscuous(&config);
        control.switch.change_vf(&self.bar, index, |pool| {
            pool.multicast = multicast;
            pool.promiscuous = promiscuous;
            Ok::<(), Error>(())
        })?;
        if config.may_set_mac() {
            control.vf(vf)?.config = config;
        } else {
            // Without trust it has the address that it was given, and no other.
            self.enforce(&mut control, index, config)?;
        }
        drop(control);
        self.works.mailbox.queue();
        let trust = if on { "trusted" } else { "not trusted" };
        netdev_info!(self.ndev, "VF {} is {}\n", vf, trust);
        Ok(())
    }

    /// Whether a VF is kept from sending with foreign addresses and VLANs.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(crate) fn set_vf_spoofchk(&self, vf: u32, on: bool) -> Result {
        let mut control = self.control.lock();
        let index = self.find_vf(&control, vf)?;
        if control
            .switch
            .state
            .vfs
            .get(index)
            .is_some_and(|pool| pool.spoof_check == on)
        {
            return Ok(());
        }
        control.switch.change_vf(&self.bar, index, |pool| {
            pool.spoof_check = on;
            Ok::<(), Error>(())
        })?;
        drop(control);
        let check = if on { "are" } else { "are not" };
        netdev_info!(
            self.ndev,
            "the addresses that VF {} sends with {} checked\n",
            vf,
            check
        );
        Ok(())
    }
}
