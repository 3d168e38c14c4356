// SPDX-License-Identifier: GPL-2.0

//! Bringing the port up from nothing, at probe and after every reset: one sequence for all.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Full,
            Relaxed, //
        },
        ArcBorrow, //
    },
    time::Delta, //
};

use crate::{
    adapter::Adapter,
    control::device::PF_POOL,
    hw::{
        irq,
        is_gone,
        queue,
        reset,
        rss, //
    },
    iov::misconduct::INTERVAL,
    kapi::net::{
        netdev_err,
        netdev_info,
        rtnl_lock,
        Device,
        Rtnl, //
    }, //
};

/// When a reset that failed is tried again.
const RETRY: Delta = Delta::from_secs(2);

impl Adapter {
    /// Programs everything but the PF's queues, after [`reset::reset`]. VFs are closed until their
    /// drivers have reset them, and everything that confines them is in place before either engine
    /// runs.
    ///
    /// A PHY that does not answer is no error here, see [`Adapter::start_link`].
    ///
    /// # Errors
    ///
    /// [`EIO`] if the device does not work, [`ENOSPC`] if the switch's state does not fit into its
    /// tables, which it did before.
    pub(crate) fn setup_hardware(&self) -> Result {
        reset::setup(&self.bar)?;
        irq::setup(&self.bar);
        irq::clear_queue_vectors(&self.bar);
        rss::setup(&self.bar, &self.rss.lock().key);
        {
            let mut control = self.vfs.control.lock();
            control.restart_traffic();
            control.device_reset();
            control.switch.restore(&*self.bar)?;
            control.resetting = false;
            control.mask_mailboxes(&self.bar);
        }
        queue::start_transmit(&self.bar);
        self.start_link();
        {
            // In the same register is what starts and ends the link of a fibre.
            let _link = self.link.lock();
            reset::announce_done(&self.bar);
        }
        self.vfs.control.lock().tell_ports_of_reset(false);
        irq::enable_other(&self.bar);
        // No VF is blocked by the card any more.
        self.vfs.works.health.queue();
        Ok(())
    }

    /// Closes all pools and stops serving mailboxes until [`Adapter::setup_hardware`].
    fn suspend_control(&self) {
        let mut control = self.vfs.control.lock();
        if !is_gone(&self.bar) {
            control.collect_traffic(&self.bar);
            control.collect_events(&*self.bar);
        }
        control.resetting = true;
        control.switch.suspend();
        control.tell_ports_of_reset(true);
    }

    /// Takes everything down, for a reset that this or somebody else does. The rings for the time
    /// after it are made before, while there is memory.
    pub(crate) fn quiesce(&self, dev: &Device<Rtnl>) {
        self.reserve_pairs(dev);
        self.vfs.warn_vfs();
        dev.carrier_off();
        self.down(dev);
        self.lose_hardware();
    }

    /// Nothing of the PF runs: neither do the VFs any more, and nobody looks at the hardware.
    fn lose_hardware(&self) {
        self.suspend_control();
        self.link.lock().lose();
        if !is_gone(&self.bar) {
            irq::mask_all(&self.bar);
            reset::stop_engines(&self.bar);
        }
        // A handler that had begun touches registers as well.
        self.vectors.synchronize(irq::OTHER_VECTOR);
        // After a reset no queue is stopped.
        let _ = self.vfs.seen.take();
    }

    /// Resets the port while no queue pair is to run, and brings up all but these. The only way to
    /// end a transfer that a queue goes on to wait for.
    pub(crate) fn reset_stopped(&self) {
        self.vfs.warn_vfs();
        self.ndev.carrier_off();
        self.lose_hardware();
        let _ = self.renew();
    }

    /// Resets the port and brings up all but the queue pairs. If that fails it is tried again after
    /// [`RETRY`], until it succeeds or the driver is unbound.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the device does not answer, and those of [`Adapter::setup_hardware`]. Nothing
    /// runs then, not even VFs.
    fn renew(&self) -> Result {
        let renewed = reset::reset(&self.bar).and_then(|()| self.setup_hardware());
        match renewed {
            Ok(()) => {
                self.vfs.works.mailbox.queue();
                self.works.watchdog.queue();
            }
            Err(err) => self.try_again(err),
        }
        renewed
    }

