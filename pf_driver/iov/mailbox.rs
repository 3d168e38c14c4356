// SPDX-License-Identifier: GPL-2.0

//! The mailboxes: their registers, and the work item that serves them.
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
    quarantine,
    vf::{
        Control,
        Vf, //
    }, //
};
use crate::{
    adapter::Adapter,
    hw::{
        get,
        is_gone,
        put, //
    },
    mbox::{
        port::{
            P2vMailbox,
            PfEvents,
            PfPort, //
        },
        time::Time,
        wire::Words, //
    },
    regs::{
        iov::{
            MBVFICR,
            MBVFIMR,
            P2VMAILBOX,
            POOLS,
            VFLRE,
            VMBMEM,
            VMBMEM_WORDS, //
        },
        Bar0, //
    }, //
};

/// The PF's end of a VF's mailbox, in registers.
struct RegisterPort<'a> {
    bar: &'a Bar0,
    vf: usize,
}

impl PfPort for RegisterPort<'_> {
    fn take_events(&mut self) -> PfEvents {
        let request = 1 << self.vf;
        let ack = 1 << (self.vf + 16);
        let cause = self.bar.read(MBVFICR).into_raw() & (request | ack);
        if cause != 0 {
            self.bar.write_reg(MBVFICR::from(cause));
        }
        let reset = self.bar.read(VFLRE).into_raw() & request;
        if reset != 0 {
            self.bar.write_reg(VFLRE::from(reset));
        }
        PfEvents {
            request: cause & request != 0,
            ack: cause & ack != 0,
            function_reset: reset != 0,
        }
    }

    fn control(&mut self) -> P2vMailbox {
        P2vMailbox::from_raw(get::<P2VMAILBOX>(self.bar, self.vf))
    }

    fn set_control(&mut self, value: P2vMailbox) {
        put::<P2VMAILBOX>(self.bar, self.vf, value.raw());
    }

    fn read(&mut self) -> Words {
        let mut words = [0; VMBMEM_WORDS];
        for (index, word) in words.iter_mut().enumerate() {
            *word = get::<VMBMEM>(self.bar, self.vf * VMBMEM_WORDS + index);
        }
        words
    }

    fn write(&mut self, words: &[u32]) {
        for (index, &word) in words.iter().take(VMBMEM_WORDS).enumerate() {
            put::<VMBMEM>(self.bar, self.vf * VMBMEM_WORDS + index, word);
        }
    }
}

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
            let Some(vf) = control.vfs.get(index) else {
                break;
            };
            if vf.conduct.quarantine().is_some() {
                if let Err(later) = hold(&this, control, index, now) {
                    due = earlier(due, later);
                    continue;
                }
            }
            let Some(vf) = control.vfs.get(index) else {
                break;
            };
            // Taken out while the executor looks at the others, and put back.
            let mut server = vf.server;
            let Some(config) = control.told(index, mtu) else {
                break;
            };
            let mut port = RegisterPort {
                bar: &this.bar,
                vf: index,
            };
            let mut executor = Executor {
                bar: &this.bar,
                dev: &this.ndev,
                switch: &mut control.switch,
                vfs: &control.vfs,
                vf: index,
            };
            let next = server.service(&mut port, &config, &mut executor, now);
            if let Some(vf) = control.vfs.get_mut(index) {
                vf.server = server;
                let switch = &mut control.switch;
                if quarantine::enforce(&this.ndev, &this.bar, switch, vf, index, now) {
                    mask_mailboxes(&this.bar, &control.vfs);
                    this.works.health.queue();
                    continue;
                }
            }
            due = earlier(due, next);
        }
        if control.switch.changes != changes {
            this.vf_changed();
        }
    }
    if let Some(due) = due {
        let wait = due.since(now).as_micros();
        if wait == 0 {
            this.works.mailbox.queue();
        } else {
            let millis = wait.div_ceil(1000);
            let millis = i64::try_from(millis).unwrap_or(i64::from(i32::MAX));
            this.works
                .mailbox_timer
                .queue_after(Delta::from_millis(millis));
        }
    }
}

/// The earlier of two times, of which either may be none.
fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Lets the mailboxes interrupt, but for those of VFs in quarantine. Needed after a reset.
pub(crate) fn mask_mailboxes(bar: &Bar0, vfs: &[Vf]) {
    let free = |vf: &Vf| vf.conduct.quarantine().is_none();
    let mask = (0..POOLS)
        .filter(|index| vfs.get(*index).is_none_or(free))
        .fold(0, |mask, index| mask | 1 << index);
    bar.write_reg(MBVFIMR::from(mask));
}

/// Drops what a VF in quarantine sends. Whether it is let out, since it went through a function
/// level reset, or else when to look again.
///
/// What it sent after that reset is the next tenant's, so the events of both are left to be served.
fn hold(
    this: &Adapter,
    control: &mut Control,
    index: usize,
    now: Time,
) -> core::result::Result<(), Option<Time>> {
    let bar = &this.bar;
    let bit = 1 << index;
    if bar.read(VFLRE).into_raw() & bit == 0 {
        bar.write_reg(MBVFICR::from(bit | bit << 16));
        return Err(None);
    }
    let vf = control.vfs.get_mut(index).ok_or(None)?;
    vf.conduct.may_leave(now)?;
    quarantine::release(&this.ndev, bar, &mut control.switch, vf, index);
    mask_mailboxes(bar, &control.vfs);
    this.works.health.queue();
    Ok(())
}

impl Adapter {
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
            let mut port = RegisterPort {
                bar: &self.bar,
                vf: index,
            };
            vf.server.warn_of_reset(&mut port, now);
        }
    }
}

/// The time that [`serve`] asked for has come. A timer of its own: setting the time of the work
/// itself would put off what an interrupt has queued meanwhile.
pub(crate) fn timer(this: ArcBorrow<'_, Adapter>) {
    this.works.mailbox.queue();
}
