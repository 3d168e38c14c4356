// SPDX-License-Identifier: GPL-2.0

//! What a driver tells and lets set through ethtool.
//!
//! - [`params`]: rings, channels, coalescing, pause, wake on LAN;
//! - [`link`]: speed, duplex and link modes;
//! - [`strings`]: the names of statistics and tests;
//! - [`dump`]: registers, EEPROM, self test, LEDs;
//! - [`rss`]: how received flows are spread over queues.
//!
//! C header: [`include/linux/ethtool.h`](srctree/include/linux/ethtool.h)

use kernel::{
    error::VTABLE_DEFAULT_ERROR,
    prelude::*,
    sync::ArcBorrow, //
};

use super::{
    Device,
    Driver,
    Extack,
    Rtnl, //
};

pub mod dump;
pub mod link;
mod ops;
pub mod params;
pub mod rss;
pub mod strings;

pub use self::{
    dump::{
        IdState,
        RegsDump,
        SelfTest, //
    },
    link::{
        Duplex,
        LinkMode,
        LinkModes,
        LinkSettings,
        Port, //
    },
    params::{
        Channels,
        Coalesce,
        CoalesceParams,
        DriverInfo,
        PauseParam,
        PauseStats,
        RingParam,
        Wol, //
    },
    rss::{
        FlowType,
        HashFields,
        HashFunction,
        Payload,
        RssChange,
        RssState, //
    },
    strings::{
        StatValues,
        Strings, //
    },
};
pub(super) use ops::EthtoolVtable;

/// The ethtool operations of a network device (`struct ethtool_ops`).
///
/// All run with the RTNL held, in process context, and may sleep; they may run while the device is
/// closed. Operations that are left out are absent for the core as well. The link state is the
/// carrier's, and the bus address and the driver's name are the parent's.
#[vtable]
pub trait Ethtool: Driver {
    /// The members of [`Coalesce`] that this device has. Not empty if it has `set_coalesce`.
    const COALESCE_PARAMS: CoalesceParams = CoalesceParams::NONE;

    /// Whether `start_xmit` calls [`SkBuff::tx_timestamp`](super::SkBuff::tx_timestamp).
    const SOFTWARE_TX_TIMESTAMPS: bool = false;

    /// Entries of the table of [`rss`](Self::rss). A constant, since the core gives room for as many
    /// as it was told of before, and does not say how many these were.
    const RSS_TABLE_LEN: u32 = 0;

    /// Bytes of the key of [`rss`](Self::rss).
    const RSS_KEY_LEN: u32 = 0;

    /// Adds the firmware's version and the like.
    fn drvinfo(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _info: &mut DriverInfo<'_>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The sizes of rings now, and their limits.
    fn ringparam(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> RingParam {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets `rx` and `tx` of `wanted`, which are within the limits.
    fn set_ringparam(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _wanted: &RingParam,
        _extack: &mut Extack<'_>,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The numbers of channels now, and their limits.
    fn channels(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> Channels {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets `rx`, `tx`, `other` and `combined` of `wanted`, which are within the limits and leave
    /// at least one way to send and one to receive.
    fn set_channels(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _wanted: &Channels) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The interrupt moderation now.
    fn coalesce(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> Result<Coalesce> {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets the interrupt moderation. Only members of [`COALESCE_PARAMS`](Self::COALESCE_PARAMS)
    /// differ from now.
    fn set_coalesce(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _wanted: &Coalesce,
        _extack: &mut Extack<'_>,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Names the statistics, in the order of [`stat_values`](Self::stat_values). Called first to
    /// count them.
    fn stat_names(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _names: &mut Strings<'_>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The statistics.
    fn stat_values(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _values: &mut StatValues<'_>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Names the tests, in the order of their results. Called first to count them.
    fn test_names(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _names: &mut Strings<'_>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Runs the tests. The interface is not detached meanwhile: the driver sees to that.
    fn self_test(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _test: &mut SelfTest<'_>) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The link's settings. `settings` is empty on entry.
    fn link_ksettings(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _settings: &mut LinkSettings,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets the link: speed, duplex, autonegotiation, what is advertised. Unchecked user input.
    fn set_link_ksettings(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _wanted: &LinkSettings,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Flow control.
    fn pauseparam(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> PauseParam {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets flow control.
    fn set_pauseparam(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _wanted: PauseParam,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The pause frames so far.
    fn pause_stats(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> PauseStats {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Which messages are printed (`NETIF_MSG_*`).
    fn msglevel(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> u32 {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets which messages are printed.
    fn set_msglevel(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _level: u32) {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Restarts autonegotiation.
    fn nway_reset(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Makes the LED blink, for a person to find the port. On [`IdState::Active`] the driver says
    /// how many times in a second it wants to be called with `On` and `Off`, or 0 if the device
    /// blinks by itself until [`IdState::Inactive`]. The RTNL is released between the calls.
    fn set_phys_id(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _state: IdState) -> Result<u8> {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// How many 32-bit words [`regs`](Self::regs) gives.
    fn regs_len(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> usize {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Dumps registers, of which reading has no side effect. Returns the version of the layout.
    fn regs(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _dump: &mut RegsDump<'_>) -> u32 {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The size of the EEPROM in bytes.
    fn eeprom_len(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> usize {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Reads the EEPROM from byte `offset` on; what is asked for is inside of it. Returns the magic
    /// number by which writing recognizes the device.
    fn eeprom(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _offset: usize,
        _out: &mut [u8],
    ) -> Result<u32> {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// By what the device can and does wake the machine.
    fn wol(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> Wol {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets by what the device wakes the machine (`WAKE_*`), a subset of what is supported.
    fn set_wol(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _options: u32) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The number of receive rings that flows are spread over.
    fn rx_ring_count(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>) -> u32 {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }
    /// How received flows are spread over queues. Process context, may sleep.
    ///
    /// # Errors
    ///
    /// What the driver likes; nobody sees the state then, and channels cannot be changed.
    fn rss(_this: ArcBorrow<'_, Self>, _dev: &Device<Rtnl>, _state: &mut RssState<'_>) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Spreads received flows in another way. With [`rx_ring_count`](Self::rx_ring_count), which
    /// bounds the table.
    ///
    /// A table that the user has set is to be kept: until he takes it back, the core refuses fewer
    /// channels than it names. When he takes it back he gets here a default one, entry `i` being
    /// `i % rings`. From then on the driver chooses, as before the first call;
    /// [`Device::rss_configured`] tells, but for the call itself.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] for a hash function that the device does not have, and what else the driver
    /// likes; nothing is changed then.
    fn set_rss(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _change: &RssChange<'_>,
        _extack: &mut Extack<'_>,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Which fields of a frame are hashed.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for a kind of flow that the device does not know.
    fn rss_fields(
        _this: ArcBorrow<'_, Self>,
        _dev: &Device<Rtnl>,
        _flow: FlowType,
    ) -> Result<HashFields> {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }
}
