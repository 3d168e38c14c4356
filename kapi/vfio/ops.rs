// SPDX-License-Identifier: GPL-2.0

//! The operations of a VFIO device: ours where there is a session, else vfio-pci's.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    device::Bound,
    error::to_result,
    new_mutex,
    pci,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use super::{
    bindings,
    device::{
        Bar0,
        Handle,
        Shared,
        BAR, //
    },
    vectors::Change,
    Driver,
    Session, //
};

/// What is kept of a bound device.
#[pin_data]
pub(super) struct Data<T: Driver> {
    #[pin]
    session: Mutex<Option<Arc<T::Session>>>,
    /// One change of vectors at a time, so that ours are those of vfio-pci.
    #[pin]
    changing: Mutex<()>,
    shared: Arc<Shared>,
    bar_len: usize,
}

impl<T: Driver> Data<T> {
    pub(super) fn new(bar_len: usize) -> Result<Pin<KBox<Self>>> {
        let shared = Shared::new()?;
        KBox::pin_init(
            pin_init!(Self {
                session <- new_mutex!(None),
                changing <- new_mutex!(()),
                shared,
                bar_len,
            }),
            GFP_KERNEL,
        )
    }

    pub(super) fn session(&self) -> Option<Arc<T::Session>> {
        self.session.lock().clone()
    }
}

/// What `vfio_alloc_device()` allocates.
///
/// # Invariants
///
/// From before it is registered until after it is unregistered, `data` points to a `Data<T>`.
#[repr(C)]
pub(super) struct Container<T: Driver> {
    core: bindings::vfio_pci_core_device,
    pub(super) data: *const Data<T>,
}

/// The table of operations.
pub(super) struct Ops<T: Driver>(PhantomData<T>);

impl<T: Driver> Ops<T> {
    /// The table, with the name that VFIO shows.
    pub(super) fn table() -> bindings::vfio_device_ops {
        // SAFETY: A constant of C.
        let defaults = unsafe { bindings::kapi_vfio_defaults };
        bindings::vfio_device_ops {
            name: T::NAME.as_char_ptr().cast_mut(),
            open_device: Some(Self::open),
            close_device: Some(Self::close),
            read: Some(Self::read),
            write: Some(Self::write),
            ioctl: Some(Self::ioctl),
            get_region_info_caps: Some(Self::region_info),
            mmap: Some(Self::mmap),
            ..defaults
        }
    }

    /// First byte that can be mapped.
    fn mappable() -> usize {
        T::Session::TRAPPED.next_multiple_of(kernel::page::PAGE_SIZE)
    }

    /// # Safety
    ///
    /// `vdev` is registered, and so stays for `'a`.
    unsafe fn data<'a>(vdev: *mut bindings::vfio_device) -> &'a Data<T> {
        // SAFETY: The vfio_device is the first member of the core device, which is that of the
        // container (kapi_vfio_alloc() checks); then by the type invariant.
        unsafe { &*(*vdev.cast::<Container<T>>()).data }
    }

    /// # Safety
    ///
    /// `vdev` is one of this driver.
    unsafe fn core(vdev: *mut bindings::vfio_device) -> NonNull<bindings::vfio_pci_core_device> {
        // SAFETY: Callbacks are not made with null; see above for the place.
        unsafe { NonNull::new_unchecked(vdev.cast()) }
    }

    extern "C" fn open(vdev: *mut bindings::vfio_device) -> c_int {
        // SAFETY: Called by VFIO for a registered device.
        let (data, core) = unsafe { (Self::data(vdev), Self::core(vdev)) };
        // SAFETY: A registered device, which VFIO opens once until it is closed.
        let enabled = unsafe { bindings::vfio_pci_core_enable(core.as_ptr()) };
        if enabled != 0 {
            return enabled;
        }
        // SAFETY: Enabled until `close()`, which ends this first.
        unsafe { data.shared.open(core, data.bar_len) };
        // SAFETY: The device is bound: it is unregistered before it is unbound, and that waits
        // until it is closed. `pci::Device` is a transparent wrapper.
        let pdev = unsafe { &*(*core.as_ptr()).pdev.cast::<pci::Device<Bound>>() };
        match T::open(pdev, Handle(data.shared.clone())) {
            Ok(session) => {
                *data.session.lock() = session;
                // SAFETY: Enabled above.
                unsafe { bindings::vfio_pci_core_finish_enable(core.as_ptr()) };
                0
            }
            Err(error) => {
                data.shared.close();
                // SAFETY: Enabled above.
                unsafe { bindings::vfio_pci_core_disable(core.as_ptr()) };
                error.to_errno()
            }
        }
    }

    extern "C" fn close(vdev: *mut bindings::vfio_device) {
        // SAFETY: Called by VFIO for an open device.
        let data = unsafe { Self::data(vdev) };
        let session = data.session.lock().take();
        if let Some(session) = session {
            session.close();
        }
        data.shared.close();
        // SAFETY: An open device, which is closed once.
        unsafe { bindings::vfio_pci_core_close_device(vdev) };
    }

