// SPDX-License-Identifier: GPL-2.0

//! devlink: what the device is, and a health reporter of VFs that misbehave.
//!
//! A VF that is quarantined is an error of the reporter `vf`, which lasts until no VF is. Recovery
//! lets all of them out, but not by itself: why a tenant was shut out is for a person to judge.

use kernel::{
    prelude::*,
    str::CString,
    sync::ArcBorrow, //
};

use super::{
    report::COUNTERS,
    vf::Vf, //
};
use crate::{
    adapter::Adapter,
    hw::nvm::Image,
    kapi::{
        net::{
            devlink::{
                Devlink,
                Info,
                Message,
                Reporter,
                Trigger, //
            },
            netdev_warn,
            Extack, //
        },
        uevent, //
    },
    mbox::penalty::VfEvent, //
};

/// What a device is. Does not change.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    /// PCI device id.
    pub(crate) device: u16,
    /// PCI revision.
    pub(crate) revision: u8,
    /// Serial number, if it has one.
    pub(crate) serial: Option<u64>,
    /// What its NVM says of itself.
    pub(crate) image: Image,
}

impl Devlink for Adapter {
    const REPORTER: &'static CStr = c"vf";

    fn info(this: ArcBorrow<'_, Self>, info: &mut Info<'_>) -> Result {
        let Identity {
            device,
            revision,
            serial,
            image,
        } = this.identity;
        if let Some(serial) = serial {
            let [a, b, c, d, e, f, g, h] = serial.to_be_bytes();
            info.serial_number(fmt!(
                "{a:02x}-{b:02x}-{c:02x}-{d:02x}-{e:02x}-{f:02x}-{g:02x}-{h:02x}"
            ))?;
        }
        info.fixed("asic.id", fmt!("{device:04x}"))?;
        info.fixed("asic.rev", fmt!("{revision:02x}"))?;
        if let Some((number, suffix)) = image.board {
            info.fixed("board.id", fmt!("{number:06X}-{suffix:03X}"))?;
        }
        info.running("fw", fmt!("{image}"))
    }

    fn recover(this: ArcBorrow<'_, Self>, trigger: Trigger, extack: &mut Extack<'_>) -> Result {
        if trigger == Trigger::Report {
            return Err(extack.fail(EPERM, c"a VF is let out of quarantine by an operator"));
        }
        let count = this.control.lock().vfs.len();
        for vf in 0..count {
            // There may be fewer by now.
            let _ = this.pardon(u32::try_from(vf)?);
        }
        Ok(())
    }

    fn diagnose(this: ArcBorrow<'_, Self>, message: &mut Message<'_>) {
        let control = this.control.lock();
        message.array("VFs", |message| {
            for (index, vf) in control.vfs.iter().enumerate() {
                message.object(|message| show(message, index, vf));
            }
        });
    }
}

/// Tells of a VF.
fn show(message: &mut Message<'_>, index: usize, vf: &Vf) {
    message.number("vf", u64::try_from(index).unwrap_or(u64::MAX));
    let quarantine = vf.conduct.quarantine();
    message.truth("quarantined", quarantine.is_some());
    if let Some(cause) = quarantine {
        message.words("cause", fmt!("{}", cause.words()));
    }
    for (name, count) in COUNTERS.into_iter().zip(vf.counters()) {
        message.number(name, count);
    }
}

/// Tells of VFs that were shut out or let out, and whether all is well. The work item's function.
pub(crate) fn report(this: ArcBorrow<'_, Adapter>) {
    // The reporter's operations take this lock: it must be free when anything is reported.
    let next = || {
        let mut control = this.control.lock();
        let mut vfs = control.vfs.iter_mut().enumerate();
        vfs.find_map(|(index, vf)| Some((index, vf.conduct.take_event()?)))
    };
    let reporter = this.health.lock().clone();
    while let Some((index, event)) = next() {
        if let Err(err) = tell(&this, reporter.as_ref(), index, event) {
            netdev_warn!(
                this.ndev,
                "managers are not told of the quarantine of VF {} (error {}): look at 'ip link'\n",
                index,
                err.to_errno()
            );
        }
    }
    let control = this.control.lock();
    let healthy = control
        .vfs
        .iter()
        .all(|vf| vf.conduct.quarantine().is_none());
    drop(control);
    if let (true, Some(reporter)) = (healthy, reporter) {
        reporter.set_healthy();
    }
}

/// Tells of one VF: udev by an event of the PF, and devlink.
fn tell(this: &Adapter, reporter: Option<&Reporter>, index: usize, event: VfEvent) -> Result {
    let number = CString::try_from_fmt(fmt!("RIGB_VF={}", index))?;
    let state = match event {
        VfEvent::Quarantined(_) => c"RIGB_VF_STATE=quarantined",
        // Nobody looks at what the card blocks yet.
        VfEvent::Blocked => return Ok(()),
        VfEvent::Released => c"RIGB_VF_STATE=released",
    };
    if let (VfEvent::Quarantined(cause), Some(reporter)) = (event, reporter) {
        let words = CString::try_from_fmt(fmt!("VF {} is quarantined: {}", index, cause.words()))?;
        reporter.report(&words);
    }
    uevent::changed(this.ndev.parent(), &[&number, state])
}
