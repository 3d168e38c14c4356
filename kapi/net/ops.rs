// SPDX-License-Identifier: GPL-2.0

//! The `net_device_ops` of a [`Driver`]: the core calls these functions directly.

use core::{
    marker::PhantomData,
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ptr::{
        self,
        NonNull, //
    },
};

use crate::kapi::bindings;
use kernel::prelude::*;

use super::{
    addr::{
        is_valid_ether_addr,
        AddrList,
        MacAddress,
        RxMode,
        ETH_ALEN,
        ETH_P_8021Q, //
    },
    driver::{
        Driver,
        RtnlCall, //
    },
    features::Features,
    queue::XmitQueue,
    skb::{
        SkBuff,
        TxVerdict, //
    },
    stats::Stats64,
    vf::VfOps,
    xdp::{
        Program,
        XdpFrames, //
    },
    xsk,
    Device,
    Extack,
    Normal,
    Softirq, //
};

/// The operation, if the driver has it.
macro_rules! optional {
    ($has:expr, $op:expr) => {
        if $has {
            Some($op)
        } else {
            None
        }
    };
}
pub(super) use optional;

/// The `net_device_ops` of a driver.
pub(super) struct DriverVtable<T>(PhantomData<T>);

/// EtherType of an 802.1Q tag, as the core gives it.
const ETH_P_8021Q_BE: u16 = ETH_P_8021Q.to_be();

impl<T: Driver> DriverVtable<T> {
    const OPS: bindings::net_device_ops = {
        // SAFETY: All members are pointers or optional functions, for which all zero is valid.
        let none: bindings::net_device_ops = unsafe { MaybeUninit::zeroed().assume_init() };
        bindings::net_device_ops {
            ndo_uninit: Some(Self::uninit),
            ndo_open: Some(Self::open),
            ndo_stop: Some(Self::stop),
            ndo_start_xmit: Some(Self::start_xmit),
            ndo_features_check: optional!(T::HAS_FEATURES_CHECK, Self::features_check),
            ndo_set_rx_mode_async: optional!(T::HAS_SET_RX_MODE, Self::set_rx_mode),
            ndo_set_mac_address: optional!(T::HAS_SET_MAC_ADDRESS, Self::set_mac_address),
            ndo_validate_addr: Some(bindings::eth_validate_addr),
            ndo_change_mtu: optional!(T::HAS_CHANGE_MTU, Self::change_mtu),
            ndo_tx_timeout: optional!(T::HAS_TX_TIMEOUT, Self::tx_timeout),
            ndo_get_stats64: optional!(T::HAS_STATS64, Self::get_stats64),
            ndo_vlan_rx_add_vid: optional!(T::HAS_VLAN_RX_ADD_VID, Self::vlan_rx_add_vid),
            ndo_vlan_rx_kill_vid: optional!(T::HAS_VLAN_RX_KILL_VID, Self::vlan_rx_kill_vid),
            ndo_fix_features: optional!(T::HAS_FIX_FEATURES, Self::fix_features),
            ndo_set_features: optional!(T::HAS_SET_FEATURES, Self::set_features),
            ndo_bpf: optional!(T::HAS_SET_PROGRAM, Self::bpf),
            ndo_xdp_xmit: optional!(T::HAS_XDP_XMIT, Self::xdp_xmit),
            ndo_xsk_wakeup: optional!(T::HAS_ADD_XSK_POOL, xsk::wake_up),
            ..VfOps::<T>::add(none)
        }
    };

    const SET_UP_XSK: Option<xsk::SetUp<T>> = optional!(T::HAS_ADD_XSK_POOL, xsk::set_up::<T>);

    /// The operations.
    pub(super) const fn ops() -> *const bindings::net_device_ops {
        &Self::OPS
    }

    /// What the device can do with programs of XDP, by its operations.
    pub(super) const fn xdp_features() -> bindings::xdp_features_t {
        let mut features = 0;
        if T::HAS_SET_PROGRAM {
            features |= bindings::netdev_xdp_act_NETDEV_XDP_ACT_BASIC
                | bindings::netdev_xdp_act_NETDEV_XDP_ACT_REDIRECT;
        }
        if T::HAS_SET_PROGRAM && T::XDP_FRAGS {
            features |= bindings::netdev_xdp_act_NETDEV_XDP_ACT_RX_SG;
        }
        if T::HAS_XDP_XMIT {
            features |= bindings::netdev_xdp_act_NETDEV_XDP_ACT_NDO_XMIT;
        }
        if T::HAS_XDP_XMIT && T::XDP_FRAGS {
            features |= bindings::netdev_xdp_act_NETDEV_XDP_ACT_NDO_XMIT_SG;
        }
        if T::HAS_ADD_XSK_POOL {
            features |= bindings::netdev_xdp_act_NETDEV_XDP_ACT_XSK_ZEROCOPY;
        }
        features
    }