    extern "C" fn read(
        vdev: *mut bindings::vfio_device,
        buffer: *mut c_char,
        count: usize,
        position: *mut bindings::loff_t,
    ) -> isize {
        let transfer = |session: &T::Session, bar: &Bar0<'_>, offset: usize, len: usize| {
            let mut user = UserSlice::new(UserPtr::from_ptr(buffer.cast()), len).writer();
            pieces(offset, len, |offset, width| {
                let value = session.read(bar, offset, width)?.to_le_bytes();
                user.write_slice(value.get(..width).ok_or(EINVAL)?)
            })
        };
        // SAFETY: Called by VFIO for an open device, with a position of its own.
        match unsafe { Self::split(vdev, count, position, transfer) } {
            Ok(Split { done, rest: false }) => done as isize,
            Ok(Split { done, rest: true }) => {
                // SAFETY: An open device; the user's buffer is checked by what copies into it.
                let rest = unsafe {
                    let buffer = buffer.wrapping_add(done);
                    bindings::vfio_pci_core_read(vdev, buffer, count - done, position)
                };
                sum(done, rest)
            }
            Err(error) => error.to_errno() as isize,
        }
    }

    extern "C" fn write(
        vdev: *mut bindings::vfio_device,
        buffer: *const c_char,
        count: usize,
        position: *mut bindings::loff_t,
    ) -> isize {
        let transfer = |session: &T::Session, bar: &Bar0<'_>, offset: usize, len: usize| {
            let address = UserPtr::from_ptr(buffer.cast_mut().cast());
            let mut user = UserSlice::new(address, len).reader();
            pieces(offset, len, |offset, width| {
                let mut value = [0; 4];
                user.read_slice(value.get_mut(..width).ok_or(EINVAL)?)?;
                session.write(bar, offset, width, u32::from_le_bytes(value))
            })
        };
        // SAFETY: Called by VFIO for an open device, with a position of its own.
        match unsafe { Self::split(vdev, count, position, transfer) } {
            Ok(Split { done, rest: false }) => done as isize,
            Ok(Split { done, rest: true }) => {
                // SAFETY: An open device; the user's buffer is checked by what copies from it.
                let rest = unsafe {
                    let buffer = buffer.wrapping_add(done);
                    bindings::vfio_pci_core_write(vdev, buffer, count - done, position)
                };
                sum(done, rest)
            }
            Err(error) => error.to_errno() as isize,
        }
    }

    /// Does that part of an access that is to be emulated; `position` is behind it then.
    ///
    /// # Safety
    ///
    /// `vdev` is open and `position` valid.
    unsafe fn split(
        vdev: *mut bindings::vfio_device,
        count: usize,
        position: *mut bindings::loff_t,
        transfer: impl FnOnce(&T::Session, &Bar0<'_>, usize, usize) -> Result<usize>,
    ) -> Result<Split> {
        const ALL: Split = Split {
            done: 0,
            rest: true,
        };
        // SAFETY: By the safety requirements.
        let (data, core) = unsafe { (Self::data(vdev), Self::core(vdev)) };
        // SAFETY: By the safety requirements the position is the caller's own.
        let position = unsafe { &mut *position };
        // CAST: VFIO's own view of a position.
        let (index, offset) = locate(*position as u64);
        let trapped = T::Session::TRAPPED;
        if index != u64::from(BAR) || offset >= trapped as u64 || count == 0 {
            return Ok(ALL);
        }
        let Some(session) = data.session() else {
            return Ok(ALL);
        };
        // CAST: Less than the trapped length.
        let offset = offset as usize;
        // SAFETY: Open, by the safety requirements.
        let bar = unsafe { Bar0::new(core, data.bar_len) };
        let len = count.min(trapped - offset);
        let done = transfer(&session, &bar, offset, len)?;
        // CAST: Less than the trapped length.
        *position += done as bindings::loff_t;
        // What was cut short by an error ends there: the device must not see the rest of it.
        let rest = done == len && len < count;
        Ok(Split { done, rest })
    }

    extern "C" fn ioctl(vdev: *mut bindings::vfio_device, cmd: c_uint, argument: usize) -> c_long {
        // SAFETY: Called by VFIO for an open device.
        let data = unsafe { Self::data(vdev) };
        // SAFETY: An open device; the argument is checked by what it is for.
        let pass_on = || unsafe { bindings::vfio_pci_core_ioctl(vdev, cmd, argument) };
        if data.session().is_none() {
            return pass_on();
        }
        match cmd {
            // It writes to the device behind our back.
            bindings::kapi_vfio_KAPI_VFIO_IOEVENTFD => ENOTTY.to_errno() as c_long,
            bindings::kapi_vfio_KAPI_VFIO_SET_IRQS => {
                let _one_at_a_time = data.changing.lock();
                let mut change = match Change::read(argument) {
                    Ok(change) => change,
                    Err(error) => return error.to_errno() as c_long,
                };
                let done = pass_on();
                // More than zero is the room that there is. Neither that nor what is refused as
                // invalid, before anything was done, changes anything.
                let untouched = done > 0 || done == EINVAL.to_errno() as c_long;
                if done < 0 {
                    change.failed();
                }
                if !untouched {
                    data.shared.change_vectors(change);
                }
                done
            }
            _ => pass_on(),
        }
    }

    extern "C" fn region_info(
        vdev: *mut bindings::vfio_device,
        info: *mut bindings::vfio_region_info,
        caps: *mut bindings::vfio_info_cap,
    ) -> c_int {
        // SAFETY: Called by VFIO for an open device, with both of its own.
        let done = unsafe { bindings::vfio_pci_ioctl_get_region_info(vdev, info, caps) };
        // SAFETY: An open device; the information is the caller's own.
        let (data, info) = unsafe { (Self::data(vdev), &mut *info) };
        let can_map = info.flags & bindings::VFIO_REGION_INFO_FLAG_MMAP != 0;
        if done != 0 || info.index != BAR || !can_map || data.session().is_none() {
            return done;
        }
        let first = Self::mappable() as u64;
        if first >= info.size {
            info.flags &= !bindings::VFIO_REGION_INFO_FLAG_MMAP;
            return 0;
        }
        // SAFETY: The list of capabilities is the caller's own.
        unsafe { bindings::kapi_vfio_sparse(caps, first, info.size - first) }
    }

    extern "C" fn mmap(
        vdev: *mut bindings::vfio_device,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        // SAFETY: Called by VFIO for an open device and a new mapping.
        let (data, position) = unsafe { (Self::data(vdev), bindings::kapi_vma_offset(vma)) };
        let (index, offset) = locate(position);
        let emulated = index == u64::from(BAR) && offset < Self::mappable() as u64;
        if emulated && data.session().is_some() {
            return EINVAL.to_errno();
        }
        // SAFETY: An open device and a new mapping of it.
        unsafe { bindings::vfio_pci_core_mmap(vdev, vma) }
    }
}

