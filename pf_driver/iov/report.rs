// SPDX-License-Identifier: GPL-2.0

//! What an operator sees of VFs beside `ip link`: counters in `ethtool -S`, and in debugfs a file
//! `vfN` that says in words why a VF passes traffic or does not.

use core::fmt::Formatter;

use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    prelude::*,
    str::CString,
    sync::Arc, //
};

use super::vf::{
    Control,
    Vf, //
};
use crate::{
    adapter::Adapter,
    hw::{
        get,
        is_gone, //
    },
    kapi::{
        net::LinkState,
        port::{
            self,
            host::RemotePort, //
        }, //
    },
    regs::{
        queue::{
            RXDCTL,
            TXDCTL, //
        },
        stats::{
            PVFGPRC,
            PVFGPTC, //
        }, //
    },
    switch::state::{
        VfPool,
        MAX_VFS, //
    }, //
};

/// What is counted of each VF, as `ethtool -S` names it behind `vfN_`.
pub(crate) const COUNTERS: [&str; 18] = [
    "mbx_requests",
    "mbx_refused",
    "mbx_ignored",
    "mbx_offences",
    "mbx_denials",
    "mbx_stray_acks",
    "mbx_notices",
    "resets",
    "function_resets",
    "spoof_events",
    "quarantines",
    "quarantine_resets",
    // Of the virtual mailbox, zero while the VF has the card's.
    "mbx_virtual",
    "mbx_traps",
    "mbx_traps_refused",
    "mbx_rings",
    "mbx_traps_reset",
    "mbx_interrupts",
];

impl Vf {
    /// What [`COUNTERS`] names.
    pub(super) fn counters(&self) -> [u64; COUNTERS.len()] {
        let mailbox = self.server.counters();
        let [traps, refused, rings, resets, interrupts] = self
            .port
            .as_ref()
            .map_or([0; port::COUNTERS], RemotePort::counters);
        [
            mailbox.requests,
            mailbox.refused,
            mailbox.ignored,
            mailbox.offences,
            mailbox.denials,
            mailbox.stray_acks,
            mailbox.notices,
            mailbox.resets,
            mailbox.function_resets,
            self.spoof_events,
            self.conduct.times(),
            self.conduct.resets_ignored(),
            self.port.is_some().into(),
            traps,
            refused,
            rings,
            resets,
            interrupts,
        ]
    }
}

impl Control {
    /// The counters of all VFs that there can be, zero for those that there are not: the number
    /// of statistics must not change between the calls that fetch names and values.
    pub(crate) fn vf_counters(&self) -> [[u64; COUNTERS.len()]; MAX_VFS] {
        core::array::from_fn(|index| {
            self.vfs
                .get(index)
                .map_or([0; COUNTERS.len()], Vf::counters)
        })
    }
}

/// A VF's file.
struct VfFile {
    adapter: Arc<Adapter>,
    vf: usize,
}

impl VfFile {
    /// Prints it all. Takes locks, so process context.
    fn show(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        // In the order of locks.
        let link_up = self.adapter.link.lock().status.is_some();
        let control = self.adapter.control.lock();
        let pool = control.switch.state.vfs.get(self.vf);
        let (Some(vf), Some(pool)) = (control.vfs.get(self.vf), pool) else {
            return f.write_str("not enabled: write more to 'sriov_numvfs'\n");
        };
        if control.resetting || is_gone(&self.adapter.bar) {
            return f.write_str("passes traffic: no\n- the PF is being reset\n");
        }
        self.show_obstacles(f, vf, pool, link_up)?;
        let mailbox = match vf.port {
            Some(_) => "virtual, of rigb_vfio",
            None => "the card's",
        };
        writeln!(f, "mailbox: {mailbox}")?;
        show_pool(f, vf, pool)?;
        for (name, count) in COUNTERS.iter().zip(vf.counters()) {
            writeln!(f, "{name}: {count}")?;
        }
        Ok(())
    }

