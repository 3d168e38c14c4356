// SPDX-License-Identifier: GPL-2.0

//! The link: how it is to be, and what is known of it. See [`crate::watchdog`].

use kernel::prelude::*;

use crate::{
    hw::link::{
        Config,
        FlowControl,
        LinkStatus, //
    },
    mbox::event, //
};

/// The link, as VFs are told.
pub(crate) fn told(status: Option<LinkStatus>) -> event::Link {
    let base = event::Link::default();
    status.map_or(base, |status| event::Link {
        up: true,
        full_duplex: status.full_duplex,
        speed: u16::try_from(status.speed).unwrap_or(u16::MAX),
        ..base
    })
}

/// What is known of the link.
#[derive(Clone, Copy, Default)]
pub(crate) struct Link {
    /// How it is to be. Changes under the RTNL only.
    pub(crate) config: Config,
    /// The link, or none.
    pub(crate) status: Option<LinkStatus>,
    /// Flow control, as it is in force.
    pub(crate) flow: FlowControl,
    /// Whether VFs and users have been told of `status`.
    pub(crate) told: bool,
    /// Whether the interface is open, and so shows its carrier.
    pub(crate) open: bool,
    /// The PHY did not do what it was told: it is told again.
    pub(crate) unstarted: Option<Error>,
    /// Nobody needs the link: the PHY has no power, so that the partner sees none either.
    pub(crate) resting: bool,
}

impl Link {
    /// The hardware is about to be reset: the link is seen anew afterwards.
    pub(crate) fn lose(&mut self) {
        self.status = None;
        self.told = false;
    }
}