    /// # Safety
    ///
    /// Called by the core at the end of the life of a device that was made by [`Device`].
    unsafe extern "C" fn uninit(dev: *mut bindings::net_device) {
        // SAFETY: By the requirements of this function.
        let dev = unsafe { Device::<Normal>::from_raw(dev) };
        dev.private().set_gone();
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn open(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run(|this, dev| T::open(this, dev).map(|()| 0))
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn stop(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run(|this, dev| {
            T::stop(this, dev);
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by the core for an open device registered with a `T`, with the lock of the transmit
    /// queue that `skb` is mapped to. `skb` is given to this function unless it returns
    /// `NETDEV_TX_BUSY`.
    unsafe extern "C" fn start_xmit(
        skb: *mut bindings::sk_buff,
        dev: *mut bindings::net_device,
    ) -> bindings::netdev_tx_t {
        // SAFETY: By the requirements of this function.
        let device = unsafe { Device::<Normal>::from_raw(dev) };
        // SAFETY: An open device is registered, and was with a `T`.
        let Some(this) = (unsafe { device.private().data::<T>() }) else {
            return bindings::netdev_tx_NETDEV_TX_BUSY;
        };
        // SAFETY: By the requirements of this function; the core maps to an existing queue, and
        // `_tx` is the array of them.
        let (frame, mut queue) = unsafe {
            let index = (*skb).queue_mapping;
            let queue = XmitQueue::new((*dev)._tx.add(usize::from(index)), index);
            (SkBuff::from_raw(NonNull::new_unchecked(skb)), queue)
        };
        match T::start_xmit(this, &device, frame, &mut queue) {
            TxVerdict::Busy(frame) if ptr::eq(frame.as_raw(), skb) => {
                // The core keeps it.
                frame.into_raw();
                bindings::netdev_tx_NETDEV_TX_BUSY
            }
            // With another frame given back, `skb` was taken all the same.
            TxVerdict::Ok | TxVerdict::Busy(_) => bindings::netdev_tx_NETDEV_TX_OK,
        }
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, with a valid `skb`.
    unsafe extern "C" fn features_check(
        skb: *mut bindings::sk_buff,
        dev: *mut bindings::net_device,
        features: bindings::netdev_features_t,
    ) -> bindings::netdev_features_t {
        // SAFETY: By the requirements of this function.
        let dev = unsafe { Device::<Normal>::from_raw(dev) };
        // SAFETY: In an operation; registered with a `T`.
        let Some(this) = (unsafe { dev.private().data::<T>() }) else {
            return 0;
        };
        // SAFETY: By the requirements of this function. It stays the core's: it is not dropped.
        let skb = ManuallyDrop::new(unsafe { SkBuff::from_raw(NonNull::new_unchecked(skb)) });
        T::features_check(this, &dev, &skb, Features::from_raw(features)).bits()
    }

    /// # Safety
    ///
    /// Called by the core for an open device registered with a `T`, under the RTNL, with lists that
    /// are the caller's own.
    unsafe extern "C" fn set_rx_mode(
        dev: *mut bindings::net_device,
        uc: *mut bindings::netdev_hw_addr_list,
        mc: *mut bindings::netdev_hw_addr_list,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        let (uc, mc) = unsafe { (AddrList::from_raw(uc), AddrList::from_raw(mc)) };
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run(|this, dev| {
            let (promisc, allmulti) = (dev.promisc(), dev.allmulti());
            let mode = RxMode {
                promisc,
                allmulti,
                uc,
                mc,
            };
            T::set_rx_mode(this, dev, mode).map(|()| 0)
        })
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL; `addr` is a `struct
    /// sockaddr` with an Ethernet address.
    unsafe extern "C" fn set_mac_address(
        dev: *mut bindings::net_device,
        addr: *mut c_void,
    ) -> c_int {
        // SAFETY: By the requirements of this function. The address follows the family.
        let addr: MacAddress = unsafe {
            addr.cast::<u8>()
                .add(bindings::KAPI_SOCKADDR_DATA_OFFSET as usize)
                .cast::<[u8; ETH_ALEN]>()
                .read_unaligned()
        };
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run(|this, dev| {
            if !is_valid_ether_addr(&addr) {
                return Err(EADDRNOTAVAIL);
            }
            T::set_mac_address(this, dev, addr)?;
            dev.set_dev_addr(&addr);
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn change_mtu(dev: *mut bindings::net_device, mtu: c_int) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run(|this, dev| {
            let mtu = u32::try_from(mtu).map_err(|_| EINVAL)?;
            T::change_mtu(this, dev, mtu).map(|()| 0)
        })
    }

    /// # Safety
    ///
    /// Called by the core for an open device registered with a `T`.
    unsafe extern "C" fn tx_timeout(dev: *mut bindings::net_device, queue: c_uint) {
        // SAFETY: By the requirements of this function.
        let dev = unsafe { Device::<Normal>::from_raw(dev) };
        // SAFETY: In an operation; registered with a `T`.
        if let Some(this) = unsafe { dev.private().data::<T>() } {
            T::tx_timeout(this, &dev, queue);
        }
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`; `storage` is the caller's own.
    unsafe extern "C" fn get_stats64(
        dev: *mut bindings::net_device,
        storage: *mut bindings::rtnl_link_stats64,
    ) {
        // SAFETY: By the requirements of this function.
        let dev = unsafe { Device::<Normal>::from_raw(dev) };
        // SAFETY: In an operation; registered with a `T`.
        if let Some(this) = unsafe { dev.private().data::<T>() } {
            let mut stats = Stats64::default();
            T::stats64(this, &dev, &mut stats);
            // SAFETY: By the requirements of this function.
            stats.store(unsafe { &mut *storage });
        }
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn vlan_rx_add_vid(
        dev: *mut bindings::net_device,
        proto: bindings::__be16,
        vid: u16,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run(|this, dev| {
            if proto != ETH_P_8021Q_BE {
                return Err(EPROTONOSUPPORT);
            }
            T::vlan_rx_add_vid(this, dev, vid).map(|()| 0)
        })
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn vlan_rx_kill_vid(
        dev: *mut bindings::net_device,
        proto: bindings::__be16,
        vid: u16,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }.run(|this, dev| {
            if proto != ETH_P_8021Q_BE {
                return Err(EPROTONOSUPPORT);
            }
            T::vlan_rx_kill_vid(this, dev, vid).map(|()| 0)
        })
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn fix_features(
        dev: *mut bindings::net_device,
        features: bindings::netdev_features_t,
    ) -> bindings::netdev_features_t {
        // SAFETY: By the requirements of this function.
        let call = unsafe { RtnlCall::<T>::new(dev) };
        call.this().map_or(features, |this| {
            T::fix_features(this, call.dev(), Features::from_raw(features)).bits()
        })
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL.
    unsafe extern "C" fn set_features(
        dev: *mut bindings::net_device,
        features: bindings::netdev_features_t,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { RtnlCall::<T>::new(dev) }
            .run(|this, dev| T::set_features(this, dev, Features::from_raw(features)).map(|()| 0))
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, under the RTNL; `bpf` is a valid command.
    unsafe extern "C" fn bpf(
        dev: *mut bindings::net_device,
        bpf: *mut bindings::netdev_bpf,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        let (call, command) = unsafe { (RtnlCall::<T>::new(dev), (*bpf).command) };
        match command {
            // SAFETY: By the requirements of this function.
            bindings::bpf_netdev_command_XDP_SETUP_PROG => unsafe { Self::set_program(&call, bpf) },
            bindings::bpf_netdev_command_XDP_SETUP_XSK_POOL => {
                // SAFETY: These are the fields of that command.
                let args = unsafe { (*bpf).__bindgen_anon_1.xsk };
                // SAFETY: By the requirements of this function.
                let set_up = |f: xsk::SetUp<T>| unsafe { f(&call, args.pool, args.queue_id) };
                let done = Self::SET_UP_XSK.ok_or(EOPNOTSUPP).and_then(set_up);
                done.map_or_else(|err| err.to_errno(), |()| 0)
            }
            _ => EINVAL.to_errno(),
        }
    }

    /// # Safety
    ///
    /// `bpf` is a valid command to set a program.
    unsafe fn set_program(call: &RtnlCall<T>, bpf: *mut bindings::netdev_bpf) -> c_int {
        // SAFETY: These are the fields of that command. The core has a reference of the program.
        let (raw, program, mut extack) = unsafe {
            let args = (*bpf).__bindgen_anon_1.__bindgen_anon_1;
            (
                args.prog,
                Program::get(args.prog),
                Extack::from_raw(args.extack),
            )
        };
        let result =
            call.run(|this, dev| T::set_program(this, dev, program, &mut extack).map(|()| 0));
        if result == 0 && !raw.is_null() {
            // SAFETY: With success the core's reference is the driver's, who has one already.
            unsafe { bindings::bpf_prog_put(raw) };
        }
        result
    }

    /// # Safety
    ///
    /// Called by the core for a device registered with a `T`, with bottom halves off. `frames` are `count`
    /// frames, of which so many are given to this function as it returns.
    unsafe extern "C" fn xdp_xmit(
        dev: *mut bindings::net_device,
        count: c_int,
        frames: *mut *mut bindings::xdp_frame,
        flags: u32,
    ) -> c_int {
        if flags & !bindings::XDP_XMIT_FLAGS_MASK != 0 {
            return EINVAL.to_errno();
        }
        // SAFETY: By the requirements of this function.
        let device = unsafe { Device::<Normal>::from_raw(dev) };
        // SAFETY: In an operation; registered with a `T`.
        let Some(this) = (unsafe { device.private().data::<T>() }) else {
            return ENODEV.to_errno();
        };
        // CAST: Not negative.
        let count = count as usize;
        // SAFETY: By the requirements of this function.
        let (mut frames, mut softirq) = unsafe { (XdpFrames::new(frames, count), Softirq::new()) };
        T::xdp_xmit(this, &device, &mut frames, &mut softirq);
        // CAST: No more than `count`.
        frames.taken() as c_int
    }
}