    /// The port stands still for `err`: what failed is tried again later, and the operator is told
    /// once.
    pub(crate) fn try_again(&self, err: Error) {
        if !self.failed.xchg(true, Full) {
            netdev_err!(
                self.ndev,
                "stands still (error {}): trying again every {} s; if that does not help, reset the device by its file 'reset' in sysfs, or unbind and bind the driver\n",
                err.to_errno(),
                RETRY.as_millis() / 1000
            );
        }
        self.works.retry.queue_after(RETRY);
    }

    /// Resets the port and brings everything up again. VFs are told, and recover by themselves.
    ///
    /// # Errors
    ///
    /// Those of [`Adapter::renew`] and [`Adapter::up`]. The interface has no carrier then, and it is
    /// tried again later.
    pub(crate) fn revive(&self, dev: &Device<Rtnl>) -> Result {
        self.renew()?;
        self.start_again(dev)
    }

    /// Brings the queue pairs up after a reset, if the interface is open.
    fn start_again(&self, dev: &Device<Rtnl>) -> Result {
        if dev.running() {
            self.up(dev).inspect_err(|err| self.try_again(*err))?;
        }
        self.works_again();
        Ok(())
    }

    /// Nothing that failed is to be tried again.
    pub(crate) fn works_again(&self) {
        if self.failed.xchg(false, Full) {
            netdev_info!(self.ndev, "works again\n");
        }
    }

    /// [`Adapter::quiesce`] and [`Adapter::revive`].
    ///
    /// # Errors
    ///
    /// Those of [`Adapter::revive`].
    pub(crate) fn reset_port(&self, dev: &Device<Rtnl>) -> Result {
        self.quiesce(dev);
        self.revive(dev)
    }

    /// Somebody needs the hardware: if the last reset failed, it is tried again now. With the RTNL.
    ///
    /// # Errors
    ///
    /// [`EIO`] if that fails again.
    pub(crate) fn ensure_alive(&self) -> Result {
        {
            let mut control = self.vfs.control.lock();
            if !control.resetting {
                return Ok(());
            }
            // VFs may have changed hands since the reset failed, which the next one has the card forget.
            if !is_gone(&self.bar) {
                control.collect_events(&*self.bar);
            }
        }
        self.renew().map_err(|_| EIO)
    }
}

/// Resets the port, after a transmit queue hung or the device reset itself.
pub(crate) fn reset_work(this: ArcBorrow<'_, Adapter>) {
    let rtnl = rtnl_lock();
    let dev = rtnl.device(&this.ndev);
    if !dev.present() || is_gone(&this.bar) {
        return;
    }
    netdev_info!(this.ndev, "resetting the port\n");
    // What can be said has been said there.
    let _ = this.reset_port(dev);
}

/// The card has seen VFs, or the PF, send what they must not. The work item's function.
pub(crate) fn misconduct_work(this: ArcBorrow<'_, Adapter>) {
    let sighting = this.vfs.seen.take();
    let dealt_with = !sighting.is_empty() && this.vfs.punish(sighting);
    if dealt_with && sighting.stopped.has(PF_POOL) {
        // Each of these costs a reset, so they are not many.
        netdev_err!(
            this.ndev,
            "the card has stopped a queue of the PF for a malformed descriptor: resetting the port\n"
        );
        this.works.reset.queue();
    }
    if !sighting.stopped.is_empty() {
        // For a queue that is stopped the card may go on to interrupt until its VF starts again.
        this.works.misconduct.queue_again_after(INTERVAL);
        return;
    }
    let control = this.vfs.control.lock();
    if !control.resetting && !is_gone(&this.bar) {
        this.vfs.look_for_misconduct(&control);
    }
}

/// Tries again what failed. The work item's function.
pub(crate) fn retry_work(this: ArcBorrow<'_, Adapter>) {
    let rtnl = rtnl_lock();
    let dev = rtnl.device(&this.ndev);
    // The path that made the interface absent brings all of it back.
    if !dev.present() || !this.failed.load(Relaxed) {
        return;
    }
    if this.ensure_alive().is_ok() {
        // What can be said has been said there.
        let _ = this.start_again(dev);
    }
}
