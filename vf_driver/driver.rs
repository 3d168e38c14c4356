// SPDX-License-Identifier: GPL-2.0

//! The PCI driver: probe, unbind, resets of the bus, sleep.

use kernel::{
    device::Core,
    new_mutex, pci,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

use crate::{
    adapter::Adapter,
    hw::{
        Hw,
        VECTORS, //
    },
    kapi::{
        self,
        irq::Vectors,
        net::{
            self,
            netdev_info,
            PrivFlag, //
        },
        pci::{
            ChannelState,
            Driver,
            Enabled,
            Recovery, //
        },
        work::new_work, //
    },
    netdev,
    service, //
};

/// After how many milliseconds a transmit queue counts as stuck.
const WATCHDOG_TIMEOUT: u32 = 5_000;

/// The driver.
pub(crate) struct VfDriver;

/// What is kept for a bound device.
#[pin_data]
pub(crate) struct Data {
    /// Taken at unbind.
    #[pin]
    registration: Mutex<Option<net::Registration<Adapter>>>,
    adapter: Arc<Adapter>,
    /// Last: all above access the device.
    _enabled: Enabled,
}

kernel::pci_device_table!(
    PCI_TABLE,
    <VfDriver as Driver>::IdInfo,
    [
        // 82576 VF.
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10ca), ()),
        // 82576 VF as Hyper-V shows it.
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x152d), ()),
    ]
);

#[vtable]
impl Driver for VfDriver {
    type IdInfo = ();
    type Data = Data;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe(
        pdev: &pci::Device<Core<'_>>,
        _info: Option<&Self::IdInfo>,
    ) -> impl PinInit<Self::Data, Error> {
        pin_init::pin_init_scope(move || {
            let enabled = Enabled::new(pdev)?;
            kapi::pci::set_dma_mask_64(pdev)?;
            let adapter = make_adapter(pdev)?;
            adapter.hw.mask_interrupts();
            adapter.first_contact();
            let registration = net::Registration::new(adapter.ndev.clone(), adapter.clone())?;
            adapter.service.attach(adapter.clone());
            // Goes on where the first contact ended, for an interface that may be up by now.
            adapter.service.queue();
            netdev_info!(adapter.ndev, "Intel 82576 virtual function\n");
            Ok(try_pin_init!(Data {
                registration <- new_mutex!(Some(registration)),
                adapter,
                _enabled: enabled,
            }))
        })
    }

    fn unbind(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        let adapter = &this.adapter;
        adapter.service.disable_sync();
        let registration = this.registration.lock().take();
        drop(registration);
        adapter.leave();
    }

    fn shutdown(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        this.adapter.service.disable_sync();
        this.adapter.pause();
        this.adapter.hw.reset();
    }

    fn error_detected(
        pdev: &pci::Device<Core<'_>>,
        this: Pin<&Self::Data>,
        state: ChannelState,
    ) -> Recovery {
        if state == ChannelState::PermanentFailure {
            return outlive_failure(pdev, this);
        }
        if state == ChannelState::Normal {
            // Nothing has stopped. To ask for a reset of the bus would take the PF and all other VFs
            // along.
            return Recovery::CanRecover;
        }
        pause_unless_halted(&this.adapter);
        kapi::pci::disable(pdev);
        Recovery::NeedReset
    }

    fn slot_reset(pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) -> Recovery {
        // For an error that this VF could live with, another function may have asked for the reset.
        pause_unless_halted(&this.adapter);
        kapi::pci::restore_state(pdev);
        match kapi::pci::reenable(pdev) {
            Ok(()) => Recovery::Recovered,
            Err(err) => {
                dev_err!(
                    pdev,
                    "cannot enable the device after a bus error: error {}; unbind the driver and \
                     bind it again\n",
                    err.to_errno()
                );
                Recovery::Disconnect
            }
        }
    }

    fn error_resume(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        if this.adapter.control.halted() {
            this.adapter.unpause();
        }
    }

    fn reset_prepare(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        this.adapter.pause();
    }

    fn reset_done(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        this.adapter.unpause();
    }

    fn suspend(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) -> Result {
        this.adapter.pause();
        Ok(())
    }

    fn resume(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) -> Result {
        this.adapter.unpause();
        Ok(())
    }
}

/// Stops the device, unless an error has done so before.
fn pause_unless_halted(adapter: &Adapter) {
    if !adapter.control.halted() {
        adapter.pause();
    }
}

/// The bus has given up a recovery, perhaps for another function whose driver knows of no errors. If the
/// device answers (the PF has come back, then) it goes on; without a reset if the error has stopped
/// nothing.
fn outlive_failure(pdev: &pci::Device<Core<'_>>, this: Pin<&Data>) -> Recovery {
    if !kapi::pci::device_present(pdev) {
        pause_unless_halted(&this.adapter);
        return Recovery::Disconnect;
    }
    if !this.adapter.control.halted() {
        return Recovery::Recovered;
    }
    let recovery = VfDriver::slot_reset(pdev, this);
    if recovery == Recovery::Recovered {
        VfDriver::error_resume(pdev, this);
    }
    recovery
}

/// Maps the registers and makes the network device, unregistered.
fn make_adapter(pdev: &pci::Device<Core<'_>>) -> Result<Arc<Adapter>> {
    let hw = Arc::new(Hw::map(pdev)?, GFP_KERNEL)?;
    let vectors = Vectors::alloc_msix(pdev, VECTORS, VECTORS).inspect_err(|_| {
        dev_err!(
            pdev,
            "no {VECTORS} MSI-X vectors; the guest's interrupt controller must provide them\n"
        );
    })?;
    let ndev = net::Device::alloc_ether(pdev.as_ref(), 1, 1)?;
    {
        let rtnl = net::rtnl_lock();
        let dev = rtnl.device(&ndev);
        dev.set_features_init(netdev::features())?;
        dev.set_priv_flags(PrivFlag::UnicastFilter | PrivFlag::LiveAddrChange)?;
        let (min, max) = netdev::MTU_RANGE;
        dev.set_mtu_range(min, max);
        dev.set_watchdog_timeout(WATCHDOG_TIMEOUT);
    }
    ndev.carrier_off();
    Adapter::new(ndev, hw, vectors, new_work!(service::run)?)
}
