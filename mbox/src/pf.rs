// SPDX-License-Identifier: GPL-2.0

//! The PF's decision about a request: a pure function.
//!
//! It takes two steps, for the reply has to tell what the device did. [`service`] looks at the
//! request and returns a [`Plan`]: what the VF would have been granted then ([`Plan::next`]), and an
//! [`Effect`] for the driver to carry out, or none. Then [`Plan::finish`] is given the driver's result
//! and says what to reply.

use super::caps::{
    Caps,
    Version, //
};
use super::event::State;
use super::pf_state::{
    VfConfig,
    VfState,
    MAX_VLANS, //
};
use super::pf_to_vf;
use super::reason::{
    Failure,
    Reason, //
};
use super::refusal::Refusal;
use super::types::{
    HashList,
    HashSet,
    MacAddr,
    MaxFrame,
    Promisc,
    VlanId,
    MAX_GROUPS,
    MAX_HASHES, //
};
use super::vf_to_pf::{
    Reject,
    Request, //
};
use super::wire::{
    op,
    Header,
    Message,
    Words,
    TAG, //
};

/// What only the driver knows: the other functions of the device.
pub trait Policy {
    /// Whether the PF or another VF uses `mac`.
    fn mac_in_use(&self, mac: MacAddr) -> bool;

    /// Whether this VF may join `vid`.
    fn may_join_vlan(&self, vid: VlanId) -> bool {
        let _ = vid;
        true
    }

    /// Goes up whenever another function may have let go of an address, or of room for one.
    fn releases(&self) -> u64 {
        0
    }

    /// The multicast hashes that this VF has: what [`Effect::change_groups`] made of them.
    fn groups(&self) -> &HashSet;
}

/// What the driver is to do to the VF's pool. All values are in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The VF's driver has started: set up the pool from nothing (no filters, VLANs or hashes,
    /// the port VLAN again, standard frame size), with this address, and enable its queues.
    Reset {
        /// The address to receive.
        mac: Option<MacAddr>,
    },
    /// The VF went through a function level reset: as [`Effect::Reset`], but its queues stay
    /// disabled until its driver asks.
    FunctionReset {
        /// The address that is assigned now.
        mac: Option<MacAddr>,
    },
    /// Receive this address instead of the old one.
    SetMac(MacAddr),
    /// Receive this address as well.
    AddFilter(MacAddr),
    /// Receive none of the addresses of [`VfState::filters`] any more.
    ClearFilters,
    /// Receive these multicast frames and no others.
    SetMulticast(Multicast),
    /// Receive these multicast frames as well.
    AddMulticast(Multicast),
    /// Receive these multicast frames no more.
    RemoveMulticast(Multicast),
    /// Receive all unicast and multicast frames, or those for its addresses. All only for a VF that is
    /// trusted.
    SetPromisc(Promisc),
    /// Join a VLAN, which is not 0.
    JoinVlan(VlanId),
    /// Leave a VLAN, which is not 0.
    LeaveVlan(VlanId),
    /// Receive frames up to this length.
    SetMaxFrame(MaxFrame),
}

/// Multicast frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multicast {
    /// Whether the VF receives all of them now (VMOLR.MPME).
    pub all: bool,
    /// The hashes to change (VMOLR.ROMPE and the MTA).
    pub hashes: HashList,
}

impl Effect {
    /// What becomes of the VF's multicast hashes.
    pub fn change_groups(&self, groups: &mut HashSet) {
        let new = match self {
            Self::Reset { .. } | Self::FunctionReset { .. } => return groups.clear(),
            Self::RemoveMulticast(old) => {
                for &hash in old.hashes.as_slice() {
                    groups.remove(hash);
                }
                return;
            }
            Self::SetMulticast(new) => {
                groups.clear();
                new
            }
            Self::AddMulticast(new) => new,
            _ => return,
        };
        for &hash in new.hashes.as_slice() {
            groups.insert(hash);
        }
    }
}

/// What to write into the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This message, with the doorbell.
    Reply(Message),
    /// Nothing. The buffer keeps its words.
    Silence,
}

/// A request that was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    header: Header,
    clear_to_send: bool,
    effect: Option<Effect>,
    next: VfState,
    verdict: Verdict,
    grant: Grant,
    agreed: Caps,
    told: State,
}

