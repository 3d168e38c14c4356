// SPDX-License-Identifier: GPL-2.0

//! The PF's queue pairs: up and down with the interface, and over to another layout while it is up.

use kernel::{
    prelude::*,
    str::CString,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

use crate::{
    adapter::Adapter,
    control::{
        device::Layout,
        vf_id::VfId, //
    },
    datapath::{
        Coalescing,
        Config,
        Direction,
        Running, //
    },
    hw::{
        irq,
        is_gone,
        pool,
        queue::{
            self,
            QueueRegs, //
        }, //
    },
    kapi::{
        irq::Registration,
        net::{
            msg,
            netdev_info,
            netdev_warn,
            rtnl_lock,
            xsk::XskPool,
            Device,
            Rtnl, //
        }, //
    },
    queues::{
        Active,
        PairIrq,
        Pairs,
        Plan,
        Queues, //
    }, //
};

impl Adapter {
    /// Makes rings for `plan`; nothing runs yet.
    fn make_pairs(&self, dev: &Device<Rtnl>, plan: &Plan) -> Result<Pairs> {
        let regs = QueueRegs::new(self.bar.clone(), plan.layout, self.neighbours.clone());
        let regs = Arc::new(regs, GFP_KERNEL)?;
        let config = Config {
            queues: u16::try_from(plan.pairs())?,
            tx_desc: plan.tx_desc,
            rx_desc: plan.rx_desc,
            xdp: plan.xdp,
        };
        let running = self.datapath.open(dev.parent(), regs.clone(), &config)?;
        Ok((running, regs))
    }

    fn request_irqs(&self, running: &Running<QueueRegs>) -> Result<KVec<Registration<PairIrq>>> {
        let mut irqs = KVec::with_capacity(usize::from(running.queues()), GFP_KERNEL)?;
        for pair in 0..running.queues() {
            let name = CString::try_from_fmt(fmt!("{}-TxRx-{}", *self.ndev, pair))?;
            let handle = running.napi(pair).ok_or(EINVAL)?;
            let vector = irq::pair_vector(u32::from(pair));
            let irq = Registration::request(&self.vectors, vector, name, PairIrq(handle))?;
            irqs.push(irq, GFP_KERNEL)?;
        }
        Ok(irqs)
    }

    /// Starts the rings, and tells the core which interrupts and queues belong together.
    fn start_rings(
        dev: &Device<Rtnl>,
        running: &mut Running<QueueRegs>,
        irqs: &[Registration<PairIrq>],
    ) -> Result {
        running.start()?;
        for (pair, irq) in (0..running.queues()).zip(irqs) {
            running.link(dev, pair, irq.irq())?;
        }
        Ok(())
    }

    /// Lets pairs run. The switch has the plan's layout and number of pairs.
    fn start_pairs(
        &self,
        dev: &Device<Rtnl>,
        queues: &mut Queues,
        (mut running, regs): Pairs,
    ) -> Result {
        if self.vfs.in_reset() {
            // A reset on the way here has failed: what is written now would not last.
            return Err(EIO);
        }
        let pairs = running.queues();
        dev.set_real_num_queues(pairs.into(), pairs.into())?;
        let irqs = self.request_irqs(&running)?;
        self.write_rss_table(dev, regs.layout(), pairs.into());
        let interval = self.datapath.moderation().initial(Direction::Rx);
        {
            // Flow control may change meanwhile.
            let control = self.vfs.control.lock();
            let drop_frames = control.switch.state.pf_drops();
            for pair in 0..pairs {
                let tx = running.tx_ring(pair).ok_or(EINVAL)?;
                let rx = running.rx_ring(pair).ok_or(EINVAL)?;
                regs.enable(pair, tx, rx, drop_frames);
                irq::set_interval(&self.bar, irq::pair_vector(pair.into()), interval);
            }
        }
        if let Err(err) = Self::start_rings(dev, &mut running, &irqs) {
            let _ = regs.disable(pairs);
            drop(irqs);
            running.stop(dev);
            return Err(err);
        }
        irq::enable_pairs(&self.bar, pairs.into());
        queues.active = Some(Active {
            irqs,
            running,
            regs,
        });
        dev.tx_wake_all();
        self.datapath.wake_sockets();
        Ok(())
    }

    /// Stops the pairs, if they run, and frees everything of theirs.
    fn stop_pairs(&self, dev: &Device<Rtnl>, queues: &mut Queues) {
        let Some(active) = queues.active.take() else {
            return;
        };
        dev.tx_disable();
        let pairs = active.running.queues();
        irq::disable_pairs(&self.bar, pairs.into());
        drop(active.irqs);
        if active.regs.disable(pairs).is_err() && !is_gone(&self.bar) {
            // Memory that the card may still write to cannot be given back.
            netdev_warn!(
                self.ndev,
                "the queues do not come to rest: resetting the port\n"
            );
            self.reset_stopped();
        }
        active.running.stop(dev);
    }

    /// Tells the switch of the plan's layout and number of pairs.
    fn commit_plan(&self, plan: &Plan) -> Result {
        let mut control = self.vfs.control.lock();
        let old = (control.switch.state.layout, control.switch.state.pf.pairs);
        control.switch.state.layout = plan.layout;
        control.switch.state.pf.pairs = plan.pairs();
        let committed = self.vfs.commit(&mut control);
        if committed.is_err() {
            (control.switch.state.layout, control.switch.state.pf.pairs) = old;
        }
        Ok(committed?)
    }

    /// Makes rings for the time after a reset. Without memory for both, those that run are to go
    /// first; [`Adapter::up`] makes others then.
    pub(crate) fn reserve_pairs(&self, dev: &Device<Rtnl>) {
        let mut queues = self.queues.lock();
        if queues.active() {
            queues.spare = self.make_pairs(dev, &queues.plan).ok();
        }
    }

    /// Brings the pairs up: `ndo_open`, and after a reset.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] and the like; then they are down.
    pub(crate) fn up(&self, dev: &Device<Rtnl>) -> Result {
        let mut queues = self.queues.lock();
        if queues.active() {
            return Ok(());
        }
        let plan = queues.plan;
        let pairs = match queues.spare.take() {
            Some(pairs) => pairs,
            None => self.make_pairs(dev, &plan)?,
        };
        self.commit_plan(&plan)?;
        self.start_pairs(dev, &mut queues, pairs)
    }

    /// Brings the pairs down: before a reset.
    pub(crate) fn down(&self, dev: &Device<Rtnl>) {
        self.stop_pairs(dev, &mut self.queues.lock());
    }

    /// [`Adapter::down`], and frees what was made for the next start: `ndo_stop`.
    pub(crate) fn close(&self, dev: &Device<Rtnl>) {
        let mut queues = self.queues.lock();
        self.stop_pairs(dev, &mut queues);
        queues.spare = None;
    }

    /// Goes over to another plan. `between` runs when nothing of the old one runs any more.
    /// Frames are lost meanwhile; the carrier is not.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], what `between` says: then the old plan is in force. If even that cannot be, the
    /// interface is closed.
    pub(crate) fn replan(
        &self,
        dev: &Device<Rtnl>,
        plan: Plan,
        between: impl FnOnce() -> Result,
    ) -> Result {
        let mut queues = self.queues.lock();
        queues.spare = None;
        if !queues.active() {
            between()?;
            self.commit_plan(&plan)?;
            queues.plan = plan;
            return Ok(());
        }
        let pairs = self.make_pairs(dev, &plan)?;
        self.stop_pairs(dev, &mut queues);
        let old = queues.plan;
        let changed = between().and_then(|()| {
            self.commit_plan(&plan)?;
            queues.plan = plan;
            self.start_pairs(dev, &mut queues, pairs)
        });
        let Err(err) = changed else {
            return Ok(());
        };
        let restored = self.commit_plan(&old).and_then(|()| {
            queues.plan = old;
            let pairs = self.make_pairs(dev, &old)?;
            self.start_pairs(dev, &mut queues, pairs)
        });
        drop(queues);
        if let Err(again) = restored {
            dev.carrier_off();
            self.try_again(again);
        }
        Err(err)
    }

    /// Has a queue use the buffers of sockets.
    ///
    /// # Errors
    ///
    /// Those of [`Adapter::replan`]; [`EINVAL`] if the buffers are too small.
    pub(crate) fn add_pool(&self, dev: &Device<Rtnl>, queue: u16, pool: XskPool) -> Result {
        self.datapath.set_pool(dev, queue, pool)?;
        let plan = self.queues.lock().plan;
        self.replan(dev, plan, || Ok(()))
            .inspect_err(|_| self.remove_pool(dev, queue))
    }

    /// Takes the buffers of sockets away from a queue. Without memory for those of the stack the interface is
    /// closed.
    pub(crate) fn remove_pool(&self, dev: &Device<Rtnl>, queue: u16) {
        if !self.datapath.forget_pool(queue) {
            return;
        }
        let plan = self.queues.lock().plan;
        let changed = self.replan(dev, plan, || Ok(()));
        if !self.datapath.drop_pool(queue) && changed.is_err() {
            self.down(dev);
            self.datapath.drop_pool(queue);
            if let Err(err) = self.up(dev) {
                dev.carrier_off();
                self.try_again(err);
            }
        }
    }

    /// Stops all queues, and empties those that are VFs' or are to be: a former tenant leaves nothing in
    /// them for the PF or the next one, and the PF none of its addresses for a VF to read.
    fn empty_vf_queues(&self) {
        queue::disable_all(&self.bar);
        self.vfs.control.lock().close_vfs(&*self.bar);
        let emptied = VfId::all().try_for_each(|vf| pool::empty_queues(&self.bar, vf));
        if emptied.is_err() && !is_gone(&self.bar) {
            netdev_warn!(
                self.ndev,
                "queues of VFs do not come to rest: resetting the port\n"
            );
            self.reset_stopped();
        }
    }

    /// Divides the queues anew, for `count` VFs.
    ///
    /// # Errors
    ///
    /// Those of [`Adapter::replan`].
    pub(crate) fn relayout(&self, dev: &Device<Rtnl>, layout: Layout, count: usize) -> Result {
        let plan = Plan {
            layout,
            ..self.queues.lock().plan
        };
        let changed = self.replan(dev, plan, || {
            // What VFs of before had set would stay, unless there is a reset to come.
            if !self.vfs.in_reset() {
                irq::clear_queue_vectors(&self.bar);
                self.empty_vf_queues();
                // Nor does what they did stay in the card, to be held against the next ones.
                let _ = pool::take_sighting(&self.bar);
            }
            let _ = self.vfs.seen.take();
            self.vfs.set_vfs(&self.perm_mac, count);
            Ok(())
        });
        if changed.is_err() {
            self.vfs.set_vfs(&self.perm_mac, 0);
            // Fewer pools always fit into the tables.
            let _ = self.vfs.commit(&mut self.vfs.control.lock());
        }
        self.power_link();
        // VFs in quarantine may be gone.
        self.vfs.works.health.queue();
        // With pools, the VLAN filter cannot be off.
        dev.update_features();
        changed
    }

    /// Says how often pairs interrupt.
    pub(crate) fn set_coalescing(&self, wanted: Coalescing) {
        let queues = self.queues.lock();
        let pairs = match self.vfs.in_reset() {
            true => 0,
            false => queues.plan.pairs(),
        };
        let moderation = self.datapath.moderation();
        moderation.set(Direction::Rx, wanted, |usecs| {
            for pair in 0..pairs {
                irq::set_interval(&self.bar, irq::pair_vector(pair), usecs);
            }
        });
    }
}

/// The link is lost. What is on the rings then stays there until it is back: the card sends nothing
/// without a link. The sender could not send it again by another way meanwhile (TCP waits for
/// its frames to leave the host), so it is given back, which takes new rings. The work item's
/// function; the watchdog queues it as well, for what the stack sent before it heard of the loss.
pub(crate) fn flush(this: ArcBorrow<'_, Adapter>) {
    let rtnl = rtnl_lock();
    let dev = rtnl.device(&this.ndev);
    if !dev.present() || !dev.running() || dev.carrier_ok() || this.vfs.in_reset() {
        return;
    }
    if !this.queues.lock().has_unsent() {
        return;
    }
    if this.wants_message(msg::LINK) {
        netdev_info!(this.ndev, "frames that wait for a link are dropped\n");
    }
    this.reserve_pairs(dev);
    this.down(dev);
    if let Err(err) = this.up(dev) {
        this.try_again(err);
    }
}