    fn show_obstacles(
        &self,
        f: &mut Formatter<'_>,
        vf: &Vf,
        pool: &VfPool,
        link_up: bool,
    ) -> core::fmt::Result {
        let bar = &self.adapter.bar;
        let receives = RXDCTL::from(get::<RXDCTL>(bar, self.vf)).enable();
        let sends = TXDCTL::from(get::<TXDCTL>(bar, self.vf)).enable();
        let handshake = vf.server.state().clear_to_send();
        let obstacles = [
            (
                vf.conduct.quarantine().is_some(),
                "it is in quarantine: look at its guest, then 'ip link set DEV vf N state auto'",
            ),
            (
                pool.link_state == LinkState::Disable,
                "the administrator took its link: 'ip link set DEV vf N state auto'",
            ),
            (
                !handshake,
                "its driver has not reset it since it was enabled, or since the PF was reset: load or reload the driver in the guest",
            ),
            (
                handshake && !receives,
                "its driver has not enabled its receive queue: is its interface up?",
            ),
            (
                handshake && !sends,
                "its driver has not enabled its transmit queue: is its interface up?",
            ),
            (
                !link_up && pool.link_state != LinkState::Enable,
                "the port has no link: look at the cable and the switch",
            ),
        ];
        let passes = if obstacles.iter().any(|(is_so, _)| *is_so) {
            "no"
        } else {
            "yes"
        };
        writeln!(f, "passes traffic: {passes}")?;
        for (_, words) in obstacles.iter().filter(|(is_so, _)| *is_so) {
            writeln!(f, "- {words}")?;
        }
        if let Some(cause) = vf.conduct.quarantine() {
            writeln!(f, "quarantine: {}", cause.words())?;
        }
        writeln!(f, "frames received: {}", get::<PVFGPRC>(bar, self.vf))?;
        writeln!(f, "frames sent: {}", get::<PVFGPTC>(bar, self.vf))
    }
}

fn show_pool(f: &mut Formatter<'_>, vf: &Vf, pool: &VfPool) -> core::fmt::Result {
    let whose = if vf.config.mac_locked {
        "set by the administrator"
    } else if pool.mac == vf.default_mac {
        "the default"
    } else {
        "chosen by the VF"
    };
    match pool.mac {
        Some(mac) => writeln!(f, "address: {mac}, {whose}")?,
        None => writeln!(f, "address: none")?,
    }
    for mac in pool.filters.iter().flatten() {
        writeln!(f, "further address: {mac}")?;
    }
    let quota = vf.config.filter_quota;
    writeln!(f, "further addresses it may have: {quota}")?;
    match pool.port_vlan {
        Some(port) => writeln!(
            f,
            "port VLAN: {} priority {}, other frames do not pass",
            port.vid.get(),
            port.qos
        )?,
        None => writeln!(f, "port VLAN: none")?,
    }
    for vid in pool.vlans.iter().flatten() {
        writeln!(f, "VLAN: {}", vid.get())?;
    }
    writeln!(f, "VLANs it may join: {}", vf.config.vlan_quota)?;
    writeln!(f, "longest frame: {} bytes", pool.max_frame.get())?;
    match pool.max_rate {
        0 => writeln!(f, "rate limit: none")?,
        rate => writeln!(f, "rate limit: {rate} Mbit/s")?,
    }
    let on = |on: bool| if on { "on" } else { "off" };
    writeln!(f, "all multicast frames: {}", on(pool.multicast.all))?;
    writeln!(f, "all unicast frames: {}", on(pool.promiscuous))?;
    writeln!(f, "spoof check: {}", on(pool.spoof_check))?;
    writeln!(f, "trust: {}", on(vf.config.trusted))
}

/// The files of all VFs. They go when this is dropped.
pub(crate) struct Files {
    _files: KVec<Pin<KBox<File<VfFile>>>>,
    _dir: Dir,
}

impl Files {
    /// Makes the files, in a folder named for the driver and the device.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]. A kernel without debugfs has no files, and no error.
    pub(crate) fn new(adapter: &Arc<Adapter>, device: &CStr) -> Result<Self> {
        let name = CString::try_from_fmt(fmt!("rigb-{}", device))?;
        let dir = Dir::new(&name);
        let mut files = KVec::with_capacity(MAX_VFS, GFP_KERNEL)?;
        for vf in 0..MAX_VFS {
            let name = CString::try_from_fmt(fmt!("vf{}", vf))?;
            let data = VfFile {
                adapter: adapter.clone(),
                vf,
            };
            let file = dir.read_callback_file(&name, data, &VfFile::show);
            files.push(KBox::pin_init(file, GFP_KERNEL)?, GFP_KERNEL)?;
        }
        Ok(Self {
            _files: files,
            _dir: dir,
        })
    }
}
