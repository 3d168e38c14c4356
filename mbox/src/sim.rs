// SPDX-License-Identifier: GPL-2.0

//! A simulated mailbox: both ends of the 82576's buffer and registers, for tests on the host.
//!
//! Not part of what the kernel modules compile. Doorbells may be lost, repeated and delayed, so
//! that the two state machines can be run against each other under faults; [`Model`] chooses
//! between the datasheet and what QEMU's igb makes of it.

use core::cell::Cell;

use crate::port::{
    P2vMailbox,
    PfEvents,
    PfPort,
    V2pMailbox,
    VfPort, //
};
use crate::wire::{
    Words,
    MAILBOX_WORDS, //
};

/// Whose mailbox is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// As the datasheet says: RVFU frees the buffer.
    Datasheet,
    /// As QEMU: RVFU clears VFU for the VF alone and forgets its doorbells, but the PF cannot own
    /// the buffer before the VF has written V2PMAILBOX.
    Qemu,
}

/// Doorbells on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doorbells {
    /// From VF to PF: a request.
    pub req: bool,
    /// From VF to PF: a message was read.
    pub ack: bool,
    /// From PF to VF: a message.
    pub pfsts: bool,
    /// From PF to VF: a request was read.
    pub pfack: bool,
}

impl Doorbells {
    /// Each of them.
    pub const ALL: Self = Self {
        req: true,
        ack: true,
        pfsts: true,
        pfack: true,
    };
}

/// One mailbox. The two ends are borrowed from it with [`Mailbox::pf`] and [`Mailbox::vf`].
#[derive(Debug)]
pub struct Mailbox {
    model: Model,
    words: [Cell<u32>; MAILBOX_WORDS],
    vfu: Cell<bool>,
    vfu_seen_by_pf: Cell<bool>,
    pfu: Cell<bool>,
    to_pf: Cell<PfEvents>,
    to_vf: Cell<V2pMailbox>,
    in_reset: Cell<bool>,
    held_back: Cell<Doorbells>,
    hold: Cell<bool>,
    unread_request: Cell<bool>,
    destroyed: Cell<u32>,
}

impl Mailbox {
    /// An empty mailbox.
    pub const fn new(model: Model) -> Self {
        Self {
            model,
            words: [const { Cell::new(0) }; MAILBOX_WORDS],
            vfu: Cell::new(false),
            vfu_seen_by_pf: Cell::new(false),
            pfu: Cell::new(false),
            to_pf: Cell::new(PfEvents {
                request: false,
                ack: false,
                function_reset: false,
            }),
            to_vf: Cell::new(V2pMailbox::from_raw(0)),
            in_reset: Cell::new(false),
            held_back: Cell::new(Doorbells {
                req: false,
                ack: false,
                pfsts: false,
                pfack: false,
            }),
            hold: Cell::new(false),
            unread_request: Cell::new(false),
            destroyed: Cell::new(0),
        }
    }

    /// The PF's end.
    pub const fn pf(&self) -> SimPf<'_> {
        SimPf(self)
    }

    /// The VF's end.
    pub const fn vf(&self) -> SimVf<'_> {
        SimVf(self)
    }

    /// Whether the PF's interrupt is pending.
    pub fn pf_interrupt(&self) -> bool {
        self.to_pf.get() != PfEvents::default()
    }

    /// Whether the VF's interrupt is pending.
    pub fn vf_interrupt(&self) -> bool {
        self.to_vf.get() != V2pMailbox::default()
    }

    /// From now on doorbells are held back until they are delivered or lost, or no longer.
    pub fn hold_doorbells(&self, hold: bool) {
        self.hold.set(hold);
        if !hold {
            self.deliver(Doorbells::ALL);
        }
    }

    /// The doorbells that are held back.
    pub fn held_back(&self) -> Doorbells {
        self.held_back.get()
    }

    /// Delivers those of the held back doorbells that are selected.
    pub fn deliver(&self, which: Doorbells) {
        let held = self.held_back.get();
        self.ring(Doorbells {
            req: held.req && which.req,
            ack: held.ack && which.ack,
            pfsts: held.pfsts && which.pfsts,
            pfack: held.pfack && which.pfack,
        });
        self.lose(which);
    }

    /// Loses those of the held back doorbells that are selected.
    pub fn lose(&self, which: Doorbells) {
        let held = self.held_back.get();
        self.held_back.set(Doorbells {
            req: held.req && !which.req,
            ack: held.ack && !which.ack,
            pfsts: held.pfsts && !which.pfsts,
            pfack: held.pfack && !which.pfack,
        });
    }

    /// Rings doorbells without a cause: a repeated or spurious event.
    pub fn ring(&self, which: Doorbells) {
        if which.req {
            self.unread_request.set(true);
        }
        let mut to_pf = self.to_pf.get();
        to_pf.request |= which.req;
        to_pf.ack |= which.ack;
        self.to_pf.set(to_pf);
        if which.pfsts {
            self.to_vf.set(self.to_vf.get().with(V2pMailbox::PFSTS));
        }
        if which.pfack {
            self.to_vf.set(self.to_vf.get().with(V2pMailbox::PFACK));
        }
    }

    /// The VF resets itself (CTRL.RST or a function level reset).
    pub fn function_reset(&self) {
        let mut to_pf = self.to_pf.get();
        to_pf.function_reset = true;
        self.to_pf.set(to_pf);
    }

    /// The PF goes into reset (CTRL.RST): the buffer is zeroed, RSTI shows it.
    pub fn pf_reset_begin(&self) {
        for word in &self.words {
            word.set(0);
        }
        self.vfu.set(false);
        self.vfu_seen_by_pf.set(false);
        self.pfu.set(false);
        self.to_pf.set(PfEvents::default());
        self.to_vf.set(V2pMailbox::default());
        self.held_back.set(Doorbells::default());
        self.unread_request.set(false);
        self.in_reset.set(true);
    }

    /// The PF comes out of reset (CTRL_EXT.PFRSTD): RSTI is cleared, RSTD shows it.
    pub fn pf_reset_end(&self) {
        self.in_reset.set(false);
        self.to_vf.set(self.to_vf.get().with(V2pMailbox::RSTD));
    }

    /// How often the PF has written over a request that it had been told of and had not read.
    pub fn destroyed_requests(&self) -> u32 {
        self.destroyed.get()
    }

    fn doorbell(&self, which: Doorbells) {
        if !self.hold.get() {
            self.ring(which);
            return;
        }
        let held = self.held_back.get();
        self.held_back.set(Doorbells {
            req: held.req || which.req,
            ack: held.ack || which.ack,
            pfsts: held.pfsts || which.pfsts,
            pfack: held.pfack || which.pfack,
        });
    }

    fn copy_out(&self, words: &mut [u32]) {
        for (to, from) in words.iter_mut().zip(&self.words) {
            *to = from.get();
        }
    }

    fn copy_in(&self, words: &[u32]) {
        for (from, to) in words.iter().zip(&self.words) {
            to.set(*from);
        }
    }
}

