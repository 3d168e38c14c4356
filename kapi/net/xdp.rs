// SPDX-License-Identifier: GPL-2.0

//! XDP: programs that see a received frame before the stack does.
//!
//! The core gives a driver a [`Program`] (`ndo_bpf`), which it keeps in a [`ProgramSlot`]. A poll
//! takes what is there ([`RxContext::program`]) and shows it each frame ([`XdpBuff`]); the
//! [`Verdict`] owns whatever is left of that. What is redirected is flushed by the glue when the poll
//! function returns.
//!
//! C header: [`include/net/xdp.h`](srctree/include/net/xdp.h)

mod buff;
mod frame;
mod metadata;

use core::{
    cell::Cell,
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
    sync::rcu,
    types::Opaque, //
};

use super::{
    napi::RxContext,
    page_pool::PoolPage,
    rx::RxFrame,
    Device, //
};
use crate::kapi::bindings;

pub(super) use self::metadata::MetadataVtable;
pub use self::{
    buff::{
        XdpBuff,
        XdpPlace, //
    },
    frame::{
        TxFrame,
        TxKind,
        XdpBulk,
        XdpFrame,
        XdpFrames,
        XdpTx, //
    },
    metadata::{
        Metadata,
        RssType,
        XdpMeta, //
    },
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

    /// Whether it may be shown frames of several buffers: one of a section `xdp.frags`.
    pub fn sees_frags(&self) -> bool {
        // SAFETY: Live, by the type invariant.
        unsafe { sees_frags(self.raw) }
    }

    /// Gives up ownership.
    fn into_raw(self) -> *mut bindings::bpf_prog {
        core::mem::ManuallyDrop::new(self).raw.as_ptr()
    }
}

/// # Safety
///
/// `prog` is a program that lives.
#[inline]
unsafe fn sees_frags(prog: NonNull<bindings::bpf_prog>) -> bool {
    // SAFETY: By the safety requirements; never changes.
    unsafe { (*(*prog.as_ptr()).aux).xdp_has_frags }
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
    /// Whether there is a program that may not be shown frames of several buffers.
    pub fn needs_one_buffer(&self) -> bool {
        let _rcu = rcu::read_lock();
        let prog = NonNull::new(self.0.load(Ordering::Acquire));
        // SAFETY: Freed an RCU grace period after its last reference went, and the lock is held.
        prog.is_some_and(|prog| unsafe { !sees_frags(prog) })
    }

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
    fn unregistered() -> Result<KBox<Opaque<bindings::xdp_rxq_info>>> {
        // SAFETY: All zero is valid for numbers and a pointer: a queue that is not registered.
        let info = unsafe { MaybeUninit::zeroed().assume_init() };
        Ok(KBox::new(Opaque::new(info), GFP_KERNEL)?)
    }

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
        let info = Self::unregistered()?;
        // SAFETY: By the safety requirements. The memory stays in place.
        to_result(unsafe { bindings::kapi_xdp_rxq_reg(info.get(), dev.as_raw(), queue, pool) })?;
        // INVARIANT: Just now.
        Ok(Self { info })
    }

    /// [`RxqInfo::register`] for a queue with the buffers of sockets.
    pub(super) fn register_xsk(dev: &Device, queue: u32) -> Result<Self> {
        let info = Self::unregistered()?;
        let model = bindings::xdp_mem_type_MEM_TYPE_XSK_BUFF_POOL;
        // SAFETY: The device is live, and not looked at when this is dropped. The memory stays in place.
        to_result(unsafe { bindings::__xdp_rxq_info_reg(info.get(), dev.as_raw(), queue, 0, 0) })?;
        // INVARIANT: Just now.
        let rxq = Self { info };
        // SAFETY: Registered.
        to_result(unsafe {
            bindings::xdp_rxq_info_reg_mem_model(rxq.as_raw(), model, ptr::null_mut())
        })?;
        Ok(rxq)
    }

    pub(super) fn as_raw(&self) -> *mut bindings::xdp_rxq_info {
        self.info.get()
    }
}

impl Drop for RxqInfo {
    fn drop(&mut self) {
        // SAFETY: Registered, by the type invariant.
        unsafe { bindings::xdp_rxq_info_unreg(self.info.get()) };
    }
}

