// SPDX-License-Identifier: GPL-2.0

//! A driver does not name C's structures and functions.

use kapi::kapi::bindings; //~ E0603

/// As anywhere.
pub fn raw() -> *mut bindings::net_device {
    core::ptr::null_mut()
}
