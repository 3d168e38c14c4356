// SPDX-License-Identifier: GPL-2.0

//! Bringing the port up from nothing, at probe and after every reset: one sequence for all.

use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

use crate::{
    adapter::Adapter,
    hw::{
        irq,
        is_gone,
        link,
        queue,
        reset,
        rss, //
    },
    iov::mailbox::mask_mailboxes,
    kapi::net::{
        netdev_err,
        netdev_info,
        rtnl_lock,
        Device,
        Rtnl, //
    }, //
};

impl Adapter {
    /// Programs everything but the PF's queues, after [`reset::reset`]. VFs are closed until their
    /// drivers have reset them, and everything that confines them is in place before either engine
    /// runs.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is no PHY, [`EIO`] and [`ETIMEDOUT`] if it does not answer.
    pub(crate) fn setup_hardware(&self) -> Result {
        reset::setup(&self.bar);
        irq::setup(&self.bar, self.vectors.len());
        irq::clear_queue_vectors(&self.bar);
        rss::setup(&self.bar, self.rss.lock().key());
        {
            let mut control = self.control.lock();
            control.device_reset();
            control.switch.restore(&self.bar)?;
            mask_mailboxes(&self.bar, &control.vfs);
            control.resetting = false;
        }
        queue::start_transmit(&self.bar);
        let started = {
            let config = self.link.lock().config;
            // The registers of the link are shared with the switch.
            let _control = self.control.lock();
            link::start(&self.bar, self.media, &config).map(|_| ())
        };
        reset::announce_done(&self.bar);
        self.control.lock().tell_ports_of_reset(false);
        irq::enable_other(&self.bar);
        started
    }

    /// Closes all pools and stops serving mailboxes until [`Adapter::setup_hardware`].
    fn suspend_control(&self) {
        let mut control = self.control.lock();
        if !is_gone(&self.bar) {
            control.collect_traffic(&self.bar);
        }
        control.resetting = true;
        control.switch.suspend();
        control.tell_ports_of_reset(true);
    }

    /// Takes everything down, for a reset that this or somebody else does.
    pub(crate) fn quiesce(&self, dev: &Device<Rtnl>) {
        self.warn_vfs();
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
    }

    /// Resets the port while no queue pair is to run, and brings up all but these. The only way to
    /// end a transfer that a queue goes on to wait for.
    pub(crate) fn reset_stopped(&self) {
        self.warn_vfs();
        self.ndev.carrier_off();
        self.lose_hardware();
        if let Err(err) = reset::reset(&self.bar).and_then(|()| self.setup_hardware()) {
            netdev_err!(
                self.ndev,
                "reset failed (error {}): unbind and bind the driver\n",
                err.to_errno()
            );
        }
        self.works.mailbox.queue();
        self.works.watchdog.queue();
    }

    /// Resets the port and brings everything up again. VFs are told, and recover by themselves.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the device does not answer, and those of [`Adapter::setup_hardware`] and
    /// [`Adapter::up`]. The interface is down then.
    pub(crate) fn revive(&self, dev: &Device<Rtnl>) -> Result {
        reset::reset(&self.bar)?;
        self.setup_hardware()?;
        if dev.running() {
            self.up(dev)?;
        }
        self.works.mailbox.queue();
        self.works.watchdog.queue();
        Ok(())
    }

    /// [`Adapter::quiesce`] and [`Adapter::revive`]; closes the interface if that fails.
    ///
    /// # Errors
    ///
    /// Those of [`Adapter::revive`].
    pub(crate) fn reset_port(&self, dev: &Device<Rtnl>) -> Result {
        self.quiesce(dev);
        self.revive(dev).inspect_err(|err| {
            netdev_err!(
                self.ndev,
                "reset failed (error {}): the interface is closed; unbind and bind the driver, or reset the device by its file 'reset' in sysfs\n",
                err.to_errno()
            );
            dev.close();
        })
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
