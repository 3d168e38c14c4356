// SPDX-License-Identifier: GPL-2.0

//! Events of devices for user space (udev).
//!
//! C header: [`include/linux/kobject.h`](srctree/include/linux/kobject.h)

use kernel::{
    bindings,
    device::Device,
    error::to_result,
    prelude::*, //
};

/// Most variables of an event.
const VARIABLES: usize = 4;

/// Says that `dev` has changed, with what `variables` say: up to four of the form `NAME=value`.
/// Process context, sleeps.
///
/// # Errors
///
/// [`E2BIG`] for more variables, [`ENOMEM`], and what `kobject_uevent_env()` says.
pub fn changed(dev: &Device, variables: &[&CStr]) -> Result {
    // One more, which stays null, for the end.
    let mut env = [core::ptr::null_mut::<c_char>(); VARIABLES + 1];
    if variables.len() > VARIABLES {
        return Err(E2BIG);
    }
    for (to, from) in env.iter_mut().zip(variables) {
        *to = from.as_char_ptr().cast_mut();
    }
    // `Device` is a transparent wrapper of `struct device`.
    let raw: *mut bindings::device = core::ptr::from_ref(dev).cast_mut().cast();
    // SAFETY: The device is referenced, so its kobject is valid. The strings, which the function
    // copies and does not change, live as long as the call.
    to_result(unsafe {
        bindings::kobject_uevent_env(
            &raw mut (*raw).kobj,
            bindings::kobject_action_KOBJ_CHANGE,
            env.as_mut_ptr(),
        )
    })
}
