// SPDX-License-Identifier: GPL-2.0

//! The RTNL, the lock that serializes the configuration of network devices, as a type.
//!
//! What may only be done with the RTNL held is a method of [`Device<Rtnl>`]. The core hands such a
//! reference to every callback that it runs under the lock; elsewhere [`RtnlGuard::device`] makes
//! one.
//!
//! C header: [`include/linux/rtnetlink.h`](srctree/include/linux/rtnetlink.h)

use crate::kapi::bindings;
use kernel::types::NotThreadSafe;

use super::Device;

mod private {
    pub trait Sealed {}

    impl Sealed for super::Normal {}
    impl Sealed for super::Rtnl {}
}

/// What is known of the locks that the holder of a [`Device`] reference holds.
pub trait Context: private::Sealed {}

/// Nothing is known: any context, unless a method says otherwise.
pub struct Normal;

/// The RTNL is held by this thread for as long as the reference lives: process context, may sleep.
pub struct Rtnl;

impl Context for Normal {}
impl Context for Rtnl {}

/// The RTNL, held. Dropping it releases the lock and runs what waited for the release, so both ends
/// may sleep.
#[must_use = "the RTNL is released when the guard is dropped"]
pub struct RtnlGuard {
    _not_send: NotThreadSafe,
}

/// Takes the RTNL. Process context, sleeps; deadlocks if this thread already holds it, as it does
/// in every callback that gets a [`Device<Rtnl>`].
///
/// # Examples
///
/// ```
/// use crate::kapi::net::{
///     rtnl_lock,
///     Device,
///     Rtnl, //
/// };
///
/// fn quiesce(dev: &Device<Rtnl>) {
///     dev.tx_disable();
///     dev.detach();
/// }
///
/// // As in a work item.
/// fn reset(dev: &Device) {
///     let rtnl = rtnl_lock();
///     quiesce(rtnl.device(dev));
/// }
/// ```
pub fn rtnl_lock() -> RtnlGuard {
    // SAFETY: `rtnl_lock` has no requirement on memory; the guard releases the lock.
    unsafe { bindings::rtnl_lock() };
    RtnlGuard {
        _not_send: NotThreadSafe,
    }
}

/// Takes the RTNL if nobody holds it. Process context.
///
/// For work that must not wait for the RTNL, because a holder of the RTNL may wait for that work:
/// try, and queue the work again on [`None`].
pub fn rtnl_trylock() -> Option<RtnlGuard> {
    // SAFETY: `rtnl_trylock` has no requirement on memory; the guard releases the lock.
    let taken = unsafe { bindings::rtnl_trylock() } != 0;
    // Not `then_some`: that would make a guard without the lock, and drop it.
    taken.then(|| RtnlGuard {
        _not_send: NotThreadSafe,
    })
}

impl RtnlGuard {
    /// The same device, with the evidence that the RTNL is held.
    pub fn device<'a>(&'a self, dev: &'a Device) -> &'a Device<Rtnl> {
        // SAFETY: `self` is borrowed for as long as the result lives, and only dropping `self`
        // releases the lock.
        unsafe { dev.assume_rtnl() }
    }
}

impl Drop for RtnlGuard {
    fn drop(&mut self) {
        // SAFETY: The guard is made only with the lock taken, and cannot change threads.
        unsafe { bindings::rtnl_unlock() };
    }
}