/// What became of a frame that a program saw.
pub enum Verdict<T = XdpTx> {
    /// It is for the stack.
    Pass(RxFrame),
    /// It is to be sent by the device that received it.
    Tx(T),
    /// It is on its way to another device, processor or socket.
    Redirected,
    /// It was dropped. The page it began in can have another frame at once, if there is one.
    Dropped(Option<PoolPage>),
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
/// `prog` is a program that lives as long as the poll, `'p`, which is on `dev`. If it is bound to that, `asks`
/// is true.
pub struct ProgramRun<'p> {
    prog: NonNull<bindings::bpf_prog>,
    dev: *mut bindings::net_device,
    redirected: &'p Cell<bool>,
    /// It is bound to the device, and may ask for what [`metadata::tell`] keeps.
    asks: bool,
    frags: bool,
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
            // SAFETY: Of a program that lives, as just said.
            asks: unsafe { (*(*prog.as_ptr()).aux).dev_bound },
            // SAFETY: As above.
            frags: unsafe { sees_frags(prog) },
        })
    }
}

impl ProgramRun<'_> {
    /// Whether it may be shown frames of several buffers.
    #[inline]
    pub fn sees_frags(&self) -> bool {
        self.frags
    }

    /// Shows a frame to the program, and does what that says. `meta` tells what the program can ask
    /// ([`Driver::XDP_METADATA`](super::Driver::XDP_METADATA)), and is asked itself only for one that may.
    #[inline]
    pub fn run(&self, mut buff: XdpBuff<'_>, meta: impl FnOnce() -> XdpMeta) -> Verdict {
        let xdp = buff.as_raw();
        // SAFETY: By the type invariant of the frame.
        let act = unsafe { self.show(xdp, meta) };
        match act {
            bindings::xdp_action_XDP_PASS => {
                buff.into_skb().map_or(Verdict::NoMemory, Verdict::Pass)
            }
            bindings::xdp_action_XDP_DROP => Verdict::Dropped(buff.into_page()),
            bindings::xdp_action_XDP_TX => {
                // SAFETY: By the type invariant.
                let raw = unsafe { bindings::kapi_xdp_to_frame(xdp) };
                let Some(raw) = NonNull::new(raw) else {
                    return self.failed(act);
                };
                buff.forget();
                // SAFETY: Just made, in pages of a pool, which it owns.
                Verdict::Tx(unsafe { XdpTx::from_raw(raw) })
            }
            bindings::xdp_action_XDP_REDIRECT => {
                // SAFETY: By the type invariants; this is the poll that ran the program, which is
                // followed by a flush.
                if !unsafe { self.redirect(xdp) } {
                    return self.failed(act);
                }
                buff.forget();
                Verdict::Redirected
            }
            _ => self.no_action(act),
        }
    }

    /// Shows a frame to the program, and returns what that says, any number.
    ///
    /// # Safety
    ///
    /// `xdp` is that of a [`metadata::Seen`] or of a buffer of a socket, and describes a frame. Nobody else uses it.
    #[inline]
    pub(super) unsafe fn show(
        &self,
        xdp: *mut bindings::xdp_buff,
        meta: impl FnOnce() -> XdpMeta,
    ) -> u32 {
        if self.asks {
            // SAFETY: By the safety requirements.
            unsafe { metadata::tell(xdp, meta()) };
        }
        // SAFETY: By the type invariant and the safety requirements. The program finds what it can ask.
        unsafe { bindings::kapi_xdp_run(self.prog.as_ptr(), xdp) }
    }

    /// Redirects a frame to where the program has said just now. Whether that succeeded.
    ///
    /// # Safety
    ///
    /// `xdp` is a frame that the program saw, in this poll.
    #[inline]
    pub(super) unsafe fn redirect(&self, xdp: *mut bindings::xdp_buff) -> bool {
        // SAFETY: By the safety requirements and the type invariant.
        let err = unsafe { bindings::xdp_do_redirect(self.dev, xdp, self.prog.as_ptr()) };
        if err == 0 {
            self.redirected.set(true);
        }
        err == 0
    }

    /// The program has said to abort, or a number that is no action.
    #[cold]
    pub(super) fn no_action<T>(&self, act: u32) -> Verdict<T> {
        if act != bindings::xdp_action_XDP_ABORTED {
            // SAFETY: By the type invariant.
            unsafe { bindings::bpf_warn_invalid_xdp_action(self.dev, self.prog.as_ptr(), act) };
        }
        self.failed(act)
    }

    #[cold]
    pub(super) fn failed<T>(&self, act: u32) -> Verdict<T> {
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
