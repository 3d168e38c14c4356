// SPDX-License-Identifier: GPL-2.0

//! Instantiates what the drivers instantiate, for `make no-panic` to look at the machine code: a
//! word that a VF or PF writes must not be able to stop the other side's kernel.

#![no_std]

use mbox::pf_state::VfConfig;
use mbox::port::{
    PfPort,
    VfPort, //
};
use mbox::reason::Reason;
use mbox::server::{
    Backend,
    Server, //
};
use mbox::time::Time;
use mbox::vf::{
    Client,
    Progress, //
};

/// The whole of the PF's end.
pub fn serve(
    server: &mut Server,
    port: &mut dyn PfPort,
    config: &VfConfig,
    backend: &mut dyn Backend,
    now: Time,
) -> Option<Time> {
    server.service(port, config, backend, now)
}

/// The whole of the VF's end.
pub fn poll(client: &mut Client, port: &mut dyn VfPort, now: Time) -> Progress {
    client.poll(port, now)
}

/// The words for the operator.
pub fn print(reason: &Reason, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
    write!(out, "{reason}")
}
