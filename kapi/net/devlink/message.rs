// SPDX-License-Identifier: GPL-2.0

//! What devlink's operations fill in.

use core::marker::PhantomData;

use crate::kapi::{
    bindings,
    net::ethtool::params::format_into, //
};
use kernel::{
    error::to_result,
    fmt,
    prelude::*, //
};

/// `words` as C has them; 159 bytes are kept.
fn text(words: fmt::Arguments<'_>) -> [c_char; 160] {
    let mut text = [0; 160];
    format_into(&mut text, words);
    text
}

/// What the device is, in the answer to `devlink dev info`.
pub struct Info<'a> {
    raw: *mut bindings::devlink_info_req,
    _request: PhantomData<&'a mut bindings::devlink_info_req>,
}

impl Info<'_> {
    /// # Safety
    ///
    /// `raw` is valid and the caller's own for the lifetime of the result.
    pub(super) unsafe fn from_raw(raw: *mut bindings::devlink_info_req) -> Self {
        Self {
            raw,
            _request: PhantomData,
        }
    }

    /// The serial number. Once.
    ///
    /// # Errors
    ///
    /// [`EMSGSIZE`].
    pub fn serial_number(&mut self, number: fmt::Arguments<'_>) -> Result {
        let number = text(number);
        // SAFETY: By the requirements of `from_raw`; the string is copied.
        to_result(unsafe { bindings::devlink_info_serial_number_put(self.raw, number.as_ptr()) })
    }

    /// A version that cannot change. The kernel's `Documentation/networking/devlink/devlink-info.rst`
    /// lists the names.
    ///
    /// # Errors
    ///
    /// [`EMSGSIZE`].
    pub fn fixed(&mut self, name: &str, version: fmt::Arguments<'_>) -> Result {
        let (name, version) = (text(fmt!("{name}")), text(version));
        // SAFETY: By the requirements of `from_raw`; both strings are copied.
        to_result(unsafe {
            bindings::devlink_info_version_fixed_put(self.raw, name.as_ptr(), version.as_ptr())
        })
    }

    /// A version that runs now.
    ///
    /// # Errors
    ///
    /// [`EMSGSIZE`].
    pub fn running(&mut self, name: &str, version: fmt::Arguments<'_>) -> Result {
        let (name, version) = (text(fmt!("{name}")), text(version));
        // SAFETY: By the requirements of `from_raw`; both strings are copied.
        to_result(unsafe {
            bindings::devlink_info_version_running_put(self.raw, name.as_ptr(), version.as_ptr())
        })
    }
}

/// A message of names and values, as JSON has them. Errors are kept by the core, which sends none
/// of it then.
pub struct Message<'a> {
    raw: *mut bindings::devlink_fmsg,
    _request: PhantomData<&'a mut bindings::devlink_fmsg>,
}

impl Message<'_> {
    /// # Safety
    ///
    /// `raw` is valid and the caller's own for the lifetime of the result.
    pub(super) unsafe fn from_raw(raw: *mut bindings::devlink_fmsg) -> Self {
        Self {
            raw,
            _request: PhantomData,
        }
    }

    /// Adds a number.
    pub fn number(&mut self, name: &str, value: u64) {
        let name = text(fmt!("{name}"));
        // SAFETY: By the requirements of `from_raw`; the name is copied.
        unsafe { bindings::devlink_fmsg_u64_pair_put(self.raw, name.as_ptr(), value) };
    }

    /// Adds a truth.
    pub fn truth(&mut self, name: &str, value: bool) {
        let name = text(fmt!("{name}"));
        // SAFETY: By the requirements of `from_raw`; the name is copied.
        unsafe { bindings::devlink_fmsg_bool_pair_put(self.raw, name.as_ptr(), value) };
    }

    /// Adds words; 159 bytes are kept.
    pub fn words(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let (name, value) = (text(fmt!("{name}")), text(value));
        // SAFETY: By the requirements of `from_raw`; name and value are copied.
        unsafe {
            bindings::devlink_fmsg_string_pair_put(self.raw, name.as_ptr(), value.as_ptr());
        }
    }

    /// Adds an array, to which `fill` adds [objects](Self::object).
    pub fn array(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        let name = text(fmt!("{name}"));
        // SAFETY: By the requirements of `from_raw`; the name is copied.
        unsafe { bindings::devlink_fmsg_arr_pair_nest_start(self.raw, name.as_ptr()) };
        fill(self);
        // SAFETY: By the requirements of `from_raw`; begun above.
        unsafe { bindings::devlink_fmsg_arr_pair_nest_end(self.raw) };
    }

    /// Adds an object, to which `fill` adds what it has.
    pub fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        // SAFETY: By the requirements of `from_raw`.
        unsafe { bindings::devlink_fmsg_obj_nest_start(self.raw) };
        fill(self);
        // SAFETY: By the requirements of `from_raw`; the object was begun above.
        unsafe { bindings::devlink_fmsg_obj_nest_end(self.raw) };
    }
}