/// What a reply that grants has in its words.
#[derive(Clone, Copy, Debug)]
enum Grant {
    Plain,
    Agreement(Version),
    State,
}

#[derive(Clone, Copy, Debug)]
enum Verdict {
    Grant,
    GrantWith(Reason),
    Refuse(Reason),
    Ignore(Option<Reason>),
}

/// A request that was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What to write into the mailbox.
    pub answer: Answer,
    /// Whether the request was carried out.
    pub granted: bool,
    /// What the operator may want to know, to be printed at a bounded rate.
    pub reason: Option<Reason>,
}

/// Looks at a request: what to do, and what would follow.
///
/// `told` is what the PF would tell with an event.
///
/// `unready_nack` says whether a VF that is not clear to send may be told so now; see
/// [`super::server::UNREADY_NACK_INTERVAL`].
pub fn service(
    state: &VfState,
    config: &VfConfig,
    policy: &(impl Policy + ?Sized),
    told: &State,
    words: &Words,
    unready_nack: bool,
) -> Plan {
    let mut plan = Plan {
        header: Header::from_raw(words[0]),
        clear_to_send: state.clear_to_send,
        effect: None,
        next: *state,
        verdict: Verdict::Ignore(None),
        grant: Grant::Plain,
        agreed: state.agreed,
        told: *told,
    };
    let decoded = Request::decode(&without_tag(words, state.agreed));
    plan.verdict = match decoded {
        Err(Reject::NotARequest) => Verdict::Ignore(None),
        Ok(Request::Reset) => plan.reset(config),
        _ if !state.clear_to_send && unready_nack => Verdict::Refuse(Reason::NotReady),
        _ if !state.clear_to_send => Verdict::Ignore(Some(Reason::NotReady)),
        Err(reject) => Verdict::Refuse(Reason::Invalid(reject)),
        Ok(request) => match plan.decide(&request, config, policy) {
            Ok(verdict) => verdict,
            Err(reason) => Verdict::Refuse(reason),
        },
    };
    plan
}

/// The words without their sequence tag, if there may be one.
pub(super) fn without_tag(words: &Words, agreed: Caps) -> Words {
    let mut words = *words;
    let header = Header::from_raw(words[0]);
    // These two are equal bit for bit whatever was agreed on before, as they end that.
    let base = matches!(header.opcode(), op::RESET | op::NEGOTIATE);
    if agreed.has(Caps::SEQUENCE) && !base {
        words[0] = header.without(TAG).raw();
    }
    words
}

impl Plan {
    /// What the driver has to do before [`Self::finish`]. Only with [`Self::next`].
    pub const fn effect(&self) -> Option<&Effect> {
        self.effect.as_ref()
    }

    /// What the VF has been granted once the driver has done that; [`None`] for a request that is
    /// refused.
    pub const fn next(&self) -> Option<&VfState> {
        match self.verdict {
            Verdict::Grant | Verdict::GrantWith(_) => Some(&self.next),
            Verdict::Refuse(_) | Verdict::Ignore(_) => None,
        }
    }

    /// Completes the request with the driver's result, `Ok` if there was nothing to do.
    pub fn finish(&self, result: Result<(), Failure>) -> Outcome {
        if let (Some(effect), Err(failure)) = (self.effect, result) {
            let answer = match effect {
                // NACK would mean "no MAC address assigned". The bare one means "not now".
                Effect::Reset { .. } | Effect::FunctionReset { .. } => pf_to_vf::lost(),
                _ => self.reply(false, Some(Reason::Failed(failure))),
            };
            return Outcome {
                answer: Answer::Reply(answer),
                granted: false,
                reason: Some(Reason::Failed(failure)),
            };
        }
        let (granted, reason) = match self.verdict {
            Verdict::Grant => (true, None),
            Verdict::GrantWith(reason) => (true, Some(reason)),
            Verdict::Refuse(reason) => (false, Some(reason)),
            Verdict::Ignore(reason) => {
                return Outcome {
                    answer: Answer::Silence,
                    granted: false,
                    reason,
                }
            }
        };
        let reply = match self.effect {
            Some(Effect::Reset { mac }) => pf_to_vf::reset_reply(mac),
            _ => self.reply(granted, reason),
        };
        Outcome {
            answer: Answer::Reply(reply),
            granted,
            reason,
        }
    }

