// SPDX-License-Identifier: GPL-2.0

//! What an operator sees of VFs beside `ip link`: counters in `ethtool -S`, and in debugfs a file
//! `vfN` that says why a VF passes traffic or does not, for programs in lines `key: value` and for people
//! in lines that begin with a dash.

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

use super::{
    card::{
        Control,
        Vf, //
    },
    manager::VfManager, //
};
use crate::{
    control::{
        vf::VfPool,
        vf_id::{
            VfId,
            MAX_VFS, //
        }, //
    },
    hw::{
        get,
        is_gone, //
    },
    kapi::port::{
        self,
        host::RemotePort, //
    },
    mbox::{
        event::LinkPolicy,
        types::MAX_GROUPS, //
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
    }, //
};

/// What is counted of each VF, as `ethtool -S` names it behind `vfN_`.
pub(crate) const COUNTERS: [&str; 20] = [
    "mbx_requests",
    "mbx_refused",
    "mbx_ignored",
    "mbx_offences",
    "mbx_denials",
    "mbx_stray_acks",
    "mbx_extra_rings",
    "mbx_notices",
    "resets",
    "function_resets",
    "spoof_events",
    "card_blocks",
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
            .extra
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
            mailbox.extra_rings,
            mailbox.notices,
            mailbox.resets,
            mailbox.function_resets,
            self.spoof_events,
            self.penalties.card_blocks(),
            self.penalties.quarantines(),
            self.penalties.resets_ignored(),
            self.extra.port.is_some().into(),
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
    pub(crate) fn vf_counters(&self) -> impl Iterator<Item = [u64; COUNTERS.len()]> + '_ {
        self.vfs.iter().map(|(_, vf)| vf.counters())
    }
}

/// A VF's file.
struct VfFile {
    vfs: Arc<VfManager>,
    vf: VfId,
}

impl VfFile {
    /// Prints it all. Takes locks, so process context.
    fn show(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        let control = self.vfs.control.lock();
        if !control.has_vf(self.vf) {
            return show_traffic(f, &[NOT_ENABLED]);
        }
        let vf = &control.vfs[self.vf];
        let pool = control.pool(self.vf);
        if control.resetting || is_gone(&self.vfs.bar) {
            return show_traffic(f, &[PF_RESET]);
        }
        self.show_obstacles(f, vf, pool, control.switch.state.link.up)?;
        let mailbox = match vf.extra.port {
            Some(_) => "virtual, of rigb_vfio",
            None => "the card's",
        };
        writeln!(f, "mailbox: {mailbox}")?;
        let config = control.switch.state.config(self.vf);
        let quota = config.filter_quota;
        writeln!(f, "further addresses it may have: {quota}")?;
        show_pool(f, pool, config.vlan_quota)?;
        let groups = pool.groups.len();
        writeln!(f, "multicast groups: {groups}")?;
        writeln!(f, "multicast groups it may have: {MAX_GROUPS}")?;
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
        let bar = &self.vfs.bar;
        let receives = RXDCTL::from(get::<RXDCTL>(bar, self.vf.index())).enable();
        let sends = TXDCTL::from(get::<TXDCTL>(bar, self.vf.index())).enable();
        let handshake = pool.granted.clear_to_send();
        let obstacles = [
            (
                pool.quarantine.is_some(),
                "quarantine",
                "it is in quarantine: look at its guest, then 'ip link set DEV vf N state auto'",
            ),
            (
                vf.blocked,
                "blocked",
                "it is blocked by the card for a malformed descriptor, until its driver starts again: reload the driver in the guest, and look at what it is",
            ),
            (
                pool.admin.link == LinkPolicy::ForcedDown,
                "link_disabled",
                "the administrator took its link: 'ip link set DEV vf N state auto'",
            ),
            (
                !handshake,
                "no_handshake",
                "its driver has not reset it since it was enabled, or since the PF was reset: load or reload the driver in the guest",
            ),
            (
                handshake && !receives,
                "no_rx_queue",
                "its driver has not enabled its receive queue: is its interface up?",
            ),
            (
                handshake && !sends,
                "no_tx_queue",
                "its driver has not enabled its transmit queue: is its interface up?",
            ),
            (
                !link_up && pool.admin.link != LinkPolicy::ForcedUp,
                "no_link",
                "the port has no link: look at the cable and the switch",
            ),
        ];
        show_traffic(f, &obstacles)?;
        if let Some(cause) = pool.quarantine {
            writeln!(f, "quarantine: {}", cause.words())?;
        }
        writeln!(
            f,
            "frames received: {}",
            get::<PVFGPRC>(bar, self.vf.index())
        )?;
        writeln!(f, "frames sent: {}", get::<PVFGPTC>(bar, self.vf.index()))
    }
}

