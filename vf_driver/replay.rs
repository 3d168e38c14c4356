// SPDX-License-Identifier: GPL-2.0

//! Brings the PF to what the stack wants: after a handshake everything, later what changed.
//!
//! All of it runs with the RTNL held and makes requests, so it sleeps. A request that fails ends it:
//! the VF is lost then and everything is to be done again. A request that is refused does not: the
//! operator is told what does not work and what helps, and the rest is asked for.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    adapter::Adapter,
    control::Failure,
    kapi::net::{
        net_ratelimit,
        netdev_info,
        netdev_warn,
        Device,
        Rtnl, //
    },
    mbox::{
        pf_to_vf::Reply,
        refusal::Refusal,
        types::{
            MacAddr,
            MaxFrame,
            Promisc,
            VlanId, //
        },
        vf_to_pf::Request,
    },
    wanted::{
        Filters,
        Wanted, //
    },
};

/// The PF is asked for frames of this MTU at least: neighbours may have a larger one. With header,
/// tag and checksum 1536 bytes, what the PF's own port receives at least.
const LEAST_MTU: u32 = 1514;

/// Why a request was refused, as the PF says it; from a PF that does not, what may help.
pub(crate) struct Why(pub(crate) Refusal, pub(crate) &'static str);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_undisclosed() {
            f.write_str(self.1)
        } else {
            fmt::Display::fmt(&self.0, f)
        }
    }
}

/// What may help where a PF does not say why it refuses an address.
const UNICAST_HELP: &str = "it is untrusted, or has as many addresses as it may have";
/// After so many refusals of addresses that a PF does not explain, it is not asked for the rest: C igb
/// writes a line into the host's log for each.
const MAX_UNEXPLAINED: u32 = 3;

impl Adapter {
    /// Makes a request. Returns why it was refused, if it was.
    pub(crate) fn ask(&self, request: &Request) -> Result<Option<Refusal>, Failure> {
        Ok(match self.control.request(request)? {
            Reply::Refused(why) => Some(why),
            Reply::GrantedInPart(why) => {
                if net_ratelimit() {
                    netdev_warn!(
                        self.ndev,
                        "the PF granted a part of what was wanted: {why}\n"
                    );
                }
                None
            }
            _ => None,
        })
    }

    /// After a handshake in which the PF assigned `mac`: tells it everything.
    pub(crate) fn replay(&self, dev: &Device<Rtnl>, mac: Option<MacAddr>) -> Result<(), Failure> {
        let mut wanted = self.wanted.lock();
        wanted.start_over(mac);
        let mtu = dev.mtu();
        if let Some(why) = self.ask_mtu(mtu)? {
            let why = Why(
                why,
                "it does not say why; longer frames than it allows are lost",
            );
            netdev_warn!(dev, "the PF refused frames for an MTU of {mtu}: {why}\n");
        }
        self.settle_mac(dev, &mut wanted)?;
        let mut refused = 0;
        let mut last = None;
        for vid in wanted.vlans.iter() {
            let why = self.join_vlan(vid)?;
            refused += u32::from(why.is_some());
            last = why.or(last);
        }
        if let Some(why) = last {
            let why = Why(why, "it may have put this VF into one, or have no room");
            netdev_warn!(dev, "the PF refused {refused} VLANs: {why}\n");
        }
        self.sync_filters(dev, &mut wanted)
    }

    /// Asks for a VLAN. Its tag is shown to the stack only while the VF is in it: one of this number
    /// may be the host's. Returns why the PF refused, if it did.
    pub(crate) fn join_vlan(&self, vid: VlanId) -> Result<Option<Refusal>, Failure> {
        let refused = self.ask(&Request::SetVlan { vid, join: true })?;
        self.hw.set_vlan(vid.get(), refused.is_none());
        Ok(refused)
    }

    /// Asks for frames that carry `mtu` bytes. Returns why the PF refused, if it did.
    pub(crate) fn ask_mtu(&self, mtu: u32) -> Result<Option<Refusal>, Failure> {
        let mtu = mtu.max(LEAST_MTU);
        let frame = u16::try_from(mtu).ok().and_then(MaxFrame::for_mtu);
        match frame {
            Some(frame) => self.ask(&Request::SetMaxFrame(frame)),
            None => Ok(Some(Refusal::Invalid)),
        }
    }

    /// Agrees with the PF on the MAC address.
    ///
    /// An address chosen on this side comes first, if the PF lets us; then the one that the PF
    /// assigned; then the one that the device has, by chance or from a PF that has forgotten it.
    fn settle_mac(&self, dev: &Device<Rtnl>, wanted: &mut Wanted) -> Result<(), Failure> {
        let assigned = wanted.assigned_mac;
        let current = MacAddr::new(dev.dev_addr());
        let Some(target) = wanted.own_mac.or(assigned).or(current) else {
            return Ok(());
        };
        if Some(target) == assigned {
            adopt(dev, target);
            return Ok(());
        }
        let Some(refusal) = self.ask(&Request::SetMac(target))? else {
            return Ok(());
        };
        match assigned {
            Some(mac) => {
                let why = Why(
                    refusal,
                    "'ip link set PF vf N trust on' on the host lets this side choose",
                );
                netdev_warn!(
                    dev,
                    "the PF refused MAC address {target}, using {mac} which it assigned: {why}\n"
                );
                if !refusal.may_pass() {
                    wanted.own_mac = None;
                }
                adopt(dev, mac);
            }
            None => {
                let why = Why(
                    refusal,
                    "'ip link set PF vf N mac ADDRESS' on the host sets one",
                );
                netdev_warn!(
                    dev,
                    "the PF refused MAC address {target} and assigned none: {why}\n"
                );
            }
        }
        Ok(())
    }

