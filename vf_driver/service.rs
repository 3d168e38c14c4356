// SPDX-License-Identifier: GPL-2.0

//! The service work: link, and recovery from whatever makes the PF forget this VF.
//!
//! It runs when the mailbox interrupt comes, when somebody asks for it, and, while the interface is
//! up, a few times a second by itself: not every device delivers the mailbox interrupt where it was
//! told to, and a lost one must not cost more than a moment.
//!
//! There is one way to recover, whatever happened (reset of the PF, of this VF, of the bus, sleep,
//! a transmit timeout, a PF that comes later than the VF): stop the rings, reset the VF, introduce
//! it to the PF, tell the PF all that is wanted, start the rings. Only the handshake may take long,
//! and it is made without the RTNL.

use kernel::{
    prelude::*,
    sync::ArcBorrow,
    time::Delta, //
};

use crate::{
    adapter::Adapter,
    control::{
        Failure,
        Patience, //
    },
    hw::Link,
    kapi::net::{
        net_ratelimit,
        netdev_info,
        netdev_warn,
        rtnl_lock,
        Device,
        Rtnl, //
    },
    mbox::{
        event::LinkPolicy,
        types::MacAddr,
        vf, //
    },
};

/// How often to look at link and mailbox while the interface is up.
// CAST: A fraction of a second.
const IDLE_POLL: Delta = Delta::from_micros(vf::IDLE_POLL.as_micros() as i64);
/// How often to look at the mailbox while the interface is down, and does not interrupt: an address
/// that the host gives is to be seen without opening it.
const DOWN_POLL: Delta = Delta::from_secs(1);
/// How soon to look again for a PF that does not answer.
const RETRY: Delta = Delta::from_millis(200);

/// The work function.
pub(crate) fn run(adapter: ArcBorrow<'_, Adapter>) {
    if let Some(delay) = adapter.serve() {
        // What came meanwhile is not put off.
        adapter.service.queue_again_after(delay);
    }
}

impl Adapter {
    /// Does what is due. Returns when to come back, if by itself.
    fn serve(&self) -> Option<Delta> {
        if self.control.halted() {
            return None;
        }
        self.receive_events();
        if !self.ready() && !self.recover() {
            return Some(RETRY);
        }
        self.handle_events();
        self.report_refused();
        if !self.ndev.running() {
            return Some(DOWN_POLL);
        }
        if !self.have_rings() {
            return Some(RETRY);
        }
        self.hw_counters.update(&self.hw);
        self.follow_link();
        self.flush();
        self.hw.enable_mailbox_vector();
        Some(IDLE_POLL)
    }

    /// Takes in what the PF has said.
    pub(crate) fn receive_events(&self) {
        let events = self.control.poll();
        if let Some(state) = events.state {
            self.pf_state.lock().receive(state);
        }
        if events.reset_impending && net_ratelimit() {
            netdev_info!(self.ndev, "the PF is about to be reset\n");
        }
        if events.state_lost && self.ready() {
            match self.control.catch_up() {
                // Takes in what was asked for.
                Ok(()) => {
                    self.service.queue();
                }
                Err(failure) => self.request_failed(failure),
            }
        }
        if events.lost && self.ready() {
            // A PF that is out of its mind can say so at any rate.
            if net_ratelimit() {
                netdev_info!(
                    self.ndev,
                    "the PF was reset or has forgotten this VF, starting over\n"
                );
            }
            self.start_over();
        }
    }

    /// Makes the carrier follow the link. Only this work turns it on, and only while the rings run:
    /// their lock keeps them from being closed meanwhile.
    fn follow_link(&self) {
        let rings = self.rings.lock();
        let policy = self.pf_state.lock().link_policy();
        let link = match policy {
            LinkPolicy::Auto => self.hw.link(),
            LinkPolicy::ForcedUp => self.hw.link().or(Some(Link::WITHOUT_CABLE)),
            LinkPolicy::ForcedDown => None,
        };
        let link = link.filter(|_| rings.is_some());
        match link {
            Some(link) if !self.ndev.carrier_ok() => {
                let duplex = if link.full_duplex { "full" } else { "half" };
                netdev_info!(
                    self.ndev,
                    "link is up, {} Mbit/s, {duplex} duplex\n",
                    link.speed
                );
                self.ndev.carrier_on();
                self.datapath.wake_sockets();
            }
            None if self.ndev.carrier_ok() => {
                let who = if policy == LinkPolicy::ForcedDown {
                    ", by decision of the host"
                } else {
                    ""
                };
                netdev_info!(self.ndev, "link is down{who}\n");
                self.ndev.carrier_off();
            }
            _ => {}
        }
    }

    /// Gives back what waits on the rings for a link: the card sends nothing without, and the
    /// sender could not send it again by another way meanwhile.
    fn flush(&self) {
        if self.ndev.carrier_ok() || self.rings.lock().is_none() || !self.hw.has_unsent() {
            return;
        }
        let rtnl = rtnl_lock();
        let dev = rtnl.device(&self.ndev);
        if self.control.halted() || !self.ready() || !dev.running() {
            return;
        }
        netdev_info!(dev, "frames that wait for a link are dropped\n");
        self.suspend_rings(dev);
        self.reopen(dev);
    }

