// SPDX-License-Identifier: GPL-2.0

//! What registers of the switch say, field by field. `pf_driver/hw/switch.rs` knows their bits.

use super::device::MacBytes;

/// An entry of the receive address table (RAL and RAH): an address and the pools that receive it. Free
/// without pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RarEntry {
    /// The address.
    pub mac: MacBytes,
    /// The pools.
    pub pools: u32,
}

impl RarEntry {
    /// A free one.
    pub const FREE: Self = Self {
        mac: [0; 6],
        pools: 0,
    };
}

/// An entry of the VLAN to pool filter (VLVF). Free without pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlvfEntry {
    /// The VLAN.
    pub vid: u16,
    /// The pools in it.
    pub pools: u32,
}

impl VlvfEntry {
    /// A free one.
    pub const FREE: Self = Self { vid: 0, pools: 0 };
}

/// What a pool receives (VMOLR). Broadcast frames always, and all without CRC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolFilter {
    /// The longest frame in bytes; nothing longer than a standard frame for zero.
    pub max_frame: u32,
    /// The queues of the pool are chosen by RSS.
    pub rss: bool,
    /// Untagged frames (AUPE).
    pub untagged: bool,
    /// Multicast frames by the MTA (ROMPE).
    pub groups: bool,
    /// Unicast frames by the UTA (ROPE).
    pub all_unicast: bool,
    /// All multicast frames (MPME).
    pub all_multicast: bool,
    /// Broadcast frames (BAM).
    pub broadcast: bool,
    /// Tags are stripped.
    pub strip_vlans: bool,
}

impl PoolFilter {
    /// A pool that is nobody's.
    pub const CLOSED: Self = Self {
        max_frame: 0,
        rss: false,
        untagged: false,
        groups: false,
        all_unicast: false,
        all_multicast: false,
        broadcast: false,
        strip_vlans: false,
    };
}

/// How pools are used (VT_CTL).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolControl {
    /// Multicast and broadcast frames go to all pools that want them (RPL_EN).
    pub replicate: bool,
    /// The PF's pool receives what matches no filter.
    pub default_pool: bool,
}

/// What is checked of frames that pools send, and whether they reach other pools (DTXSWC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendControl {
    /// Pools whose source address is checked.
    pub mac_spoof: u32,
    /// Pools whose VLAN is checked.
    pub vlan_spoof: u32,
    /// Frames are switched between pools.
    pub loopback: bool,
}

/// How the queue of a received frame is chosen (MRQC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueChoice {
    /// By RSS.
    #[default]
    Rss,
    /// By pool.
    Pools,
    /// By pool, and by RSS within those that want it.
    PoolsRss,
}

/// What is received at all (RCTL).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveControl {
    /// Anything.
    pub enable: bool,
    /// Damaged frames, too, and those of MAC control.
    pub keep_bad: bool,
    /// All unicast frames. Without pools.
    pub all_unicast: bool,
    /// All multicast frames. Without pools.
    pub all_multicast: bool,
    /// Only frames of the VLANs in the VFTA.
    pub filter_vlans: bool,
}
