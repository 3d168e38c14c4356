// SPDX-License-Identifier: GPL-2.0

//! The VF's end of the mailbox in the registers of the 82576.

use kernel::{
    io::{
        register::Array,
        Io, //
    },
    sync::Arc, //
};

use crate::{
    hw::Hw,
    mbox::port::{
        V2pMailbox,
        VfPort, //
    },
    regs::{
        V2PMAILBOX,
        VMBMEM, //
    },
};

/// The mailbox registers. Only [`Control`](crate::control::Control) has one: status bits are
/// cleared by reading, so there must be one reader.
pub(crate) struct Port {
    hw: Arc<Hw>,
}

impl Port {
    pub(crate) fn new(hw: Arc<Hw>) -> Self {
        Self { hw }
    }
}

impl VfPort for Port {
    fn status(&mut self) -> V2pMailbox {
        let raw = self.hw.io().read(V2PMAILBOX).into_raw();
        // A device that is gone reads as all ones. It has neither sent nor granted anything, and
        // to the driver is like a PF that does not come out of its reset.
        if raw == u32::MAX {
            return V2pMailbox::RSTI;
        }
        V2pMailbox::from_raw(raw)
    }

    fn set_control(&mut self, value: V2pMailbox) {
        self.hw.io().write_reg(V2PMAILBOX::from_raw(value.raw()));
    }

    fn read(&mut self, words: &mut [u32]) {
        for (index, word) in words.iter_mut().enumerate() {
            *word = VMBMEM::try_at(index).map_or(0, |place| self.hw.io().read(place).into_raw());
        }
    }

    fn write(&mut self, words: &[u32]) {
        for (index, &word) in words.iter().enumerate() {
            if let Some(place) = VMBMEM::try_at(index) {
                self.hw.io().write(place, VMBMEM::from_raw(word));
            }
        }
    }
}
