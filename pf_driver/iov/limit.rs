// SPDX-License-Identifier: GPL-2.0

//! The administrator's limits on a VF: `ip link set DEV vf N rate|max_tx_rate|state|query_rss`.

use kernel::prelude::*;

use crate::{
    adapter::Adapter,
    kapi::net::{
        netdev_err,
        netdev_info,
        LinkState, //
    },
    switch::state::MAX_SPEED, //
};

impl Adapter {
    /// Limits what a VF sends to `max` Mbit/s; 0 is no limit. It holds over changes of the link's
    /// speed, and is no limit while the link is slower.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF and for more than the card's speed, [`EOPNOTSUPP`] for a
    /// guaranteed rate, which the card does not have.
    pub(crate) fn set_vf_rate(&self, vf: u32, min: u32, max: u32) -> Result {
        let mut control = self.control.lock();
        let index = self.find_vf(&control, vf)?;
        if min != 0 {
            netdev_err!(
                self.ndev,
                "VF {} cannot be guaranteed {} Mbit/s: the card has upper limits only; leave min_tx_rate 0, and limit the other VFs by max_tx_rate\n",
                vf,
                min
            );
            return Err(EOPNOTSUPP);
        }
        if max > MAX_SPEED {
            netdev_err!(
                self.ndev,
                "VF {} cannot be limited to {} Mbit/s: the card has {}; 0 is no limit\n",
                vf,
                max,
                MAX_SPEED
            );
            return Err(EINVAL);
        }
        if control
            .switch
            .state
            .vfs
            .get(index)
            .is_some_and(|pool| pool.max_rate == max)
        {
            return Ok(());
        }
        control.switch.change_vf(&self.bar, index, |pool| {
            pool.max_rate = max;
            Ok::<(), Error>(())
        })?;
        drop(control);
        match max {
            0 => netdev_info!(self.ndev, "VF {} sends as fast as it can\n", vf),
            _ => netdev_info!(self.ndev, "VF {} sends {} Mbit/s at most\n", vf, max),
        }
        Ok(())
    }

    /// Sets the link of a VF. Without one its pool is closed. The card shows its own link to all
    /// VFs, so drivers of VFs learn of this by the mailbox only; they are told.
    /// A link lets a VF out of quarantine.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF.
    pub(crate) fn set_vf_link_state(&self, vf: u32, state: LinkState) -> Result {
        if state != LinkState::Disable {
            self.pardon(vf)?;
        }
        let mut control = self.control.lock();
        let index = self.find_vf(&control, vf)?;
        if control
            .switch
            .state
            .vfs
            .get(index)
            .is_some_and(|pool| pool.link_state == state)
        {
            return Ok(());
        }
        control.switch.change_vf(&self.bar, index, |pool| {
            pool.link_state = state;
            Ok::<(), Error>(())
        })?;
        control.vf(vf)?.server.notify();
        drop(control);
        self.works.mailbox.queue();
        let words = match state {
            LinkState::Auto => "the port's",
            LinkState::Enable => "always up",
            LinkState::Disable => "down by the administrator",
        };
        netdev_info!(self.ndev, "the link of VF {} is {}\n", vf, words);
        Ok(())
    }

    /// Whether a VF may ask how flows are spread over queues.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] without such a VF, [`EOPNOTSUPP`] to permit it: the card has one key and one
    /// table, which are the PF's, and its mailbox has no request for them.
    pub(crate) fn set_vf_rss_query(&self, vf: u32, on: bool) -> Result {
        self.find_vf(&self.control.lock(), vf)?;
        if on {
            netdev_err!(
                self.ndev,
                "VF {} cannot ask for the spreading of flows: the card has one table, which is the PF's; leave query_rss off\n",
                vf
            );
            return Err(EOPNOTSUPP);
        }
        Ok(())
    }
}
