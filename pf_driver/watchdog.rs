// SPDX-License-Identifier: GPL-2.0

//! The link and the statistics: looked at when the link interrupts, and every two seconds.

use kernel::{
    io::Io,
    prelude::*,
    sync::ArcBorrow,
    time::Delta, //
};

use crate::{
    adapter::Adapter,
    hw::{
        is_gone,
        link::{
            self,
            Config,
            FlowControl,
            Speed, //
        },
        manage,
        phy::Abilities,
        queue,
        reset, //
    },
    kapi::net::{
        msg,
        netdev_info,
        netdev_warn, //
    },
    link::{
        told,
        Link, //
    },
    regs::general::CTRL, //
};

/// How often the watchdog looks.
const INTERVAL: Delta = Delta::from_secs(2);

impl Adapter {
    /// The interface was opened or is being closed. [`Adapter::power_link`] is to follow.
    pub(crate) fn show_link(&self, open: bool) {
        let mut link = self.link.lock();
        link.open = open;
        if open && link.status.is_some() {
            self.ndev.carrier_on();
            self.datapath.wake_sockets();
        } else {
            self.ndev.carrier_off();
        }
    }

    /// Whether somebody needs the link: the interface, VFs, or the board's management.
    fn needs_link(&self, link: &Link) -> bool {
        link.open || self.vfs.control.lock().has_vfs() || manage::needs_link(&self.bar)
    }

    /// Starts the link after a reset, if it is needed. What the PHY does not do now it is told again
    /// by the watchdog: firmware may have it for a while, and the port's other functions need no link.
    pub(crate) fn start_link(&self) {
        let mut link = self.link.lock();
        {
            let _control = self.vfs.control.lock();
            link::setup_mac(&self.bar, self.media, &link.config);
        }
        link.resting = !self.needs_link(&link);
        self.try_link(&mut link);
    }

    /// Has the link up or down as it is needed, after somebody who needs it has come or gone. The
    /// caller has the RTNL.
    pub(crate) fn power_link(&self) {
        let mut link = self.link.lock();
        // A reset ends with that.
        if self.vfs.in_reset() || link.resting != self.needs_link(&link) {
            return;
        }
        link.resting = !link.resting;
        self.try_link(&mut link);
        drop(link);
        self.update_link();
    }

    /// This driver leaves the port, which is stopped: the host sleeps, is switched off, or has another
    /// driver. Its link stays for the board's management, and for packets that wake the host.
    pub(crate) fn leave(&self) {
        if is_gone(&self.bar) {
            return;
        }
        let link = self.link.lock();
        let told = if self.wake_up.apme() || manage::needs_link(&self.bar) {
            link::start(&self.bar, self.media, &link.config).map(|_| ())
        } else {
            link::rest(&self.bar, self.media)
        };
        // There will be nobody to try it again.
        let _ = told;
        reset::release(&self.bar, self.wake_up);
    }

    /// [`Adapter::start_link`] again, if that failed.
    fn start_link_again(&self) {
        let mut link = self.link.lock();
        if link.unstarted.is_some() && !self.vfs.in_reset() {
            self.try_link(&mut link);
        }
    }

    fn try_link(&self, link: &mut Link) {
        let before = link.unstarted;
        let told = if link.resting {
            link::rest(&self.bar, self.media)
        } else {
            link::start(&self.bar, self.media, &link.config).map(|_| ())
        };
        link.unstarted = told.err();
        match (before, link.unstarted) {
            (None, Some(err)) => netdev_warn!(
                self.ndev,
                "the PHY does not answer (error {}), trying again: does firmware keep it?\n",
                err.to_errno()
            ),
            (Some(_), None) => netdev_info!(self.ndev, "the PHY answers again\n"),
            _ => {}
        }
    }

    /// What is offered to a partner while the link rests, or none.
    pub(crate) fn resting_offer(&self) -> Option<Abilities> {
        let link = self.link.lock();
        let offer = link.config.speed.abilities(link.config.flow);
        offer.filter(|_| link.resting)
    }

    /// Whether nobody needs the link.
    pub(crate) fn link_rests(&self) -> bool {
        self.link.lock().resting
    }

    /// Why the link could not be started yet, if it could not.
    pub(crate) fn link_error(&self) -> Option<Error> {
        self.link.lock().unstarted
    }

    /// Refuses what would take down the link under management's session.
    fn ensure_own_link(&self) -> Result {
        if manage::holds_link(&self.bar) {
            netdev_warn!(
                self.ndev,
                "the board's management has a session over this link (serial or IDE redirection): end it first\n"
            );
            return Err(EBUSY);
        }
        Ok(())
    }

    /// Has the link be as `config` says, now and after each reset. The caller has the RTNL.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if management holds the link, [`ENODEV`], [`EIO`] and [`ETIMEDOUT`] if the PHY does
    /// not answer.
    pub(crate) fn configure_link(&self, config: Config) -> Result {
        let mut link = self.link.lock();
        if config == link.config {
            return Ok(());
        }
        if is_gone(&self.bar) {
            return Err(ENODEV);
        }
        // A port whose reset failed gets it with the next one.
        if !self.vfs.in_reset() {
            self.ensure_own_link()?;
            {
                let _control = self.vfs.control.lock();
                link::setup_mac(&self.bar, self.media, &config);
            }
            if link.resting {
                link.config = config;
                return Ok(());
            }
            let started = link::start(&self.bar, self.media, &config).inspect_err(|_| {
                let _control = self.vfs.control.lock();
                link::setup_mac(&self.bar, self.media, &link.config);
            })?;
            if !started {
                // The same link, but for pause frames that were offered and now are not wanted.
                link.config = config;
                self.update_flow(&mut link);
                return Ok(());
            }
            link.unstarted = None;
        }
        link.config = config;
        link.lose();
        drop(link);
        self.update_link();
        Ok(())
    }

