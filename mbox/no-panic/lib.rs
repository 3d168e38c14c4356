// SPDX-License-Identifier: GPL-2.0

//! Instantiates what the drivers instantiate, for `make no-panic` to look at the machine code: a
//! word that a VF or PF writes must not be able to stop the other side's kernel.

#![no_std]

use mbox::pf_state::{
    VfConfig,
    VfState, //
};
use mbox::port::{
    PfPort,
    VfPort, //
};
use mbox::reason::Reason;
use mbox::refusal::Refusal;
use mbox::server::{
    Backend,
    Server, //
};
use mbox::time::Time;
use mbox::vf::{
    Client,
    Progress,
    StartError, //
};
use mbox::vf_to_pf::Request;

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

/// What the PF says before its reset.
pub fn warn(server: &mut Server, port: &mut dyn PfPort, granted: &VfState, now: Time) {
    server.warn_of_reset(port, granted, now);
}

/// How the VF asks.
pub fn ask(client: &mut Client, request: &Request, now: Time) -> Result<(), StartError> {
    let offer = client.offer();
    client.start(offer.as_ref().unwrap_or(request), now)
}

/// The words for the guest.
pub fn explain(refusal: &Refusal, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
    write!(out, "{refusal}")
}

/// The words for the operator.
pub fn print(reason: &Reason, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
    write!(out, "{reason}")
}
