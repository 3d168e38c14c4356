// SPDX-License-Identifier: GPL-2.0

//! The table of VFs, and what belongs under one lock with it.

use kernel::prelude::*;

use super::{
    policy::mac_in_use,
    quarantine::Conduct,
    traffic::Traffic, //
};
use crate::{
    kapi::{
        net::{
            netdev_warn,
            Device,
            LinkState,
            MacAddress, //
        },
        port::host::RemotePort, //
    },
    mbox::{
        event::{
            Link,
            LinkPolicy, //
        },
        limit::LogLimit,
        pf_state::VfConfig,
        server::Server,
        time::Time,
        types::MacAddr, //
    },
    regs::{
        filter::RAR_ENTRIES,
        iov::VLVF_ENTRIES,
        Bar0, //
    },
    switch::{
        state::{
            VfPool,
            MAX_VFS,
            VF_FILTERS,
            VF_VLANS, //
        },
        Switch, //
    }, //
};

/// MAC filters that the PF keeps for itself, beside its address, however many VFs there are.
const PF_FILTERS: usize = 2;
/// Places of VLANs that are left to the PF in the same way, beside VLAN 0.
const PF_VLANS: usize = 3;

/// What the PF keeps of a VF.
pub(crate) struct Vf {
    /// Its end of the mailbox.
    pub(crate) server: Server,
    /// What the administrator wants of it.
    pub(crate) config: VfConfig,
    /// Its address unless the administrator gives another one. [`None`] only if all that it could
    /// be are in use.
    pub(crate) default_mac: Option<MacAddr>,
    /// What it has sent and received.
    pub(crate) traffic: Traffic,
    /// How often it was seen to send with a foreign address or VLAN.
    pub(crate) spoof_events: u64,
    /// How it behaves.
    pub(crate) conduct: Conduct,
    /// Its mailbox, if it has another one than the card's.
    pub(crate) port: Option<RemotePort>,
    /// Limits what the log says of that.
    pub(crate) port_log: LogLimit,
}

/// What the administrator has set of a VF. Kept while there is no such VF.
#[derive(Clone, Copy)]
struct Kept {
    /// Its address, if it was set.
    mac: Option<MacAddr>,
    trusted: bool,
    pool: VfPool,
}

impl Kept {
    const NONE: Self = Self {
        mac: None,
        trusted: false,
        pool: VfPool::new(None),
    };
}

impl Vf {
    /// A VF that has no address yet.
    fn new(bar: &Bar0, vf: usize, count: usize) -> Self {
        let config = VfConfig {
            filter_quota: quota(RAR_ENTRIES - 1 - count, PF_FILTERS, count, VF_FILTERS),
            vlan_quota: quota(VLVF_ENTRIES - 1, PF_VLANS, count, VF_VLANS),
            ..VfConfig::default()
        };
        Self {
            server: Server::new(&config),
            config,
            default_mac: None,
            traffic: Traffic::start(bar, vf),
            spoof_events: 0,
            conduct: Conduct::new(),
            port: None,
            port_log: LogLimit::new(),
        }
    }
}

/// What each of `count` VFs may have of `total` places, so that no VF can take another's.
fn quota(total: usize, reserved: usize, count: usize, most: usize) -> u8 {
    let share = total.saturating_sub(reserved) / count.max(1);
    u8::try_from(share.min(most)).unwrap_or(u8::MAX)
}

/// The addresses that a VF may have by default, the first that is free: the PF's permanent one,
/// marked as locally administered and told apart in the upper six bits of the first byte, where no
/// two ports with addresses in a row can meet. The same at each boot, and no other VF's.
fn default_macs(pf_mac: &MacAddress, vf: usize) -> impl Iterator<Item = MacAddr> {
    const LOCAL: u8 = 0x02;
    const NUMBERS: usize = 1 << 6;
    let pf_mac = *pf_mac;
    (vf + 1..NUMBERS)
        .step_by(MAX_VFS + 1)
        .filter_map(move |number| {
            let mut mac = pf_mac;
            mac[0] = (mac[0] ^ u8::try_from(number).ok()? << 2) | LOCAL;
            MacAddr::new(mac)
        })
}

/// The switch and the VFs. Behind one mutex, which serialises mailboxes, administrator, receive
/// mode and resets.
pub(crate) struct Control {
    /// The switch.
    pub(crate) switch: Switch,
    /// The VFs that there are.
    pub(crate) vfs: KVec<Vf>,
    /// The device is being reset: mailboxes are not served.
    pub(crate) resetting: bool,
    /// The link of the port, as VFs are told.
    pub(crate) link: Link,
    /// When the addresses behind the PF have aged last.
    pub(crate) neighbours_aged: Option<Time>,
    kept: [Kept; MAX_VFS],
}

impl Control {
    pub(crate) fn new(switch: Switch) -> Self {
        Self {
            switch,
            vfs: KVec::new(),
            resetting: false,
            link: Link::default(),
            neighbours_aged: None,
            kept: [Kept::NONE; MAX_VFS],
        }
    }

    /// VF `vf`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such VF.
    pub(crate) fn vf(&mut self, vf: u32) -> Result<&mut Vf> {
        self.vfs.get_mut(usize::try_from(vf)?).ok_or(EINVAL)
    }