    /// Negotiates the link again. The caller has the RTNL.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it is not negotiated, [`EIO`] if the last reset failed, [`EBUSY`] if
    /// management holds the link, and those of [`link::restart`].
    pub(crate) fn renegotiate(&self) -> Result {
        let mut link = self.link.lock();
        if matches!(link.config.speed, Speed::Forced(_)) {
            return Err(EINVAL);
        }
        if self.vfs.in_reset() {
            return Err(EIO);
        }
        self.ensure_own_link()?;
        link::restart(&self.bar, self.media)?;
        link.lose();
        drop(link);
        self.update_link();
        Ok(())
    }

    /// Looks at the link, and tells the stack and the VFs if it changed.
    pub(crate) fn update_link(&self) {
        let mut link = self.link.lock();
        if self.vfs.in_reset() {
            return;
        }
        let now = if link.resting {
            None
        } else {
            link::status(&self.bar, self.media)
        };
        // After a reset the VFs may have to hear that there is no link any more.
        if now == link.status && link.told {
            return;
        }
        link.status = now;
        link.told = true;
        if let Some(status) = now {
            self.update_flow(&mut link);
            if self.wants_message(msg::LINK) {
                netdev_info!(
                    self.ndev,
                    "link is up, {} Mbit/s {} duplex, flow control {}\n",
                    status.speed,
                    if status.full_duplex { "full" } else { "half" },
                    match (link.flow.rx, link.flow.tx) {
                        (true, true) => "both ways",
                        (true, false) => "receive",
                        (false, true) => "transmit",
                        (false, false) => "off",
                    }
                );
            }
        } else if self.wants_message(msg::LINK) && !link.resting {
            netdev_info!(self.ndev, "link is down\n");
        }
        if link.open && now.is_some() {
            self.ndev.carrier_on();
            self.datapath.wake_sockets();
        } else {
            self.ndev.carrier_off();
            self.works.flush.queue();
        }
        // Under the lock of the link: what is seen later is told later.
        let mut control = self.vfs.control.lock();
        if let Some(status) = now {
            // Rate limits are fractions of the link's speed. Tables do not grow by that.
            control.switch.state.speed = status.speed;
            let _ = self.vfs.commit(&mut control);
        }
        control.switch.state.link = told(now);
        control.notify_all();
        drop(control);
        self.vfs.works.mailbox.queue();
    }

    /// Tells the operator what pause frames mean while there are VFs.
    pub(crate) fn warn_of_pause(&self) {
        if self.link.lock().config.flow.any() && self.vfs.control.lock().has_vfs() {
            netdev_warn!(
                self.ndev,
                "pause frames are on: with those that it sends itself a VF can stop all that this port receives; to turn them off: ethtool -A {} rx off tx off\n",
                *self.ndev
            );
        }
    }

    /// Brings flow control into force, if there is a link.
    fn update_flow(&self, link: &mut Link) {
        let Some(status) = link.status else {
            return;
        };
        let full = status.full_duplex;
        link.flow =
            FlowControl::of_link(&self.bar, self.media, &link.config, full).unwrap_or_default();
        // The register is shared with the switch.
        let mut control = self.vfs.control.lock();
        self.bar.update(CTRL, |ctrl| {
            ctrl.with_rfce(link.flow.rx).with_tfce(link.flow.tx)
        });
        let state = &mut control.switch.state;
        state.pf.sends_pause = link.flow.tx;
        let drops = state.pf_drops();
        queue::set_drop(&self.bar, state.layout, state.pf.pairs, |pair| {
            drops || self.datapath.has_pool(pair)
        });
    }

    /// Adds up what the hardware has counted since the last time.
    pub(crate) fn update_stats(&self) {
        let queues = self.queues.lock();
        let _one_at_a_time = self.link.lock();
        // Who resets the port waits for the link's lock first.
        if !self.vfs.in_reset() {
            self.stats.rqdpc.add(queues.take_drops());
            self.stats.add_registers(&self.bar);
        }
    }
}

/// The link interrupted. The work item's function.
pub(crate) fn link_changed(this: ArcBorrow<'_, Adapter>) {
    this.update_link();
}

/// Time has passed. The work item's function.
pub(crate) fn watchdog(this: ArcBorrow<'_, Adapter>) {
    this.start_link_again();
    this.update_link();
    // Whoever resets the port queues this again. Meanwhile nothing may be read.
    if this.vfs.control.lock().resetting {
        return;
    }
    if !this.ndev.carrier_ok() {
        this.works.flush.queue();
    }
    this.update_stats();
    {
        let mut control = this.vfs.control.lock();
        if control.resetting || is_gone(&this.bar) {
            return;
        }
        control.collect_traffic(&this.bar);
        this.vfs.look_for_misconduct(&control);
    }
    this.works.watchdog.queue_after(INTERVAL);
}
