// SPDX-License-Identifier: GPL-2.0

//! The administrator's operations on VFs: `ip link set DEV vf N ...`, and what `ip link show` says of
//! them. What they mean is in [`crate::control::admin`]. The core has no way to hand back a sentence
//! from them, so a refusal is explained in the log.

use kernel::prelude::*;

use super::{
    card::Control,
    manager::VfManager, //
};
use crate::{
    control::{
        admin::MacRefusal,
        device::MAX_SPEED,
        vf::PortVlan,
        vf_id::VfId, //
    },
    hw::is_gone,
    kapi::net::{
        is_zero_ether_addr,
        netdev_err,
        netdev_info,
        Device,
        LinkState,
        MacAddress,
        Rtnl,
        VfAdmin,
        VfInfo,
        VfStats,
        ETH_P_8021Q, //
    },
    mbox::{
        event::LinkPolicy,
        types::{
            MacAddr,
            VlanId, //
        }, //
    }, //
};

/// What the administrator's word for a VF's link means.
fn policy(state: LinkState) -> LinkPolicy {
    match state {
        LinkState::Auto => LinkPolicy::Auto,
        LinkState::Enable => LinkPolicy::ForcedUp,
        LinkState::Disable => LinkPolicy::ForcedDown,
    }
}

/// The administrator's word for it.
fn link_state(policy: LinkPolicy) -> LinkState {
    match policy {
        LinkPolicy::Auto => LinkState::Auto,
        LinkPolicy::ForcedUp => LinkState::Enable,
        LinkPolicy::ForcedDown => LinkState::Disable,
    }
}

