// SPDX-License-Identifier: GPL-2.0

//! What the PF tells by itself, if it has agreed on events: what the administrator of the host
//! decides over this VF, and what the PF has.
//!
//! A PF without events tells nothing of this. There the VF learns of another address by being
//! reset, of a trust by what is granted, and of the rest not at all.

use kernel::prelude::*;

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
            LinkPolicy,
            State, //
        },
        limit::TokenBucket,
        time::Span,
        vf_to_pf::Request, //
    },
    replay::adopt,
    wanted::Wanted,
};

/// What the PF has told.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    /// What was acted on.
    state: Option<State>,
    /// What is still to be acted on.
    news: Option<State>,
    /// [`State::room`] when what was refused was asked for last.
    room: u16,
    log: TokenBucket,
}

/// Changes that are logged at once.
const LOG_BURST: u32 = 32;
/// One more per this time: a PF that is out of its mind can tell changes at any rate.
const LOG_INTERVAL: Span = Span::from_millis(1_000);

impl Told {
    /// Nothing.
    pub(crate) const fn nothing() -> Self {
        Self {
            state: None,
            news: None,
            room: 0,
            log: TokenBucket::new(LOG_BURST, LOG_INTERVAL),
        }
    }

    /// Takes in what the PF has told, for [`Adapter::act_on_news`].
    pub(crate) fn hear(&mut self, news: State) {
        self.news = Some(news);
    }

    /// A handshake is done, in which the PF has told `state`, or nothing if it has no events.
    pub(crate) fn meet(&mut self, state: Option<State>) {
        let Some(news) = state else {
            self.state = None;
            self.news = None;
            return;
        };
        // All is asked for anew after a handshake.
        self.room = news.room;
        // The handshake has settled the address.
        if let Some(before) = &mut self.state {
            before.mac = news.mac;
        }
        self.hear(news);
    }

    /// What decides over the link.
    pub(crate) fn link_policy(&self) -> LinkPolicy {
        self.news
            .or(self.state)
            .map_or(LinkPolicy::Auto, |state| state.link.policy)
    }
}

impl Adapter {
    /// Does what follows from what the PF has told. Takes the RTNL if there is something.
    pub(crate) fn act_on_news(&self) {
        if self.told.lock().news.is_none() {
            return;
        }
        let rtnl = rtnl_lock();
        let dev = rtnl.device(&self.ndev);
        let (news, before, room, admitted) = {
            let mut told = self.told.lock();
            let Some(news) = told.news.take() else {
                return;
            };
            let admitted = told.log.take(self.control.now());
            let room = core::mem::replace(&mut told.room, news.room) != news.room;
            (news, told.state.replace(news), room, admitted)
        };
        let changes = before.map_or(Changes::NONE, |before| news.changes_since(&before));
        if admitted {
            report(dev, changes, &news);
        }
        // Who is not ready asks for all of it soon.
        if self.ready() {
            let mut wanted = self.wanted.lock();
            let done = self
                .follow_mac(dev, &mut wanted, before, &news)
                .and_then(|()| self.ask_again(dev, &mut wanted, changes, &news))
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
        news: &State,
    ) -> Result<(), Failure> {
        let changed = match before {
            Some(before) => before.mac != news.mac,
            // The handshake has settled it, unless the host was quick: then there is no choice.
            None => news.mac_locked && !news.trusted,
        };
        let Some(mac) = news.mac.filter(|_| changed) else {
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
        news: &State,
    ) -> Result<(), Failure> {
        if changes.has(Changes::VLAN) {
            for vid in wanted.vlans.iter() {
                if news.port_vlan {
                    self.hw.set_vlan(vid.get(), false);
                } else {
                    self.join_vlan(vid)?;
                }
            }
        }
        if changes.has(Changes::TRUST) && news.trusted {
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
fn report(dev: &Device<Rtnl>, changes: Changes, news: &State) {
    if changes.has(Changes::VLAN) && news.port_vlan {
        netdev_info!(
            dev,
            "the host has put this VF into a VLAN; those joined on this side rest\n"
        );
    } else if changes.has(Changes::VLAN) {
        netdev_info!(dev, "the host has taken this VF out of its VLAN\n");
    }
    if changes.has(Changes::TRUST) && news.trusted {
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
            news.mtu,
            dev.mtu()
        );
    }
}
