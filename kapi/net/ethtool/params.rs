// SPDX-License-Identifier: GPL-2.0

//! Plain parameters: rings, channels, coalescing, pause, wake on LAN, the driver's description.

use crate::kapi::bindings;
use kernel::{
    fmt,
    prelude::*, //
};

/// Sizes of rings in descriptors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingParam {
    /// Largest receive ring.
    pub rx_max: u32,
    /// Largest transmit ring.
    pub tx_max: u32,
    /// Receive ring.
    pub rx: u32,
    /// Transmit ring.
    pub tx: u32,
}

impl RingParam {
    pub(super) fn from_raw(raw: &bindings::ethtool_ringparam) -> Self {
        Self {
            rx_max: raw.rx_max_pending,
            tx_max: raw.tx_max_pending,
            rx: raw.rx_pending,
            tx: raw.tx_pending,
        }
    }

    pub(super) fn store(&self, raw: &mut bindings::ethtool_ringparam) {
        raw.rx_max_pending = self.rx_max;
        raw.tx_max_pending = self.tx_max;
        raw.rx_pending = self.rx;
        raw.tx_pending = self.tx;
    }
}

/// Numbers of channels: interrupts and the queues they serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// Most channels that only receive.
    pub max_rx: u32,
    /// Most channels that only send.
    pub max_tx: u32,
    /// Most channels for other things (link, mailbox).
    pub max_other: u32,
    /// Most channels that do both.
    pub max_combined: u32,
    /// Channels that only receive.
    pub rx: u32,
    /// Channels that only send.
    pub tx: u32,
    /// Channels for other things.
    pub other: u32,
    /// Channels that do both.
    pub combined: u32,
}

impl Channels {
    pub(super) fn from_raw(raw: &bindings::ethtool_channels) -> Self {
        Self {
            max_rx: raw.max_rx,
            max_tx: raw.max_tx,
            max_other: raw.max_other,
            max_combined: raw.max_combined,
            rx: raw.rx_count,
            tx: raw.tx_count,
            other: raw.other_count,
            combined: raw.combined_count,
        }
    }

    pub(super) fn store(&self, raw: &mut bindings::ethtool_channels) {
        raw.max_rx = self.max_rx;
        raw.max_tx = self.max_tx;
        raw.max_other = self.max_other;
        raw.max_combined = self.max_combined;
        raw.rx_count = self.rx;
        raw.tx_count = self.tx;
        raw.other_count = self.other;
        raw.combined_count = self.combined;
    }
}

/// Interrupt moderation. A member that the device does not have is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coalesce {
    /// Microseconds by which a receive interrupt is delayed.
    pub rx_usecs: u32,
    /// Frames after which a receive interrupt comes.
    pub rx_frames: u32,
    /// Microseconds by which a transmit interrupt is delayed.
    pub tx_usecs: u32,
    /// Frames after which a transmit interrupt comes.
    pub tx_frames: u32,
    /// Whether the driver adapts the receive side to the traffic.
    pub adaptive_rx: bool,
    /// Whether the driver adapts the transmit side to the traffic.
    pub adaptive_tx: bool,
}

impl Coalesce {
    pub(super) fn from_raw(raw: &bindings::ethtool_coalesce) -> Self {
        Self {
            rx_usecs: raw.rx_coalesce_usecs,
            rx_frames: raw.rx_max_coalesced_frames,
            tx_usecs: raw.tx_coalesce_usecs,
            tx_frames: raw.tx_max_coalesced_frames,
            adaptive_rx: raw.use_adaptive_rx_coalesce != 0,
            adaptive_tx: raw.use_adaptive_tx_coalesce != 0,
        }
    }

    pub(super) fn store(&self, raw: &mut bindings::ethtool_coalesce) {
        raw.rx_coalesce_usecs = self.rx_usecs;
        raw.rx_max_coalesced_frames = self.rx_frames;
        raw.tx_coalesce_usecs = self.tx_usecs;
        raw.tx_max_coalesced_frames = self.tx_frames;
        raw.use_adaptive_rx_coalesce = self.adaptive_rx.into();
        raw.use_adaptive_tx_coalesce = self.adaptive_tx.into();
    }
}

/// A set of members of [`Coalesce`]; the core refuses to set others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoalesceParams(u32);

