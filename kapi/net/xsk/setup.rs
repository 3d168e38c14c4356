// SPDX-License-Identifier: GPL-2.0

//! How pools of buffers come from the core, and go back.

use core::ptr::NonNull;

use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc,
    time::msecs_to_jiffies,
    types::Opaque, //
};

use super::{
    wake,
    XskPool, //
};
use crate::kapi::{
    bindings,
    net::{
        driver::{
            Driver,
            RtnlCall, //
        },
        netdev_err,
        Device,
        Normal,
        Rtnl, //
    }, //
};

/// After so many milliseconds it is said, again and again, what is waited for.
const COMPLAIN_AFTER_MS: u32 = 10_000;

/// Completed when a pool is back.
#[pin_data]
struct Back {
    #[pin]
    done: Opaque<kernel::bindings::completion>,
}

// SAFETY: A completion synchronises by itself.
unsafe impl Send for Back {}
// SAFETY: As above.
unsafe impl Sync for Back {}

/// The driver's end of a [`Loan`]: it ends when this is dropped.
pub(super) struct Lent(Arc<Back>);

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: Initialised by `Loan::new()`.
        unsafe { kernel::bindings::complete_all(self.0.done.get()) };
    }
}

/// A pool that a driver has.
///
/// # Invariants
///
/// `raw` is a pool that the core keeps, mapped by this value.
pub(in crate::kapi::net) struct Loan {
    raw: NonNull<bindings::xsk_buff_pool>,
    queue: u16,
    back: Arc<Back>,
}

impl Loan {
    /// Maps a pool for the parent of `dev`, and lends it.
    ///
    /// # Safety
    ///
    /// The core keeps `raw` until [`Loan::end`] has returned, and lends it once.
    unsafe fn new(
        dev: &Device<Rtnl>,
        raw: NonNull<bindings::xsk_buff_pool>,
        queue: u16,
    ) -> Result<(XskPool, Self)> {
        let back = Arc::pin_init(
            pin_init!(Back {
                // SAFETY: Memory for a completion that stays in place.
                done <- Opaque::ffi_init(|done| unsafe {
                    kernel::bindings::init_completion(done)
                }),
            }),
            GFP_KERNEL,
        )?;
        let parent = core::ptr::from_ref(dev.parent()).cast_mut().cast();
        // SAFETY: The pool is live and the RTNL held; the parent is bound.
        to_result(unsafe { bindings::kapi_xsk_dma_map(raw.as_ptr(), parent) })?;
        // SAFETY: The pool is live.
        let frame_size = unsafe { bindings::kapi_xsk_frame_size(raw.as_ptr()) };
        // INVARIANT: Mapped just now; by the safety requirements it is lent to nobody else.
        let pool = XskPool {
            raw,
            frame_size,
            _lent: Lent(back.clone()),
        };
        Ok((pool, Self { raw, queue, back }))
    }

    /// Waits until the driver has let go of the pool, and unmaps it.
    fn end(self, dev: &Device<Rtnl>) {
        // SAFETY: Initialised by `new()`.
        while unsafe {
            kernel::bindings::wait_for_completion_timeout(
                self.back.done.get(),
                msecs_to_jiffies(COMPLAIN_AFTER_MS),
            )
        } == 0
        {
            netdev_err!(
                dev,
                "the buffers of sockets are waited for: has the driver leaked them?\n"
            );
        }
        // SAFETY: By the type invariant, with the RTNL held; nobody uses it any more.
        unsafe { bindings::kapi_xsk_dma_unmap(self.raw.as_ptr()) };
    }
}

/// [`set_up()`].
pub(in crate::kapi::net) type SetUp<T> =
    unsafe fn(&RtnlCall<T>, *mut bindings::xsk_buff_pool, u16) -> Result;

/// `XDP_SETUP_XSK_POOL`: the driver gets a pool, or loses that of the queue.
///
/// # Safety
///
/// `raw` is null or a pool that the core keeps until it has called this with null for the queue, or this has
/// failed.
pub(in crate::kapi::net) unsafe fn set_up<T: Driver>(
    call: &RtnlCall<T>,
    raw: *mut bindings::xsk_buff_pool,
    queue: u16,
) -> Result {
    let dev = call.dev();
    let Some(raw) = NonNull::new(raw) else {
        if let Some(this) = call.this() {
            T::remove_xsk_pool(this, dev, queue);
        }
        let loan = dev.private().loans(dev, |loans| {
            let at = loans.iter().position(|loan| loan.queue == queue)?;
            loans.remove(at).ok()
        });
        if let Some(loan) = loan {
            loan.end(dev);
        }
        return Ok(());
    };
    let this = call.this().ok_or(ENODEV)?;
    dev.private()
        .loans(dev, |loans| loans.reserve(1, GFP_KERNEL))?;
    // SAFETY: By the safety requirements.
    let (pool, loan) = unsafe { Loan::new(dev, raw, queue)? };
    if let Err(err) = T::add_xsk_pool(this, dev, queue, pool) {
        loan.end(dev);
        return Err(err);
    }
    // There is room.
    let _ = dev
        .private()
        .loans(dev, |loans| loans.push_within_capacity(loan));
    Ok(())
}

/// `ndo_xsk_wakeup`. What for is not looked at: one poll function does all.
///
/// # Safety
///
/// Called by the core for a device that was made by [`Device`].
pub(in crate::kapi::net) unsafe extern "C" fn wake_up(
    dev: *mut bindings::net_device,
    queue: u32,
    _flags: u32,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let dev = unsafe { Device::<Normal>::from_raw(dev) };
    wake(&dev, queue).map_or_else(|err| err.to_errno(), |()| 0)
}
