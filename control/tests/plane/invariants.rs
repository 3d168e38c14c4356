// SPDX-License-Identifier: GPL-2.0

//! What is true of a port whatever happens.

use std::collections::BTreeSet;

use rigb_control::control::{
    device::PF_POOL,
    image::Image,
    rate::Limit,
    vf_id::VfId, //
};
use rigb_control::mbox::{
    event::LinkPolicy,
    types::{
        MacAddr,
        VlanId,
        MAX_GROUPS, //
    }, //
};

use super::{
    card::{
        Model,
        Registers, //
    },
    world::World, //
};

const PF_BIT: u32 = 1 << PF_POOL;

impl World {
    /// Looks at everything.
    pub(crate) fn check(&mut self) {
        self.wrong.extend(self.card.take_faults());
        for vf in self.log.no_space.take() {
            self.wrong
                .push(format!("there is no room for what VF {vf} may have"));
        }
        if self.control.resetting {
            return;
        }
        let regs = self.card.regs();
        self.check_owners(&regs);
        self.check_whole(&regs);
        for vf in self.control.vf_ids() {
            self.check_quota(vf);
            self.check_shown(vf, &regs);
            self.check_closed(vf, &regs);
            let followed = self.control.vfs[vf].server.counters().function_resets;
            let guest = &mut self.guests[vf.index()];
            if guest.new_since.is_some_and(|before| followed > before) {
                guest.new_since = None;
                self.check_new(vf);
            }
        }
    }

