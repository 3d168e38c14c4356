// SPDX-License-Identifier: GPL-2.0

//! XDP: programs that see a received frame before the stack does.
//!
//! The core gives a driver a [`Program`] (`ndo_bpf`), which it keeps in a [`ProgramSlot`]. A poll
//! takes what is there ([`RxContext::program`]) and shows it each frame ([`XdpBuff`]); the
//! [`Verdict`] owns whatever is left of that. What is redirected is flushed by the glue when the poll
//! function returns.
//!
//! C header: [`include/net/xdp.h`](srctree/include/net/xdp.h)

mod frame;

use core::{
    cell::Cell,
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::{
        self,
        NonNull, //
    },
    sync::atomic::{
        AtomicPtr,
        Ordering, //
    }, //
};

use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

use super::{
    addr::{
        MacAddress,
        ETH_ALEN, //
    },
    napi::RxContext,
    page_pool::{
        PagePool,
        PoolPage, //
    },
    rx::{
        RxFrame,
        ETH_HLEN, //
    },
    skb::SkBuff,
    Device, //
};
use crate::kapi::bindings;

pub use self::frame::{
    TxFrame,
    TxKind,
    XdpBulk,
    XdpFrame,
    XdpFrames,
    XdpTx, //
};

/// Bytes in front of a received frame that a program may use.
pub const HEADROOM: u32 = bindings::KAPI_XDP_PACKET_HEADROOM;

/// A reference to an XDP program.
///
/// # Invariants
///
/// `raw` is a program, of which this value owns a reference.
pub struct Program {
    raw: NonNull<bindings::bpf_prog>,
}

// SAFETY: A program belongs to no CPU or task.
unsafe impl Send for Program {}

impl Program {
    /// Takes a reference of its own to `raw`; [`None`] for null.
    ///
    /// # Safety
    ///
    /// `raw` is null, or a program of which the caller has a reference.
    pub(super) unsafe fn get(raw: *mut bindings::bpf_prog) -> Option<Self> {
        let raw = NonNull::new(raw)?;
        // SAFETY: By the safety requirements.
        unsafe { bindings::bpf_prog_inc(raw.as_ptr()) };
        // INVARIANT: Taken just now.
        Some(Self { raw })
    }

    /// Gives up ownership.
    fn into_raw(self) -> *mut bindings::bpf_prog {
        core::mem::ManuallyDrop::new(self).raw.as_ptr()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: Owned. Whoever runs it meanwhile is waited for by RCU.
        unsafe { bindings::bpf_prog_put(self.raw.as_ptr()) };
    }
}

/// Where polls find the program of a device; none by default.
///
/// # Invariants
///
/// The pointer is null or a program, of which this value owns a reference.
#[derive(Default)]
pub struct ProgramSlot(AtomicPtr<bindings::bpf_prog>);

impl ProgramSlot {
    /// Has polls run `program` from now on, and returns what they ran before. A poll that has begun
    /// ends with the old one.
    pub fn replace(&self, program: Option<Program>) -> Option<Program> {
        let raw = program.map_or(ptr::null_mut(), Program::into_raw);
        // Release: the program is complete before a poll finds it.
        let old = self.0.swap(raw, Ordering::AcqRel);
        // INVARIANT: Owned by the slot until now.
        NonNull::new(old).map(|raw| Program { raw })
    }
}

impl Drop for ProgramSlot {
    fn drop(&mut self) {
        drop(self.replace(None));
    }
}

/// What makes a receive queue known to programs (`struct xdp_rxq_info`). It holds the queue's page pool.
///
/// # Invariants
///
/// `info` is registered.
pub(super) struct RxqInfo {
    info: KBox<Opaque<bindings::xdp_rxq_info>>,
}

