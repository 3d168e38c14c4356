// SPDX-License-Identifier: GPL-2.0

//! A mapping is undone once.

use kapi::kapi::dma::{
    Mapper,
    Mapping, //
};

/// As in a completion.
pub fn complete(mapper: &Mapper, mapping: Mapping) {
    mapper.unmap(mapping);
    mapper.unmap(mapping); //~ E0382
}
