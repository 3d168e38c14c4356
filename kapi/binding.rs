// SPDX-License-Identifier: GPL-2.0

//! Whether a device is still bound to the driver that made something for it.

use kernel::{
    device::{
        self,
        Bound, //
    },
    devres,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

/// The time from now on until a device is unbound.
///
/// What is made for a bound device, and owned rather than borrowed from it, can be leaked and dropped
/// later, when another driver has the device: by then there is nothing of its own left to undo.
#[pin_data]
pub(in crate::kapi) struct Binding {
    #[pin]
    bound: Mutex<bool>,
}

impl Binding {
    /// Begins now. Process context.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(in crate::kapi) fn new(dev: &device::Device<Bound>) -> Result<Arc<Self>> {
        let this = Arc::pin_init(
            pin_init!(Self {
                bound <- new_mutex!(true),
            }),
            GFP_KERNEL,
        )?;
        devres::register(dev, Unbound(this.clone()), GFP_KERNEL)?;
        Ok(this)
    }

    /// Runs `f` with the device bound, which it stays meanwhile. False, without running it, if it is not
    /// any more. Process context.
    pub(in crate::kapi) fn run(&self, f: impl FnOnce()) -> bool {
        let bound = self.bound.lock();
        if *bound {
            f();
        }
        *bound
    }
}

/// Dropped when the device is unbound.
struct Unbound(Arc<Binding>);

impl Drop for Unbound {
    fn drop(&mut self) {
        *self.0.bound.lock() = false;
    }
}
