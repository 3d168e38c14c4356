// SPDX-License-Identifier: GPL-2.0

//! Administration of Virtual Functions through the PF's network device (`ip link set ... vf N`).
//!
//! C header: [`include/linux/if_link.h`](srctree/include/linux/if_link.h)

use core::marker::PhantomData;

use crate::kapi::bindings;
use kernel::{
    error::VTABLE_DEFAULT_ERROR,
    prelude::*, //
};

use super::{
    addr::{
        MacAddress,
        ETH_ALEN,
        ETH_P_8021Q, //
    },
    driver::{
        Driver,
        RtnlCall, //
    },
    ops::optional,
    Device,
    Rtnl, //
};

/// The link that a VF is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// That of the PF.
    #[default]
    Auto,
    /// Always up: VFs can talk to each other without a wire.
    Enable,
    /// Always down.
    Disable,
}

impl LinkState {
    fn from_raw(raw: c_int) -> Result<Self> {
        match u32::try_from(raw) {
            Ok(bindings::IFLA_VF_LINK_STATE_AUTO) => Ok(Self::Auto),
            Ok(bindings::IFLA_VF_LINK_STATE_ENABLE) => Ok(Self::Enable),
            Ok(bindings::IFLA_VF_LINK_STATE_DISABLE) => Ok(Self::Disable),
            _ => Err(EINVAL),
        }
    }

    fn into_raw(self) -> u32 {
        match self {
            Self::Auto => bindings::IFLA_VF_LINK_STATE_AUTO,
            Self::Enable => bindings::IFLA_VF_LINK_STATE_ENABLE,
            Self::Disable => bindings::IFLA_VF_LINK_STATE_DISABLE,
        }
    }
}

/// How a VF is set up.
#[derive(Clone, Copy, Debug)]
pub struct VfInfo {
    /// Its address; all zero for none given.
    pub mac: MacAddress,
    /// The VLAN it is in, 0 for none.
    pub vlan: u16,
    /// The priority of its tags.
    pub qos: u8,
    /// EtherType of its tags in host order.
    pub vlan_proto: u16,
    /// Whether its source addresses are checked; [`None`] where that is unknown.
    pub spoofchk: Option<bool>,
    /// Whether it is trusted; [`None`] where that is unknown.
    pub trusted: Option<bool>,
    /// Whether it may ask for the spreading of flows and its key; [`None`] where that is unknown.
    pub rss_query: Option<bool>,
    /// Its link.
    pub link_state: LinkState,
    /// Guaranteed rate in Mbit/s, 0 for none.
    pub min_tx_rate: u32,
    /// Limit in Mbit/s, 0 for none.
    pub max_tx_rate: u32,
}

impl Default for VfInfo {
    fn default() -> Self {
        Self {
            mac: [0; ETH_ALEN],
            vlan: 0,
            qos: 0,
            vlan_proto: ETH_P_8021Q,
            spoofchk: None,
            trusted: None,
            rss_query: None,
            link_state: LinkState::Auto,
            min_tx_rate: 0,
            max_tx_rate: 0,
        }
    }
}

impl VfInfo {
    fn to_raw(self, vf: u32) -> bindings::ifla_vf_info {
        // User space takes all ones for a driver that says nothing.
        let or_unknown = |value: Option<bool>| value.map_or(u32::MAX, u32::from);
        let mut raw = bindings::ifla_vf_info {
            vf,
            vlan: self.vlan.into(),
            qos: self.qos.into(),
            spoofchk: or_unknown(self.spoofchk),
            linkstate: self.link_state.into_raw(),
            min_tx_rate: self.min_tx_rate,
            max_tx_rate: self.max_tx_rate,
            rss_query_en: or_unknown(self.rss_query),
            trusted: or_unknown(self.trusted),
            vlan_proto: self.vlan_proto.to_be(),
            ..Default::default()
        };
        for (to, from) in raw.mac.iter_mut().zip(self.mac) {
            *to = from;
        }
        raw
    }
}

