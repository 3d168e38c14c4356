// SPDX-License-Identifier: GPL-2.0

//! The mailboxes: the work item that serves them.
//!
//! The interrupt handler only queues the work. It never waits for a VF: what cannot be done now is
//! done at the time that the server says, and other VFs are served meanwhile.

use kernel::{
    io::Io,
    sync::ArcBorrow,
    time::Delta, //
};

use super::{
    policy::Executor,
    port::AnyPort,
    quarantine,
    vf::{
        Control,
        Vf, //
    }, //
};
use crate::{
    adapter::Adapter,
    hw::{
        irq,
        is_gone, //
    },
    mbox::time::Time,
    regs::{
        iov::{
            MBVFIMR,
            POOLS,
            VFLRE, //
        },
        Bar0, //
    }, //
};

/// Serves all mailboxes: what is in them now, one request of each VF. The work item's function.
pub(crate) fn serve(this: ArcBorrow<'_, Adapter>) {
    let now = this.now();
    let mtu = this.ndev.mtu();
    let mut due: Option<Time> = None;
    {
        let mut guard = this.control.lock();
        let control = &mut *guard;
        if control.resetting || control.vfs.is_empty() || is_gone(&this.bar) {
            return;
        }
        let changes = control.switch.changes;
        for index in 0..control.vfs.len() {
            due = earlier(due, serve_one(&this, control, index, mtu, now));
        }
        if control.switch.changes != changes {
            this.vf_changed();
        }
    }
    if let Some(due) = due {
        this.serve_again_after(due.since(now).as_micros());
    }
}

/// Serves the mailbox of VF `index`. Returns when it wants that again, if it does.
fn serve_one(
    this: &Adapter,
    control: &mut Control,
    index: usize,
    mtu: u32,
    now: Time,
) -> Option<Time> {
    if control.vfs.get(index)?.conduct.quarantine().is_some() {
        if let Err(later) = hold(this, control, index, now) {
            return later;
        }
    }
    let vf = control.vfs.get(index)?;
    // Taken out while the executor looks at the others, and put back.
    let mut server = vf.server;
    let config = control.told(index, mtu)?;
    let mut port = AnyPort::of(&this.bar, vf, index);
    port.show_link(&config.link);
    let mut executor = Executor {
        bar: &this.bar,
        dev: &this.ndev,
        switch: &mut control.switch,
        vfs: &control.vfs,
        vf: index,
    };
    let next = server.service(&mut port, &config, &mut executor, now);
    let vf = control.vfs.get_mut(index)?;
    vf.server = server;
    if quarantine::enforce(&this.ndev, &this.bar, &mut control.switch, vf, index, now) {
        stop_serving(&this.bar, vf, index);
        control.mask_mailboxes(&this.bar);
        this.works.health.queue();
        return None;
    }
    next
}

/// The earlier of two times, of which either may be none.
fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Drops what a VF in quarantine sends. Whether it is let out, since it went through a function
/// level reset, or else when to look again.
///
/// What it sends after that reset is the next tenant's, so that is left to be served.
fn hold(
    this: &Adapter,
    control: &mut Control,
    index: usize,
    now: Time,
) -> core::result::Result<(), Option<Time>> {
    let bar = &this.bar;
    let bit = 1 << index;
    let vf = control.vfs.get_mut(index).ok_or(None)?;
    // Cleared, so that each reset counts.
    let reset = bar.read(VFLRE).into_raw() & bit;
    if reset != 0 {
        bar.write_reg(VFLRE::from(reset));
    }
    if let Err(later) = vf.conduct.may_leave(reset != 0, now) {
        if reset != 0 {
            stop_serving(bar, vf, index);
        } else if later.is_none() {
            AnyPort::of(bar, vf, index).ignore();
        }
        return Err(later);
    }
    quarantine::release(&this.ndev, bar, &mut control.switch, vf, index);
    // The reset, whose event is cleared.
    vf.server.forget_driver();
    control.mask_mailboxes(bar);
    this.works.health.queue();
    Ok(())
}

impl Control {
    /// Lets the mailboxes interrupt, but for those of VFs in quarantine and of those that have another
    /// one. In a reset it does nothing: that ends with it.
    ///
    /// A reset of a VF interrupts whatever is masked. While one is in quarantine the vector is slower, so
    /// that it cannot go on to cost with its resets what it cost before.
    pub(crate) fn mask_mailboxes(&self, bar: &Bar0) {
        if self.resetting {
            return;
        }
        let free = |vf: &Vf| vf.conduct.quarantine().is_none() && vf.port.is_none();
        let mask = (0..POOLS)
            .filter(|index| self.vfs.get(*index).is_none_or(free))
            .fold(0, |mask, index| mask | 1 << index);
        bar.write_reg(MBVFIMR::from(mask));
        let shut_out = |vf: &Vf| vf.conduct.quarantine().is_some();
        irq::slow_other(bar, self.vfs.iter().any(shut_out));
    }

    /// The device is about to be reset: keeps what it would forget of the mailboxes, above all
    /// that a VF went through a function level reset.
    pub(crate) fn collect_events(&mut self, bar: &Bar0) {
        for (index, vf) in self.vfs.iter_mut().enumerate() {
            let mut server = vf.server;
            server.before_device_reset(&mut AnyPort::of(bar, vf, index));
            vf.server = server;
        }
    }
}

/// Leaves nothing of what a VF in quarantine and its PF have said.
fn stop_serving(bar: &Bar0, vf: &mut Vf, index: usize) {
    let mut server = vf.server;
    server.stop_serving(&mut AnyPort::of(bar, vf, index));
    vf.server = server;
}

impl Adapter {
    /// Has the mailboxes served again after `micros` microseconds.
    fn serve_again_after(&self, micros: u64) {
        if micros == 0 {
            self.works.mailbox.queue();
            return;
        }
        let millis = micros.div_ceil(1000);
        let millis = i64::try_from(millis).unwrap_or(i64::from(i32::MAX));
        self.works
            .mailbox_timer
            .queue_after(Delta::from_millis(millis));
    }

    /// The port is about to be reset: tells those VFs that can be told.
    pub(crate) fn warn_vfs(&self) {
        let now = self.now();
        let mut control = self.control.lock();
        if control.resetting || is_gone(&self.bar) {
            return;
        }
        for (index, vf) in control.vfs.iter_mut().enumerate() {
            if vf.conduct.quarantine().is_some() {
                continue;
            }
            let mut server = vf.server;
            server.warn_of_reset(&mut AnyPort::of(&self.bar, vf, index), now);
            vf.server = server;
        }
    }
}

/// The time that [`serve`] asked for has come. A timer of its own: setting the time of the work
/// itself would put off what an interrupt has queued meanwhile.
pub(crate) fn timer(this: ArcBorrow<'_, Adapter>) {
    this.works.mailbox.queue();
}
