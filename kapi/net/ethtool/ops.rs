// SPDX-License-Identifier: GPL-2.0

//! The `ethtool_ops` of a driver.

use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    slice, //
};

use crate::kapi::{
    bindings,
    net::{
        driver::RtnlCall,
        ops::optional,
        Device,
        Extack,
        Rtnl, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Relaxed,
        ArcBorrow, //
    },
};

use super::{
    strings::{
        Place,
        StringSet, //
    },
    Channels,
    Coalesce,
    DriverInfo,
    Ethtool,
    FlowType,
    IdState,
    LinkSettings,
    PauseParam,
    PauseStats,
    RegsDump,
    RingParam,
    RssChange,
    RssState,
    SelfTest,
    StatValues,
    Strings, //
};

/// The `ethtool_ops` of a driver.
///
/// # Safety of the functions
///
/// The core calls them for a device registered with a `T`, under the RTNL. The structures it gives
/// are initialized and its own.
pub(in crate::kapi::net) struct EthtoolVtable<T>(PhantomData<T>);

/// Declares operations: `fn name(driver, device; C arguments) { body }`, where the body is of type
/// [`Result`]`<c_int>` and C gets that (`int`), the value without errors (`uint`), or nothing
/// (`void`).
macro_rules! operations {
    ($(
        $kind:ident fn $name:ident(
            $this:ident, $dev:ident $(; $($arg:ident: $ty:ty),+)?
        ) $body:block
    )*) => {
        $(
            /// # Safety
            ///
            /// See [`EthtoolVtable`].
            unsafe extern "C" fn $name(
                dev: *mut bindings::net_device,
                $($($arg: $ty,)+)?
            ) -> operations!(@type $kind) {
                // SAFETY: By the requirements of this function.
                let result = unsafe { RtnlCall::<T>::new(dev) }.run(|$this, $dev| $body);
                operations!(@value $kind result)
            }
        )*
    };
    (@type int) => { c_int };
    (@type uint) => { u32 };
    (@type void) => { () };
    (@value int $result:ident) => { $result };
    (@value uint $result:ident) => { u32::try_from($result).unwrap_or(0) };
    (@value void $result:ident) => {{ let _ = $result; }};
}