    /// Introduces the VF to its PF, with its rings running afterwards if the interface is up. True
    /// if that succeeded.
    fn recover(&self) -> bool {
        if self.rings.lock().is_some() || self.ndev.carrier_ok() {
            let rtnl = rtnl_lock();
            self.suspend_rings(rtnl.device(&self.ndev));
        }
        if self.control.halted() {
            return false;
        }
        let patience = if self.state.pf_absent.get() {
            // Asking a PF in reset is of no use, and this is cheaper.
            if self.control.pf_in_reset() {
                return false;
            }
            Patience::CALM
        } else {
            Patience::EAGER
        };
        // The PF counts each, and shuts out a VF that makes too many.
        if !self.control.may_handshake() {
            return false;
        }
        match self.handshake(patience) {
            Ok(mac) => self.settle(mac),
            Err(failure) => {
                self.report_absence(failure);
                false
            }
        }
    }

    fn handshake(&self, patience: Patience) -> Result<Option<MacAddr>, Failure> {
        self.hw.reset();
        self.control.invalidate();
        let mac = self.control.handshake(patience)?;
        let state = self.control.take_state();
        self.pf_state.lock().begin(mac, state);
        self.hw_counters.start_over(&self.hw);
        Ok(mac)
    }

    /// Says once that the PF does not answer.
    fn report_absence(&self, failure: Failure) {
        if failure != Failure::Halted && !self.state.pf_absent.replace(true) {
            netdev_warn!(
                self.ndev,
                "no contact with the PF, waiting for it: {failure}\n"
            );
        }
    }

    /// The PF has answered: tells it what is wanted and starts the rings.
    fn settle(&self, mac: Option<MacAddr>) -> bool {
        let rtnl = rtnl_lock();
        let dev = rtnl.device(&self.ndev);
        // A reset from outside may have come in between.
        if self.control.halted() || self.control.needs_handshake() {
            return false;
        }
        if let Err(failure) = self.replay(dev, mac) {
            self.report_absence(failure);
            return false;
        }
        if self.state.pf_absent.replace(false) {
            netdev_info!(dev, "the PF answers again\n");
        }
        if self.control.halted() {
            return false;
        }
        self.state.count_recovery();
        self.state.set_ready();
        true
    }

    /// Opens the rings if the interface is up and has none. Where that fails memory is short, a vector
    /// is not to be had or a queue does not start: nothing that another handshake would change, so
    /// the PF is not asked again. False if it is to be tried later.
    fn have_rings(&self) -> bool {
        if self.rings.lock().is_some() {
            return true;
        }
        let rtnl = rtnl_lock();
        let dev = rtnl.device(&self.ndev);
        if !dev.running() || self.control.halted() || !self.ready() {
            return true;
        }
        self.reopen(dev)
    }

    fn reopen(&self, dev: &Device<Rtnl>) -> bool {
        match self.open_rings(dev) {
            Ok(()) => {
                self.state.no_rings.set(false);
                true
            }
            Err(err) => {
                if !self.state.no_rings.replace(true) {
                    netdev_warn!(
                        dev,
                        "cannot open the rings, trying again: error {}\n",
                        err.to_errno()
                    );
                }
                false
            }
        }
    }

    /// At probe: meets the PF if it answers soon. Otherwise the service work goes on trying.
    pub(crate) fn first_contact(&self) {
        let contact = if self.control.pf_in_reset() {
            Err(Failure::Mailbox(vf::Error::PfInReset))
        } else {
            self.handshake(Patience::SHORT)
        };
        match contact {
            Ok(mac) => {
                let rtnl = rtnl_lock();
                let dev = rtnl.device(&self.ndev);
                match mac {
                    Some(mac) => dev.take_dev_addr(mac.bytes()),
                    None => dev.set_random_addr(),
                }
                if self.replay(dev, mac).is_ok() {
                    self.state.set_ready();
                }
            }
            Err(failure) => {
                {
                    let rtnl = rtnl_lock();
                    rtnl.device(&self.ndev).set_random_addr();
                }
                self.report_absence(failure);
            }
        }
    }

    /// The driver leaves the device: the interface is gone, and the service work ended.
    pub(crate) fn leave(&self) {
        {
            let rtnl = rtnl_lock();
            // A PF that does not answer has nobody to keep them for.
            let _ = self.drop_filters(rtnl.device(&self.ndev));
        }
        self.control.halt();
        self.hw.reset();
    }

    /// The device is about to be reset from outside, or to sleep: stops everything. Sleeps.
    pub(crate) fn pause(&self) {
        self.control.halt();
        // It may be about to touch the device, and goes by `halted` from now on.
        self.service.flush();
        let rtnl = rtnl_lock();
        self.state.set_lost();
        self.suspend_rings(rtnl.device(&self.ndev));
    }

    /// Ends [`Self::pause`]: the service work makes the VF work again.
    pub(crate) fn unpause(&self) {
        self.control.resume();
        self.start_over();
    }
}
