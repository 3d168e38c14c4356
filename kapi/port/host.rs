// SPDX-License-Identifier: GPL-2.0

//! The PF's side: devices that take mailboxes, and mailboxes that were given.

use core::cell::UnsafeCell;

use kernel::{
    bindings as kbindings,
    device::Bound,
    pci,
    prelude::*,
    sync::{
        Arc,
        Completion, //
    }, //
};

use super::{
    fits,
    ACK,
    COUNTERS,
    REQUEST,
    WORDS, //
};
use crate::kapi::{
    bindings,
    pci::raw, //
};

/// A PF that can use a mailbox in place of a VF's own.
pub trait Host: Send + Sync + 'static {
    /// Uses `port` for VF `vf` from now on. Process context.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such VF, [`EBUSY`] if it has a mailbox already.
    fn attach(&self, vf: u32, port: RemotePort) -> Result;

    /// VF `vf` rang its doorbell. Process context. Must be short.
    fn ring(&self, vf: u32);

    /// Lets go of the mailbox of VF `vf` if it is the one with this [`RemotePort::id`]: drops it.
    /// Process context.
    fn detach(&self, vf: u32, id: usize);
}

/// Told when a [`RemotePort`] is dropped.
#[pin_data]
struct Gone {
    #[pin]
    gone: Completion,
}

/// A mailbox that another module has. Dropping it says that no operation of it runs or will.
pub struct RemotePort {
    ops: &'static bindings::rigb_port_ops,
    port: *mut c_void,
    gone: Arc<Gone>,
}

// SAFETY: The module that gave it lets its operations be called from any thread, see `client::Port`.
unsafe impl Send for RemotePort {}
// SAFETY: And from several at once: `client::Port` is `Sync`.
unsafe impl Sync for RemotePort {}

macro_rules! call {
    ($self:ident.$op:ident($($arg:expr),*)) => {
        match $self.ops.$op {
            // SAFETY: `attach` was called with operations that fit `port`, and both live until
            // `detach` returns, or `attach` itself with an error: both wait for this value's end.
            Some(op) => unsafe { op($self.port, $($arg),*) },
            None => Default::default(),
        }
    };
}

impl RemotePort {
    /// Tells this mailbox from all others that there are.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.gone).addr()
    }

    /// Takes the events: whether there is a request, and whether a message was acknowledged.
    pub fn take_events(&self) -> (bool, bool) {
        let events: u32 = call!(self.take_events());
        (events & REQUEST != 0, events & ACK != 0)
    }

    /// Reads P2VMAILBOX.
    pub fn control(&self) -> u32 {
        call!(self.control())
    }

    /// Writes P2VMAILBOX.
    pub fn set_control(&self, value: u32) {
        call!(self.set_control(value))
    }

    /// Reads the last request.
    pub fn read(&self) -> [u32; WORDS] {
        let mut words = [0; WORDS];
        call!(self.read(words.as_mut_ptr()));
        words
    }

    /// Writes the first words of a message.
    pub fn write(&self, words: &[u32]) {
        let count = words.len().min(WORDS);
        call!(self.write(words.as_ptr(), count))
    }

    /// Says what STATUS is to show of the link.
    pub fn set_link(&self, status: u32) {
        call!(self.set_link(status))
    }

    /// The PF goes into reset, or is out of it.
    pub fn pf_reset(&self, begin: bool) {
        call!(self.pf_reset(begin))
    }

    /// Accesses, refused ones, rings, resets, interrupts.
    pub fn counters(&self) -> [u64; COUNTERS] {
        let mut counters = [0; COUNTERS];
        call!(self.counters(counters.as_mut_ptr()));
        counters
    }
}

impl Drop for RemotePort {
    fn drop(&mut self) {
        self.gone.gone.complete_all();
    }
}

struct Entry {
    pdev: *mut kbindings::pci_dev,
    host: Arc<dyn Host>,
}

/// The devices that take mailboxes.
struct Registry(UnsafeCell<KVec<Entry>>);

// SAFETY: Reached by `with_registry()` only, under its lock; the pointers in it are only compared.
unsafe impl Sync for Registry {}

static REGISTRY: Registry = Registry(UnsafeCell::new(KVec::new()));

fn with_registry<R>(f: impl FnOnce(&mut KVec<Entry>) -> R) -> R {
    // SAFETY: Process context, by all callers.
    unsafe { bindings::kapi_port_lock() };
    // SAFETY: Under the lock, and `f` cannot come back here: it would wait for ever.
    let result = f(unsafe { &mut *REGISTRY.0.get() });
    // SAFETY: Locked above.
    unsafe { bindings::kapi_port_unlock() };
    result
}

