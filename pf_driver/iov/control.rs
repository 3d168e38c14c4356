// SPDX-License-Identifier: GPL-2.0

//! The administrator's operations on VFs: `ip link set DEV vf N mac|vlan|trust|spoofchk`.
//!
//! Each is checked, written to the hardware and kept, or refused as a whole. It is in force at once,
//! whatever the VF's driver does. Only an address has to be told to that driver: the VF is closed
//! and told to start again.

use kernel::prelude::*;

use super::policy::mac_in_use;
use crate::{
    adapter::Adapter,
    kapi::net::{
        is_zero_ether_addr,
        netdev_info,
        netdev_warn,
        LinkState,
        MacAddress,
        VfInfo,
        VfStats, //
    },
    mbox::types::{
        MacAddr,
        VlanId, //
    },
    regs::stats::{
        PVFGORC,
        PVFGOTC,
        PVFGPRC,
        PVFGPTC,
        PVFMPRC, //
    },
    switch::state::PortVlan, //
};

const ETH_P_8021Q: u16 = 0x8100;

impl Adapter {
    /// Gives a VF an address that it may not change unless it is trusted; all zero gives it back
    /// its default and its freedom.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF and for a multicast address, [`EEXIST`] if the PF or another VF
    /// has it.
    pub(crate) fn set_vf_mac(&self, vf: u32, mac: MacAddress) -> Result {
        let index = usize::try_from(vf)?;
        let mut guard = self.control.lock();
        let control = &mut *guard;
        let default_mac = control.vf(vf)?.default_mac;
        let (mac, locked) = if is_zero_ether_addr(&mac) {
            (default_mac, false)
        } else {
            (Some(MacAddr::new(mac).ok_or(EINVAL)?), true)
        };
        if let Some(mac) = mac {
            if mac_in_use(&control.switch, &control.vfs, index, mac) {
                netdev_warn!(
                    self.ndev,
                    "VF {} cannot have {}: the PF or another VF uses it\n",
                    vf,
                    mac
                );
                return Err(EEXIST);
            }
        }
        let changed = {
            let pool = control.switch.state.vfs.get(index).ok_or(EINVAL)?;
            pool.mac != mac
        };
        if changed {
            control.switch.change_vf(&self.bar, index, |pool| {
                pool.open = false;
                pool.mac = mac;
                Ok::<(), Error>(())
            })?;
        }
        let entry = control.vf(vf)?;
        entry.config.mac = mac;
        entry.config.mac_locked = locked;
        if changed {
            entry.server.reconfigure();
        }
        drop(guard);
        if let (Some(mac), true) = (mac, locked) {
            netdev_info!(self.ndev, "VF {} has address {}\n", vf, mac);
        }
        self.works.mailbox.queue();
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
        let index = usize::try_from(vf)?;
        if proto != ETH_P_8021Q {
            return Err(EPROTONOSUPPORT);
        }
        if qos > 7 {
            return Err(EINVAL);
        }
        let vid = VlanId::new(vlan).ok_or(EINVAL)?;
        let port_vlan = (vlan != 0 || qos != 0).then_some(PortVlan { vid, qos });
        let mut guard = self.control.lock();
        let control = &mut *guard;
        let entry = control.vfs.get_mut(index).ok_or(EINVAL)?;
        let granted = entry.server.state();
        control.switch.change_vf(&self.bar, index, |pool| {
            pool.set_port_vlan(port_vlan, granted.vlans());
            Ok::<(), Error>(())
        })?;
        entry.config.port_vlan = port_vlan.map(|port| port.vid);
        drop(guard);
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

    /// Lets a VF change what the administrator would otherwise decide: its address, and whether it
    /// receives all multicast frames.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(crate) fn set_vf_trust(&self, vf: u32, on: bool) -> Result {
        let index = usize::try_from(vf)?;
        let mut control = self.control.lock();
        let entry = control.vf(vf)?;
        if entry.config.trusted == on {
            return Ok(());
        }
        let mut config = entry.config;
        config.trusted = on;
        let multicast = entry.server.state().multicast(&config);
        control.switch.change_vf(&self.bar, index, |pool| {
            pool.multicast = multicast;
            Ok::<(), Error>(())
        })?;
        control.vf(vf)?.config = config;
        drop(control);
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
        let index = usize::try_from(vf)?;
        self.control
            .lock()
            .switch
            .change_vf(&self.bar, index, |pool| {
                pool.spoof_check = on;
                Ok(())
            })
    }

    /// How a VF is set up: what the hardware has.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(crate) fn vf_config(&self, vf: u32) -> Result<VfInfo> {
        let index = usize::try_from(vf)?;
        let mut control = self.control.lock();
        let trusted = control.vf(vf)?.config.trusted;
        let pool = control.switch.state.vfs.get(index).ok_or(EINVAL)?;
        Ok(VfInfo {
            mac: pool.mac.map_or([0; 6], |mac| *mac.bytes()),
            vlan: pool.port_vlan.map_or(0, |port| port.vid.get()),
            qos: pool.port_vlan.map_or(0, |port| port.qos),
            vlan_proto: ETH_P_8021Q,
            spoofchk: Some(pool.spoof_check),
            trusted: Some(trusted),
            link_state: LinkState::Auto,
            min_tx_rate: 0,
            max_tx_rate: 0,
        })
    }

    /// What a VF has sent and received, as the hardware counts: 32 bits, since its last reset.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(crate) fn vf_stats(&self, vf: u32) -> Result<VfStats> {
        let index = usize::try_from(vf)?;
        let _ = self.control.lock().vf(vf)?;
        let bar = &self.bar;
        Ok(VfStats {
            rx_packets: crate::hw::get::<PVFGPRC>(bar, index).into(),
            tx_packets: crate::hw::get::<PVFGPTC>(bar, index).into(),
            rx_bytes: crate::hw::get::<PVFGORC>(bar, index).into(),
            tx_bytes: crate::hw::get::<PVFGOTC>(bar, index).into(),
            multicast: crate::hw::get::<PVFMPRC>(bar, index).into(),
            ..VfStats::default()
        })
    }
}
