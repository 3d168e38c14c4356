// SPDX-License-Identifier: GPL-2.0

//! The PF's end of a VF's mailbox: the card's registers, or a mailbox that another module has.
//!
//! A VF that is given to a VMM by `rigb_vfio.ko` has the latter, for as long as the VMM has it open.
//! Its mailbox in the card is dead then: what a guest does there (it cannot) is thrown away. That
//! the VF was reset is still told by the card, in VFLRE.

use kernel::{
    io::Io,
    prelude::*,
    sync::ArcBorrow,
    time::Delta, //
};

use super::{
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
        put, //
    },
    kapi::{
        net::{
            netdev_info,
            Device, //
        },
        port::host::{
            Host,
            RemotePort, //
        }, //
    },
    mbox::{
        event::{
            Link,
            LinkPolicy, //
        },
        limit::TokenBucket,
        port::{
            P2vMailbox,
            PfEvents,
            PfPort, //
        },
        time::Span,
        wire::Words, //
    },
    regs::{
        iov::{
            MBVFICR,
            P2VMAILBOX,
            VFLRE,
            VMBMEM,
            VMBMEM_WORDS, //
        },
        Bar0, //
    },
    switch::state::MAX_VFS, //
};

/// Rings that a VF may send at once.
const RINGS: u32 = 64;
/// One more per this time; what comes sooner waits for it.
const RING_INTERVAL: Span = Span::from_millis(1);
const LATE: Delta = Delta::from_millis(1);

/// The PF's end of one VF's mailbox.
pub(super) struct AnyPort<'a> {
    bar: &'a Bar0,
    vf: usize,
    remote: Option<&'a RemotePort>,
}

impl<'a> AnyPort<'a> {
    /// The mailbox of `vf`, which has this index.
    pub(super) fn of(bar: &'a Bar0, vf: &'a Vf, index: usize) -> Self {
        Self {
            bar,
            vf: index,
            remote: vf.port.as_ref(),
        }
    }

    /// Drops what the VF has said. A function level reset is none of that.
    pub(super) fn ignore(&self) {
        let bits = 1 << self.vf | 1 << (self.vf + 16);
        self.bar.write_reg(MBVFICR::from(bits));
        if let Some(remote) = self.remote {
            remote.take_events();
        }
    }

    /// Shows the VF its link, where that can differ from the card's.
    pub(super) fn show_link(&self, link: &Link) {
        if let Some(remote) = self.remote {
            remote.set_link(status(link));
        }
    }
}

/// The link as STATUS has it.
fn status(link: &Link) -> u32 {
    const FULL_DUPLEX: u32 = 1 << 0;
    const UP: u32 = 1 << 1;
    const SPEED_1000: u32 = 2 << 6;
    let up = match link.policy {
        LinkPolicy::Auto => link.up,
        LinkPolicy::ForcedUp => true,
        LinkPolicy::ForcedDown => false,
    };
    match (up, link.up, link.speed) {
        (false, _, _) => 0,
        // There is no cable, but the other VFs are there.
        (true, false, _) => UP | FULL_DUPLEX | SPEED_1000,
        (true, true, speed) => {
            let speed = match speed {
                10 => 0,
                100 => 1 << 6,
                _ => SPEED_1000,
            };
            UP | speed | u32::from(link.full_duplex) * FULL_DUPLEX
        }
    }
}

impl PfPort for AnyPort<'_> {
    fn take_events(&mut self) -> PfEvents {
        let request = 1 << self.vf;
        let ack = 1 << (self.vf + 16);
        let cause = self.bar.read(MBVFICR).into_raw() & (request | ack);
        if cause != 0 {
            self.bar.write_reg(MBVFICR::from(cause));
        }
        let (requested, acknowledged) = match self.remote {
            Some(remote) => remote.take_events(),
            None => (cause & request != 0, cause & ack != 0),
        };
        let reset = self.bar.read(VFLRE).into_raw() & request;
        if reset != 0 {
            self.bar.write_reg(VFLRE::from(reset));
        }
        PfEvents {
            request: requested,
            ack: acknowledged,
            function_reset: reset != 0,
        }
    }

    fn control(&mut self) -> P2vMailbox {
        P2vMailbox::from_raw(match self.remote {
            Some(remote) => remote.control(),
            None => get::<P2VMAILBOX>(self.bar, self.vf),
        })
    }

    fn set_control(&mut self, value: P2vMailbox) {
        match self.remote {
            Some(remote) => remote.set_control(value.raw()),
            None => put::<P2VMAILBOX>(self.bar, self.vf, value.raw()),
        }
    }

    fn read(&mut self) -> Words {
        if let Some(remote) = self.remote {
            return remote.read();
        }
        let mut words = [0; VMBMEM_WORDS];
        for (index, word) in words.iter_mut().enumerate() {
            *word = get::<VMBMEM>(self.bar, self.vf * VMBMEM_WORDS + index);
        }
        words
    }

    fn write(&mut self, words: &[u32]) {
        if let Some(remote) = self.remote {
            return remote.write(words);
        }
        for (index, &word) in words.iter().take(VMBMEM_WORDS).enumerate() {
            put::<VMBMEM>(self.bar, self.vf * VMBMEM_WORDS + index, word);
        }
    }
}