/// The traffic of a VF.
#[derive(Clone, Copy, Debug, Default)]
pub struct VfStats {
    /// Frames that it received.
    pub rx_packets: u64,
    /// Frames that it sent.
    pub tx_packets: u64,
    /// Bytes that it received.
    pub rx_bytes: u64,
    /// Bytes that it sent.
    pub tx_bytes: u64,
    /// Broadcast frames that it received.
    pub broadcast: u64,
    /// Multicast frames that it received.
    pub multicast: u64,
    /// Frames for it that were dropped.
    pub rx_dropped: u64,
    /// Frames from it that were dropped.
    pub tx_dropped: u64,
}

/// What the administrator does to the VFs of a device.
///
/// Operations are as those of [`Driver`]. `vf` counts from 0; the driver checks it, as the core does not.
#[vtable]
pub trait VfAdmin {
    /// Sets the address of a VF; any six bytes, all zero by convention to take it back.
    fn set_vf_mac(&self, _dev: &Device<Rtnl>, _vf: u32, _mac: MacAddress) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Puts a VF into a VLAN (0 and 0: into none). `proto` is the EtherType of the tag in host
    /// order, as user space gave it; `vlan` and `qos` are unchecked as well.
    fn set_vf_vlan(
        &self,
        _dev: &Device<Rtnl>,
        _vf: u32,
        _vlan: u16,
        _qos: u8,
        _proto: u16,
    ) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Limits what a VF sends, in Mbit/s; 0 is no limit.
    fn set_vf_rate(&self, _dev: &Device<Rtnl>, _vf: u32, _min: u32, _max: u32) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether a VF is kept from sending with a foreign address.
    fn set_vf_spoofchk(&self, _dev: &Device<Rtnl>, _vf: u32, _on: bool) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether a VF may change what the administrator would otherwise decide.
    fn set_vf_trust(&self, _dev: &Device<Rtnl>, _vf: u32, _on: bool) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets the link that a VF sees.
    fn set_vf_link_state(&self, _dev: &Device<Rtnl>, _vf: u32, _state: LinkState) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether a VF may ask how flows are spread over queues, and by what key.
    fn set_vf_rss_query(&self, _dev: &Device<Rtnl>, _vf: u32, _on: bool) -> Result {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// How a VF is set up. Needed for every display of VFs.
    fn get_vf_config(&self, _dev: &Device<Rtnl>, _vf: u32) -> Result<VfInfo> {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The traffic of a VF.
    fn get_vf_stats(&self, _dev: &Device<Rtnl>, _vf: u32) -> Result<VfStats> {
        kernel::build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// Of a device without VFs. No more public than the module's type, which [`vtable`] puts into it.
pub(crate) enum NoVfs {}

#[vtable]
impl VfAdmin for NoVfs {}

/// The part of the `net_device_ops` of a driver that is about VFs.
pub(super) struct VfOps<T>(PhantomData<T>);

impl<T: Driver> VfOps<T> {
    /// Adds them to `ops`.
    pub(super) const fn add(ops: bindings::net_device_ops) -> bindings::net_device_ops {
        bindings::net_device_ops {
            ndo_set_vf_mac: optional!(T::Vfs::HAS_SET_VF_MAC, Self::set_vf_mac),
            ndo_set_vf_vlan: optional!(T::Vfs::HAS_SET_VF_VLAN, Self::set_vf_vlan),
            ndo_set_vf_rate: optional!(T::Vfs::HAS_SET_VF_RATE, Self::set_vf_rate),
            ndo_set_vf_spoofchk: optional!(T::Vfs::HAS_SET_VF_SPOOFCHK, Self::set_vf_spoofchk),
            ndo_set_vf_trust: optional!(T::Vfs::HAS_SET_VF_TRUST, Self::set_vf_trust),
            ndo_set_vf_link_state: optional!(
                T::Vfs::HAS_SET_VF_LINK_STATE,
                Self::set_vf_link_state
            ),
            ndo_set_vf_rss_query_en: optional!(
                T::Vfs::HAS_SET_VF_RSS_QUERY,
                Self::set_vf_rss_query
            ),
            ndo_get_vf_config: optional!(T::Vfs::HAS_GET_VF_CONFIG, Self::get_vf_config),
            ndo_get_vf_stats: optional!(T::Vfs::HAS_GET_VF_STATS, Self::get_vf_stats),
            ..ops
        }
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL; `mac` is an address.
    unsafe extern "C" fn set_vf_mac(
        dev: *mut bindings::net_device,
        vf: c_int,
        mac: *mut u8,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        let mac: MacAddress = unsafe { mac.cast::<[u8; ETH_ALEN]>().read() };
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }
            .run_vf(vf, |this, dev, vf| this.vfs().set_vf_mac(dev, vf, mac))
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn set_vf_vlan(
        dev: *mut bindings::net_device,
        vf: c_int,
        vlan: u16,
        qos: u8,
        proto: bindings::__be16,
    ) -> c_int {
        let proto = u16::from_be(proto);
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run_vf(vf, |this, dev, vf| {
            this.vfs().set_vf_vlan(dev, vf, vlan, qos, proto)
        })
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn set_vf_rate(
        dev: *mut bindings::net_device,
        vf: c_int,
        min: c_int,
        max: c_int,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run_vf(vf, |this, dev, vf| {
            let min = u32::try_from(min).map_err(|_| EINVAL)?;
            let max = u32::try_from(max).map_err(|_| EINVAL)?;
            this.vfs().set_vf_rate(dev, vf, min, max)
        })
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn set_vf_spoofchk(
        dev: *mut bindings::net_device,
        vf: c_int,
        on: bool,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }
            .run_vf(vf, |this, dev, vf| this.vfs().set_vf_spoofchk(dev, vf, on))
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn set_vf_trust(
        dev: *mut bindings::net_device,
        vf: c_int,
        on: bool,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }
            .run_vf(vf, |this, dev, vf| this.vfs().set_vf_trust(dev, vf, on))
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn set_vf_link_state(
        dev: *mut bindings::net_device,
        vf: c_int,
        state: c_int,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run_vf(vf, |this, dev, vf| {
            this.vfs()
                .set_vf_link_state(dev, vf, LinkState::from_raw(state)?)
        })
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn set_vf_rss_query(
        dev: *mut bindings::net_device,
        vf: c_int,
        on: bool,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }
            .run_vf(vf, |this, dev, vf| this.vfs().set_vf_rss_query(dev, vf, on))
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL; `out` is the caller's
    /// own. It may be uninitialized (`rtnl_set_vf_rate` relies on what is written here).
    unsafe extern "C" fn get_vf_config(
        dev: *mut bindings::net_device,
        vf: c_int,
        out: *mut bindings::ifla_vf_info,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run_vf(vf, |this, dev, vf| {
            let info = this.vfs().get_vf_config(dev, vf)?;
            // SAFETY: By the requirements of this function.
            unsafe { out.write(info.to_raw(vf)) };
            Ok(())
        })
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL; `out` is the caller's
    /// own.
    unsafe extern "C" fn get_vf_stats(
        dev: *mut bindings::net_device,
        vf: c_int,
        out: *mut bindings::ifla_vf_stats,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run_vf(vf, |this, dev, vf| {
            let stats = this.vfs().get_vf_stats(dev, vf)?;
            // SAFETY: By the requirements of this function.
            unsafe {
                out.write(bindings::ifla_vf_stats {
                    rx_packets: stats.rx_packets,
                    tx_packets: stats.tx_packets,
                    rx_bytes: stats.rx_bytes,
                    tx_bytes: stats.tx_bytes,
                    broadcast: stats.broadcast,
                    multicast: stats.multicast,
                    rx_dropped: stats.rx_dropped,
                    tx_dropped: stats.tx_dropped,
                })
            };
            Ok(())
        })
    }
}
