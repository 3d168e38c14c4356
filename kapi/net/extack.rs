// SPDX-License-Identifier: GPL-2.0

//! The extended acknowledgement: a sentence for the operator beside the error code.
//!
//! C header: [`include/linux/netlink.h`](srctree/include/linux/netlink.h)

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use crate::kapi::bindings;
use kernel::prelude::*;

/// Where a refusal may say why. Old interfaces (ioctl) have no such place: then nothing is
/// recorded.
pub struct Extack<'a> {
    raw: Option<NonNull<bindings::netlink_ext_ack>>,
    _request: PhantomData<&'a mut bindings::netlink_ext_ack>,
}

impl Extack<'_> {
    /// # Safety
    ///
    /// `raw` is null, or valid and not used by anybody else for the lifetime of the result.
    pub(in crate::kapi) unsafe fn from_raw(raw: *mut bindings::netlink_ext_ack) -> Self {
        Self {
            raw: NonNull::new(raw),
            _request: PhantomData,
        }
    }

    /// Sets the message, as `NL_SET_ERR_MSG` does. No full stop, no newline. The last one wins.
    pub fn set(&mut self, message: &'static CStr) {
        if let Some(raw) = self.raw {
            // SAFETY: By the requirements of `from_raw`. The string lives for ever, and user space
            // gets a copy of it before the request ends, thus before this module can go.
            unsafe { (*raw.as_ptr())._msg = message.as_char_ptr() };
        }
    }

    /// Sets the message and gives `code` back, for `return Err(extack.fail(EINVAL, c"..."))`.
    pub fn fail(&mut self, code: Error, message: &'static CStr) -> Error {
        self.set(message);
        code
    }
}
