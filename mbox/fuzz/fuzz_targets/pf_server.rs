// SPDX-License-Identifier: GPL-2.0

//! A VF that does with its registers what it likes, against our PF.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mbox_fuzz::pf_server(data));