impl VfManager {
    /// [`Control::find_vf`], for the administrator.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such VF.
    fn find_vf(&self, control: &Control, number: u32) -> Result<VfId> {
        if let Some(vf) = control.find_vf(number) {
            return Ok(vf);
        }
        netdev_err!(
            self.ndev,
            "there is no VF {}: {} are enabled, counted from 0; enable more by 'sriov_numvfs'\n",
            number,
            control.num_vfs()
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
    fn change_mac(&self, vf: u32, mac: MacAddress) -> Result {
        let mut control = self.control.lock();
        let vf = self.find_vf(&control, vf)?;
        let given = if is_zero_ether_addr(&mac) {
            None
        } else {
            let unicast = MacAddr::new(mac).ok_or(EINVAL).inspect_err(|_| {
                netdev_err!(
                    self.ndev,
                    "VF {} cannot have a multicast address: give it a unicast one, or all zero for its default\n",
                    vf
                );
            })?;
            Some(unicast)
        };
        let wanted = given.or(control.pool(vf).default_mac);
        if let Err(refusal) = control.set_vf_mac(&*self.bar, self, vf, given) {
            if let (MacRefusal::Reserved, Some(mac)) = (refusal, wanted) {
                netdev_err!(
                    self.ndev,
                    "VF {} cannot have {}: the PF or another VF uses it; choose another one\n",
                    vf,
                    mac
                );
            }
            return Err(refusal.into());
        }
        drop(control);
        if let Some(mac) = given {
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
    fn change_vlan(&self, vf: u32, vlan: u16, qos: u8, proto: u16) -> Result {
        let port_vlan = self.check_port_vlan(vf, vlan, qos, proto)?;
        let mut control = self.control.lock();
        let vf = self.find_vf(&control, vf)?;
        let set = control.set_admin(&*self.bar, vf, |admin| admin.port_vlan = port_vlan);
        let changed = set.inspect_err(|_| {
            netdev_err!(
                self.ndev,
                "VF {} cannot be put into VLAN {}: the card's table of 32 VLANs is full; remove VLANs from the PF or from other VFs\n",
                vf,
                vlan
            );
        })?;
        if !changed {
            return Ok(());
        }
        drop(control);
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
    fn change_trust(&self, vf: u32, on: bool) -> Result {
        let mut control = self.control.lock();
        let vf = self.find_vf(&control, vf)?;
        let changed = control.set_trust(&*self.bar, self, vf, on);
        control.mask_mailboxes(&self.bar);
        // Also for a VF that is let out of quarantine.
        self.works.mailbox.queue();
        if !changed? {
            return Ok(());
        }
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
    fn change_spoofchk(&self, vf: u32, on: bool) -> Result {
        let mut control = self.control.lock();
        let vf = self.find_vf(&control, vf)?;
        if !control.set_admin(&*self.bar, vf, |admin| admin.spoof_check = on)? {
            return Ok(());
        }
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

    /// Limits what a VF sends to `max` Mbit/s; 0 is no limit. It holds over changes of the link's
    /// speed, and is no limit while the link is slower.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF and for more than the card's speed, [`EOPNOTSUPP`] for a
    /// guaranteed rate, which the card does not have.
    fn change_rate(&self, vf: u32, min: u32, max: u32) -> Result {
        let mut control = self.control.lock();
        let vf = self.find_vf(&control, vf)?;
        if min != 0 {
            netdev_err!(
                self.ndev,
                "VF {} cannot be guaranteed {} Mbit/s: the card has upper limits only; leave min_tx_rate 0, and limit the other VFs by max_tx_rate\n",
                vf,
                min
            );
            return Err(EOPNOTSUPP);
        }
        if max > MAX_SPEED {
            netdev_err!(
                self.ndev,
                "VF {} cannot be limited to {} Mbit/s: the card has {}; 0 is no limit\n",
                vf,
                max,
                MAX_SPEED
            );
            return Err(EINVAL);
        }
        if !control.set_admin(&*self.bar, vf, |admin| admin.max_rate = max)? {
            return Ok(());
        }
        drop(control);
        match max {
            0 => netdev_info!(self.ndev, "VF {} sends as fast as it can\n", vf),
            _ => netdev_info!(self.ndev, "VF {} sends {} Mbit/s at most\n", vf, max),
        }
        Ok(())
    }

    /// Sets the link of a VF. Without one its pool is closed. The card shows its own link to all
    /// VFs, so drivers of VFs learn of this by the mailbox only; they are told.
    /// A link lets a VF out of quarantine.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    fn change_link_state(&self, vf: u32, state: LinkState) -> Result {
        let mut control = self.control.lock();
        let vf = self.find_vf(&control, vf)?;
        let changed = control.set_link(&*self.bar, self, vf, policy(state));
        control.mask_mailboxes(&self.bar);
        // Also for a VF that is let out of quarantine.
        self.works.mailbox.queue();
        if !changed? {
            return Ok(());
        }
        drop(control);
        let words = match state {
            LinkState::Auto => "the port's",
            LinkState::Enable => "always up",
            LinkState::Disable => "down by the administrator",
        };
        netdev_info!(self.ndev, "the link of VF {} is {}\n", vf, words);
        Ok(())
    }
}

#[vtable]
impl VfAdmin for VfManager {
    fn set_vf_mac(&self, dev: &Device<Rtnl>, vf: u32, mac: MacAddress) -> Result {
        self.change_mac(vf, mac)?;
        self.notify_set(dev);
        Ok(())
    }

    fn set_vf_vlan(&self, dev: &Device<Rtnl>, vf: u32, vlan: u16, qos: u8, proto: u16) -> Result {
        self.change_vlan(vf, vlan, qos, proto)?;
        self.notify_set(dev);
        Ok(())
    }

    fn set_vf_trust(&self, dev: &Device<Rtnl>, vf: u32, on: bool) -> Result {
        self.change_trust(vf, on)?;
        self.notify_set(dev);
        Ok(())
    }

    fn set_vf_spoofchk(&self, dev: &Device<Rtnl>, vf: u32, on: bool) -> Result {
        self.change_spoofchk(vf, on)?;
        self.notify_set(dev);
        Ok(())
    }

    fn set_vf_rate(&self, dev: &Device<Rtnl>, vf: u32, min: u32, max: u32) -> Result {
        self.change_rate(vf, min, max)?;
        self.notify_set(dev);
        Ok(())
    }

    fn set_vf_link_state(&self, dev: &Device<Rtnl>, vf: u32, state: LinkState) -> Result {
        self.change_link_state(vf, state)?;
        self.notify_set(dev);
        Ok(())
    }

    /// Whether a VF may ask how flows are spread over queues.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF, [`EOPNOTSUPP`] to permit it: the card has one key and one
    /// table, which are the PF's, and its mailbox has no request for them.
    fn set_vf_rss_query(&self, _dev: &Device<Rtnl>, vf: u32, on: bool) -> Result {
        self.find_vf(&self.control.lock(), vf)?;
        if on {
            netdev_err!(
                self.ndev,
                "VF {} cannot ask for the spreading of flows: the card has one table, which is the PF's; leave query_rss off\n",
                vf
            );
            return Err(EOPNOTSUPP);
        }
        Ok(())
    }

    /// How a VF is set up: what the hardware has.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    fn get_vf_config(&self, _dev: &Device<Rtnl>, vf: u32) -> Result<VfInfo> {
        let control = self.control.lock();
        let vf = control.find_vf(vf).ok_or(EINVAL)?;
        let pool = control.pool(vf);
        let admin = &pool.admin;
        Ok(VfInfo {
            mac: pool.granted.mac().map_or([0; 6], |mac| *mac.bytes()),
            vlan: admin.port_vlan.map_or(0, |port| port.vid.get()),
            qos: admin.port_vlan.map_or(0, |port| port.qos),
            vlan_proto: ETH_P_8021Q,
            spoofchk: Some(admin.spoof_check),
            trusted: Some(admin.trusted),
            rss_query: Some(false),
            link_state: if pool.quarantine.is_some() {
                LinkState::Disable
            } else {
                link_state(admin.link)
            },
            min_tx_rate: 0,
            max_tx_rate: admin.max_rate,
        })
    }

    /// What a VF has sent and received. Its frames to and from other functions of the port count as
    /// well; broadcast frames are not counted apart.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    fn get_vf_stats(&self, _dev: &Device<Rtnl>, vf: u32) -> Result<VfStats> {
        let mut control = self.control.lock();
        let vf = control.find_vf(vf).ok_or(EINVAL)?;
        if !control.resetting && !is_gone(&self.bar) {
            control.collect_traffic(&self.bar);
        }
        Ok(control.vfs[vf].extra.traffic.stats())
    }
}
