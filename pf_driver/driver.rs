// SPDX-License-Identifier: GPL-2.0

//! Binding to a device.
//!
//! Probe makes each thing an owner of what it needs, so that a step that fails takes back all
//! before it.

use kernel::{
    device::Core,
    new_mutex,
    pci,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        Mutex, //
    }, //
};

use crate::{
    adapter::{
        Adapter,
        Identity,
        OtherIrq,
        Parts,
        Works, //
    },
    control::{
        device::MAX_PAIRS,
        vf_id::MAX_VFS, //
    },
    hw::{
        irq::{
            self,
            OTHER_VECTOR, //
        },
        link::Media,
        nvm::{
            self,
            Fault, //
        },
        queue,
        reset, //
    },
    iov,
    kapi::{
        irq::{
            Registration as IrqRegistration,
            Vectors, //
        },
        net::{
            self,
            devlink,
            netdev_info,
            rtnl_lock,
            MacAddress, //
        },
        pci::{
            self as kpci,
            sriov::{
                self,
                SavedVfs,
                SriovExt, //
            },
            Bar,
            ChannelState,
            DeviceExt,
            Driver,
            Enabled,
            Recovery, //
        },
        port::host,
        work::new_work, //
    },
    netdev::{
        self,
        MAX_QUEUES, //
    },
    pairs,
    recovery,
    regs::{
        general::WUC,
        Bar0, //
    },
    watchdog, //
};

pub(crate) struct PfDriver;

kernel::pci_device_table!(
    PCI_TABLE,
    <PfDriver as Driver>::IdInfo,
    [
        // 82576 copper, and as one of four ports.
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10c9), ()),
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10e8), ()),
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x1526), ()),
        // Fibre and SerDes.
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10e6), ()),
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10e7), ()),
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x150d), ()),
        // 82576NS, copper and SerDes.
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x150a), ()),
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x1518), ()),
    ]
);

/// Leaves the hardware and the work items at rest when it is dropped.
struct Quiet(Arc<Adapter>);

impl Drop for Quiet {
    fn drop(&mut self) {
        self.0.vfs.control.lock().resetting = true;
        // The work first: it could wake the hardware again.
        self.0.end_works();
        self.0.leave();
    }
}

/// What is kept for a bound device. Dropped in this order.
pub(crate) struct PfData {
    _devlink: devlink::Registration<Adapter>,
    _ports: host::Registration,
    _files: iov::debugfs::Files,
    _registration: net::Registration<Adapter>,
    _other_irq: IrqRegistration<OtherIrq>,
    _quiet: Quiet,
    adapter: Arc<Adapter>,
    /// VFs, while the PF is in a reset by somebody else.
    vfs: Pin<KBox<Mutex<SavedVfs>>>,
    _enabled: Enabled,
}

/// Resets the port and reads its address.
fn read_mac(pdev: &pci::Device<Core<'_>>, bar: &Bar0) -> Result<MacAddress> {
    reset::reset(bar).inspect_err(|_| {
        dev_err!(pdev, "the device does not answer; a power cycle may help\n");
    })?;
    nvm::permanent_mac(bar).map_err(|fault| match fault {
        Fault::Access(err) => {
            dev_err!(
                pdev,
                "the NVM cannot be read (error {}): another driver or firmware keeps it; a power cycle may help\n",
                err.to_errno()
            );
            err
        }
        Fault::Checksum(sum) => {
            dev_err!(
                pdev,
                "the NVM is damaged: its checksum is {:#06x} instead of 0xbaba; write a valid image with the vendor's tool\n",
                sum
            );
            EIO
        }
        Fault::Mac(mac) => {
            dev_err!(
                pdev,
                "the NVM holds {:02x?}, which is no unicast MAC address; write a valid one with the vendor's tool\n",
                mac
            );
            EIO
        }
    })
}

