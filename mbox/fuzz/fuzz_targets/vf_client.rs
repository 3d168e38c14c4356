// SPDX-License-Identifier: GPL-2.0

//! A PF that shows whatever status and words it likes, against our VF.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mbox_fuzz::vf_client(data));
