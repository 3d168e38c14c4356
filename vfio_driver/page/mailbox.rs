// SPDX-License-Identifier: GPL-2.0

//! The mailbox: the 82576's registers for whoever reads and writes them, without their weakness.
//!
//! The card has one buffer for both directions, and whoever owns it keeps the other side out, for
//! as long as it likes. Here each direction has a buffer of its own: a request is copied when its
//! doorbell rings, and a message of the PF comes into the guest's sight when the guest does not own
//! the buffer. So the PF is never kept waiting, and a guest that does not let go of the buffer keeps
//! nobody but itself from its messages.

use crate::mbox::{
    port::{
        P2vMailbox,
        PfEvents,
        V2pMailbox, //
    },
    wire::{
        Words,
        MAILBOX_WORDS, //
    }, //
};

const EMPTY: Words = [0; MAILBOX_WORDS];

/// The mailbox of one VF.
#[derive(Clone, Debug, Default)]
pub struct Mailbox {
    /// What the guest sees in VMBMEM.
    view: Words,
    /// What was there when the guest rang for the last time.
    request: Words,
    /// What the PF is writing.
    draft: Words,
    /// A message of the PF that waits for the guest to let go of the buffer.
    held_back: Option<Words>,
    vfu: bool,
    pfu: bool,
    in_reset: bool,
    /// Bits that the guest has not read yet.
    to_vf: V2pMailbox,
    /// Events that the PF has not taken yet.
    to_pf: PfEvents,
}

/// The guest's side.
impl Mailbox {
    /// An empty mailbox.
    pub const fn new() -> Self {
        Self {
            view: EMPTY,
            request: EMPTY,
            draft: EMPTY,
            held_back: None,
            vfu: false,
            pfu: false,
            in_reset: false,
            to_vf: V2pMailbox::from_raw(0),
            to_pf: PfEvents {
                request: false,
                ack: false,
                function_reset: false,
            },
        }
    }

    /// Word `index` of VMBMEM; zero beyond it.
    pub fn word(&self, index: usize) -> u32 {
        self.view.get(index).copied().unwrap_or(0)
    }

    /// Writes word `index` of VMBMEM, if there is one. As on the card, owned or not.
    pub fn set_word(&mut self, index: usize, value: u32) {
        if let Some(word) = self.view.get_mut(index) {
            *word = value;
        }
    }

    /// V2PMAILBOX, without clearing anything.
    pub fn status(&self) -> V2pMailbox {
        [
            (self.vfu, V2pMailbox::VFU),
            (self.pfu, V2pMailbox::PFU),
            (self.in_reset, V2pMailbox::RSTI),
        ]
        .into_iter()
        .filter(|(set, _)| *set)
        .fold(self.to_vf, |status, (_, bit)| status.with(bit))
    }

    /// Reads V2PMAILBOX: clears PFSTS, PFACK and RSTD.
    pub fn take_status(&mut self) -> u32 {
        let status = self.status();
        self.to_vf = V2pMailbox::default();
        status.raw()
    }

    /// Writes V2PMAILBOX. Whether the guest's interrupt is due: the write let a message through.
    pub fn set_status(&mut self, value: V2pMailbox) -> bool {
        if value.has(V2pMailbox::REQ) {
            self.request = self.view;
            self.to_pf.request = true;
            // On the card the guest has just written over it. The PF's server counts on that, and
            // sends it again after the reply.
            self.held_back = None;
        }
        self.to_pf.ack |= value.has(V2pMailbox::ACK);
        if value.has(V2pMailbox::VFU) {
            // Who owns the buffer keeps it.
            self.vfu |= !self.pfu;
            return false;
        }
        self.vfu = false;
        self.publish()
    }

    /// Brings what was held back into sight. Whether there was something.
    fn publish(&mut self) -> bool {
        let Some(words) = self.held_back.take() else {
            return false;
        };
        self.view = words;
        self.to_vf = self.to_vf.with(V2pMailbox::PFSTS);
        true
    }

    /// The VF was reset: neither side has said anything yet, and no word is left for a next tenant.
    /// Whether the PF is in reset is not the VF's business.
    pub fn function_reset(&mut self) {
        *self = Self {
            in_reset: self.in_reset,
            ..Self::new()
        };
    }
}

/// The PF's side. The names are those of [`PfPort`](crate::mbox::port::PfPort).
impl Mailbox {
    /// Takes what has happened. Never a function level reset: the card itself tells of those.
    pub fn take_events(&mut self) -> PfEvents {
        core::mem::take(&mut self.to_pf)
    }

    /// P2VMAILBOX. The VF never owns the PF's buffer.
    pub fn control(&self) -> P2vMailbox {
        if self.pfu {
            P2vMailbox::PFU
        } else {
            P2vMailbox::default()
        }
    }

    /// Writes P2VMAILBOX. Whether the guest's interrupt is due.
    pub fn set_control(&mut self, value: P2vMailbox) -> bool {
        let mut signal = false;
        if value.has(P2vMailbox::ACK) {
            self.to_vf = self.to_vf.with(V2pMailbox::PFACK);
            signal = true;
        }
        if value.has(P2vMailbox::RVFU) {
            self.vfu = false;
        }
        if value.has(P2vMailbox::STS) {
            self.held_back = Some(core::mem::replace(&mut self.draft, EMPTY));
        }
        self.pfu = value.has(P2vMailbox::PFU);
        if !self.vfu {
            signal |= self.publish();
        }
        signal
    }

    /// The guest's last request.
    pub const fn read(&self) -> Words {
        self.request
    }

    /// Writes words of a message, from its start. The others are zero.
    pub fn write(&mut self, words: &[u32]) {
        for (to, from) in self.draft.iter_mut().zip(words) {
            *to = *from;
        }
    }

    /// The PF goes into reset: all is lost, and RSTI says so.
    pub fn pf_reset_begin(&mut self) {
        *self = Self {
            in_reset: true,
            ..Self::new()
        };
    }

    /// The PF is out of reset, and RSTD says so: the guest's interrupt is due.
    pub fn pf_reset_end(&mut self) {
        self.in_reset = false;
        self.to_vf = self.to_vf.with(V2pMailbox::RSTD);
    }
}
