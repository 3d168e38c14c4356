// SPDX-License-Identifier: GPL-2.0

//! devlink: what the device is, and its health reporter of VFs ([`crate::iov::health`]).

use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

use crate::{
    adapter::{
        Adapter,
        Identity, //
    },
    kapi::net::{
        devlink::{
            Devlink,
            Info,
            Message,
            Trigger, //
        },
        Extack, //
    }, //
};

impl Devlink for Adapter {
    const REPORTER: &'static CStr = c"vf";
    const PARAM: &'static CStr = c"malicious_driver_detection";

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
        this.vfs.release_all();
        Ok(())
    }

    fn test(this: ArcBorrow<'_, Self>, extack: &mut Extack<'_>) -> Result {
        this.vfs
            .test_malice()
            .map_err(|err| extack.fail(err, c"there are no VFs"))
    }

    fn param(this: ArcBorrow<'_, Self>) -> bool {
        this.vfs.detects_malice()
    }

    fn set_param(this: ArcBorrow<'_, Self>, on: bool) -> Result {
        this.vfs.detect_malice(on)
    }

    fn diagnose(this: ArcBorrow<'_, Self>, message: &mut Message<'_>) {
        this.vfs.diagnose(message);
    }
}
