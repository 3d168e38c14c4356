// SPDX-License-Identifier: GPL-2.0

//! Reset of the port (datasheet 4.3, 4.5).

use kernel::{
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use super::{
    flush,
    irq,
    is_gone,
    put, //
};
use crate::regs::{
    filter::RCTL,
    general::{
        CTRL,
        CTRL_EXT,
        EECD,
        GCR,
        STATUS,
        WUC,
        WUFC, //
    },
    iov::{
        VFRE,
        VFTE, //
    },
    irq::ICR,
    queue::{
        DTXCTL,
        RXDCTL,
        TCTL,
        TXDCTL, //
    },
    Bar0, //
};

const MASTER_TIMEOUT: Delta = Delta::from_millis(80);
const MASTER_INTERVAL: Delta = Delta::from_micros(100);
/// What may be on its way to memory when both engines have been stopped.
const DRAIN: Delta = Delta::from_millis(10);
/// The device is not to be touched for so long after a reset.
const RESET_TIME: Delta = Delta::from_millis(1);
const AUTO_READ_TIMEOUT: Delta = Delta::from_millis(20);
const AUTO_READ_INTERVAL: Delta = Delta::from_millis(1);

/// GCR.TIMEOUT: 10 ms instead of 50 us at least.
const TIMEOUT_10_MS: u32 = 1;

/// Stops both engines, and with them all pools.
pub(crate) fn stop_engines(bar: &Bar0) {
    bar.write_reg(VFTE::from(0));
    bar.write_reg(VFRE::from(0));
    bar.write_reg(RCTL::from(0));
    bar.write_reg(TCTL::zeroed().with_psp(true));
    flush(bar);
}

/// Resets the port. Afterwards nothing is received or sent: both engines are stopped and all pools
/// closed, although the hardware's default is to open them.
///
/// # Errors
///
/// [`ENODEV`] if the device does not answer.
pub(crate) fn reset(bar: &Bar0) -> Result {
    if is_gone(bar) {
        return Err(ENODEV);
    }
    irq::mask_all(bar);
    stop_engines(bar);
    bar.update(CTRL, |ctrl| ctrl.with_gio_master_disable(true));
    // A device that does not come to rest is reset all the more.
    let _ = read_poll_timeout(
        || Ok(bar.read(STATUS)),
        |status| !status.gio_master_en(),
        MASTER_INTERVAL,
        MASTER_TIMEOUT,
    );
    fsleep(DRAIN);
    bar.update(CTRL, |ctrl| ctrl.with_rst(true));
    // Nothing may be read before the reset is over, so not even to flush the write.
    fsleep(RESET_TIME);
    if is_gone(bar) {
        return Err(ENODEV);
    }
    // VFRE and VFTE are all ones now, and queue 0 enabled. TCTL and RCTL are not, so nothing has
    // passed yet.
    bar.write_reg(VFTE::from(0));
    bar.write_reg(VFRE::from(0));
    put::<TXDCTL>(bar, 0, 0);
    put::<RXDCTL>(bar, 0, 0);
    if bar.read(EECD).ee_pres() {
        // Not all implementations say when they have read their configuration, so no error.
        let _ = read_poll_timeout(
            || Ok(bar.read(EECD)),
            |eecd| eecd.auto_rd(),
            AUTO_READ_INTERVAL,
            AUTO_READ_TIMEOUT,
        );
    }
    irq::mask_all(bar);
    let _ = bar.read(ICR);
    Ok(())
}

/// Brings what no other block owns into a known state after [`reset`].
///
/// # Errors
///
/// [`EIO`] if the device does not keep what is written: without access to its memory space, where
/// reads give ones, or zeros on some hosts.
pub(crate) fn setup(bar: &Bar0) -> Result {
    bar.update(CTRL_EXT, |ext| ext.with_drv_load(true));
    if is_gone(bar) || !bar.read(CTRL_EXT).drv_load() {
        return Err(EIO);
    }
    bar.update(CTRL, |ctrl| ctrl.with_gio_master_disable(false));
    bar.update(GCR, |gcr| {
        let none = gcr.timeout().get() == 0 && !gcr.cap_ver2();
        let gcr = if none {
            gcr.with_const_timeout::<TIMEOUT_10_MS>()
        } else {
            gcr
        };
        // A request whose answer comes too late must not be made twice.
        gcr.with_timeout_resend(false)
    });
    // A host that is awake is not woken.
    bar.write_reg(WUC::from(0));
    bar.write_reg(WUFC::from(0));
    // Tags are where the stack put them, in the frame or in the descriptor.
    bar.update(DTXCTL, |dtxctl| {
        dtxctl.with_add_vlan_location(true).with_spoof_int(true)
    });
    Ok(())
}

/// Tells all VFs that the reset is over. Once everything of theirs is in place.
pub(crate) fn announce_done(bar: &Bar0) {
    bar.update(CTRL_EXT, |ext| ext.with_pfrstd(true));
}

/// Whether the time that an answer on PCIe may take is that of the configuration space, not GCR's.
pub(crate) fn has_config_timeout(bar: &Bar0) -> bool {
    let gcr = bar.read(GCR);
    gcr.timeout().get() == 0 && gcr.cap_ver2()
}

/// Leaves the device without a driver, which wakes the host as `wake_up` says.
pub(crate) fn release(bar: &Bar0, wake_up: WUC) {
    irq::mask_all(bar);
    stop_engines(bar);
    bar.write_reg(wake_up);
    bar.update(CTRL_EXT, |ext| ext.with_drv_load(false).with_pfrstd(false));
    flush(bar);
}