/// What bounds the work that VFs can make by ringing. The card's doorbells are bounded by the
/// throttle of the PF's interrupt.
pub(crate) struct Rings {
    buckets: [TokenBucket; MAX_VFS],
    /// A late one is on its way.
    late: bool,
}

impl Rings {
    pub(crate) fn new() -> Self {
        Self {
            buckets: [TokenBucket::new(RINGS, RING_INTERVAL); MAX_VFS],
            late: false,
        }
    }
}

impl Control {
    /// Tells all mailboxes of other modules that the PF goes into reset, or is out of it. The card
    /// tells the others.
    pub(crate) fn tell_ports_of_reset(&self, begin: bool) {
        for port in self.vfs.iter().filter_map(|vf| vf.port.as_ref()) {
            port.pf_reset(begin);
        }
    }
}

/// Tells the operator which mailbox a VF has, and how many such messages were left out.
fn tell(dev: &Device, vf: u32, what: &str, left_out: u32) {
    if left_out > 0 {
        netdev_info!(
            dev,
            "VF {} {} ({} more messages were left out)\n",
            vf,
            what,
            left_out
        );
    } else {
        netdev_info!(dev, "VF {} {}\n", vf, what);
    }
}

impl Host for Adapter {
    fn attach(&self, vf: u32, port: RemotePort) -> Result {
        let index = usize::try_from(vf)?;
        let mtu = self.ndev.mtu();
        let mut guard = self.control.lock();
        let control = &mut *guard;
        if control.vf(vf)?.port.is_some() {
            return Err(EBUSY);
        }
        if control.resetting {
            port.pf_reset(true);
        }
        if let Some(told) = control.told(index, mtu) {
            port.set_link(status(&told.link));
        }
        let entry = control.vfs.get_mut(index).ok_or(EINVAL)?;
        entry.port = Some(port);
        // The host gives the VF to a new tenant, who has done nothing yet.
        quarantine::release(&self.ndev, &self.bar, &mut control.switch, entry, index);
        entry.server.forget_driver();
        // A VMM opens and closes the device as often as it likes.
        let told = entry.port_log.admit(self.now());
        control.mask_mailboxes(&self.bar);
        drop(guard);
        self.works.mailbox.queue();
        self.works.health.queue();
        if let Some(left_out) = told {
            tell(&self.ndev, vf, "has a virtual mailbox", left_out);
        }
        Ok(())
    }

    fn ring(&self, vf: u32) {
        let now = self.now();
        let mut rings = self.rings.lock();
        let bucket = usize::try_from(vf)
            .ok()
            .and_then(|vf| rings.buckets.get_mut(vf));
        let in_time = bucket.is_some_and(|bucket| bucket.take(now));
        let wait = !in_time && !core::mem::replace(&mut rings.late, true);
        drop(rings);
        if in_time {
            self.works.mailbox.queue();
        } else if wait {
            self.works.late_ring.queue_after(LATE);
        }
    }

    fn detach(&self, vf: u32, id: usize) {
        let (port, told) = {
            let mut control = self.control.lock();
            // Without the VF there is no mailbox either.
            let Ok(entry) = control.vf(vf) else {
                return;
            };
            let ours = |port: &mut RemotePort| port.id() == id;
            let Some(port) = entry.port.take_if(ours) else {
                return;
            };
            entry.server.forget_driver();
            let told = entry.port_log.admit(self.now());
            control.mask_mailboxes(&self.bar);
            (port, told)
        };
        drop(port);
        self.works.mailbox.queue();
        if let Some(left_out) = told {
            tell(&self.ndev, vf, "has the card's mailbox again", left_out);
        }
    }
}

/// Looks at the mailboxes for all who rang too often. The work item's function.
pub(crate) fn late_ring(this: ArcBorrow<'_, Adapter>) {
    this.rings.lock().late = false;
    this.works.mailbox.queue();
}