    pub(crate) fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(what());
        }
    }

    /// Each address is received by one owner, and by the one that comes first: who it is assigned to, the
    /// PF, guests.
    fn check_owners(&mut self, regs: &Registers) {
        let used = regs.rar.iter().filter(|entry| entry.pools != 0);
        let mut seen = BTreeSet::new();
        for entry in used {
            let name = MacAddr::new(entry.mac).unwrap();
            self.expect(seen.insert(entry.mac), || {
                format!("{name} is in two entries")
            });
            // Without VFs all pools are the PF's.
            let vfs = if self.control.has_vfs() {
                entry.pools & !PF_BIT
            } else {
                0
            };
            self.expect(vfs.count_ones() < 2, || {
                format!("{name} is received by two VFs")
            });
            for vf in VfId::all().filter(|vf| vfs & vf.bit() != 0) {
                let state = &self.control.switch.state;
                let assigned = state.config(vf).mac == Some(name);
                let reserved = state.mac_reserved(Some(vf), name);
                self.expect(assigned || !reserved, || {
                    format!("VF {vf} receives {name}, which is the host's or another VF's")
                });
            }
        }
        let own = regs.rar[0];
        let first = own.mac == self.control.switch.state.pf.mac && own.pools != 0;
        self.expect(first, || "the PF does not receive its address".into());
    }

    /// The card has what the state needs and nothing else: as if it had been written from nothing.
    fn check_whole(&mut self, regs: &Registers) {
        let mut image = Box::new(Image::CLOSED);
        let fits = image.compute(&self.control.switch.state, &Image::CLOSED);
        self.expect(fits.is_ok(), || "what was granted does not fit".into());
        let anew = Model::new();
        image.write(&anew, None);
        let same = anew.regs().sorted() == regs.sorted();
        self.expect(same, || {
            "the card has something else than what is wanted".into()
        });
    }

    fn check_quota(&mut self, vf: VfId) {
        let config = self.control.switch.state.config(vf);
        let pool = self.control.pool(vf);
        let filters = pool.granted.filters().count();
        let vlans = pool.granted.vlans().count();
        let groups = pool.groups.len();
        let most = match (config.may_set_mac(), config.trusted) {
            (false, _) => 0,
            // What another one took since then is not taken back from it.
            (true, true) => 16,
            (true, false) => config.filter_quota.into(),
        };
        self.expect(filters <= most, || {
            format!("VF {vf} has {filters} addresses, not {most}")
        });
        let within = vlans <= config.vlan_quota.into() && groups <= MAX_GROUPS.into();
        self.expect(within, || {
            format!("VF {vf} has {vlans} VLANs and {groups} groups")
        });
    }

    /// What `ip link` shows is what the card does.
    fn check_shown(&mut self, vf: VfId, regs: &Registers) {
        let pool = self.control.pool(vf).clone();
        let admin = pool.admin;
        let on = |bits: u32| bits & vf.bit() != 0;

        let ours = regs.rar.iter().filter(|entry| on(entry.pools));
        let macs: BTreeSet<_> = ours.filter_map(|entry| MacAddr::new(entry.mac)).collect();
        let shown: BTreeSet<_> = pool
            .granted
            .mac()
            .into_iter()
            .chain(pool.granted.filters())
            .collect();
        self.expect(macs == shown, || {
            format!("VF {vf} receives {macs:?} and not {shown:?}")
        });
        let given = admin.mac.filter(|_| !admin.trusted);
        let kept = given.is_none_or(|mac| shown == BTreeSet::from([mac]));
        self.expect(kept, || {
            format!("VF {vf} has {shown:?} and not what it was given")
        });

        let ours = regs.vlvf.iter().filter(|entry| on(entry.pools));
        let vlans: BTreeSet<_> = ours.map(|entry| entry.vid).collect();
        let expected: BTreeSet<_> = match admin.port_vlan {
            Some(port) => BTreeSet::from([port.vid.get()]),
            None => pool.granted.vlans().map(VlanId::get).chain([0]).collect(),
        };
        self.expect(vlans == expected, || {
            format!("VF {vf} is in {vlans:?}, not {expected:?}")
        });
        let tag = regs.tags[vf.index()];
        self.expect(tag == admin.port_vlan, || {
            format!("VF {vf} sends with {tag:?}")
        });

        let mac_spoof = on(regs.send.mac_spoof) == admin.spoof_check;
        let vlan_spoof =
            on(regs.send.vlan_spoof) == (admin.spoof_check || admin.port_vlan.is_some());
        self.expect(mac_spoof && vlan_spoof, || {
            format!("VF {vf} is not checked as it shall be")
        });
        let limit = Limit::new(admin.max_rate, self.control.switch.state.speed);
        let limited = regs.limits[vf.index()] == limit;
        self.expect(limited, || {
            format!("VF {vf} is not limited to {}", admin.max_rate)
        });
        let filter = regs.filters[vf.index()];
        let all = filter.all_unicast || filter.all_multicast;
        self.expect(admin.trusted || !all, || {
            format!("VF {vf} receives all without trust")
        });
        let wants_groups = filter.groups != pool.groups.is_empty();
        self.expect(wants_groups, || {
            format!("VF {vf} does not receive its groups")
        });
    }

    /// Who may not send and receive does not.
    fn check_closed(&mut self, vf: VfId, regs: &Registers) {
        let pool = self.control.pool(vf);
        let open = (regs.senders | regs.receivers) & vf.bit() != 0;
        let quarantined = pool.quarantine.is_some();
        let down = pool.admin.link == LinkPolicy::ForcedDown;
        let ready = pool.granted.clear_to_send();
        let blocked = self.control.vfs[vf].blocked;
        self.expect(!(open && quarantined), || {
            format!("VF {vf} is open in quarantine")
        });
        self.expect(!(open && down), || {
            format!("VF {vf} is open without a link")
        });
        self.expect(!(open && blocked), || {
            format!("VF {vf} is open though the card blocked it")
        });
        self.expect(!open || ready, || {
            format!("VF {vf} is open without a handshake")
        });
    }

    /// A VF has the address that it was given, also if it may choose another.
    pub(crate) fn check_given(&mut self, vf: VfId, given: bool) {
        let config = self.control.switch.state.config(vf);
        let has = self.control.pool(vf).granted.mac();
        self.expect(!given || has == config.mac, || {
            format!("VF {vf} has {has:?} and was given {:?}", config.mac)
        });
    }

    /// Whom the host has closed has nothing of what its driver was granted.
    pub(crate) fn check_nothing(&mut self, vf: VfId) {
        let pool = self.control.pool(vf);
        let granted = &pool.granted;
        let nothing = granted.filters().count() == 0
            && granted.vlans().count() == 0
            && pool.groups.is_empty();
        self.expect(nothing, || format!("VF {vf} is closed and has what it had"));
    }

    /// A VF's default address is nobody's.
    pub(crate) fn check_default(&mut self, vf: VfId) {
        let state = &self.control.switch.state;
        let default = state.vfs[vf].default_mac;
        let used = default.is_some_and(|mac| state.mac_in_use(Some(vf), mac));
        self.expect(!used, || {
            format!("VF {vf} has {default:?} by default, which is another's")
        });
    }

    /// A new tenant has nothing of the one before.
    pub(crate) fn check_new(&mut self, vf: VfId) {
        let config = self.control.switch.state.config(vf);
        let pool = self.control.pool(vf);
        let granted = &pool.granted;
        let nothing = granted.filters().count() == 0
            && granted.vlans().count() == 0
            && pool.groups.is_empty()
            && !granted.promiscuous(true)
            && !granted.all_multicast(true)
            && granted.agreed().is_none();
        let (mac, open) = (granted.mac(), pool.open && !granted.clear_to_send());
        let left = self.card.has_former(vf);
        self.expect(nothing, || {
            format!("VF {vf} has what a former tenant was granted")
        });
        self.expect(!open, || format!("VF {vf} is open for a new tenant"));
        self.expect(!left, || format!("VF {vf} has a former tenant's queues"));
        self.expect(mac == config.mac, || {
            format!("VF {vf} has a former tenant's {mac:?}")
        });
    }
}
