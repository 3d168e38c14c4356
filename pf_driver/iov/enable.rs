// SPDX-License-Identifier: GPL-2.0

//! How many VFs there are: `sriov_numvfs`.
//!
//! The PF's queues move between two layouts: all sixteen are the PF's, or two are and each VF has
//! two. That takes stopping and starting the PF's queues, but neither a reset of the MAC nor of the
//! PHY: the carrier stays.
//!
//! The RTNL is not held while VFs appear and disappear, and neither is any lock of this driver:
//! their drivers take the RTNL, and talk to this one over the mailbox.

use kernel::{
    device::Core,
    pci,
    prelude::*,
    sync::Arc, //
};

use crate::{
    adapter::Adapter,
    control::{
        device::Layout,
        vf_id::MAX_VFS, //
    },
    hw::queue,
    kapi::{
        net::rtnl_lock,
        pci::sriov::{
            self,
            SriovExt, //
        }, //
    }, //
};

/// Creates `count` VFs, or removes all for zero.
///
/// # Errors
///
/// [`EINVAL`] for more than there can be, [`EBUSY`] while VFs are assigned to guests, [`ENOMEM`],
/// and what the bus says.
pub(crate) fn configure(
    pdev: &pci::Device<Core<'_>>,
    adapter: &Arc<Adapter>,
    count: u16,
) -> Result<u16> {
    if usize::from(count) > MAX_VFS {
        dev_err!(
            pdev,
            "{} VFs are more than the {} that there can be: the last pool is the PF's\n",
            count,
            MAX_VFS
        );
        return Err(EINVAL);
    }
    let assigned = sriov::vfs_assigned(pdev);
    if assigned != 0 {
        dev_err!(
            pdev,
            "{} VFs are assigned to guests: detach them before changing their number\n",
            assigned
        );
        return Err(EBUSY);
    }
    if count == 0 {
        disable(pdev, adapter);
        return Ok(0);
    }
    if pdev.num_vf() != 0 {
        return Err(EBUSY);
    }
    prepare(adapter, count).inspect_err(|err| {
        dev_err!(
            pdev,
            "cannot divide the card for VFs (error {}): no memory, or see the messages before this one\n",
            err.to_errno()
        );
    })?;
    if let Err(err) = pdev.enable_sriov(count) {
        dev_err!(
            pdev,
            "cannot enable {} VFs (error {}): see the bus's message before this one\n",
            count,
            err.to_errno()
        );
        release(adapter);
        return Err(err);
    }
    adapter.warn_of_pause();
    dev_info!(pdev, "{} VFs enabled\n", count);
    Ok(count)
}

/// Divides the card into pools for `count` VFs.
pub(crate) fn prepare(adapter: &Arc<Adapter>, count: u16) -> Result {
    let rtnl = rtnl_lock();
    adapter.ensure_alive()?;
    adapter.relayout(
        rtnl.device(&adapter.ndev),
        Layout::Pools,
        usize::from(count),
    )
}

/// Gives the whole card back to the PF, once the VFs are gone.
fn release(adapter: &Arc<Adapter>) {
    {
        // While this is held no reset begins.
        let _rtnl = rtnl_lock();
        if !adapter.vfs.in_reset() {
            queue::reuse_vf_queues(&adapter.bar);
        }
    }
    queue::await_reuse();
    let rtnl = rtnl_lock();
    let dev = rtnl.device(&adapter.ndev);
    if let Err(err) = adapter.relayout(dev, Layout::Single, 0) {
        crate::kapi::net::netdev_err!(
            adapter.ndev,
            "cannot take back the queues of the VFs (error {}): the PF keeps two pairs; to try again, enable a VF and disable it\n",
            err.to_errno()
        );
    }
}

/// Removes all VFs.
pub(crate) fn disable(pdev: &pci::Device<Core<'_>>, adapter: &Arc<Adapter>) {
    if pdev.num_vf() == 0 {
        return;
    }
    pdev.disable_sriov();
    release(adapter);
    dev_info!(pdev, "VFs disabled\n");
}
