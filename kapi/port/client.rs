// SPDX-License-Identifier: GPL-2.0

//! The other side: a mailbox that is given to the PF's driver.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    device::Bound,
    error::to_result,
    pci,
    prelude::*,
    sync::Arc, //
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

/// A mailbox, as the PF's driver uses it. The values are those of the 82576's registers.
///
/// Called in process context, under a lock of the PF's driver: nothing here may wait for the VF, or
/// for the PF.
pub trait Port: Send + Sync + 'static {
    /// Takes the events: whether there is a request, and whether a message was acknowledged.
    fn take_events(&self) -> (bool, bool);
    /// Reads P2VMAILBOX.
    fn control(&self) -> u32;
    /// Writes P2VMAILBOX.
    fn set_control(&self, value: u32);
    /// Reads the last request.
    fn read(&self) -> [u32; WORDS];
    /// Writes the first words of a message.
    fn write(&self, words: &[u32]);
    /// Says what STATUS is to show of the link.
    fn set_link(&self, status: u32);
    /// The PF goes into reset, or is out of it.
    fn pf_reset(&self, begin: bool);
    /// Accesses, refused ones, rings, resets, interrupts.
    fn counters(&self) -> [u64; COUNTERS];
}

/// The PF's driver uses a mailbox until this is dropped. It stays loaded meanwhile.
pub struct Link<P: Port> {
    api: &'static bindings::rigb_port_api,
    link: NonNull<c_void>,
    /// What the operations reach; after the link in the order of drops.
    _port: Arc<P>,
}

// SAFETY: The other module lets its functions be called by any thread.
unsafe impl<P: Port> Send for Link<P> {}
// SAFETY: The other module lets its functions be called by several threads at once.
unsafe impl<P: Port> Sync for Link<P> {}

impl<P: Port> Link<P> {
    /// Offers `port` to the driver of the PF of `vf`. None if that driver is not ours, or not
    /// loaded, or not of this machine: a guest sees a VF as a device like any other. Process context.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if it has such a mailbox already, [`EPROTONOSUPPORT`] if its driver is of a build that
    /// does not fit this one, [`ENOMEM`].
    pub fn attach(vf: &pci::Device<Bound>, port: Arc<P>) -> Result<Option<Self>> {
        let vf = raw(vf);
        // SAFETY: A valid device; the function returns an error for one that is no VF.
        let index = unsafe { kernel::bindings::pci_iov_vf_id(vf) };
        let Ok(index) = u32::try_from(index) else {
            return Ok(None);
        };
        // SAFETY: A VF, so this is the union's member; its PF does not go away before it.
        let pf = unsafe { (*vf).__bindgen_anon_1.physfn };
        let Some(api) = look_up()? else {
            return Ok(None);
        };
        let mut link = core::ptr::null_mut();
        let data = Arc::as_ptr(&port).cast_mut().cast::<c_void>();
        let attached = match api.attach {
            // SAFETY: The operations fit the port, and both live until the link is dropped.
            Some(attach) => to_result(unsafe {
                attach(
                    pf.cast(),
                    index,
                    core::ptr::from_ref(&Table::<P>::OPS),
                    data,
                    &mut link,
                )
            }),
            None => Err(ENODEV),
        };
        match (attached, NonNull::new(link)) {
            (Ok(()), Some(link)) => Ok(Some(Self {
                api,
                link,
                _port: port,
            })),
            (attached, _) => {
                // SAFETY: `look_up()` has found it, and nothing uses it any more.
                unsafe { bindings::kapi_port_put() };
                match attached {
                    Err(error) if error != ENODEV => Err(error),
                    _ => Ok(None),
                }
            }
        }
    }

    /// Has the PF look at the mailbox soon.
    pub fn ring(&self) {
        if let Some(ring) = self.api.ring {
            // SAFETY: Attached.
            unsafe { ring(self.link.as_ptr()) };
        }
    }
}

