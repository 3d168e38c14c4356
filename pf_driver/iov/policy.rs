// SPDX-License-Identifier: GPL-2.0

//! What a VF's requests may do: the driver's half of the mailbox server.

use kernel::{
    error::code,
    fmt,
    prelude::*, //
};

use super::vf::Vf;
use crate::{
    hw::pool,
    kapi::net::{
        netdev_warn,
        Device, //
    },
    mbox::{
        pf::{
            Effect,
            Policy, //
        },
        pf_state::VfState,
        reason::{
            Failure,
            Reason, //
        },
        server::Backend,
        types::MacAddr, //
    },
    regs::Bar0,
    switch::Switch, //
};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error == code::ENOSPC {
            Self::NoSpace
        } else {
            Self::Device
        }
    }
}

// The kernel's formatting has a trait of its own.
impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

/// Carries out the requests of one VF.
pub(crate) struct Executor<'a> {
    /// Registers.
    pub(crate) bar: &'a Bar0,
    /// For messages.
    pub(crate) dev: &'a Device,
    /// The switch.
    pub(crate) switch: &'a mut Switch,
    /// All VFs.
    pub(crate) vfs: &'a [Vf],
    /// The one that asks.
    pub(crate) vf: usize,
}

/// Whether `mac` is the PF's, or reserved for a VF other than `but`: its default, or what the
/// administrator gave it.
pub(crate) fn mac_reserved(switch: &Switch, vfs: &[Vf], but: usize, mac: MacAddr) -> bool {
    let reserved = |vf: &Vf| vf.config.mac == Some(mac) || vf.default_mac == Some(mac);
    switch.state.pf.uses_mac(mac.bytes())
        || vfs
            .iter()
            .enumerate()
            .any(|(vf, entry)| vf != but && reserved(entry))
}

/// Whether VF `vf` receives frames for `mac`.
pub(crate) fn holds_mac(switch: &Switch, vf: usize, mac: MacAddr) -> bool {
    switch
        .state
        .live_vfs()
        .any(|(index, pool)| index == vf && pool.macs().any(|used| used == mac))
}

/// Whether `mac` is the PF's, or in use by or reserved for a VF other than `but`.
pub(crate) fn mac_in_use(switch: &Switch, vfs: &[Vf], but: usize, mac: MacAddr) -> bool {
    mac_reserved(switch, vfs, but, mac)
        || (0..vfs.len()).any(|vf| vf != but && holds_mac(switch, vf, mac))
}

impl Policy for Executor<'_> {
    fn mac_in_use(&self, mac: MacAddr) -> bool {
        let mut behind_pf = self.switch.state.pf.neighbours();
        mac_in_use(self.switch, self.vfs, self.vf, mac)
            || behind_pf.any(|other| other == mac.bytes())
    }
}

impl Backend for Executor<'_> {
    fn apply(&mut self, _state: &VfState, effect: &Effect) -> core::result::Result<(), Failure> {
        if matches!(effect, Effect::Reset { .. } | Effect::FunctionReset { .. }) {
            // Closed first, so that nothing passes by half of the old and half of the new rules. It
            // stays closed if a queue does not stop.
            self.switch
                .change_vf::<Failure>(self.bar, self.vf, |pool| {
                    pool.open = false;
                    Ok(())
                })?;
            pool::empty_queues(self.bar, self.vf)?;
        }
        self.switch
            .change_vf(self.bar, self.vf, |pool| pool.apply(effect))
    }

    fn report(&mut self, reason: Reason, suppressed: u32) {
        if suppressed > 0 {
            netdev_warn!(
                self.dev,
                "VF {} {} ({} more messages were left out)\n",
                self.vf,
                reason,
                suppressed
            );
        } else {
            netdev_warn!(self.dev, "VF {} {}\n", self.vf, reason);
        }
    }
}
