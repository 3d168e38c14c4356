// SPDX-License-Identifier: GPL-2.0

//! No memory is mapped for, or shared with, a device that may be no driver's any more.

use kapi::kapi::dma::{
    DescRing,
    Mapper, //
};
use kernel::{
    device::Device,
    prelude::*, //
};

/// Of a device that somebody keeps by its reference count.
pub fn mapper(dev: &Device) -> Result<Mapper> {
    Mapper::new(dev) //~ E0308
}

/// The same.
pub fn ring(dev: &Device) -> Result<DescRing<u64>> {
    DescRing::new(dev, 1) //~ E0308
}