/// Deals with VFs that a driver before left behind, as one that crashed may.
fn inherit_vfs(pdev: &pci::Device<Core<'_>>, adapter: &Arc<Adapter>) -> Result {
    let count = pdev.num_vf();
    if count == 0 {
        return Ok(());
    }
    if sriov::vfs_assigned(pdev) != 0 {
        if count > MAX_VFS_U16 {
            dev_err!(
                pdev,
                "{} VFs are in use by guests, and the last of them has the PF's pool: detach them, then bind this driver again\n",
                count
            );
            return Err(EBUSY);
        }
        dev_warn!(
            pdev,
            "{} VFs of a driver before are in use by guests: taken over\n",
            count
        );
        return iov::enable::prepare(adapter, count).inspect_err(|err| {
            dev_err!(
                pdev,
                "VFs in use by guests cannot be taken over (error {}): detach them, then bind this driver again\n",
                err.to_errno()
            );
        });
    }
    dev_warn!(pdev, "{} VFs of a driver before are removed\n", count);
    pdev.disable_sriov();
    queue::reuse_vf_queues(&adapter.bar);
    queue::await_reuse();
    Ok(())
}

/// Makes the port and its network device, unregistered. The second is the number of queue pairs.
fn make_adapter(pdev: &pci::Device<Core<'_>>, bar: Arc<Bar0>) -> Result<(Arc<Adapter>, u32)> {
    let mac = read_mac(pdev, &bar)?;
    let vectors = Vectors::alloc_msix(pdev, 2, 1 + MAX_PAIRS).inspect_err(|err| {
        dev_err!(
            pdev,
            "no two MSI-X vectors (error {}): this driver needs MSI-X; is it off by pci=nomsi?\n",
            err.to_errno()
        );
    })?;
    let max_pairs = (vectors.len() - 1).min(MAX_PAIRS).min(possible_cpus());

    let identity = Identity {
        device: pdev.device_id(),
        revision: pdev.revision_id(),
        serial: kpci::serial_number(pdev),
        // Nothing but what is shown depends on it.
        image: nvm::image(&bar).unwrap_or_default(),
    };
    let media = Media::detect(&bar, nvm::pcs_negotiates(&bar)?).map_err(|mode| {
        dev_err!(
            pdev,
            "this board's link (CTRL_EXT.LINK_MODE {}: SGMII) is not supported: use igb\n",
            mode
        );
        ENODEV
    })?;
    // Nothing but waking the host depends on it.
    let wake_up = nvm::wake_up(&bar).unwrap_or(WUC::zeroed());
    let ndev = net::Device::alloc_ether(pdev.as_ref(), MAX_QUEUES, MAX_QUEUES)?;
    netdev::setup(&ndev, &mac)?;
    let adapter = Adapter::new(Parts {
        ndev,
        media,
        bar,
        vectors,
        mac,
        identity,
        wake_up,
        // QEMU gives its devices a subsystem of its own.
        emulated: pdev.subsystem_vendor_id() == pci::Vendor::REDHAT_QUMRANET.as_raw(),
        max_pairs,
        works: Works {
            link: new_work!(watchdog::link_changed)?,
            watchdog: new_work!(watchdog::watchdog)?,
            reset: new_work!(recovery::reset_work)?,
            retry: new_work!(recovery::retry_work)?,
            flush: new_work!(pairs::flush)?,
            misconduct: new_work!(recovery::misconduct_work)?,
        },
    })?;
    Ok((adapter, max_pairs))
}