impl RxqInfo {
    /// Registers queue `queue` of `dev`. To be dropped where the pool may be. Process context.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    ///
    /// # Safety
    ///
    /// `pool` is a live page pool. `dev` outlives the result.
    pub(super) unsafe fn register(
        dev: &Device,
        queue: u32,
        pool: *mut bindings::page_pool,
    ) -> Result<Self> {
        // SAFETY: All zero is valid for numbers and a pointer: a queue that is not registered.
        let info = unsafe { MaybeUninit::zeroed().assume_init() };
        let info = KBox::new(Opaque::new(info), GFP_KERNEL)?;
        // SAFETY: By the safety requirements. The memory stays in place.
        to_result(unsafe { bindings::kapi_xdp_rxq_reg(info.get(), dev.as_raw(), queue, pool) })?;
        // INVARIANT: Just now.
        Ok(Self { info })
    }

    fn as_raw(&self) -> *mut bindings::xdp_rxq_info {
        self.info.get()
    }
}

impl Drop for RxqInfo {
    fn drop(&mut self) {
        // SAFETY: Registered, by the type invariant.
        unsafe { bindings::xdp_rxq_info_unreg(self.info.get()) };
    }
}

/// A received frame as a program sees it: in one buffer.
///
/// # Invariants
///
/// `raw` describes a frame in `page`, from its Ethernet header on, and its queue, which `'a` keeps.
pub struct XdpBuff<'a> {
    raw: bindings::xdp_buff,
    page: PoolPage,
    _queue: PhantomData<&'a PagePool>,
}

impl<'a> XdpBuff<'a> {
    /// Makes a frame of the first `len` bytes that the device wrote to `page`, which is of `pool`.
    ///
    /// # Errors
    ///
    /// Gives the page back if `pool` is not for programs, if `len` is more than the page's room, or less
    /// than [`ETH_HLEN`].
    #[inline]
    pub fn new(
        page: PoolPage,
        len: u32,
        pool: &'a PagePool,
    ) -> core::result::Result<Self, PoolPage> {
        let Some(queue) = pool.rxq() else {
            return Err(page);
        };
        if len > page.room() || len < ETH_HLEN {
            return Err(page);
        }
        let mut raw = MaybeUninit::uninit();
        // SAFETY: The queue is registered. The page is owned, and the length was checked against what
        // fits. The function fills what it is given, but for the transmit queue's place, where any
        // pointer is valid.
        let raw = unsafe {
            bindings::kapi_xdp_prepare(
                raw.as_mut_ptr(),
                queue.as_raw(),
                page.as_raw(),
                page.headroom(),
                len,
            );
            (*raw.as_mut_ptr()).txq = ptr::null_mut();
            raw.assume_init()
        };
        // INVARIANT: Just now.
        Ok(Self {
            raw,
            page,
            _queue: PhantomData,
        })
    }

    /// The first bytes.
    #[inline]
    fn head<const N: usize>(&self) -> [u8; N] {
        const { assert!(N <= ETH_HLEN as usize) };
        // SAFETY: By the type invariant so many bytes are there, and nobody else writes them.
        unsafe { self.raw.data.cast::<[u8; N]>().read() }
    }

    /// Destination and source.
    #[inline]
    pub fn mac_addresses(&self) -> (MacAddress, MacAddress) {
        let [to, from]: [MacAddress; 2] = {
            let bytes: [u8; 2 * ETH_ALEN] = self.head();
            // SAFETY: The same bytes.
            unsafe { core::mem::transmute(bytes) }
        };
        (to, from)
    }

    /// The four bytes behind the addresses, if there are so many.
    #[inline]
    pub fn after_addresses(&self) -> Option<[u8; 4]> {
        const END: usize = 2 * ETH_ALEN + 4;
        // SAFETY: Both point into the page.
        let len = unsafe { self.raw.data_end.byte_offset_from(self.raw.data) };
        // CAST: 16.
        if len < END as isize {
            return None;
        }
        // SAFETY: As just tested.
        Some(unsafe {
            self.raw
                .data
                .byte_add(2 * ETH_ALEN)
                .cast::<[u8; 4]>()
                .read()
        })
    }