/// What may keep a VF from traffic: whether it does, its name, and what helps.
type Obstacle = (bool, &'static str, &'static str);

const NOT_ENABLED: Obstacle = (
    true,
    "not_enabled",
    "it is not enabled: write more to 'sriov_numvfs'",
);
const PF_RESET: Obstacle = (true, "pf_reset", "the PF is being reset");

fn show_traffic(f: &mut Formatter<'_>, obstacles: &[Obstacle]) -> core::fmt::Result {
    let present = || obstacles.iter().filter(|(is_so, ..)| *is_so);
    let passes = if present().next().is_some() {
        "no"
    } else {
        "yes"
    };
    writeln!(f, "passes traffic: {passes}")?;
    for (_, name, words) in present() {
        writeln!(f, "reason: {name}\n- {words}")?;
    }
    Ok(())
}

fn show_pool(f: &mut Formatter<'_>, pool: &VfPool, vlan_quota: u8) -> core::fmt::Result {
    let admin = &pool.admin;
    let granted = &pool.granted;
    let whose = if admin.mac.is_some() {
        "administrator"
    } else if granted.mac() == pool.default_mac {
        "default"
    } else {
        "VF"
    };
    match granted.mac() {
        Some(mac) => writeln!(f, "address: {mac}\naddress chosen by: {whose}")?,
        None => writeln!(f, "address: none")?,
    }
    for mac in granted.filters() {
        writeln!(f, "further address: {mac}")?;
    }
    match admin.port_vlan {
        Some(port) => writeln!(
            f,
            "port VLAN: {}\nport VLAN priority: {}",
            port.vid.get(),
            port.qos
        )?,
        None => writeln!(f, "port VLAN: none")?,
    }
    for vid in pool.vlans() {
        writeln!(f, "VLAN: {}", vid.get())?;
    }
    writeln!(f, "VLANs it may join: {vlan_quota}")?;
    writeln!(f, "longest frame: {} bytes", granted.max_frame().get())?;
    match admin.max_rate {
        0 => writeln!(f, "rate limit: none")?,
        rate => writeln!(f, "rate limit: {rate} Mbit/s")?,
    }
    let on = |on: bool| if on { "on" } else { "off" };
    writeln!(f, "all multicast frames: {}", on(pool.all_multicast()))?;
    writeln!(f, "all unicast frames: {}", on(pool.promiscuous()))?;
    writeln!(f, "spoof check: {}", on(admin.spoof_check))?;
    writeln!(f, "trust: {}", on(admin.trusted))
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
    pub(crate) fn new(vfs: &Arc<VfManager>, device: &CStr) -> Result<Self> {
        let name = CString::try_from_fmt(fmt!("rigb-{}", device))?;
        let dir = Dir::new(&name);
        let mut files = KVec::with_capacity(MAX_VFS, GFP_KERNEL)?;
        for vf in VfId::all() {
            let name = CString::try_from_fmt(fmt!("vf{}", vf))?;
            let data = VfFile {
                vfs: vfs.clone(),
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
