// SPDX-License-Identifier: GPL-2.0

//! devlink: what a device is, a reporter of its health, and a parameter that is on or off.
//!
//! A driver implements [`Devlink`] for the data that it shares with its other registrations, and
//! keeps a [`Registration`]. What it notices goes through a [`Reporter`].
//!
//! C header: [`include/net/devlink.h`](srctree/include/net/devlink.h)

use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::NonNull, //
};

use crate::kapi::{
    binding::Binding,
    bindings, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    error::{
        from_err_ptr,
        to_result, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
    },
    types::ForeignOwnable,
};

use super::Extack;

mod message;

pub use self::message::{
    Info,
    Message, //
};

/// Who asks for a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// [`Reporter::report`], where automatic recovery is on, as it is by default.
    Report,
    /// Somebody, by `devlink health recover`.
    Operator,
}

/// The operations of a devlink instance with one health reporter and one parameter.
///
/// All run in process context under the lock of the instance, and may sleep. None may wait for
/// what calls [`Reporter`].
pub trait Devlink: Send + Sync + Sized + 'static {
    /// The reporter's name.
    const REPORTER: &'static CStr;

    /// The parameter's name: one that [`Devlink::param`] has, and none of the core's own.
    const PARAM: &'static CStr;

    /// Says what the device is (`devlink dev info`). The core adds the driver's name.
    ///
    /// # Errors
    ///
    /// Any; the request fails with it.
    fn info(this: ArcBorrow<'_, Self>, info: &mut Info<'_>) -> Result;

    /// Mends what was reported. The reporter is healthy afterwards.
    ///
    /// # Errors
    ///
    /// Any; the reporter stays in its state of error.
    fn recover(this: ArcBorrow<'_, Self>, trigger: Trigger, extack: &mut Extack<'_>) -> Result;

    /// Acts as if there was something to report (`devlink health test`).
    ///
    /// # Errors
    ///
    /// Any; the request fails with it.
    fn test(this: ArcBorrow<'_, Self>, extack: &mut Extack<'_>) -> Result;

    /// Whether the parameter is on (`devlink dev param show`).
    fn param(this: ArcBorrow<'_, Self>) -> bool;

    /// Turns the parameter on or off, at run time.
    ///
    /// # Errors
    ///
    /// Any; the request fails with it.
    fn set_param(this: ArcBorrow<'_, Self>, on: bool) -> Result;

    /// Tells the state of what is reported on: on request, and to be kept when an error is reported.
    fn diagnose(this: ArcBorrow<'_, Self>, message: &mut Message<'_>);
}

/// The reporter, which C owns, while the instance is registered.
struct Live(NonNull<bindings::devlink_health_reporter>);

// SAFETY: The functions that are called with it take the locks that they need.
unsafe impl Send for Live {}

#[pin_data]
struct Shared {
    /// Held over calls, so that none is under way when the instance goes. Taken before the lock of
    /// the instance.
    #[pin]
    live: Mutex<Option<Live>>,
}

/// A health reporter. Calls do nothing once its [`Registration`] is gone.
///
/// Process context; not from within an operation of [`Devlink`], nor with a lock held that one of
/// these takes.
#[derive(Clone)]
pub struct Reporter(Arc<Shared>);

impl Reporter {
    /// Reports an error: counts it, tells who listens, keeps [`Devlink::diagnose`]'s message, and
    /// tries [`Devlink::recover`] unless the operator has turned that off.
    pub fn report(&self, message: &CStr) {
        // Only whether it is null matters.
        let context = NonNull::<c_void>::dangling();
        let live = self.0.live.lock();
        if let Some(live) = &*live {
            // SAFETY: The reporter is there and registered as long as the lock is held. The core
            // hands `context` to the operations, which do not follow it. That an error was not
            // recovered from is no news to the caller.
            unsafe {
                bindings::devlink_health_report(
                    live.0.as_ptr(),
                    message.as_char_ptr(),
                    context.as_ptr(),
                );
            }
        }
    }

    /// Says that what was reported is over.
    pub fn set_healthy(&self) {
        let live = self.0.live.lock();
        if let Some(live) = &*live {
            // SAFETY: As in `report`.
            unsafe {
                bindings::devlink_health_reporter_state_update(
                    live.0.as_ptr(),
                    bindings::devlink_health_reporter_state_DEVLINK_HEALTH_REPORTER_STATE_HEALTHY,
                );
            }
        }
    }
}

/// A registered devlink instance. Dropping it waits for operations that run, unbinding its device for
/// that.
pub struct Registration<T: Devlink> {
    devlink: NonNull<bindings::devlink>,
    reporter: NonNull<bindings::devlink_health_reporter>,
    shared: Arc<Shared>,
    _data: PhantomData<Arc<T>>,
    _binding: Binding,
}

// SAFETY: What it owns can be used and dropped from any thread; `T` is `Send + Sync`.
unsafe impl<T: Devlink> Send for Registration<T> {}

// SAFETY: What it owns can be shared by threads; `T` is `Sync`, too.
unsafe impl<T: Devlink> Sync for Registration<T> {}

impl<T: Devlink> Registration<T> {
    /// Registers an instance for `dev`. Process context, sleeps. Operations may run before this
    /// returns.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(dev: &Device<Bound>, data: Arc<T>) -> Result<Self> {
        let binding = Binding::new(dev)?;
        let shared = Arc::pin_init(
            pin_init!(Shared {
                live <- new_mutex!(None),
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The device is bound, and stays while the instance does, which holds it.
        let raw = unsafe {
            bindings::kapi_devlink_alloc(
                &Ops::<T>::DEVLINK,
                Ops::<T>::PRIV_SIZE,
                core::ptr::from_ref(dev).cast_mut().cast(),
            )
        };
        let devlink = NonNull::new(raw).ok_or(ENOMEM)?;
        // SAFETY: The private area has room for the pointer, and nobody looks at it before the
        // reporter is there or the instance is registered.
        unsafe {
            bindings::devlink_priv(raw)
                .cast::<*mut c_void>()
                .write(data.into_foreign());
        }
        // SAFETY: A new instance; the operations live for ever.
        let reporter = unsafe {
            from_err_ptr(bindings::devlink_health_reporter_create(
                raw,
                &Ops::<T>::REPORTER,
                raw.cast(),
            ))
        };
        let reporter = match reporter.map(NonNull::new) {
            Ok(Some(reporter)) => reporter,
            failed => {
                // SAFETY: Not registered, and made with a `T`.
                unsafe { Self::free(devlink) };
                return Err(failed.err().unwrap_or(ENOMEM));
            }
        };
        // SAFETY: The parameter's description lives for ever, and all that its functions need is in place.
        let added = to_result(unsafe {
            bindings::devlink_params_register(
                raw,
                Ops::<T>::PARAMS.as_ptr(),
                Ops::<T>::PARAMS.len(),
            )
        });
        if let Err(err) = added {
            // SAFETY: Nobody uses the reporter yet; the instance is not registered, and made with a `T`.
            unsafe {
                bindings::devlink_health_reporter_destroy(reporter.as_ptr());
                Self::free(devlink);
            }
            return Err(err);
        }
        // SAFETY: Not registered, and its operations and data are in place.
        unsafe { bindings::devlink_register(raw) };
        *shared.live.lock() = Some(Live(reporter));
        Ok(Self {
            devlink,
            reporter,
            shared,
            _data: PhantomData,
            _binding: binding,
        })
    }

    /// Where to report.
    pub fn reporter(&self) -> Reporter {
        Reporter(self.shared.clone())
    }

    /// Frees an instance, and drops what its operations worked on.
    ///
    /// # Safety
    ///
    /// It is not registered, has no reporter, and was made with a `T`.
    unsafe fn free(devlink: NonNull<bindings::devlink>) {
        // SAFETY: Written by `Self::new`.
        let data = unsafe {
            bindings::devlink_priv(devlink.as_ptr())
                .cast::<*mut c_void>()
                .read()
        };
        // SAFETY: By the requirements of this function.
        unsafe { bindings::devlink_free(devlink.as_ptr()) };
        // SAFETY: Comes from `into_foreign`, and no operation runs any more.
        drop(unsafe { <Arc<T> as ForeignOwnable>::from_foreign(data) });
    }
}

impl<T: Devlink> Drop for Registration<T> {
    fn drop(&mut self) {
        // Whoever reports now is waited for, and nobody else begins.
        *self.shared.live.lock() = None;
        // SAFETY: In the opposite order of `Self::new`; nobody uses the reporter any more.
        unsafe {
            bindings::devlink_unregister(self.devlink.as_ptr());
            bindings::devlink_params_unregister(
                self.devlink.as_ptr(),
                Ops::<T>::PARAMS.as_ptr(),
                Ops::<T>::PARAMS.len(),
            );
            bindings::devlink_health_reporter_destroy(self.reporter.as_ptr());
            Self::free(self.devlink);
        }
    }
}

/// The operations as C has them.
struct Ops<T>(PhantomData<T>);

impl<T: Devlink> Ops<T> {
    /// What the private area holds: the pointer that `Arc::into_foreign` gave.
    const PRIV_SIZE: usize = size_of::<*mut c_void>();

    const DEVLINK: bindings::devlink_ops = {
        // SAFETY: All members are numbers, pointers or optional functions: all zero is valid.
        let none: bindings::devlink_ops = unsafe { MaybeUninit::zeroed().assume_init() };
        bindings::devlink_ops {
            info_get: Some(Self::info_get),
            ..none
        }
    };

    const REPORTER: bindings::devlink_health_reporter_ops = {
        // SAFETY: All members are pointers or optional functions: all zero is valid.
        let none: bindings::devlink_health_reporter_ops =
            unsafe { MaybeUninit::zeroed().assume_init() };
        bindings::devlink_health_reporter_ops {
            name: T::REPORTER.to_bytes_with_nul().as_ptr().cast_mut().cast(),
            recover: Some(Self::recover),
            dump: Some(Self::dump),
            diagnose: Some(Self::diagnose),
            test: Some(Self::test),
            ..none
        }
    };

    const PARAMS: &'static [bindings::devlink_param; 1] = {
        // SAFETY: All members are numbers, pointers or optional functions: all zero is valid.
        let none: bindings::devlink_param = unsafe { MaybeUninit::zeroed().assume_init() };
        &[bindings::devlink_param {
            // Those of a driver begin where those of the core end.
            id: bindings::devlink_param_generic_id___DEVLINK_PARAM_GENERIC_ID_MAX,
            name: T::PARAM.to_bytes_with_nul().as_ptr().cast(),
            type_: bindings::devlink_param_type_DEVLINK_PARAM_TYPE_BOOL,
            supported_cmodes: 1 << bindings::devlink_param_cmode_DEVLINK_PARAM_CMODE_RUNTIME,
            get: Some(Self::param_get),
            set: Some(Self::param_set),
            ..none
        }]
    };

    /// # Safety
    ///
    /// `devlink` was made for a `T`, and is there while the result lives.
    unsafe fn data<'a>(devlink: *mut bindings::devlink) -> ArcBorrow<'a, T> {
        // SAFETY: Written before the instance was registered, and left alone until it is freed.
        unsafe {
            let data = bindings::devlink_priv(devlink).cast::<*mut c_void>().read();
            <Arc<T> as ForeignOwnable>::borrow(data)
        }
    }

    /// # Safety
    ///
    /// As [`Self::data`], for the reporter of the instance.
    unsafe fn reporter_data<'a>(
        reporter: *mut bindings::devlink_health_reporter,
    ) -> ArcBorrow<'a, T> {
        // SAFETY: The reporter was made with the instance as its private pointer.
        unsafe { Self::data(bindings::devlink_health_reporter_priv(reporter).cast()) }
    }

    /// # Safety
    ///
    /// Called by the core for an instance made for a `T`; `req` is for this call.
    unsafe extern "C" fn info_get(
        devlink: *mut bindings::devlink,
        req: *mut bindings::devlink_info_req,
        _extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        let (data, mut info) = unsafe { (Self::data(devlink), Info::from_raw(req)) };
        match T::info(data, &mut info) {
            Ok(()) => 0,
            Err(err) => err.to_errno(),
        }
    }

    /// # Safety
    ///
    /// Called by the core for a reporter of an instance made for a `T`.
    unsafe extern "C" fn recover(
        reporter: *mut bindings::devlink_health_reporter,
        context: *mut c_void,
        extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        let trigger = if context.is_null() {
            Trigger::Operator
        } else {
            Trigger::Report
        };
        // SAFETY: By the requirements of this function.
        let (data, mut extack) =
            unsafe { (Self::reporter_data(reporter), Extack::from_raw(extack)) };
        match T::recover(data, trigger, &mut extack) {
            Ok(()) => 0,
            Err(err) => err.to_errno(),
        }
    }

    /// # Safety
    ///
    /// Called by the core for a reporter of an instance made for a `T`.
    unsafe extern "C" fn test(
        reporter: *mut bindings::devlink_health_reporter,
        extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        let (data, mut extack) =
            unsafe { (Self::reporter_data(reporter), Extack::from_raw(extack)) };
        match T::test(data, &mut extack) {
            Ok(()) => 0,
            Err(err) => err.to_errno(),
        }
    }

    /// # Safety
    ///
    /// Called by the core for an instance made for a `T`; `ctx` is for this call.
    unsafe extern "C" fn param_get(
        devlink: *mut bindings::devlink,
        _id: u32,
        ctx: *mut bindings::devlink_param_gset_ctx,
        _extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { (*ctx).val.vbool = T::param(Self::data(devlink)) };
        0
    }

    /// # Safety
    ///
    /// As [`Self::param_get`]; `ctx` has a value of the parameter's type.
    unsafe extern "C" fn param_set(
        devlink: *mut bindings::devlink,
        _id: u32,
        ctx: *mut bindings::devlink_param_gset_ctx,
        _extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        let (data, on) = unsafe { (Self::data(devlink), (*ctx).val.vbool) };
        match T::set_param(data, on) {
            Ok(()) => 0,
            Err(err) => err.to_errno(),
        }
    }

    /// # Safety
    ///
    /// As [`Self::diagnose`].
    unsafe extern "C" fn dump(
        reporter: *mut bindings::devlink_health_reporter,
        message: *mut bindings::devlink_fmsg,
        _context: *mut c_void,
        extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { Self::diagnose(reporter, message, extack) }
    }

    /// # Safety
    ///
    /// Called by the core for a reporter of an instance made for a `T`; `message` is for this call.
    unsafe extern "C" fn diagnose(
        reporter: *mut bindings::devlink_health_reporter,
        message: *mut bindings::devlink_fmsg,
        _extack: *mut bindings::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: By the requirements of this function.
        let (data, mut message) =
            unsafe { (Self::reporter_data(reporter), Message::from_raw(message)) };
        T::diagnose(data, &mut message);
        // What did not fit, the core knows from the message.
        0
    }
}
