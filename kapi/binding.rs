// SPDX-License-Identifier: GPL-2.0

//! That a device is bound to its driver, as a value to be owned.

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    bindings,
    device::{
        self,
        Bound, //
    },
    prelude::*,
    sync::Refcount,
    time::msecs_to_jiffies,
    types::Opaque, //
};

/// After so many milliseconds unbinding says, again and again, what it waits for.
const COMPLAIN_AFTER_MS: u32 = 10_000;

/// The device is bound for as long as this lives: unbinding it waits until the last one is dropped.
///
/// What is made for a bound device, and owned rather than borrowed from it, holds one. So it cannot be used,
/// or undone, when the device is another driver's or gone from the bus. Who leaks it leaves the device bound
/// for ever, as who leaks a reference to a network device leaves that one registered.
///
/// # Invariants
///
/// `users` is a devres resource of `dev` that [`release()`] waits for, and counts this value.
pub(in crate::kapi) struct Binding {
    dev: NonNull<device::Device<Bound>>,
    users: NonNull<Users>,
}

// SAFETY: Any thread may use a bound device; the counter is atomic.
unsafe impl Send for Binding {}
// SAFETY: See `Send`.
unsafe impl Sync for Binding {}

/// How many there are, and the time of binding itself.
struct Users {
    count: Refcount,
    /// Completed by the last one.
    none: Opaque<bindings::completion>,
}

impl Binding {
    /// Keeps `dev` bound from now on. Process context.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(in crate::kapi) fn new(dev: &device::Device<Bound>) -> Result<Self> {
        let raw = ptr::from_ref(dev).cast_mut().cast();
        // SAFETY: A bound device: what it has of devres stays while `dev` lives.
        let found = unsafe { bindings::devres_find(raw, Some(release), None, ptr::null_mut()) };
        let users = match NonNull::new(found.cast::<Users>()) {
            Some(users) => users,
            // SAFETY: A bound device.
            None => unsafe { Self::add_users(raw)? },
        };
        // SAFETY: It stays until `release()`, which a bound device has ahead.
        unsafe { users.as_ref() }.count.inc();
        // INVARIANT: Counted just now.
        Ok(Self {
            dev: dev.into(),
            users,
        })
    }

    /// Makes the resource of `dev`, or takes that which somebody else has made meanwhile.
    ///
    /// # Safety
    ///
    /// `dev` is bound.
    unsafe fn add_users(dev: *mut bindings::device) -> Result<NonNull<Users>> {
        // SAFETY: There are no requirements; `Users` has no other alignment than memory for C has.
        let new = unsafe {
            bindings::__devres_alloc_node(
                Some(release),
                size_of::<Users>(),
                bindings::GFP_KERNEL,
                bindings::NUMA_NO_NODE,
                c"kapi_binding".as_char_ptr(),
            )
        };
        let users = NonNull::new(new.cast::<Users>()).ok_or(ENOMEM)?;
        // SAFETY: New memory of that size, where it is to stay.
        unsafe {
            users.write(Users {
                count: Refcount::new(1),
                none: Opaque::uninit(),
            });
            bindings::init_completion(users.as_ref().none.get());
        }
        // SAFETY: A resource that belongs to nobody yet; it is freed if there is one.
        let users = unsafe { bindings::devres_get(dev, new, None, ptr::null_mut()) };
        NonNull::new(users.cast()).ok_or(ENOMEM)
    }

    /// The device.
    #[cfg_attr(kapi_vfio, expect(dead_code, reason = "for what networks have"))]
    #[inline]
    pub(in crate::kapi) fn device(&self) -> &device::Device<Bound> {
        // SAFETY: By the type invariant it is bound, thus live, until this value is dropped.
        unsafe { self.dev.as_ref() }
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        // SAFETY: By the type invariant `release()` has not returned yet.
        let users = unsafe { self.users.as_ref() };
        if users.count.dec_and_test() {
            // SAFETY: `release()` waits for this.
            unsafe { bindings::complete(users.none.get()) };
        }
    }
}

/// Ends a binding: waits for the last [`Binding`].
///
/// # Safety
///
/// To be called by devres of `dev`, which is being unbound, with the `Users` that were made for it.
unsafe extern "C" fn release(dev: *mut bindings::device, users: *mut c_void) {
    // SAFETY: By the safety requirements; freed when this returns.
    unsafe { wait_for_users(dev, &*users.cast::<Users>()) };
    // devres does not find what it is about to free: who had a `Binding`, and made another one meanwhile, has
    // added `Users` that nobody would wait for. Only who has one can do so: there is an end.
    loop {
        // SAFETY: A live device.
        let late = unsafe { bindings::devres_remove(dev, Some(release), None, ptr::null_mut()) };
        if late.is_null() {
            return;
        }
        // SAFETY: Made by `add_users()`, and taken from the device just now: nobody else frees it.
        unsafe {
            wait_for_users(dev, &*late.cast::<Users>());
            bindings::devres_free(late);
        }
    }
}

/// Waits until nobody is left.
///
/// # Safety
///
/// `dev` is live, and `users`, made by `add_users()`, is found by nobody any more.
unsafe fn wait_for_users(dev: *mut bindings::device, users: &Users) {
    if users.count.dec_and_test() {
        return;
    }
    // SAFETY: Initialised by `add_users()`. Whoever completes it does not come back to it.
    while unsafe {
        bindings::wait_for_completion_timeout(users.none.get(), msecs_to_jiffies(COMPLAIN_AFTER_MS))
    } == 0
    {
        // SAFETY: A live device.
        let dev = unsafe { &*dev.cast::<device::Device>() };
        dev_err!(
            dev,
            "unbinding waits for what the driver made for this device: has it leaked something?\n"
        );
    }
}
