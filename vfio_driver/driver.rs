// SPDX-License-Identifier: GPL-2.0

//! Binding to a device. When a VMM opens it, its PF is asked to take a virtual mailbox.

use kernel::{
    device::Bound,
    pci,
    prelude::*,
    sync::Arc, //
};

use crate::{
    kapi::vfio::{
        self,
        device_id,
        Handle, //
    },
    session::Session, //
};

pub(crate) struct VfDriver;

kernel::pci_device_table!(
    PCI_TABLE,
    @none,
    [
        device_id(pci::Vendor::INTEL, 0x10ca),
        // The same for Hyper-V.
        device_id(pci::Vendor::INTEL, 0x152d),
    ]
);

impl vfio::Driver for VfDriver {
    type Session = Session;

    const NAME: &'static CStr = c"rigb_vfio";
    const ID_TABLE: pci::IdTable<()> = &PCI_TABLE;

    fn open(pdev: &pci::Device<Bound>, handle: Handle) -> Result<Option<Arc<Session>>> {
        let session = Session::new(handle)?;
        if session.attach(pdev)? {
            // A VMM opens a device as often as it likes; the PF's driver says so at a bounded rate.
            dev_dbg!(pdev, "opened with a virtual mailbox\n");
            return Ok(Some(session));
        }
        session.end();
        kernel::pr_info_once!(
            "a VF is opened with the card's own mailbox: its PF has no rigb.ko; load that and open the device again for a virtual one\n"
        );
        dev_dbg!(pdev, "opened with the card's own mailbox\n");
        Ok(None)
    }
}
