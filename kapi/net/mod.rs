// SPDX-License-Identifier: GPL-2.0

//! Network devices.
//!
//! A driver allocates a [`Device`], sets it up, and [registers](Registration) it together with its
//! own data, for which it implements [`Driver`], [`Ethtool`] and [`QueueStats`]. Frames go through
//! [`Napi`], [`SkBuff`], [`RxFrame`], [`PagePool`] and [`XmitQueue`].
//!
//! Everything that the core or an interrupt can reach is owned by what made it reachable, so that
//! what is forgotten leaks and does not dangle.

pub mod addr;
pub mod config;
pub mod device;
pub mod devlink;
pub mod dim;
pub mod driver;
pub mod drop_reason;
pub mod ethtool;
pub mod extack;
pub mod features;
pub mod napi;
mod ops;
pub mod page_pool;
pub mod print;
pub mod queue;
pub mod registration;
pub mod rss;
pub mod rtnl;
pub mod rx;
pub mod skb;
pub mod stats;
pub mod vf;
pub mod xdp;
pub mod xsk;

pub use self::{
    addr::{
        is_valid_ether_addr,
        is_zero_ether_addr,
        AddrList,
        MacAddress,
        RxMode,
        ETH_ALEN,
        ETH_P_8021Q, //
    },
    config::{
        PrivFlag,
        PrivFlags, //
    },
    device::Device,
    driver::Driver,
    drop_reason::DropReason,
    ethtool::Ethtool,
    extack::Extack,
    features::{
        FeatureSet,
        Features, //
    },
    napi::{
        Napi,
        NapiOwner,
        Poll,
        PollContext,
        Polled,
        RxContext,
        Softirq, //
    },
    page_pool::{
        PagePool,
        PageSource,
        PoolPage, //
    },
    print::{
        msg,
        net_ratelimit, //
    },
    queue::{
        TxQueue,
        XmitCell,
        XmitQueue, //
    },
    registration::Registration,
    rss::rss_key_fill,
    rtnl::{
        rtnl_lock,
        rtnl_trylock,
        Normal,
        Rtnl,
        RtnlGuard, //
    },
    rx::{
        RxFrame,
        RxMeta, //
    },
    skb::{
        GsoHeaders,
        SkBuff,
        TxChecksum,
        TxShape,
        TxVerdict,
        TxWishes, //
    },
    stats::{
        QueueStats,
        QueueStatsRx,
        QueueStatsTx,
        Stats64, //
    },
    vf::{
        LinkState,
        VfAdmin,
        VfInfo,
        VfStats, //
    },
};

pub use crate::{
    netdev_err,
    netdev_info,
    netdev_notice,
    netdev_warn, //
};
