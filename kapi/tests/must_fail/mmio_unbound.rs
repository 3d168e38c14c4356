// SPDX-License-Identifier: GPL-2.0

//! The registers of a device that may be no driver's any more are not mapped, and a mapping is not separated
//! from what keeps its device bound.

use kapi::kapi::pci::Bar;
use kernel::{
    pci,
    prelude::*, //
};

/// Of a device that somebody keeps by its reference count.
pub fn map(pdev: &pci::Device) -> Result<Bar<4096>> {
    Bar::map(pdev, 0, c"must_fail") //~ E0308
}

/// To be used when the device is unbound.
pub fn view(bar: Bar<4096>) -> impl Copy {
    use kernel::io::IoBase;
    (&bar).as_view() //~ E0597
}
