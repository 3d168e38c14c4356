// SPDX-License-Identifier: GPL-2.0

//! `kapi/` as a crate of its own, which the cases beside this file use as a driver would.

#[path = "../../mod.rs"]
pub mod kapi;

/// Stands for the module's type, which `module!` puts into the root of a driver and `#[vtable]` names.
struct LocalModule;

impl kernel::ModuleMetadata for LocalModule {
    const NAME: &'static kernel::str::CStr = c"kapi";

    // SAFETY: Nothing of this crate runs.
    const THIS_MODULE: kernel::ThisModule =
        unsafe { kernel::ThisModule::from_ptr(core::ptr::null_mut()) };
}