/// A device takes mailboxes until this is dropped; those that it has by then stay.
pub struct Registration {
    pdev: *mut kbindings::pci_dev,
}

// SAFETY: The pointer is only compared.
unsafe impl Send for Registration {}
// SAFETY: There is no method that takes `&self`.
unsafe impl Sync for Registration {}

impl Registration {
    /// Takes mailboxes for the VFs of `pdev`. Process context.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(pdev: &pci::Device<Bound>, host: Arc<dyn Host>) -> Result<Self> {
        let pdev = raw(pdev);
        with_registry(|entries| entries.push(Entry { pdev, host }, GFP_KERNEL))?;
        Ok(Self { pdev })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let removed = with_registry(|entries| {
            let index = entries.iter().position(|entry| entry.pdev == self.pdev)?;
            let entry = entries.remove(index).ok();
            // A static is never dropped: its memory goes with the last entry, or with no module.
            if entries.is_empty() {
                *entries = KVec::new();
            }
            entry
        });
        // Without the lock: this may be the last of the host.
        drop(removed);
    }
}

/// What C holds for an attached mailbox.
struct Link {
    host: Arc<dyn Host>,
    vf: u32,
    gone: Arc<Gone>,
}

impl Link {
    /// Ends it. Whatever the host did: what the operations reach goes only after the last of them.
    fn end(&self) {
        self.host.detach(self.vf, Arc::as_ptr(&self.gone).addr());
        self.gone.gone.wait_for_completion();
    }
}

fn attach(
    pf: *mut kbindings::pci_dev,
    vf: u32,
    ops: &'static bindings::rigb_port_ops,
    port: *mut c_void,
) -> Result<KBox<Link>> {
    let gone = Arc::pin_init(pin_init!(Gone { gone <- Completion::new() }), GFP_KERNEL)?;
    let remote = RemotePort {
        ops,
        port,
        gone: gone.clone(),
    };
    // The list stays locked, so that a device that has left it gets no mailbox any more.
    let (link, attached) = with_registry(|entries| {
        let entry = entries
            .iter()
            .find(|entry| entry.pdev == pf)
            .ok_or(ENODEV)?;
        let host = entry.host.clone();
        let link = KBox::new(Link { host, vf, gone }, GFP_KERNEL)?;
        let attached = link.host.attach(vf, remote);
        Ok::<_, Error>((link, attached))
    })?;
    // The host may have kept the mailbox all the same.
    attached.inspect_err(|_| link.end())?;
    Ok(link)
}

/// # Safety
///
/// As `kapi/shim/port.h` says: `ops` and `port` fit each other and live until `kapi_port_detach()`
/// returns, or this with an error, and `link` can be written to.
#[no_mangle]
unsafe extern "C" fn kapi_port_attach(
    pf: *mut bindings::pci_dev,
    vf: u32,
    ops: *const bindings::rigb_port_ops,
    port: *mut c_void,
    link: *mut *mut c_void,
) -> c_int {
    // SAFETY: Tables of all versions begin with these two.
    let (version, size) = unsafe { ((*ops).version, (*ops).size) };
    if !fits::<bindings::rigb_port_ops>(version, size) {
        return EPROTONOSUPPORT.to_errno();
    }
    // SAFETY: By the safety requirements, and it has all members. "Static" is what all uses of it need: they are over when
    // `ops` may go, see `RemotePort`.
    let ops = unsafe { &*ops };
    match attach(pf.cast(), vf, ops, port) {
        Ok(attached) => {
            // SAFETY: By the safety requirements.
            unsafe { *link = KBox::into_raw(attached).cast() };
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// `link` comes from `kapi_port_attach()` and was not given to `kapi_port_detach()`.
#[no_mangle]
unsafe extern "C" fn kapi_port_ring(link: *mut c_void) {
    // SAFETY: By the safety requirements.
    let link = unsafe { &*link.cast::<Link>() };
    link.host.ring(link.vf);
}

/// # Safety
///
/// As [`kapi_port_ring`], and nobody uses `link` any more.
#[no_mangle]
unsafe extern "C" fn kapi_port_detach(link: *mut c_void) {
    // SAFETY: By the safety requirements.
    let link = unsafe { KBox::from_raw(link.cast::<Link>()) };
    link.end();
}
