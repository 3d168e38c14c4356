// SPDX-License-Identifier: GPL-2.0

//! Interrupt handlers: each only says who has work to do.

use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};

use crate::{
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
struct MailboxHandler<T: Send + Sync + 'static> {
    service: Arc<Work<T>>,
}

impl<T: Send + Sync + 'static> Handler for MailboxHandler<T> {
    fn handle(&self) -> IrqReturn {
        self.service.queue();
        IrqReturn::Handled
    }
}

/// The interrupts of a VF whose rings run, and whose service work is one of a `T`. Dropping it waits for
/// running handlers.
pub(crate) struct Interrupts<T: Send + Sync + 'static> {
    _tx: Registration<QueueHandler>,
    rx: Registration<QueueHandler>,
    _mailbox: Registration<MailboxHandler<T>>,
}

impl<T: Send + Sync + 'static> Interrupts<T> {
    /// Requests all three. The vectors are masked.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], and what requesting an interrupt says.
    pub(crate) fn request(
        vectors: &Arc<Vectors>,
        dev: &Device,
        napi: napi::Handle,
        service: &Arc<Work<T>>,
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
