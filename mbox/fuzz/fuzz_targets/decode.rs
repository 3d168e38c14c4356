// SPDX-License-Identifier: GPL-2.0

//! Any sixteen words, as a request and as what a PF writes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mbox_fuzz::decode(data));
