// SPDX-License-Identifier: GPL-2.0

//! AF_XDP with zero copy: sockets whose memory the device itself writes and reads.
//!
//! The core gives a driver the buffers of a queue's sockets ([`XskPool`], `ndo_bpf`), and takes them away
//! again. While the queue runs they are those of its ring ([`XskQueue`]). A received frame ([`XskBuff`]) is
//! shown to the program of the device, which gives it to a socket, or to others by copy. What sockets want
//! sent is asked for by the poll function ([`XskQueue::send`]), which is the only one to touch any of this:
//! a socket wakes it (`ndo_xsk_wakeup`) by the queue's NAPI instance.
//!
//! User space can write to all buffers at any time.
//!
//! C headers: [`include/net/xdp_sock_drv.h`](srctree/include/net/xdp_sock_drv.h),
//! [`include/net/xsk_buff_pool.h`](srctree/include/net/xsk_buff_pool.h)

mod queue;
mod setup;

use core::{
    marker::PhantomData,
    mem::{
        offset_of,
        ManuallyDrop, //
    },
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    sync::rcu, //
};

use super::{
    addr::{
        MacAddress,
        ETH_ALEN, //
    },
    napi::RxContext,
    rx::RxFrame,
    skb::SkBuff,
    xdp::{
        ProgramRun,
        Verdict,
        XdpFrame,
        XdpMeta, //
    },
    Device, //
};
use crate::kapi::bindings;

pub use self::queue::{
    XskDesc,
    XskQueue, //
};
use self::setup::Lent;
pub(super) use self::setup::{
    set_up,
    wake_up,
    Loan,
    SetUp, //
};

/// The buffers of the sockets of a queue, mapped for the parent of its device.
///
/// The core takes them away by [`remove_xsk_pool`](super::Driver::remove_xsk_pool), and waits until this is
/// dropped: who leaks it, or keeps it, has the core wait for ever, with the RTNL held. The log says so.
///
/// # Invariants
///
/// `raw` is a pool that the core keeps and nobody else uses as a driver does, mapped, until this is dropped.
pub struct XskPool {
    raw: NonNull<bindings::xsk_buff_pool>,
    frame_size: u32,
    _lent: Lent,
}

// SAFETY: A pool belongs to no CPU or task. What is done with it is done by `&mut`.
unsafe impl Send for XskPool {}

impl XskPool {
    /// Bytes of a frame that a buffer has room for, behind the head room.
    #[inline]
    pub fn frame_size(&self) -> u32 {
        self.frame_size
    }

    #[inline]
    fn as_raw(&self) -> *mut bindings::xsk_buff_pool {
        self.raw.as_ptr()
    }
}

// A buffer and its pool's account of it are found by the same pointer.
const _: () = assert!(offset_of!(bindings::xdp_buff_xsk, xdp) == 0);

/// A received frame in the buffer of a socket, as a program sees it. Dropping it gives the buffer back.
///
/// # Invariants
///
/// `raw` is a buffer of a pool that `'a` has for itself, with an Ethernet header at least. It may be free: the
/// pool lends a buffer as often as user space gives it, and takes it back once.
pub struct XskBuff<'a> {
    raw: NonNull<bindings::xdp_buff>,
    _queue: PhantomData<&'a mut XskPool>,
}