    /// The reply to anything but RESET.
    fn reply(&self, granted: bool, reason: Option<Reason>) -> Message {
        match self.grant {
            Grant::Agreement(version) if granted => {
                pf_to_vf::agreement(self.header, version, self.next.agreed)
            }
            Grant::State if granted => pf_to_vf::state_reply(self.header, self.told),
            _ => {
                let reply = pf_to_vf::simple_reply(self.header, granted, self.clear_to_send);
                let refusal = reason.map_or(Refusal::Undisclosed, Refusal::from);
                pf_to_vf::full_reply(reply, self.agreed, refusal, self.told.generation)
            }
        }
    }

    fn reset(&mut self, config: &VfConfig) -> Verdict {
        self.next = self.next.after_reset(config);
        self.next.clear_to_send = true;
        self.effect = Some(Effect::Reset { mac: self.next.mac });
        Verdict::Grant
    }

    fn decide(
        &mut self,
        request: &Request,
        config: &VfConfig,
        policy: &(impl Policy + ?Sized),
    ) -> Result<Verdict, Reason> {
        match *request {
            Request::Reset => Ok(self.reset(config)),
            Request::SetMac(mac) => self.set_mac(mac, config, policy),
            Request::ClearFilters { .. } => Ok(self.clear_filters()),
            Request::AddFilter(mac) => self.add_filter(mac, config, policy),
            Request::SetMulticast(list) => Ok(self.set_multicast(list, config)),
            Request::SetVlan { vid, join } => self.set_vlan(vid, join, config, policy),
            Request::SetMaxFrame(size) => {
                self.next.max_frame = size;
                self.effect = Some(Effect::SetMaxFrame(size));
                Ok(Verdict::Grant)
            }
            Request::SetPromisc(modes) => self.set_promisc(modes, config),
            Request::Negotiate { version, caps } => self.negotiate(version, caps),
            Request::GetState => self.get_state(),
            Request::ChangeMulticast { list, leave } => {
                self.change_multicast(list, leave, config, policy)
            }
        }
    }

    fn set_multicast(&mut self, list: HashList, config: &VfConfig) -> Verdict {
        // C igbvf leaves out what does not fit, and does not say so.
        let full = self.agreed.is_none() && list.as_slice().len() == MAX_HASHES;
        self.next.more_groups = list.overflow() || full;
        self.effect = Some(Effect::SetMulticast(Multicast {
            all: self.next.all_multicast(config.trusted),
            hashes: list,
        }));
        match (config.trusted, list.overflow()) {
            (false, true) => Verdict::GrantWith(Reason::MulticastOverflow),
            (false, false) if full => Verdict::GrantWith(Reason::MulticastFull),
            _ => Verdict::Grant,
        }
    }

    fn change_multicast(
        &mut self,
        list: HashList,
        leave: bool,
        config: &VfConfig,
        policy: &(impl Policy + ?Sized),
    ) -> Result<Verdict, Reason> {
        if !self.agreed.has(Caps::GROUPS) {
            return Err(Reason::Invalid(Reject::UnknownOpcode(op::CHANGE_MULTICAST)));
        }
        let quota = Reason::GroupQuota(MAX_GROUPS);
        let groups = policy.groups();
        let new = list.distinct().filter(|&hash| !groups.contains(hash));
        let wanted = new.fold(groups.len(), |sum, _| sum.saturating_add(1));
        if !leave && wanted > u32::from(MAX_GROUPS) {
            return Err(quota);
        }
        self.next.more_groups = list.overflow();
        let change = Multicast {
            all: self.next.all_multicast(config.trusted),
            hashes: list,
        };
        self.effect = Some(if leave {
            Effect::RemoveMulticast(change)
        } else {
            Effect::AddMulticast(change)
        });
        Ok(if list.overflow() && !config.trusted {
            Verdict::GrantWith(quota)
        } else {
            Verdict::Grant
        })
    }