impl<T: Ethtool> EthtoolVtable<T> {
    const OPS: bindings::ethtool_ops = {
        // SAFETY: All members are numbers, pointers or optional functions: all zero is valid.
        let none: bindings::ethtool_ops = unsafe { MaybeUninit::zeroed().assume_init() };
        bindings::ethtool_ops {
            supported_coalesce_params: T::COALESCE_PARAMS.bits(),
            get_drvinfo: optional!(T::HAS_DRVINFO, Self::get_drvinfo),
            get_regs_len: optional!(T::HAS_REGS, Self::get_regs_len),
            get_regs: optional!(T::HAS_REGS, Self::get_regs),
            get_wol: optional!(T::HAS_WOL, Self::get_wol),
            set_wol: optional!(T::HAS_SET_WOL, Self::set_wol),
            get_msglevel: optional!(T::HAS_MSGLEVEL, Self::get_msglevel),
            set_msglevel: optional!(T::HAS_SET_MSGLEVEL, Self::set_msglevel),
            nway_reset: optional!(T::HAS_NWAY_RESET, Self::nway_reset),
            get_link: Some(bindings::ethtool_op_get_link),
            get_eeprom_len: optional!(T::HAS_EEPROM, Self::get_eeprom_len),
            get_eeprom: optional!(T::HAS_EEPROM, Self::get_eeprom),
            get_coalesce: optional!(T::HAS_COALESCE, Self::get_coalesce),
            set_coalesce: optional!(T::HAS_SET_COALESCE, Self::set_coalesce),
            get_ringparam: optional!(T::HAS_RINGPARAM, Self::get_ringparam),
            set_ringparam: optional!(T::HAS_SET_RINGPARAM, Self::set_ringparam),
            get_pauseparam: optional!(T::HAS_PAUSEPARAM, Self::get_pauseparam),
            get_pause_stats: optional!(T::HAS_PAUSE_STATS, Self::get_pause_stats),
            set_pauseparam: optional!(T::HAS_SET_PAUSEPARAM, Self::set_pauseparam),
            self_test: optional!(T::HAS_SELF_TEST, Self::self_test),
            get_strings: optional!(Self::HAS_STRINGS, Self::get_strings),
            set_phys_id: optional!(T::HAS_SET_PHYS_ID, Self::set_phys_id),
            get_ethtool_stats: optional!(T::HAS_STAT_VALUES, Self::get_ethtool_stats),
            get_sset_count: optional!(Self::HAS_STRINGS, Self::get_sset_count),
            get_rx_ring_count: optional!(T::HAS_RX_RING_COUNT, Self::get_rx_ring_count),
            get_rxfh_key_size: optional!(T::HAS_RSS, Self::get_rxfh_key_size),
            get_rxfh_indir_size: optional!(T::HAS_RSS, Self::get_rxfh_indir_size),
            get_rxfh: optional!(T::HAS_RSS, Self::get_rxfh),
            set_rxfh: optional!(T::HAS_SET_RSS, Self::set_rxfh),
            get_rxfh_fields: optional!(T::HAS_RSS_FIELDS, Self::get_rxfh_fields),
            get_channels: optional!(T::HAS_CHANNELS, Self::get_channels),
            set_channels: optional!(T::HAS_SET_CHANNELS, Self::set_channels),
            get_ts_info: optional!(T::SOFTWARE_TX_TIMESTAMPS, bindings::ethtool_op_get_ts_info),
            get_link_ksettings: optional!(T::HAS_LINK_KSETTINGS, Self::get_link_ksettings),
            set_link_ksettings: optional!(T::HAS_SET_LINK_KSETTINGS, Self::set_link_ksettings),
            ..none
        }
    };

    const HAS_STRINGS: bool = T::HAS_STAT_NAMES || T::HAS_TEST_NAMES;

    /// The operations.
    pub(in crate::kapi::net) const fn ops() -> *const bindings::ethtool_ops {
        const {
            // What the core would find out at registration, or at the first call.
            assert!(!T::HAS_SET_COALESCE || T::COALESCE_PARAMS.bits() != 0);
            assert!(T::HAS_STAT_NAMES == T::HAS_STAT_VALUES);
            assert!(T::HAS_TEST_NAMES == T::HAS_SELF_TEST);
            assert!(T::HAS_REGS == T::HAS_REGS_LEN && T::HAS_EEPROM == T::HAS_EEPROM_LEN);
            assert!(T::HAS_RSS || !T::HAS_SET_RSS);
            assert!(T::HAS_RX_RING_COUNT || !T::HAS_SET_RSS);
            assert!(T::HAS_RSS == (T::RSS_TABLE_LEN + T::RSS_KEY_LEN != 0));
        }
        &Self::OPS
    }

    /// Gives the names of a set to `names`.
    fn strings(
        this: ArcBorrow<'_, T>,
        dev: &Device<Rtnl>,
        set: StringSet,
        names: &mut Strings<'_>,
    ) -> Result {
        match set {
            StringSet::Stats if T::HAS_STAT_NAMES => T::stat_names(this, dev, names),
            StringSet::Test if T::HAS_TEST_NAMES => T::test_names(this, dev, names),
            _ => return Err(EOPNOTSUPP),
        }
        Ok(())
    }