fn probe(pdev: &pci::Device<Core<'_>>) -> Result<PfData> {
    if pdev.is_virtfn() {
        return Err(ENODEV);
    }
    let enabled = Enabled::new(pdev)?;
    let bar: Arc<Bar0> = Arc::new(Bar::map(pdev, 0, c"rigb")?, GFP_KERNEL)?;
    if reset::has_config_timeout(&bar) {
        if let Err(err) = kpci::extend_completion_timeout(pdev) {
            dev_dbg!(
                pdev,
                "no longer time for answers on PCIe (error {})\n",
                err.to_errno()
            );
        }
    }
    // What recovery from an error restores: with memory, bus mastering, and that time.
    kpci::save_state(pdev)?;
    kpci::set_dma_mask_64(pdev)?;
    let (adapter, max_pairs) = make_adapter(pdev, bar)?;
    let quiet = Quiet(adapter.clone());
    adapter.setup_hardware()?;
    if let Some(err) = adapter.link_error().filter(|err| *err == ENODEV) {
        dev_err!(pdev, "there is no PHY; a power cycle may help\n");
        return Err(err);
    }
    inherit_vfs(pdev, &adapter)?;
    if let Err(err) = sriov::set_total_vfs(pdev, MAX_VFS_U16) {
        // Without the capability there is nothing to limit, and VFs that were taken over are few.
        dev_dbg!(pdev, "no limit on VFs (error {})\n", err.to_errno());
    }
    let vfs = KBox::pin_init(new_mutex!(SavedVfs::none()), GFP_KERNEL)?;
    let name = CString::try_from_fmt(fmt!("rigb-{}", kpci::name(pdev)))?;
    let other_irq = IrqRegistration::request(
        &adapter.vectors,
        OTHER_VECTOR,
        name,
        OtherIrq(adapter.clone()),
    )?;
    irq::enable_other(&adapter.bar);
    let registration = net::Registration::new(adapter.ndev.clone(), adapter.clone())?;
    adapter.works.watchdog.queue();
    netdev_info!(
        adapter.ndev,
        "Intel 82576 at {}, {} queue pairs, up to {} VFs\n",
        kpci::name(pdev),
        max_pairs,
        MAX_VFS
    );
    let devlink = devlink::Registration::new(pdev.as_ref(), adapter.clone())?;
    *adapter.vfs.reporter.lock() = Some(devlink.reporter());
    let files = iov::debugfs::Files::new(&adapter.vfs, kpci::name(pdev))?;
    let ports = host::Registration::new(pdev, adapter.vfs.clone())?;
    Ok(PfData {
        _devlink: devlink,
        _ports: ports,
        _files: files,
        _registration: registration,
        _other_irq: other_irq,
        _quiet: quiet,
        adapter,
        vfs,
        _enabled: enabled,
    })
}

/// Most VFs, as the bus counts them.
// CAST: 7.
const MAX_VFS_U16: u16 = MAX_VFS as u16;

/// CPUs that there may be: one that comes later finds a queue pair of its own.
fn possible_cpus() -> u32 {
    kernel::cpu::nr_cpu_ids()
}

/// Saves what VFs are set to, and keeps others from resetting them meanwhile.
fn save_vfs(pdev: &pci::Device<Core<'_>>, this: Pin<&PfData>) {
    match sriov::save_vfs(pdev) {
        Ok(vfs) => *this.vfs.lock() = vfs,
        Err(err) => warn_of_vfs(pdev, err),
    }
}

/// What VFs are set to may be lost.
fn warn_of_vfs(pdev: &pci::Device<Core<'_>>, err: Error) {
    dev_err!(
        pdev,
        "no memory to keep what VFs are set to (error {}): reset those of guests after the PF\n",
        err.to_errno()
    );
}

impl PfData {
    /// The VFs that [`save_vfs`] has saved.
    fn take_vfs(&self) -> SavedVfs {
        core::mem::replace(&mut *self.vfs.lock(), SavedVfs::none())
    }

    /// Makes the interface absent for the time of a reset or of sleep.
    fn detach(&self) {
        let rtnl = rtnl_lock();
        let dev = rtnl.device(&self.adapter.ndev);
        dev.detach();
        self.adapter.quiesce(dev);
    }

    /// [`Self::detach`], for as long as the host sleeps or until it is switched on: firmware is told
    /// that there is no driver.
    fn leave(&self) {
        self.detach();
        self.adapter.leave();
    }

    /// Whether the interface is there: nobody has detached it.
    fn present(&self) -> bool {
        let rtnl = rtnl_lock();
        rtnl.device(&self.adapter.ndev).present()
    }

    /// [`Self::detach`], unless that was done.
    fn detach_if_present(&self) {
        let rtnl = rtnl_lock();
        let dev = rtnl.device(&self.adapter.ndev);
        if dev.present() {
            dev.detach();
            self.adapter.quiesce(dev);
        }
    }

    /// Ends [`Self::detach`].
    fn attach(&self) -> Result {
        let rtnl = rtnl_lock();
        let dev = rtnl.device(&self.adapter.ndev);
        if dev.present() {
            // An error that did not stop anything.
            return Ok(());
        }
        // What failed is tried again, which takes a device that is present.
        let revived = self.adapter.revive(dev);
        dev.attach();
        self.adapter.catch_up(dev);
        revived
    }

