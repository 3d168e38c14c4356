// SPDX-License-Identifier: GPL-2.0

//! Any bytes as what a VF has brought from another host.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mbox_fuzz::snapshot(data));