    fn set_mac(
        &mut self,
        mac: MacAddr,
        config: &VfConfig,
        policy: &(impl Policy + ?Sized),
    ) -> Result<Verdict, Reason> {
        // igbvf sends its address after each reset, also when the administrator chose it.
        if self.next.mac == Some(mac) {
            return Ok(Verdict::Grant);
        }
        if !config.may_set_mac() {
            return Err(Reason::MacLocked(mac));
        }
        if policy.mac_in_use(mac) {
            return Err(Reason::MacInUse(mac));
        }
        self.next.mac = Some(mac);
        self.effect = Some(Effect::SetMac(mac));
        Ok(Verdict::Grant)
    }

    fn clear_filters(&mut self) -> Verdict {
        // igbvf sends this whenever its receive mode changes, mostly with nothing to clear.
        if self.next.filters.len() > 0 {
            self.next.filters = super::pf_state::Set::EMPTY;
            self.effect = Some(Effect::ClearFilters);
        }
        Verdict::Grant
    }

    fn add_filter(
        &mut self,
        mac: MacAddr,
        config: &VfConfig,
        policy: &(impl Policy + ?Sized),
    ) -> Result<Verdict, Reason> {
        if self.next.uses_mac(mac) {
            return Ok(Verdict::Grant);
        }
        if !config.may_set_mac() {
            return Err(Reason::MacLocked(mac));
        }
        if !self.next.has_room(config) {
            return Err(Reason::FilterQuota(config.filter_quota));
        }
        if policy.mac_in_use(mac) {
            return Err(Reason::MacInUse(mac));
        }
        if !self.next.filters.insert(mac) {
            return Err(Reason::FilterQuota(config.filter_quota));
        }
        self.effect = Some(Effect::AddFilter(mac));
        Ok(Verdict::Grant)
    }

    fn set_vlan(
        &mut self,
        vid: VlanId,
        join: bool,
        config: &VfConfig,
        policy: &(impl Policy + ?Sized),
    ) -> Result<Verdict, Reason> {
        // Each VF is always in VLAN 0. Linux asks for it on each interface that comes up.
        if vid.is_zero() {
            return Ok(Verdict::Grant);
        }
        // Also behind a port VLAN: what rests there must not come back when that ends.
        if !join && self.next.vlans.contains(vid) {
            self.next.vlans.remove(vid);
            self.effect = Some(Effect::LeaveVlan(vid));
            return Ok(Verdict::Grant);
        }
        if let Some(port_vlan) = config.port_vlan {
            return Err(Reason::PortVlan(port_vlan));
        }
        if self.next.vlans.contains(vid) == join {
            return Ok(Verdict::Grant);
        }
        if !policy.may_join_vlan(vid) {
            return Err(Reason::VlanDenied(vid));
        }
        let quota = usize::from(config.vlan_quota).min(MAX_VLANS);
        if self.next.vlans.len() >= quota || !self.next.vlans.insert(vid) {
            return Err(Reason::VlanQuota(config.vlan_quota));
        }
        self.effect = Some(Effect::JoinVlan(vid));
        Ok(Verdict::Grant)
    }

    fn negotiate(&mut self, version: Version, caps: Caps) -> Result<Verdict, Reason> {
        // A decoded version can be agreed on.
        let bad = Reason::Invalid(Reject::BadVersion(version.to_word()));
        self.grant = Grant::Agreement(version.agree().ok_or(bad)?);
        self.next.agreed = caps.and(Caps::OURS);
        Ok(Verdict::Grant)
    }

    fn get_state(&mut self) -> Result<Verdict, Reason> {
        if !self.agreed.has(Caps::EVENTS) {
            return Err(Reason::Invalid(Reject::UnknownOpcode(op::GET_STATE)));
        }
        self.grant = Grant::State;
        Ok(Verdict::Grant)
    }

    fn set_promisc(&mut self, modes: Promisc, config: &VfConfig) -> Result<Verdict, Reason> {
        if modes.unicast && !config.trusted {
            return Err(Reason::UnicastPromisc);
        }
        if modes.multicast && !config.trusted {
            return Err(Reason::MulticastPromisc);
        }
        self.next.all_unicast = modes.unicast;
        self.next.all_multicast = modes.multicast;
        self.effect = Some(Effect::SetPromisc(Promisc {
            unicast: self.next.promiscuous(config.trusted),
            multicast: self.next.all_multicast(config.trusted),
        }));
        Ok(Verdict::Grant)
    }
}
