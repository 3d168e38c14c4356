// SPDX-License-Identifier: GPL-2.0

//! DMA: rings of descriptors shared with a device, and mappings of the stack's memory.
//!
//! C header: [`include/linux/dma-mapping.h`](srctree/include/linux/dma-mapping.h)

use core::num::NonZero;

use kernel::{
    device::{
        self,
        Bound, //
    },
    dma::Coherent,
    error::to_result,
    faux,
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    }, //
};

#[cfg(not(CONFIG_X86_64))]
use kernel::sync::barrier::{
    dma_mb,
    Read,
    Write, //
};

use super::{
    binding::Binding,
    bindings, //
};

/// Orders reads of memory that a device writes: what was read before is older than what is read
/// after.
#[inline]
pub fn dma_rmb() {
    // The helper that `dma_mb` calls is but a compiler barrier there; loads are ordered anyway.
    #[cfg(CONFIG_X86_64)]
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
    #[cfg(not(CONFIG_X86_64))]
    dma_mb(Read)
}

/// Orders writes of memory that a device reads: it sees what was written before no later than what
/// is written after.
#[inline]
pub fn dma_wmb() {
    // As above: stores to cacheable memory are ordered.
    #[cfg(CONFIG_X86_64)]
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
    #[cfg(not(CONFIG_X86_64))]
    dma_mb(Write)
}

/// Memory shared with a device, as a ring of elements that either side may change at any time. The device
/// stays bound as long.
///
/// # Examples
///
/// ```
/// use crate::kapi::dma::{
///     dma_wmb,
///     DescRing, //
/// };
/// use kernel::{
///     device,
///     prelude::*, //
/// };
///
/// fn make(dev: &device::Device<device::Bound>, buffer: u64) -> Result<DescRing<u64>> {
///     let ring = DescRing::new(dev, 256)?;
///     ring.write(0, buffer);
///     // Before the device hears of it.
///     dma_wmb();
///     Ok(ring)
/// }
/// ```
pub struct DescRing<D: AsBytes + FromBytes + Copy> {
    mem: Coherent<[D]>,
    _binding: Binding,
}

impl<D: AsBytes + FromBytes + Copy> DescRing<D> {
    /// Allocates `count` zeroed elements, at an address aligned as the size rounded up to pages.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for no element, [`ENOMEM`].
    pub fn new(dev: &device::Device<Bound>, count: usize) -> Result<Self> {
        Ok(Self {
            mem: Coherent::<D>::zeroed_slice(dev, count, GFP_KERNEL)?,
            _binding: Binding::new(dev)?,
        })
    }

    /// Number of elements.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.mem.len()
    }

    /// Where the device finds it.
    #[inline]
    pub fn dma_address(&self) -> u64 {
        self.mem.dma_address()
    }

    /// Reads element `index`, once; [`None`] if there is no such element.
    #[inline]
    pub fn get(&self, index: usize) -> Option<D> {
        if index >= self.len() {
            return None;
        }
        // SAFETY: In bounds, aligned, and any bit pattern is a `D`. The device, or the driver on
        // another CPU, may write at the same time: a volatile access of coherent memory.
        Some(unsafe { self.mem.as_ptr().cast::<D>().add(index).read_volatile() })
    }

    /// Writes element `index`, once. Nothing happens if there is no such element.
    #[inline]
    pub fn write(&self, index: usize, value: D) {
        if index < self.len() {
            // SAFETY: In bounds and aligned; see `get()`.
            unsafe {
                self.mem
                    .as_mut_ptr()
                    .cast::<D>()
                    .add(index)
                    .write_volatile(value)
            };
        }
    }
}

impl<D: AsBytes + FromBytes + Copy> DescRing<D> {
    /// Writes the elements from `index` on, each once and in order. Nothing happens if there are not so
    /// many.
    #[inline]
    pub fn write_all<const N: usize>(&self, index: usize, values: [D; N]) {
        if index.checked_add(N).is_some_and(|end| end <= self.len()) {
            for (value, at) in values.into_iter().zip(index..) {
                // SAFETY: In bounds and aligned; see `get()`.
                unsafe {
                    self.mem
                        .as_mut_ptr()
                        .cast::<D>()
                        .add(at)
                        .write_volatile(value)
                };
            }
        }
    }
}

