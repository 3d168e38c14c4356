// SPDX-License-Identifier: GPL-2.0

//! Networking.

pub mod device;
pub mod napi;
pub mod page_pool;
pub mod queue;
pub mod skb;

pub use self::{
    device::Device,
    napi::{
        Napi,
        Poll,
        PollContext, //
    },
    page_pool::{
        PagePool,
        PoolPage, //
    },
    queue::{
        TxQueue,
        XmitCell,
        XmitQueue, //
    },
    skb::{
        RxMeta,
        SkBuff,
        TsoHeader,
        TxChecksum,
        TxInfo,
        TxVerdict, //
    },
};