    /// Makes the table for `count` VFs, all without a driver, and set up as the administrator left
    /// them. The caller commits.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]; nothing is changed then.
    pub(crate) fn set_vfs(
        &mut self,
        dev: &Device,
        bar: &Bar0,
        pf_mac: &MacAddress,
        count: usize,
    ) -> Result {
        let count = count.min(MAX_VFS);
        let mut vfs = KVec::with_capacity(count, GFP_KERNEL)?;
        for vf in 0..count {
            vfs.push(Vf::new(bar, vf, count), GFP_KERNEL)?;
        }
        self.keep();
        self.vfs = vfs;
        self.switch.state.num_vfs = 0;
        // What the administrator has given before what nobody has chosen.
        for index in 0..count {
            self.give_kept_mac(dev, index);
        }
        for index in 0..count {
            self.give_default_mac(dev, index, pf_mac);
            self.bring_back(index);
        }
        self.switch.state.num_vfs = count;
        self.mask_mailboxes(bar);
        Ok(())
    }

    /// Closes the pools of all VFs: these are gone.
    pub(crate) fn close_vfs(&mut self, bar: &Bar0) {
        for pool in &mut self.switch.state.vfs {
            pool.open = false;
        }
        // Closed pools need no more of the tables than open ones.
        let _ = self.commit(bar);
    }

    /// Remembers what the administrator has set of the VFs that there are.
    fn keep(&mut self) {
        let vfs = self.vfs.iter().zip(self.switch.state.vfs.iter());
        for (kept, (vf, pool)) in self.kept.iter_mut().zip(vfs) {
            *kept = Kept {
                mac: vf.config.mac.filter(|_| vf.config.mac_locked),
                trusted: vf.config.trusted,
                pool: *pool,
            };
        }
    }

    /// Gives VF `index`, which is new, the address that the administrator gave it.
    fn give_kept_mac(&mut self, dev: &Device, index: usize) {
        let kept = self.kept.get(index).and_then(|kept| kept.mac);
        // The PF may have taken the address meanwhile.
        let taken = |mac: &MacAddr| mac_in_use(&self.switch, &self.vfs, index, *mac);
        let locked = kept.filter(|mac| !taken(mac));
        if locked != kept {
            netdev_warn!(
                dev,
                "the address that VF {} had is in use: it has its default; give it another with 'ip link set {} vf {} mac ADDRESS'\n",
                index,
                *dev,
                index
            );
        }
        if let Some(vf) = self.vfs.get_mut(index) {
            vf.config.mac = locked;
            vf.config.mac_locked = locked.is_some();
        }
    }

    /// Finds a default address for VF `index`, and gives it to it if it has none.
    fn give_default_mac(&mut self, dev: &Device, index: usize, pf_mac: &MacAddress) {
        let taken = |mac: &MacAddr| mac_in_use(&self.switch, &self.vfs, index, *mac);
        let free = default_macs(pf_mac, index).find(|mac| !taken(mac));
        let usual = default_macs(pf_mac, index).next();
        if let Some(usual) = usual.filter(|usual| free != Some(*usual)) {
            netdev_warn!(
                dev,
                "{} is the default address of VF {}, and in use: its default is another\n",
                usual,
                index
            );
        }
        if let Some(vf) = self.vfs.get_mut(index) {
            vf.default_mac = free;
            vf.config.mac = vf.config.mac.or(free);
        }
    }

    /// Sets up VF `index`, which is new and has its address, as the administrator had it.
    fn bring_back(&mut self, index: usize) {
        let Some(kept) = self.kept.get(index).copied() else {
            return;
        };
        let Some(vf) = self.vfs.get_mut(index) else {
            return;
        };
        let mut pool = kept.pool;
        pool.quarantined = false;
        vf.config.trusted = kept.trusted;
        vf.config.port_vlan = pool.port_vlan.map(|port| port.vid);
        vf.server = Server::new(&vf.config);
        pool.device_reset(vf.server.state(), &vf.config);
        if let Some(slot) = self.switch.state.vfs.get_mut(index) {
            *slot = pool;
        }
    }

    /// The device was reset: no VF has a driver that knows of it.
    pub(crate) fn device_reset(&mut self) {
        self.restart_traffic();
        for (vf, pool) in self.vfs.iter_mut().zip(self.switch.state.vfs.iter_mut()) {
            vf.server.device_reset(&vf.config);
            pool.device_reset(vf.server.state(), &vf.config);
        }
    }

    /// What VF `index` is to be told, where the PF has `mtu`.
    pub(super) fn told(&self, index: usize, mtu: u32) -> Option<VfConfig> {
        let vf = self.vfs.get(index)?;
        let pool = self.switch.state.vfs.get(index)?;
        let policy = match pool.link_state {
            LinkState::Auto => LinkPolicy::Auto,
            LinkState::Enable => LinkPolicy::ForcedUp,
            LinkState::Disable => LinkPolicy::ForcedDown,
        };
        Some(VfConfig {
            link: Link {
                policy,
                ..self.link
            },
            mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
            ..vf.config
        })
    }

    /// Has all VFs look at their link.
    pub(crate) fn notify_all(&mut self) {
        for vf in self.vfs.iter_mut() {
            vf.server.notify();
        }
    }

    /// Commits the switch.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`], see [`Switch::commit`].
    pub(crate) fn commit(&mut self, bar: &Bar0) -> Result {
        self.switch.commit(bar)
    }
}