/// What became of an access.
struct Split {
    /// Bytes that were emulated.
    done: usize,
    /// Whether the bytes behind them are the device's, and are to be done.
    rest: bool,
}

/// Region and offset of a position in a VFIO device's file.
fn locate(position: u64) -> (u64, u64) {
    // SAFETY: Arithmetic.
    unsafe {
        (
            bindings::kapi_vfio_index(position),
            bindings::kapi_vfio_offset(position),
        )
    }
}

/// Calls `f` with offset and width of each piece of an access, as wide as alignment allows and 4
/// bytes at the most. What was done before an error is done.
fn pieces(offset: usize, len: usize, mut f: impl FnMut(usize, usize) -> Result) -> Result<usize> {
    let mut done = 0;
    while done < len {
        let (at, left) = (offset + done, len - done);
        let width = match (at % 4, left) {
            (0, 4..) => 4,
            (0 | 2, 2..) => 2,
            _ => 1,
        };
        match f(at, width) {
            Ok(()) => done += width,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// What a system call returns that did `done` bytes before `rest`.
fn sum(done: usize, rest: isize) -> isize {
    // CAST: No buffer is longer.
    let done = done as isize;
    match rest {
        0.. => done + rest,
        _ if done > 0 => done,
        error => error,
    }
}

/// Allocates a device for `pdev` with these operations and this data.
///
/// # Safety
///
/// `ops` and `data` live until the device is released.
pub(super) unsafe fn allocate<T: Driver>(
    pdev: *mut kernel::bindings::pci_dev,
    ops: *const bindings::vfio_device_ops,
    data: *const Data<T>,
) -> Result<NonNull<bindings::vfio_pci_core_device>> {
    let size = size_of::<Container<T>>();
    // SAFETY: A valid device, and operations by the safety requirements.
    let memory = unsafe { bindings::kapi_vfio_alloc(size, &mut (*pdev).dev, ops) };
    let container = kernel::error::from_err_ptr(memory)?.cast::<Container<T>>();
    // SAFETY: Allocated for a container, and nobody else has it.
    unsafe { (*container).data = data };
    NonNull::new(container.cast()).ok_or(ENOMEM)
}

/// Registers a device, which from now on can be opened.
///
/// # Safety
///
/// `core` comes from [`allocate`], and its device's driver data points to it.
pub(super) unsafe fn register(core: NonNull<bindings::vfio_pci_core_device>) -> Result {
    // SAFETY: By the safety requirements.
    to_result(unsafe { bindings::vfio_pci_core_register_device(core.as_ptr()) })
}
