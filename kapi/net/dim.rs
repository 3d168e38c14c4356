// SPDX-License-Identifier: GPL-2.0

//! Interrupts that adapt to the traffic: the kernel's library for dynamic interrupt moderation, DIM.
//!
//! C header: [`include/linux/dim.h`](srctree/include/linux/dim.h)

use core::ptr::addr_of_mut;

use kernel::{
    prelude::*,
    types::Opaque, //
};

use crate::kapi::bindings;

/// Whose interrupts are adapted: the library has other intervals for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Those of received frames.
    Rx,
    /// Those of frames that were sent.
    Tx,
}

impl Direction {
    /// The interval that a [`Dim`] begins with, in microseconds.
    pub fn initial(self) -> u16 {
        self.interval(FIRST_PROFILE)
    }

    /// The interval of a profile, in microseconds.
    fn interval(self, profile: u8) -> u16 {
        // CAST: 0 or 1.
        let mode = bindings::dim_cq_period_mode_DIM_CQ_PERIOD_MODE_START_FROM_EQE as u8;
        let profile = c_int::from(profile.min(LAST_PROFILE));
        // SAFETY: The functions look up a table that has this mode and this profile.
        let moder = unsafe {
            match self {
                Self::Rx => bindings::net_dim_get_rx_moderation(mode, profile),
                Self::Tx => bindings::net_dim_get_tx_moderation(mode, profile),
            }
        };
        moder.usec
    }
}

/// The profile with the longest interval. CAST: a handful.
const LAST_PROFILE: u8 = bindings::NET_DIM_PARAMS_NUM_PROFILES as u8 - 1;
/// The profile to begin with. CAST: one of them.
const FIRST_PROFILE: u8 = bindings::NET_DIM_DEF_PROFILE_EQE as u8;

/// What a [`Dim`] decides about.
pub trait Moderated: Send + Sync + 'static {
    /// Sets the least time between two interrupts, in microseconds. Process context.
    fn set_interval(&self, usecs: u16);
}

/// What has gone over a queue so far. All may wrap.
#[derive(Clone, Copy)]
pub struct Traffic {
    /// Interrupts that it took.
    pub events: u16,
    /// Frames.
    pub packets: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Adapts the interval of an interrupt to the traffic, from [`Direction::initial`] on.
///
/// # Examples
///
/// ```
/// use crate::kapi::net::dim::{
///     Dim,
///     Direction,
///     Moderated,
///     Traffic, //
/// };
/// use kernel::prelude::*;
///
/// struct Vector;
///
/// impl Moderated for Vector {
///     fn set_interval(&self, _usecs: u16) {
///         // Write the register.
///     }
/// }
///
/// fn make() -> Result<Dim<Vector>> {
///     Dim::new(Direction::Rx, Vector)
/// }
///
/// // At the end of a poll.
/// fn polled(dim: &mut Dim<Vector>, traffic: Traffic) {
///     dim.sample(traffic);
/// }
/// ```
///
/// To be dropped in process context: that waits for [`Moderated::set_interval`].
pub struct Dim<M: Moderated> {
    inner: Pin<KBox<Inner<M>>>,
}

/// What the library's work finds.
#[pin_data(PinnedDrop)]
struct Inner<M: Moderated> {
    #[pin]
    dim: Opaque<bindings::dim>,
    direction: Direction,
    to: M,
}

// SAFETY: The library gives its instance to a work and takes it back by itself; samples come from the one
// owner of `Dim`. The rest may be shared.
unsafe impl<M: Moderated> Send for Inner<M> {}
// SAFETY: See `Send`.
unsafe impl<M: Moderated> Sync for Inner<M> {}

impl<M: Moderated> Dim<M> {
    /// An instance that has seen nothing yet.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(direction: Direction, to: M) -> Result<Self> {
        let inner = KBox::pin_init(
            pin_init!(Inner {
                dim <- Opaque::ffi_init(|dim: *mut bindings::dim| {
                    // SAFETY: `dim` is memory for a `struct dim` that stays in place.
                    unsafe {
                        dim.write(Default::default());
                        bindings::kapi_dim_init(dim, Some(Inner::<M>::callback), FIRST_PROFILE);
                    }
                }),
                direction,
                to,
            }),
            GFP_KERNEL,
        )?;
        Ok(Self { inner })
    }

    /// Takes in what has happened, at the end of a poll. Any context but a hard interrupt.
    #[inline]
    pub fn sample(&mut self, now: Traffic) {
        // SAFETY: Initialised, and `&mut self` makes this the only one who gives samples.
        unsafe {
            bindings::kapi_dim_sample(self.inner.dim.get(), now.events, now.packets, now.bytes)
        };
    }
}

impl<M: Moderated> Inner<M> {
    /// # Safety
    ///
    /// Called by the workqueue with the work of a live `Inner<M>`.
    unsafe extern "C" fn callback(work: *mut bindings::work_struct) {
        // SAFETY: `work` is a member of the `dim` of a `Self`.
        let dim = unsafe { kernel::container_of!(work, bindings::dim, work) };
        // SAFETY: The `dim` lies in a `Self`, before whose end the work is cancelled.
        let this = unsafe { &*kernel::container_of!(Opaque::cast_from(dim), Self, dim) };
        let dim = this.dim.get();
        // SAFETY: Initialised. The library leaves the profile alone until the state is another one.
        let profile = unsafe { addr_of_mut!((*dim).profile_ix).read_volatile() };
        this.to.set_interval(this.direction.interval(profile));
        // CAST: One of three states.
        let measure = bindings::dim_state_DIM_START_MEASURE as u8;
        // SAFETY: As above. The library waits for this.
        unsafe { addr_of_mut!((*dim).state).write_volatile(measure) };
    }
}

#[pinned_drop]
impl<M: Moderated> PinnedDrop for Inner<M> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Initialised; no sample comes any more, so it is not queued again.
        unsafe { bindings::cancel_work_sync(addr_of_mut!((*self.dim.get()).work)) };
    }
}