    /// The bus has given up a recovery. It does so for all functions if one of them has no driver that knows
    /// of errors, as a VF that nobody uses. This port goes on if its device answers; without a reset if the
    /// error has stopped nothing.
    fn outlive_failure(self: Pin<&Self>, pdev: &pci::Device<Core<'_>>) -> Recovery {
        if !kpci::device_present(pdev) {
            self.detach_if_present();
            return Recovery::Disconnect;
        }
        dev_warn!(
            pdev,
            "the bus has given up recovery, perhaps for a function without a driver (a VF?): this port goes on\n"
        );
        if self.present() {
            return Recovery::Recovered;
        }
        let recovery = PfDriver::slot_reset(pdev, self);
        if recovery == Recovery::Recovered {
            PfDriver::error_resume(pdev, self);
        }
        recovery
    }
}

#[vtable]
impl Driver for PfDriver {
    type IdInfo = ();
    type Data = PfData;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe(
        pdev: &pci::Device<Core<'_>>,
        _info: Option<&Self::IdInfo>,
    ) -> impl PinInit<Self::Data, Error> {
        probe(pdev)
    }

    fn unbind(pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        let assigned = sriov::vfs_assigned(pdev);
        if assigned != 0 {
            // Taking a device away from a Xen guest that uses it can bring the host down. Its pool
            // is closed with the others, so nothing of it reaches the wire.
            dev_warn!(
                pdev,
                "{} VFs are in use by guests: they stay, without a PF, until this driver is back\n",
                assigned
            );
            return;
        }
        iov::enable::disable(pdev, &this.adapter);
    }

    fn shutdown(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        this.leave();
    }

    fn sriov_configure(
        pdev: &pci::Device<Core<'_>>,
        this: Pin<&Self::Data>,
        num_vfs: u16,
    ) -> Result<u16> {
        iov::enable::configure(pdev, &this.adapter, num_vfs)
    }

    fn error_detected(
        pdev: &pci::Device<Core<'_>>,
        this: Pin<&Self::Data>,
        state: ChannelState,
    ) -> Recovery {
        if state == ChannelState::PermanentFailure {
            return this.outlive_failure(pdev);
        }
        if kpci::device_present(pdev) {
            // A reset of the bus wipes what VFs of guests are set to, and their VMMs do not put it back.
            // Another function may ask for it. The locks are the core's from now on.
            save_vfs(pdev, this);
            drop(this.take_vfs());
        }
        if state == ChannelState::Normal {
            return Recovery::CanRecover;
        }
        dev_warn!(pdev, "the bus reports an error: the port is stopped\n");
        // After a recovery that failed it may be absent.
        this.detach_if_present();
        kpci::disable(pdev);
        Recovery::NeedReset
    }

    fn slot_reset(pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) -> Recovery {
        kpci::restore_state(pdev);
        if let Err(err) = kpci::reenable(pdev) {
            dev_err!(
                pdev,
                "cannot be enabled after the reset (error {}); unbind and bind the driver\n",
                err.to_errno()
            );
            return Recovery::Disconnect;
        }
        if let Err(err) = sriov::restore_vfs(pdev) {
            warn_of_vfs(pdev, err);
        }
        // For an error that this port could live with, another function of the bus may have asked
        // for the reset.
        this.detach_if_present();
        Recovery::Recovered
    }

    fn error_resume(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        // What can be said has been said there.
        let _ = this.attach();
    }

    fn reset_prepare(pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        this.detach();
        save_vfs(pdev, this);
    }

    fn reset_done(_pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) {
        this.take_vfs().restore();
        // What can be said has been said there.
        let _ = this.attach();
    }

    fn suspend(pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) -> Result {
        this.leave();
        sriov::keep_vfs(pdev);
        Ok(())
    }

    fn resume(pdev: &pci::Device<Core<'_>>, this: Pin<&Self::Data>) -> Result {
        sriov::wake_vfs(pdev);
        this.attach()
    }
}
