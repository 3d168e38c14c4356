// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate of 7.3 lacks and both drivers need.

mod bindings;