impl<D: AsBytes + FromBytes + Copy + Default> DescRing<D> {
    /// Reads element `index`, once; the default if there is no such element.
    #[inline]
    pub fn read(&self, index: usize) -> D {
        self.get(index).unwrap_or_default()
    }
}

/// Maps and unmaps memory of the stack for a device, which stays bound as long.
///
/// # Examples
///
/// ```
/// use crate::kapi::{
///     dma::{
///         Mapper,
///         Mapping, //
///     },
///     net::{
///         DropReason,
///         SkBuff, //
///     }, //
/// };
///
/// fn map(mapper: &Mapper, skb: SkBuff) -> Option<(SkBuff, Mapping)> {
///     match skb.map_head(mapper) {
///         Ok(mapping) => Some((skb, mapping)),
///         Err(_) => {
///             skb.drop_with(DropReason::NoMem);
///             None
///         }
///     }
/// }
///
/// fn unmap(mapper: &Mapper, mapping: Mapping) {
///     mapper.unmap(mapping);
/// }
/// ```
pub struct Mapper {
    binding: Binding,
}

impl Mapper {
    /// A mapper for `dev`. Process context.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(dev: &device::Device<Bound>) -> Result<Self> {
        Ok(Self {
            binding: Binding::new(dev)?,
        })
    }

    /// The raw device.
    #[inline]
    pub(in crate::kapi) fn as_raw(&self) -> *mut bindings::device {
        core::ptr::from_ref(self.binding.device()).cast_mut().cast()
    }

    /// Whether mappings have to be undone at all. If not, and only for mappings that were made before
    /// this was asked, [`Mapping`]s may be dropped instead: the device reaches all memory as it is, and
    /// nothing was copied to where it can be reached.
    #[inline]
    pub fn needs_unmap(&self) -> bool {
        // SAFETY: The device is bound.
        unsafe { bindings::kapi_dma_need_unmap(self.as_raw()) }
    }

    /// Undoes a mapping. It must come from this mapper's device; that of another is a bug that the
    /// IOMMU layer reports, and harms no memory of the kernel.
    #[inline]
    pub fn unmap(&self, mapping: Mapping) {
        // SAFETY: The device is bound, the mapping is live and consumed here.
        unsafe { bindings::kapi_dma_unmap_to_device(self.as_raw(), mapping.addr, mapping.len()) };
    }
}

/// Registers a device without a bus and without hardware, for which memory is mapped all the same: its driver
/// does what those of others do. Process context.
///
/// # Errors
///
/// [`ENODEV`] if the name is taken, and the like.
pub fn register_faux(name: &CStr) -> Result<faux::Registration> {
    let faux = faux::Registration::new(name, None)?;
    let bound: &faux::Device<Bound> = faux.as_ref();
    let dev: &device::Device<Bound> = bound.as_ref();
    // SAFETY: A bound device, of which nobody else knows yet.
    to_result(unsafe {
        bindings::kapi_dma_coerce_mask(core::ptr::from_ref(dev).cast_mut().cast())
    })?;
    Ok(faux)
}

/// Memory that a device may read. To be given to [`Mapper::unmap`]: dropping it leaks the mapping,
/// if there is anything to leak ([`Mapper::needs_unmap`]).
#[must_use = "a mapping that is dropped is leaked"]
pub struct Mapping {
    addr: u64,
    len: NonZero<u32>,
}

impl Mapping {
    /// Describes a mapping towards the device.
    ///
    /// # Safety
    ///
    /// `addr` was returned by a mapping of `len` bytes with `DMA_TO_DEVICE`, and is not described
    /// by another value.
    #[inline]
    pub(in crate::kapi) unsafe fn to_device(addr: u64, len: NonZero<u32>) -> Self {
        Self { addr, len }
    }

    /// Where the device finds it.
    #[inline]
    pub fn addr(&self) -> u64 {
        self.addr
    }

    /// Bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> u32 {
        self.len.get()
    }
}