impl<P: Port> Drop for Link<P> {
    fn drop(&mut self) {
        if let Some(detach) = self.api.detach {
            // SAFETY: Attached, and nobody else has the link.
            unsafe { detach(self.link.as_ptr()) };
        }
        // SAFETY: Looked up by `attach()`.
        unsafe { bindings::kapi_port_put() };
    }
}

/// Finds the PF's driver, which stays loaded until `kapi_port_put()`. Process context.
fn look_up() -> Result<Option<&'static bindings::rigb_port_api>> {
    // SAFETY: Process context.
    let api = unsafe { bindings::kapi_port_get() };
    if api.is_null() {
        return Ok(None);
    }
    // SAFETY: Tables of all versions begin with these two.
    let (version, size) = unsafe { ((*api).version, (*api).size) };
    if !fits::<bindings::rigb_port_api>(version, size) {
        // SAFETY: Looked up above.
        unsafe { bindings::kapi_port_put() };
        return Err(EPROTONOSUPPORT);
    }
    // SAFETY: It has all members, and stays until it is put back, when no link uses it any more.
    Ok(Some(unsafe { &*api }))
}

struct Table<P: Port>(PhantomData<P>);

impl<P: Port> Table<P> {
    const OPS: bindings::rigb_port_ops = bindings::rigb_port_ops {
        version: bindings::RIGB_PORT_VERSION,
        // CAST: The size of a small struct.
        size: size_of::<bindings::rigb_port_ops>() as u32,
        take_events: Some(Self::take_events),
        control: Some(Self::control),
        set_control: Some(Self::set_control),
        read: Some(Self::read),
        write: Some(Self::write),
        set_link: Some(Self::set_link),
        pf_reset: Some(Self::pf_reset),
        counters: Some(Self::counters),
    };

    /// # Safety
    ///
    /// `port` is what `Link::attach()` gave, and its link was not dropped yet.
    unsafe fn port<'a>(port: *mut c_void) -> &'a P {
        // SAFETY: By the safety requirements the link holds an `Arc<P>` of it.
        unsafe { &*port.cast::<P>() }
    }

    extern "C" fn take_events(port: *mut c_void) -> u32 {
        // SAFETY: Called by the PF's driver with what it was given.
        let (request, ack) = unsafe { Self::port(port) }.take_events();
        u32::from(request) * REQUEST | u32::from(ack) * ACK
    }

    extern "C" fn control(port: *mut c_void) -> u32 {
        // SAFETY: Called by the PF's driver with what it was given.
        unsafe { Self::port(port) }.control()
    }

    extern "C" fn set_control(port: *mut c_void, value: u32) {
        // SAFETY: Called by the PF's driver with what it was given.
        unsafe { Self::port(port) }.set_control(value);
    }

    extern "C" fn read(port: *mut c_void, words: *mut u32) {
        // SAFETY: Called by the PF's driver with what it was given.
        let request = unsafe { Self::port(port) }.read();
        // SAFETY: The caller has room for all words.
        unsafe { words.cast::<[u32; WORDS]>().write(request) };
    }

    extern "C" fn write(port: *mut c_void, words: *const u32, count: usize) {
        // SAFETY: The caller has so many.
        let words = unsafe { core::slice::from_raw_parts(words, count) };
        // SAFETY: Called by the PF's driver with what it was given.
        unsafe { Self::port(port) }.write(words);
    }

    extern "C" fn set_link(port: *mut c_void, status: u32) {
        // SAFETY: Called by the PF's driver with what it was given.
        unsafe { Self::port(port) }.set_link(status);
    }

    extern "C" fn pf_reset(port: *mut c_void, begin: bool) {
        // SAFETY: Called by the PF's driver with what it was given.
        unsafe { Self::port(port) }.pf_reset(begin);
    }

    extern "C" fn counters(port: *mut c_void, counters: *mut u64) {
        // SAFETY: Called by the PF's driver with what it was given.
        let counted = unsafe { Self::port(port) }.counters();
        // SAFETY: The caller has room for all counters.
        unsafe { counters.cast::<[u64; COUNTERS]>().write(counted) };
    }
}