impl XskBuff<'_> {
    /// # Safety
    ///
    /// As the type invariant says.
    #[inline]
    unsafe fn from_raw(raw: NonNull<bindings::xdp_buff>) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            raw,
            _queue: PhantomData,
        }
    }

    /// Bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> u32 {
        // SAFETY: By the type invariant; both point into the buffer.
        let len = unsafe {
            let xdp = self.raw.as_ref();
            xdp.data_end.byte_offset_from(xdp.data)
        };
        // CAST: No more than the buffer's.
        len as u32
    }

    /// Bytes from `at` on, if there are so many. User space may change them.
    #[inline]
    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        // CAST: Widens.
        if at + N > self.len() as usize {
            return None;
        }
        // SAFETY: As just tested. User space may write there meanwhile, hence volatile.
        Some(unsafe {
            self.raw
                .as_ref()
                .data
                .byte_add(at)
                .cast::<[u8; N]>()
                .read_volatile()
        })
    }

    /// Destination and source.
    #[inline]
    pub fn mac_addresses(&self) -> Option<(MacAddress, MacAddress)> {
        Some((self.bytes(0)?, self.bytes(ETH_ALEN)?))
    }

    /// The four bytes behind the addresses, if there are so many.
    #[inline]
    pub fn after_addresses(&self) -> Option<[u8; 4]> {
        self.bytes(2 * ETH_ALEN)
    }

    /// A copy for the stack. [`None`] without memory.
    #[inline]
    pub fn into_frame(self, ctx: &RxContext<'_>) -> Option<RxFrame> {
        // SAFETY: By the type invariant. `ctx` says that its instance is polled here.
        let skb = unsafe { bindings::kapi_xsk_build_skb(ctx.napi(), self.raw.as_ptr()) };
        // SAFETY: Fresh, and nobody else's; a program leaves an Ethernet header at least. It has no pages
        // but its own, and is marked so that it can get those of pools.
        NonNull::new(skb).map(|skb| unsafe { RxFrame::from_skb(SkBuff::from_raw(skb)) })
    }

    /// The core has it now.
    #[inline]
    fn forget(self) {
        let _buff = ManuallyDrop::new(self);
    }
}

impl Drop for XskBuff<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant. The pool knows whether it is free already.
        unsafe { bindings::kapi_xsk_free(self.raw.as_ptr()) };
    }
}

impl ProgramRun<'_> {
    /// [`ProgramRun::run`] for a frame in the buffer of a socket. What is passed or sent is a copy.
    #[inline]
    pub fn run_xsk(
        &self,
        buff: XskBuff<'_>,
        meta: impl FnOnce() -> XdpMeta,
        ctx: &RxContext<'_>,
    ) -> Verdict<XdpFrame> {
        let xdp = buff.raw.as_ptr();
        // SAFETY: By the type invariant of the frame.
        let act = unsafe { self.show(xdp, meta) };
        match act {
            // What most buffers are for.
            bindings::xdp_action_XDP_REDIRECT => {
                // SAFETY: By the type invariants; this is the poll that ran the program, which is
                // followed by a flush. Also when it fails the buffer may be free afterwards.
                if unsafe { self.redirect(xdp) } {
                    buff.forget();
                    return Verdict::Redirected;
                }
                self.failed(act)
            }
            bindings::xdp_action_XDP_PASS => buff
                .into_frame(ctx)
                .map_or(Verdict::NoMemory, Verdict::Pass),
            bindings::xdp_action_XDP_DROP => Verdict::Dropped(None),
            bindings::xdp_action_XDP_TX => {
                // SAFETY: By the type invariant. This copies the frame, and frees the buffer.
                let Some(raw) = NonNull::new(unsafe { bindings::kapi_xdp_to_frame(xdp) }) else {
                    return self.failed(act);
                };
                buff.forget();
                // SAFETY: Just made.
                Verdict::Tx(unsafe { XdpFrame::from_raw(raw) })
            }
            _ => self.no_action(act),
        }
    }
}

/// Has the poll function of queue `queue` run, as a socket would. Process context.
///
/// # Errors
///
/// [`ENETDOWN`] if the queue has no NAPI instance: it is linked with one while it runs
/// ([`Napi::link_queues`](super::Napi::link_queues)).
pub fn wake(dev: &Device, queue: u32) -> Result {
    let _rcu = rcu::read_lock();
    if queue >= dev.num_rx_queues() {
        return Err(ENETDOWN);
    }
    // SAFETY: The device is live and has that queue. RCU readers are waited for between the end of the
    // link and the instance's.
    let napi = unsafe { bindings::kapi_rx_queue_napi(dev.as_raw(), queue) };
    if napi.is_null() {
        return Err(ENETDOWN);
    }
    // SAFETY: As above; a disabled one ignores it.
    unsafe { bindings::kapi_napi_kick(napi) };
    Ok(())
}
