// SPDX-License-Identifier: GPL-2.0

//! An open device: connects the guest, the page and the PF.
//!
//! Locks: [`Session::page`] is held for a few instructions only, and nothing is called under it.
//! The PF's driver calls the operations of [`Port`] under a lock of its own, so they take no other
//! lock and wait for nothing; what may have to wait for a reset of the device is put off to
//! [`Session::notify`].

use kernel::{
    device::Bound,
    new_mutex,
    new_spinlock,
    pci,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow,
        Mutex,
        SpinLock, //
    }, //
};

use crate::{
    kapi::{
        port::{
            client::{
                Link,
                Port, //
            },
            COUNTERS,
            WORDS, //
        },
        vfio::{
            self,
            Bar0,
            Handle, //
        },
        work::{
            new_work,
            Work, //
        }, //
    },
    mbox::port::P2vMailbox,
    page::{
        access::PAGE,
        Page,
        Reading,
        Writing, //
    }, //
};

/// STATUS.
const STATUS: u16 = 0x0008;
/// VTIVAR_MISC: which vector the guest has given to its mailbox. On a page that the guest maps, so it
/// is read from the device when it is needed.
const VTIVAR_MISC: u16 = 0x1740;
/// The vector in it.
const VTIVAR_MISC_VECTOR: u32 = 0x3;
/// Whether there is one.
const VTIVAR_MISC_VALID: u32 = 1 << 7;

/// An open device with a virtual mailbox.
#[pin_data]
pub(crate) struct Session {
    #[pin]
    page: SpinLock<Page>,
    /// VTIVAR_MISC as it was before the PF's reset, which zeroes it; no vector if it could not be read.
    vector_before_reset: Atomic<u32>,
    /// Mailbox interrupts that were sent to the guest.
    interrupts: Atomic<u64>,
    handle: Handle,
    /// The PF's interest in the page, until [`Self::end`].
    #[pin]
    link: Mutex<Option<Link<Session>>>,
    /// Interrupts the guest as soon as its device can be read. Holds this session until
    /// [`Self::end`].
    notify: Arc<Work<Session>>,
}

impl Session {
    /// A session without a PF.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(handle: Handle) -> Result<Arc<Self>> {
        let notify = new_work!(Self::notify)?;
        let session = Arc::pin_init(
            pin_init!(Self {
                page <- new_spinlock!(Page::new()),
                vector_before_reset: Atomic::new(0),
                interrupts: Atomic::new(0),
                handle,
                link <- new_mutex!(None),
                notify,
            }),
            GFP_KERNEL,
        )?;
        session.notify.attach(session.clone());
        Ok(session)
    }

    /// Offers the page to the driver of the PF of `pdev`. Whether it takes it.
    ///
    /// # Errors
    ///
    /// What [`Link::attach`] says; the session has ended then.
    pub(crate) fn attach(self: &Arc<Self>, pdev: &pci::Device<Bound>) -> Result<bool> {
        let link = Link::attach(pdev, self.clone()).inspect_err(|error| {
            dev_err!(
                pdev,
                "the PF's driver takes no virtual mailbox (error {}): is the VF enabled, and is that driver of the same build?\n",
                error.to_errno()
            );
            self.end();
        })?;
        let attached = link.is_some();
        *self.link.lock() = link;
        Ok(attached)
    }

    /// Ends it: the PF forgets the page, and nothing holds the session any more.
    pub(crate) fn end(&self) {
        let link = self.link.lock().take();
        // Without the lock: the PF may be busy.
        drop(link);
        self.notify.disable_sync();
    }

    /// Has the PF look at the mailbox.
    fn ring(&self) {
        if let Some(link) = self.link.lock().as_ref() {
            link.ring();
        }
    }

    /// Interrupts the guest, now or soon.
    fn signal(&self) {
        match self.handle.try_read32(VTIVAR_MISC) {
            Ok(vector) => self.raise(vector),
            Err(error) if error == EAGAIN => {
                self.notify.queue();
            }
            // A device whose memory is off, or that is closed, interrupts nobody.
            Err(_) => {}
        }
    }

    fn notify(this: ArcBorrow<'_, Self>) {
        if let Ok(vector) = this.handle.read32(VTIVAR_MISC) {
            this.raise(vector);
        }
    }

    fn raise(&self, vtivar_misc: u32) {
        if vtivar_misc & VTIVAR_MISC_VALID == 0 {
            return;
        }
        // CAST: Two bits.
        if self
            .handle
            .raise((vtivar_misc & VTIVAR_MISC_VECTOR) as usize)
        {
            // Two at once may count as one: for a person to read.
            let count = self.interrupts.load(Relaxed).wrapping_add(1);
            self.interrupts.store(count, Relaxed);
        }
    }
}

impl vfio::Session for Session {
    const TRAPPED: usize = PAGE;

    fn read(&self, bar: &Bar0<'_>, offset: usize, width: usize) -> Result<u32> {
        if !bar.enabled() {
            return Err(EIO);
        }
        let reading = self.page.lock().read(offset, width);
        match reading {
            Reading::Value(value) => Ok(value),
            Reading::Device(read) => Ok(read.finish(bar.read32(read.register())?)),
        }
    }

    fn write(&self, bar: &Bar0<'_>, offset: usize, width: usize, value: u32) -> Result {
        if !bar.enabled() {
            return Err(EIO);
        }
        let writing = self.page.lock().write(offset, width, value);
        match writing {
            Writing::Done => {}
            Writing::Ring => self.ring(),
            Writing::Signal => self.signal(),
            Writing::Device { register, value } => bar.write32(register, value)?,
            Writing::Reset { register, value } => {
                bar.write32(register, value)?;
                // The card tells the PF of the reset, and must have done so before the guest's next
                // request.
                let _ = bar.read32(STATUS)?;
                self.ring();
            }
        }
        Ok(())
    }

    fn reset_done(&self) {
        self.page.lock().function_reset();
        // The card has told the PF already, if it can.
        self.ring();
    }

    fn close(&self) {
        self.end();
    }
}

impl Port for Session {
    fn take_events(&self) -> (bool, bool) {
        let events = self.page.lock().mailbox_mut().take_events();
        (events.request, events.ack)
    }

    fn control(&self) -> u32 {
        self.page.lock().mailbox().control().raw()
    }

    fn set_control(&self, value: u32) {
        let value = P2vMailbox::from_raw(value);
        let due = self.page.lock().mailbox_mut().set_control(value);
        if due {
            self.signal();
        }
    }

    fn read(&self) -> [u32; WORDS] {
        self.page.lock().mailbox().read()
    }

    fn write(&self, words: &[u32]) {
        self.page.lock().mailbox_mut().write(words);
    }

    fn set_link(&self, status: u32) {
        self.page.lock().set_link(status);
    }

    fn pf_reset(&self, begin: bool) {
        if begin {
            self.page.lock().mailbox_mut().pf_reset_begin();
            // A device that cannot be read now is being reset by itself, and forgets it, too.
            let vector = self.handle.try_read32(VTIVAR_MISC).unwrap_or(0);
            self.vector_before_reset.store(vector, Relaxed);
        } else {
            self.page.lock().mailbox_mut().pf_reset_end();
            self.raise(self.vector_before_reset.load(Relaxed));
        }
    }

    fn counters(&self) -> [u64; COUNTERS] {
        let counters = *self.page.lock().counters();
        [
            counters.traps,
            counters.refused,
            counters.rings,
            counters.resets,
            self.interrupts.load(Relaxed),
        ]
    }
}
