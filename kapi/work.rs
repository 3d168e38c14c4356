// SPDX-License-Identifier: GPL-2.0

//! Work items that can be cancelled, and that know what they work on.
//!
//! [`kernel::workqueue`] cannot cancel in 7.3. A [`Work`] is an allocation of its own that holds its
//! target by reference count, so the target may hold the work: the cycle is cut by
//! [`Work::disable_sync`].
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        LockClassKey,
        Mutex, //
    },
    time::Delta,
    types::Opaque, //
};

use super::bindings;

/// A workqueue of high priority (`WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM`), for work that somebody waits
/// for. It runs on whatever processor is free, before the threads of a busy host, and also where there is
/// no memory for a thread.
///
/// Destroyed with the last work that was made for it.
pub struct WorkQueue(NonNull<bindings::workqueue_struct>);

// SAFETY: A workqueue synchronises by itself, and any thread may destroy it.
unsafe impl Send for WorkQueue {}
// SAFETY: There is no method that takes `&self`; the C functions that it is given to synchronise.
unsafe impl Sync for WorkQueue {}

impl WorkQueue {
    /// Makes one, whose threads have `name` in theirs. Process context.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(name: &CStr) -> Result<Arc<Self>> {
        // SAFETY: The name is copied.
        let queue = unsafe { bindings::kapi_workqueue_alloc(name.as_char_ptr()) };
        let queue = Self(NonNull::new(queue).ok_or(ENOMEM)?);
        Ok(Arc::new(queue, GFP_KERNEL)?)
    }
}

