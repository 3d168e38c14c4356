// SPDX-License-Identifier: GPL-2.0

//! Interrupt handlers: each only says who has work to do.

use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};

use crate::{
    adapter::Adapter,
    hw::{
        MAILBOX_VECTOR,
        RX_VECTOR,
        TX_VECTOR, //
    },
    kapi::{
        irq::{
            Handler,
            IrqReturn,
            Registration,
            Vectors, //
        },
        net::{
            napi,
            Device, //
        },
        work::Work, //
    },
};

/// Interrupt of a queue. The hardware has masked the vector; the poll function unmasks it.
struct QueueHandler {
    napi: napi::Handle,
}

impl Handler for QueueHandler {
    fn handle(&self) -> IrqReturn {
        self.napi.schedule();
        IrqReturn::Handled
    }
}

/// Interrupt of the mailbox. The hardware has masked the vector; the service work unmasks it, so
/// that a PF cannot interrupt more often than that runs.
struct MailboxHandler {
    service: Arc<Work<Adapter>>,
}

impl Handler for MailboxHandler {
    fn handle(&self) -> IrqReturn {
        self.service.queue();
        IrqReturn::Handled
    }
}

/// The interrupts of a VF whose rings run. Dropping it waits for running handlers.
pub(crate) struct Interrupts {
    _tx: Registration<QueueHandler>,
    rx: Registration<QueueHandler>,
    _mailbox: Registration<MailboxHandler>,
}

impl Interrupts {
    /// Requests all three. The vectors are masked.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], and what requesting an interrupt says.
    pub(crate) fn request(
        vectors: &Arc<Vectors>,
        dev: &Device,
        napi: napi::Handle,
        service: &Arc<Work<Adapter>>,
    ) -> Result<Self> {
        let queue = |vector, name, napi| {
            Registration::request(vectors, vector, name, QueueHandler { napi })
        };
        let service = service.clone();
        Ok(Self {
            _tx: queue(
                TX_VECTOR,
                CString::try_from_fmt(fmt!("{dev}-tx-0"))?,
                napi.clone(),
            )?,
            rx: queue(RX_VECTOR, CString::try_from_fmt(fmt!("{dev}-rx-0"))?, napi)?,
            _mailbox: Registration::request(
                vectors,
                MAILBOX_VECTOR,
                CString::try_from_fmt(fmt!("{dev}-mailbox"))?,
                MailboxHandler { service },
            )?,
        })
    }

    /// The Linux number of the receive queue's interrupt.
    pub(crate) fn rx_number(&self) -> u32 {
        self.rx.irq()
    }
}
