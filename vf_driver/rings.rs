// SPDX-License-Identifier: GPL-2.0

//! Rings and interrupts: opened when the interface is up and the PF serves the VF, closed when one
//! of both ends.

use kernel::prelude::*;

use crate::{
    adapter::{
        Adapter,
        Rings,
        Settings, //
    },
    datapath::{
        Coalescing,
        Config,
        Direction,
        Running, //
    },
    hw::Hw,
    irq::Interrupts,
    kapi::net::{
        netdev_warn,
        xsk::XskPool,
        Device,
        Rtnl, //
    },
};

impl Adapter {
    /// Allocates rings and starts them. The PF serves this VF; nothing runs. RTNL.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`ETIMEDOUT`] if the hardware's queues do not start, and what requesting
    /// interrupts says. Nothing runs then.
    pub(crate) fn open_rings(&self, dev: &Device<Rtnl>) -> Result {
        let mut rings = self.rings.lock();
        if rings.is_some() {
            return Ok(());
        }
        let spare = self.spare.lock().take();
        let running = match spare {
            Some(running) => running,
            None => {
                let settings = *self.settings.lock();
                self.make_rings(dev, &settings)?
            }
        };
        *rings = Some(self.start_rings(dev, running)?);
        Ok(())
    }

    fn make_rings(&self, dev: &Device<Rtnl>, settings: &Settings) -> Result<Running<Hw>> {
        let config = Config {
            queues: 1,
            tx_desc: settings.tx_desc,
            rx_desc: settings.rx_desc,
            xdp: settings.xdp,
        };
        self.datapath.open(dev.parent(), self.hw.clone(), &config)
    }

    fn start_rings(&self, dev: &Device<Rtnl>, mut running: Running<Hw>) -> Result<Rings> {
        let tx = running.tx_ring(0).ok_or(EINVAL)?;
        let rx = running.rx_ring(0).ok_or(EINVAL)?;
        let napi = running.napi(0).ok_or(EINVAL)?;
        let interrupts = Interrupts::request(&self.vectors, dev, napi, &self.service)?;
        let started = self
            .hw
            .enable_queues(tx, rx)
            .and_then(|()| running.start())
            .and_then(|()| running.link(dev, 0, interrupts.rx_number()));
        if let Err(err) = started {
            self.stop_queues(dev);
            drop(interrupts);
            running.stop(dev);
            return Err(err);
        }
        let moderation = self.datapath.moderation();
        self.hw.enable_interrupts(
            moderation.initial(Direction::Rx),
            moderation.initial(Direction::Tx),
        );
        dev.tx_wake_all();
        self.datapath.wake_sockets();
        Ok(Rings {
            interrupts,
            running,
        })
    }

    /// Turns the carrier off, stops the rings, if they run, and frees all. RTNL.
    pub(crate) fn close_rings(&self, dev: &Device<Rtnl>) {
        self.stop_and_free(dev);
        *self.spare.lock() = None;
    }

    /// [`Self::close_rings`] until they are opened again. Those for then are made before the old ones
    /// go: memory that is free now may not be later. Without memory for both the old ones go first.
    pub(crate) fn suspend_rings(&self, dev: &Device<Rtnl>) {
        if self.rings.lock().is_some() {
            let settings = *self.settings.lock();
            let spare = self.make_rings(dev, &settings);
            *self.spare.lock() = spare.ok();
        }
        self.stop_and_free(dev);
    }

    fn stop_and_free(&self, dev: &Device<Rtnl>) {
        let mut slot = self.rings.lock();
        dev.carrier_off();
        if let Some(rings) = slot.take() {
            self.stop_rings(dev, rings);
        }
    }

    fn stop_rings(&self, dev: &Device<Rtnl>, rings: Rings) {
        dev.tx_disable();
        self.stop_queues(dev);
        let Rings {
            interrupts,
            running,
        } = rings;
        drop(interrupts);
        running.stop(dev);
        // The last poll may have unmasked its vector.
        self.hw.mask_interrupts();
    }

    /// Makes the hardware let go of memory, by a reset of the VF if need be.
    fn stop_queues(&self, dev: &Device<Rtnl>) {
        self.hw.mask_interrupts();
        if self.hw.disable_queues().is_err() {
            if !self.hw.is_gone() {
                netdev_warn!(dev, "the queues do not stop, resetting the VF\n");
            }
            self.hw.reset();
            self.control.invalidate();
            self.start_over();
        }
    }

    /// Replaces the rings by those of other settings, which have the same times of interrupts. Without
    /// memory for these the old ones run on. RTNL.
    ///
    /// # Errors
    ///
    /// As [`Self::open_rings`]. Except for [`ENOMEM`] nothing runs then; the settings are the old ones
    /// again, with which the service work tries to open the rings.
    pub(crate) fn change_rings(&self, dev: &Device<Rtnl>, settings: Settings) -> Result {
        let mut rings = self.rings.lock();
        *self.spare.lock() = None;
        if rings.is_none() {
            *self.settings.lock() = settings;
            return Ok(());
        }
        let running = self.make_rings(dev, &settings)?;
        if let Some(old) = rings.take() {
            self.stop_rings(dev, old);
        }
        match self.start_rings(dev, running) {
            Ok(new) => {
                *rings = Some(new);
                *self.settings.lock() = settings;
                Ok(())
            }
            Err(err) => {
                dev.carrier_off();
                self.service.queue();
                Err(err)
            }
        }
    }

    /// Says how often the vector of a direction interrupts.
    pub(crate) fn set_coalescing(&self, direction: Direction, wanted: Coalescing) {
        let rings = self.rings.lock();
        let moderation = self.datapath.moderation();
        moderation.set(direction, wanted, |usecs| {
            if rings.is_some() {
                self.hw.set_throttle(direction, usecs);
            }
        });
    }

    /// Has the queue use the buffers of sockets. RTNL.
    ///
    /// # Errors
    ///
    /// Those of [`Self::change_rings`]; [`EINVAL`] if the buffers are too small.
    pub(crate) fn add_pool(&self, dev: &Device<Rtnl>, queue: u16, pool: XskPool) -> Result {
        self.datapath.set_pool(dev, queue, pool)?;
        let settings = *self.settings.lock();
        self.change_rings(dev, settings)
            .inspect_err(|_| self.remove_pool(dev, queue))
    }

    /// Takes the buffers of sockets away. Without memory for those of the stack the service work tries to open
    /// the rings. RTNL.
    pub(crate) fn remove_pool(&self, dev: &Device<Rtnl>, queue: u16) {
        if !self.datapath.forget_pool(queue) {
            return;
        }
        let settings = *self.settings.lock();
        let changed = self.change_rings(dev, settings);
        if !self.datapath.drop_pool(queue) && changed.is_err() {
            self.stop_and_free(dev);
            self.datapath.drop_pool(queue);
            self.service.queue();
        }
    }
}
