// SPDX-License-Identifier: GPL-2.0

//! The evidence that an instance is polled here does not go to another thread.

use kapi::kapi::net::{
    NapiOwner,
    RxContext, //
};

fn send<T: Send>(_: T) {}

/// As in a poll function.
pub fn poll(owner: NapiOwner<'_>, ctx: RxContext<'_>) {
    send(owner); //~ E0277
    send(ctx); //~ E0277
}
