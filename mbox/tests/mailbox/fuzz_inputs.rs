// SPDX-License-Identifier: GPL-2.0

//! The fuzz targets on random input: what `make fuzz` does with coverage where there is a nightly
//! toolchain, for machines without.

use proptest::collection::vec;
use proptest::prelude::*;

use super::common;

// Shared with the fuzz crate, of which it is the interface.
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/inputs.rs"]
mod inputs;

proptest! {
    #[test]
    fn decode(data in vec(any::<u8>(), 0..80)) {
        inputs::decode(&data);
    }

    #[test]
    fn pf_server(data in vec(any::<u8>(), 0..600)) {
        inputs::pf_server(&data);
    }

    #[test]
    fn vf_client(data in vec(any::<u8>(), 0..2000)) {
        inputs::vf_client(&data);
    }

    #[test]
    fn snapshot(data in vec(any::<u8>(), 0..160)) {
        inputs::snapshot(&data);
    }
}
