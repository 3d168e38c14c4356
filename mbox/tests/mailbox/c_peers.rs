// SPDX-License-Identifier: GPL-2.0

//! The C drivers as peers: what igbvf (and DPDK's VF) do on the wire against our PF, and what C
//! igb's PF does against our VF, its faults included; the same of FreeBSD's both. Both are models written from the documented
//! behaviour; the real ones are met in the interop tests on the VM.

mod freebsd;
mod igb;
mod igbvf;