impl CoalesceParams {
    /// None.
    pub const NONE: Self = Self(0);
    /// [`Coalesce::rx_usecs`].
    pub const RX_USECS: Self = Self(bindings::KAPI_ETHTOOL_COALESCE_RX_USECS);
    /// [`Coalesce::rx_frames`].
    pub const RX_FRAMES: Self = Self(bindings::KAPI_ETHTOOL_COALESCE_RX_MAX_FRAMES);
    /// [`Coalesce::tx_usecs`].
    pub const TX_USECS: Self = Self(bindings::KAPI_ETHTOOL_COALESCE_TX_USECS);
    /// [`Coalesce::tx_frames`].
    pub const TX_FRAMES: Self = Self(bindings::KAPI_ETHTOOL_COALESCE_TX_MAX_FRAMES);
    /// [`Coalesce::adaptive_rx`].
    pub const ADAPTIVE_RX: Self = Self(bindings::KAPI_ETHTOOL_COALESCE_USE_ADAPTIVE_RX);
    /// [`Coalesce::adaptive_tx`].
    pub const ADAPTIVE_TX: Self = Self(bindings::KAPI_ETHTOOL_COALESCE_USE_ADAPTIVE_TX);

    /// All of both.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }
}

/// Flow control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PauseParam {
    /// Whether it is negotiated with the link partner.
    pub autoneg: bool,
    /// Whether received pause frames are obeyed.
    pub rx: bool,
    /// Whether pause frames are sent.
    pub tx: bool,
}

impl PauseParam {
    pub(super) fn from_raw(raw: &bindings::ethtool_pauseparam) -> Self {
        Self {
            autoneg: raw.autoneg != 0,
            rx: raw.rx_pause != 0,
            tx: raw.tx_pause != 0,
        }
    }

    pub(super) fn store(&self, raw: &mut bindings::ethtool_pauseparam) {
        raw.autoneg = self.autoneg.into();
        raw.rx_pause = self.rx.into();
        raw.tx_pause = self.tx.into();
    }
}

/// Pause frames that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PauseStats {
    /// Sent.
    pub tx: u64,
    /// Received.
    pub rx: u64,
}

/// Wake on LAN: sets of `WAKE_*` bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wol {
    /// What the device can do.
    pub supported: u32,
    /// What it does.
    pub active: u32,
}

impl Wol {
    /// By a change of the link.
    pub const PHY: u32 = bindings::WAKE_PHY;
    /// By a unicast frame.
    pub const UNICAST: u32 = bindings::WAKE_UCAST;
    /// By a multicast frame.
    pub const MULTICAST: u32 = bindings::WAKE_MCAST;
    /// By a broadcast frame.
    pub const BROADCAST: u32 = bindings::WAKE_BCAST;
    /// By a magic packet.
    pub const MAGIC: u32 = bindings::WAKE_MAGIC;
}

/// What `ethtool -i` shows. The core has filled in what it knows by itself.
pub struct DriverInfo<'a> {
    raw: &'a mut bindings::ethtool_drvinfo,
}

impl<'a> DriverInfo<'a> {
    pub(super) fn new(raw: &'a mut bindings::ethtool_drvinfo) -> Self {
        Self { raw }
    }

    /// Sets the version of the firmware; 31 bytes are kept.
    pub fn set_fw_version(&mut self, version: fmt::Arguments<'_>) {
        format_into(&mut self.raw.fw_version, version);
    }
}

/// Formats into a C string, cut to fit.
pub(in crate::kapi::net) fn format_into(to: &mut [c_char], text: fmt::Arguments<'_>) {
    to.fill(0);
    if let Some((_terminator, room)) = to.split_last_mut() {
        // It fails only when the text is cut, as it should be.
        let _ = fmt::Write::write_fmt(&mut Cut { room }, text);
    }
}

/// A writer into a place of fixed size.
struct Cut<'a> {
    room: &'a mut [c_char],
}

impl fmt::Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let len = text.len().min(self.room.len());
        // PANIC: `len` is not larger than either.
        let (to, rest) = core::mem::take(&mut self.room).split_at_mut(len);
        to.copy_from_slice(&text.as_bytes()[..len]);
        self.room = rest;
        if len < text.len() {
            return Err(fmt::Error);
        }
        Ok(())
    }
}
