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
    card::Control,
    manager::VfManager, //
};
use crate::{
    control::{
        card::Mailbox,
        vf_id::VfId, //
    },
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
        port::{
            P2vMailbox,
            PfEvents,
            PfPort, //
        },
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
    }, //
};

/// When what comes too soon is looked at.
const LATE: Delta = Delta::from_millis(1);

/// The PF's end of one VF's mailbox.
pub(super) struct AnyPort<'a> {
    bar: &'a Bar0,
    vf: VfId,
    remote: Option<&'a RemotePort>,
}

impl<'a> AnyPort<'a> {
    /// The mailbox of `vf`: `remote`, or the card's.
    pub(super) fn new(bar: &'a Bar0, vf: VfId, remote: Option<&'a RemotePort>) -> Self {
        Self { bar, vf, remote }
    }

    /// The index of a word of the VF's in the memory of all mailboxes.
    fn word(&self, index: usize) -> usize {
        self.vf.index() * VMBMEM_WORDS + index
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
        let request = self.vf.bit();
        let ack = request << 16;
        let cause = self.bar.read(MBVFICR).into_raw() & (request | ack);
        if cause != 0 {
            self.bar.write_reg(MBVFICR::from(cause));
        }
        let (requested, acknowledged) = match self.remote {
            Some(remote) => remote.take_events(),
            None => (cause & request != 0, cause & ack != 0),
        };
        PfEvents {
            request: requested,
            ack: acknowledged,
            function_reset: self.take_function_reset(),
        }
    }

    fn control(&mut self) -> P2vMailbox {
        P2vMailbox::from_raw(match self.remote {
            Some(remote) => remote.control(),
            None => get::<P2VMAILBOX>(self.bar, self.vf.index()),
        })
    }

    fn set_control(&mut self, value: P2vMailbox) {
        match self.remote {
            Some(remote) => remote.set_control(value.raw()),
            None => put::<P2VMAILBOX>(self.bar, self.vf.index(), value.raw()),
        }
    }

    fn read(&mut self) -> Words {
        if let Some(remote) = self.remote {
            return remote.read();
        }
        let mut words = [0; VMBMEM_WORDS];
        for (index, word) in words.iter_mut().enumerate() {
            *word = get::<VMBMEM>(self.bar, self.word(index));
        }
        words
    }

    fn write(&mut self, words: &[u32]) {
        if let Some(remote) = self.remote {
            return remote.write(words);
        }
        for (index, &word) in words.iter().take(VMBMEM_WORDS).enumerate() {
            put::<VMBMEM>(self.bar, self.word(index), word);
        }
    }
}

impl Mailbox for AnyPort<'_> {
    fn take_function_reset(&mut self) -> bool {
        let reset = self.bar.read(VFLRE).into_raw() & self.vf.bit();
        if reset != 0 {
            self.bar.write_reg(VFLRE::from(reset));
        }
        reset != 0
    }

    fn ignore(&mut self) {
        let bits = self.vf.bit() | self.vf.bit() << 16;
        self.bar.write_reg(MBVFICR::from(bits));
        if let Some(remote) = self.remote {
            remote.take_events();
        }
    }

    fn show_link(&mut self, link: &Link) {
        if let Some(remote) = self.remote {
            remote.set_link(status(link));
        }
    }
}

impl Control {
    /// Tells all mailboxes of other modules that the PF goes into reset, or is out of it. The card
    /// tells the others.
    pub(crate) fn tell_ports_of_reset(&self, begin: bool) {
        for port in self.live_vfs().filter_map(|(_, vf)| vf.extra.port.as_ref()) {
            port.pf_reset(begin);
        }
    }
}

/// Tells the operator which mailbox a VF has, and how many such messages were left out.
fn tell(dev: &Device, vf: VfId, what: &str, left_out: u32) {
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

impl Host for VfManager {
    fn attach(&self, vf: u32, port: RemotePort) -> Result {
        let mut guard = self.control.lock();
        let control = &mut *guard;
        let vf = control.find_vf(vf).ok_or(EINVAL)?;
        if control.vfs[vf].extra.port.is_some() {
            return Err(EBUSY);
        }
        if control.resetting {
            port.pf_reset(true);
        }
        port.set_link(status(&control.switch.state.config(vf).link));
        control.vfs[vf].extra.port = Some(port);
        control.begin_tenant(&*self.bar, self, vf);
        // A VMM opens and closes the device as often as it likes.
        let told = control.vfs[vf].port_log.admit(self.now());
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
        // Who has attached a mailbox has done that to a VF.
        let Some(vf) = VfId::new(vf) else {
            return;
        };
        let now = self.now();
        let mut rings = self.rings.lock();
        let in_time = rings.buckets[vf].take(now);
        let wait = !in_time && !core::mem::replace(&mut rings.late, true);
        drop(rings);
        if in_time {
            self.works.mailbox.queue();
        } else if wait {
            self.works.late_ring.queue_after(LATE);
        }
    }

    fn detach(&self, vf: u32, id: usize) {
        let (vf, port, told) = {
            let mut control = self.control.lock();
            // Without the VF there is no mailbox either.
            let Some(vf) = control.find_vf(vf) else {
                return;
            };
            let ours = |port: &mut RemotePort| port.id() == id;
            let Some(port) = control.vfs[vf].extra.port.take_if(ours) else {
                return;
            };
            control.end_tenant(vf);
            let told = control.vfs[vf].port_log.admit(self.now());
            control.mask_mailboxes(&self.bar);
            (vf, port, told)
        };
        drop(port);
        self.works.mailbox.queue();
        self.works.health.queue();
        if let Some(left_out) = told {
            tell(&self.ndev, vf, "has the card's mailbox again", left_out);
        }
    }
}

/// Looks at the mailboxes for all who rang too often. The work item's function.
pub(crate) fn late_ring(this: ArcBorrow<'_, VfManager>) {
    this.rings.lock().late = false;
    this.works.mailbox.queue();
}