/// The PF's end of a [`Mailbox`].
#[derive(Clone, Copy, Debug)]
pub struct SimPf<'a>(&'a Mailbox);

/// The VF's end of a [`Mailbox`].
#[derive(Clone, Copy, Debug)]
pub struct SimVf<'a>(&'a Mailbox);

impl PfPort for SimPf<'_> {
    fn take_events(&mut self) -> PfEvents {
        self.0.to_pf.take()
    }

    fn control(&mut self) -> P2vMailbox {
        let mut value = P2vMailbox::default();
        if self.0.vfu_seen_by_pf.get() {
            value = value.with(P2vMailbox::VFU);
        }
        if self.0.pfu.get() {
            value = value.with(P2vMailbox::PFU);
        }
        value
    }

    fn set_control(&mut self, value: P2vMailbox) {
        let mailbox = self.0;
        mailbox.doorbell(Doorbells {
            pfsts: value.has(P2vMailbox::STS),
            pfack: value.has(P2vMailbox::ACK),
            ..Doorbells::default()
        });
        if !value.has(P2vMailbox::PFU) {
            mailbox.pfu.set(false);
        } else if !mailbox.vfu_seen_by_pf.get() {
            mailbox.pfu.set(true);
        }
        if value.has(P2vMailbox::RVFU) {
            mailbox.vfu.set(false);
            match mailbox.model {
                Model::Datasheet => mailbox.vfu_seen_by_pf.set(false),
                Model::Qemu => {
                    let function_reset = mailbox.to_pf.get().function_reset;
                    mailbox.to_pf.set(PfEvents {
                        function_reset,
                        ..PfEvents::default()
                    });
                }
            }
        }
    }

    fn read(&mut self) -> Words {
        let mut words = [0; MAILBOX_WORDS];
        self.0.copy_out(&mut words);
        self.0.unread_request.set(false);
        words
    }

    fn write(&mut self, words: &[u32]) {
        if self.0.unread_request.replace(false) {
            let count = self.0.destroyed.get().saturating_add(1);
            self.0.destroyed.set(count);
        }
        self.0.copy_in(words);
    }
}

impl VfPort for SimVf<'_> {
    fn status(&mut self) -> V2pMailbox {
        let mut value = self.0.to_vf.take();
        if self.0.vfu.get() {
            value = value.with(V2pMailbox::VFU);
        }
        if self.0.pfu.get() {
            value = value.with(V2pMailbox::PFU);
        }
        if self.0.in_reset.get() {
            value = value.with(V2pMailbox::RSTI);
        }
        value
    }

    fn set_control(&mut self, value: V2pMailbox) {
        let mailbox = self.0;
        mailbox.doorbell(Doorbells {
            req: value.has(V2pMailbox::REQ),
            ack: value.has(V2pMailbox::ACK),
            ..Doorbells::default()
        });
        if !value.has(V2pMailbox::VFU) {
            mailbox.vfu.set(false);
            mailbox.vfu_seen_by_pf.set(false);
        } else if !mailbox.pfu.get() {
            mailbox.vfu.set(true);
            mailbox.vfu_seen_by_pf.set(true);
        }
    }

    fn read(&mut self, words: &mut [u32]) {
        self.0.copy_out(words);
    }

    fn write(&mut self, words: &[u32]) {
        self.0.copy_in(words);
    }
}
