// SPDX-License-Identifier: GPL-2.0

//! What is under the control plane beside the registers of the switch, which are in
//! [`hw::switch`](crate::hw::switch): the queues of VFs, and the PF's ends of their mailboxes.
//!
//! A VF that is given to a VMM by `rigb_vfio.ko` has a mailbox in that module ([`super::remote`]). Its
//! mailbox in the card is dead then: what a guest does there (it cannot) is thrown away. That the VF was
//! reset is still told by the card, in VFLRE.

use kernel::{
    error::code,
    io::Io,
    prelude::*, //
};

use super::traffic::Traffic;
use crate::{
    control::{
        self,
        admin::MacRefusal,
        card::{
            Card,
            Mailbox, //
        },
        image::NoSpace,
        vf_id::VfId, //
    },
    hw::{
        get,
        pool,
        put, //
    },
    kapi::port::host::RemotePort,
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
        reason::Failure,
        wire::Words, //
    },
    regs::{
        general::STATUS,
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

/// The switch and the VFs of a port.
pub(crate) type Control = control::vfs::Control<Bar0>;
/// How a VF talks to the PF, and what it does.
pub(crate) type Vf = control::vfs::Vf<Extra>;

/// What the driver keeps of a VF besides.
#[derive(Default)]
pub struct Extra {
    /// What it has sent and received.
    pub(crate) traffic: Traffic,
    /// Its mailbox, if it has another one than the card's.
    pub(crate) port: Option<RemotePort>,
}

impl Card for Bar0 {
    type Extra = Extra;

    fn empty_queues(&self, vf: VfId) -> core::result::Result<(), Failure> {
        pool::empty_queues(self, vf).map_err(|_| Failure::Device)
    }

    fn mailbox<'a>(&'a self, vf: VfId, extra: &'a Extra) -> impl Mailbox + 'a {
        AnyMailbox {
            bar: self,
            vf,
            remote: extra.port.as_ref(),
        }
    }
}

impl From<NoSpace> for Error {
    fn from(_: NoSpace) -> Self {
        code::ENOSPC
    }
}

impl From<MacRefusal> for Error {
    fn from(refusal: MacRefusal) -> Self {
        match refusal {
            MacRefusal::Reserved => code::EEXIST,
            MacRefusal::NoSpace => code::ENOSPC,
        }
    }
}

/// The PF's end of one VF's mailbox: `remote`, or the card's.
struct AnyMailbox<'a> {
    bar: &'a Bar0,
    vf: VfId,
    remote: Option<&'a RemotePort>,
}

impl AnyMailbox<'_> {
    /// The index of a word of the VF's in the memory of all mailboxes.
    fn word(&self, index: usize) -> usize {
        self.vf.index() * VMBMEM_WORDS + index
    }
}

/// The link as STATUS has it.
pub(super) fn status(link: &Link) -> u32 {
    let up = match link.policy {
        LinkPolicy::Auto => link.up,
        LinkPolicy::ForcedUp => true,
        LinkPolicy::ForcedDown => false,
    };
    if !up {
        return 0;
    }
    // Without a cable VFs still reach each other, at the card's speed.
    let status = STATUS::zeroed()
        .with_lu(true)
        .with_fd(!link.up || link.full_duplex);
    let status = match (link.up, link.speed) {
        (true, 10) => status.with_const_speed::<0>(),
        (true, 100) => status.with_const_speed::<1>(),
        _ => status.with_const_speed::<2>(),
    };
    status.into_raw()
}

impl PfPort for AnyMailbox<'_> {
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

impl Mailbox for AnyMailbox<'_> {
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