    /// Asks for the address that was chosen on this side and that the PF has refused, if it has.
    pub(crate) fn ask_own_mac(&self, dev: &Device<Rtnl>, wanted: &Wanted) -> Result<(), Failure> {
        let lost = |own: &MacAddr| dev.dev_addr() != *own.bytes();
        let Some(own) = wanted.own_mac.filter(lost) else {
            return Ok(());
        };
        if self.ask(&Request::SetMac(own))?.is_none() {
            dev.take_dev_addr(own.bytes());
            netdev_info!(
                dev,
                "using MAC address {own} again, which has become free\n"
            );
        }
        Ok(())
    }

    /// Asks for the filters that are wanted, as far as they were not asked for yet.
    pub(crate) fn sync_filters(
        &self,
        dev: &Device<Rtnl>,
        wanted: &mut Wanted,
    ) -> Result<(), Failure> {
        self.sync_groups(&mut wanted.groups)?;
        let Wanted { filters, asked, .. } = wanted;
        self.sync_promisc(dev, asked, filters)?;
        self.sync_unicast(dev, wanted)
    }

    fn sync_promisc(
        &self,
        dev: &Device<Rtnl>,
        asked: &mut Filters,
        filters: &Filters,
    ) -> Result<(), Failure> {
        let modes = |filters: &Filters| Promisc {
            unicast: filters.all_unicast,
            multicast: filters.all_multicast,
        };
        let wanted = modes(filters);
        if modes(asked) == wanted {
            return Ok(());
        }
        let mut refused = self.ask(&Request::SetPromisc(wanted))?;
        if wanted.unicast && refused.is_some() {
            // Not every PF has the half for unicast.
            refused = self.ask(&Request::SetPromisc(Promisc {
                unicast: false,
                ..wanted
            }))?;
        }
        let refused = refused.filter(|_| wanted.multicast);
        if let Some(why) = refused.filter(|_| net_ratelimit()) {
            let why = Why(why, "'ip link set PF vf N trust on' on the host allows it");
            netdev_warn!(
                dev,
                "the PF refused to let this VF receive all multicast frames: {why}\n"
            );
        }
        asked.all_unicast = filters.all_unicast;
        asked.all_multicast = filters.all_multicast;
        Ok(())
    }

    /// Asks for the unicast addresses that are wanted and were not asked for. Those that the PF has
    /// granted stay meanwhile, unless one of them is not wanted any more: the PF can only forget all.
    fn sync_unicast(&self, dev: &Device<Rtnl>, wanted: &mut Wanted) -> Result<(), Failure> {
        let Wanted { filters, asked, .. } = wanted;
        let unwanted = |mac| !filters.unicast.contains(mac);
        if wanted.stale_unicast || wanted.granted_unicast.iter().any(unwanted) {
            // C igb wants to see a valid address here, though it does not use it.
            let filler = MacAddr::new(dev.dev_addr());
            self.ask(&Request::ClearFilters { filler })?;
            wanted.stale_unicast = false;
            wanted.granted_unicast.clear();
            asked.unicast.clear();
        }
        asked.unicast.retain(|mac| filters.unicast.contains(mac));
        let mut unexplained = 0;
        let mut over = false;
        for &mac in filters.unicast.iter() {
            if asked.unicast.contains(&mac) {
                continue;
            }
            // Without memory it is asked for again next time, which does no harm.
            let _ = asked.unicast.push(mac, GFP_KERNEL);
            if over {
                continue;
            }
            let Some(why) = self.ask(&Request::AddFilter(mac))? else {
                // What is not known to be granted is cleared next time.
                let kept = wanted.granted_unicast.push(mac, GFP_KERNEL);
                wanted.stale_unicast |= kept.is_err();
                continue;
            };
            unexplained += u32::from(why.is_undisclosed());
            over = why.ends_filters() || unexplained >= MAX_UNEXPLAINED;
            wanted.refusals.why = why;
        }
        self.report_refusals(wanted);
        Ok(())
    }

    /// Says what the PF has refused and the log does not have yet.
    pub(crate) fn report_refused(&self) {
        let mut wanted = self.wanted.lock();
        self.report_refusals(&mut wanted);
        self.report_groups(&mut wanted.groups);
    }

    /// Says how many unicast addresses the PF has refused, unless the log has it. What is too much for
    /// the log now is said by a later pass of the service work.
    fn report_refusals(&self, wanted: &mut Wanted) {
        let refused = wanted.refused_unicast();
        if wanted.refusals.take(refused, self.control.now()) {
            let why = Why(wanted.refusals.why, UNICAST_HELP);
            netdev_warn!(
                self.ndev,
                "{refused} of {} further unicast addresses are not received, \
                 the PF refused them: {why}\n",
                wanted.filters.unicast.len()
            );
        }
    }

    /// Leaves the PF without filters of this VF, until the stack sets some: what they name may be
    /// another VF's next, and C igb would keep the unicast ones for this VF's next owner. A PF that is to
    /// be greeted first has none by then, and none are asked for again.
    pub(crate) fn drop_filters(&self, dev: &Device<Rtnl>) -> Result<(), Failure> {
        let mut wanted = self.wanted.lock();
        wanted.filters = Filters::none();
        wanted.groups.want_none();
        if !self.ready() {
            return Ok(());
        }
        self.sync_filters(dev, &mut wanted)
    }
}

/// Takes an address that the PF assigned.
pub(crate) fn adopt(dev: &Device<Rtnl>, mac: MacAddr) {
    if dev.dev_addr() == *mac.bytes() {
        return;
    }
    dev.take_dev_addr(mac.bytes());
    if net_ratelimit() {
        netdev_info!(dev, "the PF assigned MAC address {mac}\n");
    }
}