impl Drop for WorkQueue {
    fn drop(&mut self) {
        // SAFETY: Made by `new`. Each work that could be queued on it has it by reference, so all of them
        // are gone.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

/// Makes a [`Work`] that calls a function, with a lock class of its own; in a [`WorkQueue`], if one is
/// given.
#[macro_export]
macro_rules! kapi_new_work {
    ($run:path) => {
        $crate::kapi_new_work!(@in ::core::option::Option::None, $run)
    };
    ($run:path, $queue:expr) => {
        $crate::kapi_new_work!(@in ::core::option::Option::Some($queue), $run)
    };
    (@in $queue:expr, $run:path) => {
        $crate::kapi::work::Work::new(
            $queue,
            $run,
            ::kernel::c_str!(::core::concat!(
                ::core::module_path!(),
                "::",
                ::core::stringify!($run)
            )),
            ::kernel::static_lock_class!(),
        )
    };
}
pub use crate::kapi_new_work as new_work;

/// A delayed work item that calls a function with its target.
///
/// # Examples
///
/// ```
/// use crate::kapi::work::{
///     new_work,
///     Work, //
/// };
/// use kernel::{
///     prelude::*,
///     sync::{
///         Arc,
///         ArcBorrow, //
///     },
///     time::Delta, //
/// };
///
/// struct Link {
///     changed: Arc<Work<Link>>,
/// }
///
/// fn link_changed(link: ArcBorrow<'_, Link>) {
///     // And look again.
///     link.changed.queue_after(Delta::from_secs(2));
/// }
///
/// fn make_link() -> Result<Arc<Link>> {
///     let changed = new_work!(link_changed)?;
///     let link = Arc::new(Link { changed }, GFP_KERNEL)?;
///     link.changed.attach(link.clone());
///     Ok(link)
/// }
///
/// // At unbind: the work and its target have each other until then.
/// fn end_link(link: &Link) {
///     link.changed.disable_sync();
/// }
/// ```
#[pin_data(PinnedDrop)]
pub struct Work<T: Send + Sync + 'static> {
    #[pin]
    dwork: Opaque<bindings::delayed_work>,
    #[pin]
    target: Mutex<Option<Arc<T>>>,
    run: fn(ArcBorrow<'_, T>),
    /// Where it runs, if not in the system's queue.
    queue: Option<Arc<WorkQueue>>,
}

// SAFETY: The work item synchronises by itself, the target is behind a mutex.
unsafe impl<T: Send + Sync + 'static> Send for Work<T> {}
// SAFETY: All methods take `&self`, and synchronise by what they call.
unsafe impl<T: Send + Sync + 'static> Sync for Work<T> {}

impl<T: Send + Sync + 'static> Work<T> {
    /// Makes a work item that calls `run` in `queue`, without a target yet: until [`Work::attach`] it runs
    /// without effect. Usually by [`new_work!`], which makes a lock class for each place that makes
    /// works: lockdep then tells the waits for one from those for another.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(
        queue: Option<Arc<WorkQueue>>,
        run: fn(ArcBorrow<'_, T>),
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> Result<Arc<Self>> {
        // `LockClassKey` is a transparent wrapper of an opaque `struct lock_class_key`.
        let key = core::ptr::from_ref(key.get_ref()).cast_mut().cast();
        Arc::pin_init(
            pin_init!(Self {
                dwork <- Opaque::ffi_init(|dwork: *mut bindings::delayed_work| {
                    // SAFETY: `dwork` is memory for a delayed_work that stays in place. Name and key
                    // are static.
                    unsafe {
                        bindings::kapi_work_init(
                            dwork,
                            Some(Self::callback),
                            name.as_char_ptr(),
                            key,
                        )
                    };
                }),
                target <- new_mutex!(None),
                run,
                queue,
            }),
            GFP_KERNEL,
        )
    }

    /// The queue as C has it.
    fn raw_queue(&self) -> *mut bindings::workqueue_struct {
        self.queue
            .as_ref()
            .map_or(ptr::null_mut(), |queue| queue.0.as_ptr())
    }

    /// Says what to work on. Process context.
    pub fn attach(&self, target: Arc<T>) {
        let old = self.target.lock().replace(target);
        // Dropped without the lock: its drop may come back here.
        drop(old);
    }

    /// Runs the function soon, in process context. Any context. False if it was due already, now
    /// or later. Nothing happens if the work is disabled.
    pub fn queue(&self) -> bool {
        // SAFETY: The queue is null or lives as long as this. The work is initialised, and freed only after
        // it was disabled.
        !unsafe { bindings::kapi_work_mod(self.raw_queue(), self.dwork.get(), 0) }
    }

    /// Runs the function after `delay`, and not at the time that was set before. Any context.
    /// Nothing happens if the work is disabled.
    pub fn queue_after(&self, delay: Delta) {
        let ms = u32::try_from(delay.as_millis().max(0)).unwrap_or(u32::MAX);
        // SAFETY: Initialised, and freed only after it was disabled.
        unsafe { bindings::kapi_work_mod(self.raw_queue(), self.dwork.get(), ms) };
    }

    /// Runs the function after `delay`, unless it is due already, be it earlier or later. Any context.
    /// Nothing happens if the work is disabled.
    pub fn queue_again_after(&self, delay: Delta) {
        let ms = u32::try_from(delay.as_millis().max(0)).unwrap_or(u32::MAX);
        // SAFETY: Initialised, and freed only after it was disabled.
        unsafe { bindings::kapi_work_queue(self.raw_queue(), self.dwork.get(), ms) };
    }

    /// Waits until the function has run if it was due, or runs. Process context, not from within
    /// the function.
    pub fn flush(&self) {
        // SAFETY: Initialised, and freed only after it was disabled.
        unsafe { bindings::flush_delayed_work(self.dwork.get()) };
    }

    /// Ends it: waits for a running function, lets none start again, and lets go of the target.
    /// Process context, not from within the function.
    pub fn disable_sync(&self) {
        // SAFETY: Initialised, and freed only after it was disabled, which may be done more than once.
        unsafe { bindings::disable_delayed_work_sync(self.dwork.get()) };
        let old = self.target.lock().take();
        drop(old);
    }

    /// # Safety
    ///
    /// Called by the workqueue with the work of a live `Work<T>`.
    unsafe extern "C" fn callback(work: *mut bindings::work_struct) {
        // SAFETY: `work` is the first member of the `delayed_work` of a `Self`.
        let dwork = unsafe { kernel::container_of!(work, bindings::delayed_work, work) };
        // SAFETY: The `delayed_work` lies in a `Self`, before whose end the item is disabled.
        let this = unsafe { &*kernel::container_of!(Opaque::cast_from(dwork), Self, dwork) };
        // Not called under the lock: the function may take its time.
        let target = this.target.lock().clone();
        if let Some(target) = target {
            (this.run)(target.as_arc_borrow());
        }
    }
}

#[pinned_drop]
impl<T: Send + Sync + 'static> PinnedDrop for Work<T> {
    fn drop(self: Pin<&mut Self>) {
        // Without a target the function does nothing; with one, this Work would not be dropped
        // unless the target let go of it without disabling it.
        // SAFETY: Initialised.
        unsafe { bindings::disable_delayed_work_sync(self.dwork.get()) };
    }
}