    operations! {
        int fn get_sset_count(this, dev; set: c_int) {
            let set = u32::try_from(set).ok().and_then(StringSet::from_raw).ok_or(EOPNOTSUPP)?;
            let mut names = Strings::new(&mut []);
            Self::strings(this, dev, set, &mut names)?;
            // The core warns of a set that exists and is empty.
            if names.count() == 0 {
                return Err(EOPNOTSUPP);
            }
            let count = c_int::try_from(names.count())?;
            if let Some(told) = dev.private().string_count(set as usize) {
                told.store(count.unsigned_abs(), Relaxed);
            }
            Ok(count)
        }

        void fn get_strings(this, dev; set: u32, data: *mut u8) {
            let set = StringSet::from_raw(set).ok_or(EOPNOTSUPP)?;
            let told = dev.private().string_count(set as usize).map_or(0, |n| n.load(Relaxed));
            // SAFETY: The core allocated and zeroed as many names as it was told of last, under
            // this same hold of the RTNL.
            let places = unsafe { slice::from_raw_parts_mut(data.cast::<Place>(), told as usize) };
            Self::strings(this, dev, set, &mut Strings::new(places))?;
            Ok(0)
        }

        void fn get_ethtool_stats(this, dev;
                                  stats: *mut bindings::ethtool_stats, data: *mut u64) {
            // SAFETY: The core allocated `n_stats` values, which it got from `get_sset_count`.
            let places = unsafe { slice::from_raw_parts_mut(data, (*stats).n_stats as usize) };
            places.fill(0);
            T::stat_values(this, dev, &mut StatValues::new(places));
            Ok(0)
        }

        void fn self_test(this, dev; test: *mut bindings::ethtool_test, data: *mut u64) {
            // SAFETY: The core allocated and zeroed `len` results.
            let (flags, results) = unsafe {
                let len = (*test).len as usize;
                (&mut (*test).flags, slice::from_raw_parts_mut(data, len))
            };
            T::self_test(this, dev, &mut SelfTest::new(flags, results));
            Ok(0)
        }

        void fn get_drvinfo(this, dev; info: *mut bindings::ethtool_drvinfo) {
            // SAFETY: See `EthtoolVtable`.
            T::drvinfo(this, dev, &mut DriverInfo::new(unsafe { &mut *info }));
            Ok(0)
        }

        int fn get_regs_len(this, dev) {
            let len = T::regs_len(this, dev).checked_mul(size_of::<u32>()).ok_or(EOVERFLOW)?;
            Ok(c_int::try_from(len)?)
        }

        void fn get_regs(this, dev; regs: *mut bindings::ethtool_regs, data: *mut c_void) {
            // SAFETY: `data` is from vmalloc, thus aligned, zeroed, and at least `len` bytes long.
            let places = unsafe {
                let words = (*regs).len as usize / size_of::<u32>();
                slice::from_raw_parts_mut(data.cast::<u32>(), words)
            };
            let version = T::regs(this, dev, &mut RegsDump::new(places));
            // SAFETY: See `EthtoolVtable`.
            unsafe { (*regs).version = version };
            Ok(0)
        }

        void fn get_wol(this, dev; wol: *mut bindings::ethtool_wolinfo) {
            let state = T::wol(this, dev);
            // SAFETY: See `EthtoolVtable`.
            unsafe {
                (*wol).supported = state.supported;
                (*wol).wolopts = state.active;
            }
            Ok(0)
        }

        int fn set_wol(this, dev; wol: *mut bindings::ethtool_wolinfo) {
            // SAFETY: See `EthtoolVtable`.
            T::set_wol(this, dev, unsafe { (*wol).wolopts }).map(|()| 0)
        }

        int fn nway_reset(this, dev) {
            T::nway_reset(this, dev).map(|()| 0)
        }

        int fn get_eeprom_len(this, dev) {
            Ok(c_int::try_from(T::eeprom_len(this, dev))?)
        }

        int fn get_eeprom(this, dev; eeprom: *mut bindings::ethtool_eeprom, data: *mut u8) {
            // SAFETY: The core allocated and zeroed at least `len` bytes.
            let (offset, out) = unsafe {
                let len = (*eeprom).len as usize;
                ((*eeprom).offset as usize, slice::from_raw_parts_mut(data, len))
            };
            let magic = T::eeprom(this, dev, offset, out)?;
            // SAFETY: See `EthtoolVtable`.
            unsafe { (*eeprom).magic = magic };
            Ok(0)
        }

        int fn get_coalesce(this, dev;
                            coalesce: *mut bindings::ethtool_coalesce,
                            _kernel: *mut bindings::kernel_ethtool_coalesce,
                            _extack: *mut bindings::netlink_ext_ack) {
            // SAFETY: See `EthtoolVtable`.
            T::coalesce(this, dev)?.store(unsafe { &mut *coalesce });
            Ok(0)
        }

        int fn set_coalesce(this, dev;
                            coalesce: *mut bindings::ethtool_coalesce,
                            _kernel: *mut bindings::kernel_ethtool_coalesce,
                            extack: *mut bindings::netlink_ext_ack) {
            // SAFETY: See `EthtoolVtable`.
            let (wanted, mut extack) = unsafe {
                (Coalesce::from_raw(&*coalesce), Extack::from_raw(extack))
            };
            T::set_coalesce(this, dev, &wanted, &mut extack).map(|()| 0)
        }

        void fn get_ringparam(this, dev;
                              ring: *mut bindings::ethtool_ringparam,
                              _kernel: *mut bindings::kernel_ethtool_ringparam,
                              _extack: *mut bindings::netlink_ext_ack) {
            // SAFETY: See `EthtoolVtable`.
            T::ringparam(this, dev).store(unsafe { &mut *ring });
            Ok(0)
        }

        int fn set_ringparam(this, dev;
                             ring: *mut bindings::ethtool_ringparam,
                             _kernel: *mut bindings::kernel_ethtool_ringparam,
                             extack: *mut bindings::netlink_ext_ack) {
            // SAFETY: See `EthtoolVtable`.
            let (wanted, mut extack, mini, jumbo) = unsafe {
                let wanted = RingParam::from_raw(&*ring);
                let (mini, jumbo) = ((*ring).rx_mini_pending, (*ring).rx_jumbo_pending);
                (wanted, Extack::from_raw(extack), mini, jumbo)
            };
            if mini != 0 || jumbo != 0 {
                return Err(extack.fail(EINVAL, c"there are no mini and jumbo rings"));
            }
            T::set_ringparam(this, dev, &wanted, &mut extack).map(|()| 0)
        }

        void fn get_channels(this, dev; channels: *mut bindings::ethtool_channels) {
            // SAFETY: See `EthtoolVtable`.
            T::channels(this, dev).store(unsafe { &mut *channels });
            Ok(0)
        }

        int fn set_channels(this, dev; channels: *mut bindings::ethtool_channels) {
            // SAFETY: See `EthtoolVtable`.
            let wanted = Channels::from_raw(unsafe { &*channels });
            T::set_channels(this, dev, &wanted).map(|()| 0)
        }

        void fn get_pauseparam(this, dev; pause: *mut bindings::ethtool_pauseparam) {
            // SAFETY: See `EthtoolVtable`.
            T::pauseparam(this, dev).store(unsafe { &mut *pause });
            Ok(0)
        }

        int fn set_pauseparam(this, dev; pause: *mut bindings::ethtool_pauseparam) {
            // SAFETY: See `EthtoolVtable`.
            let wanted = PauseParam::from_raw(unsafe { &*pause });
            T::set_pauseparam(this, dev, wanted).map(|()| 0)
        }

        void fn get_pause_stats(this, dev; stats: *mut bindings::ethtool_pause_stats) {
            let PauseStats { tx, rx } = T::pause_stats(this, dev);
            // SAFETY: See `EthtoolVtable`. Both members of the union are the same words.
            unsafe {
                let words = &mut (*stats).__bindgen_anon_1.stats;
                words.tx_pause_frames = tx;
                words.rx_pause_frames = rx;
            }
            Ok(0)
        }

        void fn set_msglevel(this, dev; level: u32) {
            T::set_msglevel(this, dev, level);
            Ok(0)
        }

        int fn set_phys_id(this, dev; state: bindings::ethtool_phys_id_state) {
            T::set_phys_id(this, dev, IdState::from_raw(state)?).map(c_int::from)
        }

        uint fn get_rx_ring_count(this, dev) {
            Ok(c_int::try_from(T::rx_ring_count(this, dev))?)
        }

        int fn get_link_ksettings(this, dev; link: *mut bindings::ethtool_link_ksettings) {
            let mut settings = LinkSettings::default();
            T::link_ksettings(this, dev, &mut settings)?;
            // SAFETY: See `EthtoolVtable`.
            settings.store(unsafe { &mut *link });
            Ok(0)
        }

        int fn set_link_ksettings(this, dev; link: *const bindings::ethtool_link_ksettings) {
            // SAFETY: See `EthtoolVtable`.
            let raw = unsafe { &*link };
            // The crossover of the pairs is not among the settings, and so says what was got.
            if u32::from(raw.base.eth_tp_mdix_ctrl) != bindings::ETH_TP_MDI_INVALID {
                return Err(EOPNOTSUPP);
            }
            let wanted = LinkSettings::from_raw(raw);
            T::set_link_ksettings(this, dev, &wanted).map(|()| 0)
        }
    }