    /// The frame goes to the stack. The page is given back without memory.
    #[inline]
    fn into_skb(self) -> Option<RxFrame> {
        // SAFETY: By the type invariant, and this is softirq context: whoever runs programs polls.
        let raw = NonNull::new(unsafe { bindings::kapi_xdp_build_skb(&self.raw) })?;
        self.page.forget();
        // SAFETY: Fresh, and nobody else's. A program leaves an Ethernet header at least.
        Some(unsafe { RxFrame::from_skb(SkBuff::from_raw(raw)) })
    }
}

/// What became of a frame that a program saw.
pub enum Verdict {
    /// It is for the stack.
    Pass(RxFrame),
    /// It is to be sent by the device that received it.
    Tx(XdpTx),
    /// It is on its way to another device, processor or socket.
    Redirected,
    /// It was dropped.
    Dropped,
    /// It was for the stack, and dropped for want of memory.
    NoMemory,
    /// It was dropped for an error of the program, or because its wish could not be granted. The
    /// tracepoint `xdp_exception` has told.
    Failed,
}

/// A program during a poll.
///
/// # Invariants
///
/// `prog` is a program that lives as long as the poll, `'p`, which is on `dev`.
pub struct ProgramRun<'p> {
    prog: NonNull<bindings::bpf_prog>,
    dev: *mut bindings::net_device,
    redirected: &'p Cell<bool>,
}

impl<'p> RxContext<'p> {
    /// The program in `slot`, for the rest of this poll.
    #[inline]
    pub fn program(&self, slot: &ProgramSlot) -> Option<ProgramRun<'p>> {
        // Acquire: pairs with `ProgramSlot::replace()`.
        let prog = NonNull::new(slot.0.load(Ordering::Acquire))?;
        // INVARIANT: Freed an RCU grace period after its last reference went, and a poll, with bottom
        // halves off, is waited for by RCU.
        Some(ProgramRun {
            prog,
            dev: self.dev(),
            redirected: self.redirected(),
        })
    }
}

impl ProgramRun<'_> {
    /// Shows a frame to the program, and does what that says.
    #[inline]
    pub fn run(&self, mut buff: XdpBuff<'_>) -> Verdict {
        // SAFETY: Both are live, by the type invariants.
        let act = unsafe { bindings::kapi_xdp_run(self.prog.as_ptr(), &mut buff.raw) };
        match act {
            bindings::xdp_action_XDP_PASS => {
                buff.into_skb().map_or(Verdict::NoMemory, Verdict::Pass)
            }
            bindings::xdp_action_XDP_DROP => Verdict::Dropped,
            bindings::xdp_action_XDP_TX => {
                // SAFETY: By the type invariant.
                let raw = unsafe { bindings::kapi_xdp_to_frame(&mut buff.raw) };
                let Some(raw) = NonNull::new(raw) else {
                    return self.failed(act);
                };
                buff.page.forget();
                // SAFETY: Just made, in a page of a pool, which it owns.
                Verdict::Tx(unsafe { XdpTx::from_raw(raw) })
            }
            bindings::xdp_action_XDP_REDIRECT => {
                // SAFETY: By the type invariants; this is the poll that ran the program, which is
                // followed by a flush.
                let err = unsafe {
                    bindings::xdp_do_redirect(self.dev, &mut buff.raw, self.prog.as_ptr())
                };
                if err != 0 {
                    return self.failed(act);
                }
                buff.page.forget();
                self.redirected.set(true);
                Verdict::Redirected
            }
            bindings::xdp_action_XDP_ABORTED => self.failed(act),
            _ => {
                // SAFETY: By the type invariant.
                unsafe { bindings::bpf_warn_invalid_xdp_action(self.dev, self.prog.as_ptr(), act) };
                self.failed(act)
            }
        }
    }

    #[cold]
    fn failed(&self, act: u32) -> Verdict {
        self.trace(act);
        Verdict::Failed
    }

    fn trace(&self, act: u32) {
        // SAFETY: By the type invariant.
        unsafe { bindings::kapi_xdp_exception(self.dev, self.prog.as_ptr(), act) };
    }

    /// A frame of [`Verdict::Tx`] could not be sent.
    #[cold]
    pub fn not_sent(&self) {
        self.trace(bindings::xdp_action_XDP_TX);
    }
}