    operations! {
        uint fn get_rxfh_indir_size(_this, _dev) {
            Ok(c_int::try_from(T::RSS_TABLE_LEN)?)
        }

        uint fn get_rxfh_key_size(_this, _dev) {
            Ok(c_int::try_from(T::RSS_KEY_LEN)?)
        }

        int fn get_rxfh(this, dev; rxfh: *mut bindings::ethtool_rxfh_param) {
            // SAFETY: See `EthtoolVtable`. `indir` and `key` are null, or point to as many elements
            // as `get_rxfh_indir_size` and `get_rxfh_key_size` say, which are constants. The sizes
            // beside them may be zero all the same, as when the core looks for the highest queue.
            let (function, table, key) = unsafe {
                let (table, key) = ((*rxfh).indir, (*rxfh).key);
                (
                    &mut (*rxfh).hfunc,
                    Self::elements(table, T::RSS_TABLE_LEN).unwrap_or_default(),
                    Self::elements(key, T::RSS_KEY_LEN).unwrap_or_default(),
                )
            };
            T::rss(this, dev, &mut RssState::new(function, table, key)).map(|()| 0)
        }

        int fn set_rxfh(this, dev;
                        rxfh: *mut bindings::ethtool_rxfh_param,
                        extack: *mut bindings::netlink_ext_ack) {
            // SAFETY: As for `get_rxfh`.
            let (function, table, key, mut extack) = unsafe {
                (
                    (*rxfh).hfunc,
                    Self::elements((*rxfh).indir, T::RSS_TABLE_LEN),
                    Self::elements((*rxfh).key, T::RSS_KEY_LEN),
                    Extack::from_raw(extack),
                )
            };
            let change = RssChange::new(function, table.map(|t| &*t), key.map(|k| &*k))?;
            T::set_rss(this, dev, &change, &mut extack).map(|()| 0)
        }

        int fn get_rxfh_fields(this, dev; fields: *mut bindings::ethtool_rxfh_fields) {
            // SAFETY: See `EthtoolVtable`.
            let fields = unsafe { &mut *fields };
            fields.data = T::rss_fields(this, dev, FlowType::from_raw(fields.flow_type)?)?.bits();
            Ok(0)
        }
    }

    /// What an optional array holds; [`None`] if there is none.
    ///
    /// # Safety
    ///
    /// `first` is null, or points to `len` initialized elements that nobody else uses for `'a`.
    unsafe fn elements<'a, E>(first: *mut E, len: u32) -> Option<&'a mut [E]> {
        if first.is_null() {
            return None;
        }
        // SAFETY: By the requirements of this function.
        // CAST: Widens.
        Some(unsafe { slice::from_raw_parts_mut(first, len as usize) })
    }

    /// # Safety
    ///
    /// See [`EthtoolVtable`].
    unsafe extern "C" fn get_msglevel(dev: *mut bindings::net_device) -> u32 {
        // SAFETY: By the requirements of this function.
        let call = unsafe { RtnlCall::<T>::new(dev) };
        call.this().map_or(0, |this| T::msglevel(this, call.dev()))
    }
}
