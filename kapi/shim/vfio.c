// SPDX-License-Identifier: GPL-2.0
#include "vfio.h"

/*
 * What is not taken over: as vfio-pci itself does it. Of pci_ops there are none
 * on purpose: with them the BAR could be exported as a DMA buffer, and so be
 * reached past the emulation of its first page.
 */
const struct vfio_device_ops kapi_vfio_defaults = {
	.init = vfio_pci_core_init_dev,
	.release = vfio_pci_core_release_dev,
	.close_device = vfio_pci_core_close_device,
	.ioctl = vfio_pci_core_ioctl,
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = vfio_pci_core_read,
	.write = vfio_pci_core_write,
	.mmap = vfio_pci_core_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	.match_token_uuid = vfio_pci_core_match_token_uuid,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
};

/**
 * kapi_vfio_alloc() - _vfio_alloc_device()
 * @size: bytes, of a struct that begins with a vfio_pci_core_device
 * @dev: PCI device
 * @ops: operations, which live for ever
 *
 * Return: memory that kapi_vfio_put() frees, or an ERR_PTR().
 */
void *kapi_vfio_alloc(size_t size, struct device *dev,
		      const struct vfio_device_ops *ops)
{
	BUILD_BUG_ON(offsetof(struct vfio_pci_core_device, vdev));

	return _vfio_alloc_device(size, dev, ops);
}

/**
 * kapi_vfio_put() - vfio_put_device()
 * @core: device of kapi_vfio_alloc()
 */
void kapi_vfio_put(struct vfio_pci_core_device *core)
{
	vfio_put_device(&core->vdev);
}

/**
 * kapi_vfio_sparse() - says which part of a region can be mapped
 * @caps: list of capabilities, to which one is added
 * @offset: where the part begins
 * @size: its bytes
 *
 * Return: 0, or what vfio_info_add_capability() says.
 */
int kapi_vfio_sparse(struct vfio_info_cap *caps, u64 offset, u64 size)
{
	DEFINE_RAW_FLEX(struct vfio_region_info_cap_sparse_mmap, sparse, areas, 1);

	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = 1;
	sparse->areas[0].offset = offset;
	sparse->areas[0].size = size;

	return vfio_info_add_capability(caps, &sparse->header,
					__struct_size(sparse));
}

/**
 * kapi_vfio_read32() - vfio_pci_core_ioread32() of a BAR
 * @core: open device
 * @bar: number of the BAR
 * @offset: in the BAR, within its size
 * @value: set to what is there
 *
 * Return: 0, or -EIO while the guest has turned the device's memory off.
 */
int kapi_vfio_read32(struct vfio_pci_core_device *core, unsigned int bar,
		     u32 offset, u32 *value)
{
	void __iomem *io = vfio_pci_core_get_iomap(core, bar);

	if (IS_ERR(io))
		return PTR_ERR(io);
	return vfio_pci_core_ioread32(core, true, value, io + offset);
}

/**
 * kapi_vfio_write32() - vfio_pci_core_iowrite32() of a BAR
 * @core: open device
 * @bar: number of the BAR
 * @offset: in the BAR, within its size
 * @value: what to write
 *
 * Return: as kapi_vfio_read32().
 */
int kapi_vfio_write32(struct vfio_pci_core_device *core, unsigned int bar,
		      u32 offset, u32 value)
{
	void __iomem *io = vfio_pci_core_get_iomap(core, bar);

	if (IS_ERR(io))
		return PTR_ERR(io);
	return vfio_pci_core_iowrite32(core, true, value, io + offset);
}

/**
 * kapi_vfio_try_read32() - kapi_vfio_read32() that does not wait
 * @core: open device
 * @bar: number of the BAR
 * @offset: in the BAR, within its size
 * @value: set to what is there
 *
 * Return: as kapi_vfio_read32(), and -EAGAIN while the device is being reset.
 */
int kapi_vfio_try_read32(struct vfio_pci_core_device *core, unsigned int bar,
			 u32 offset, u32 *value)
{
	void __iomem *io = vfio_pci_core_get_iomap(core, bar);
	int ret = -EIO;

	if (IS_ERR(io))
		return PTR_ERR(io);
	if (!down_read_trylock(&core->memory_lock))
		return -EAGAIN;
	if (__vfio_pci_memory_enabled(core))
		ret = vfio_pci_core_ioread32(core, false, value, io + offset);
	up_read(&core->memory_lock);
	return ret;
}

/**
 * kapi_vfio_enabled() - __vfio_pci_memory_enabled(), with the lock for it
 * @core: open device
 *
 * Return: whether the guest has turned the device's memory on.
 */
bool kapi_vfio_enabled(struct vfio_pci_core_device *core)
{
	bool enabled;

	down_read(&core->memory_lock);
	enabled = __vfio_pci_memory_enabled(core);
	up_read(&core->memory_lock);
	return enabled;
}

/**
 * kapi_vfio_index() - VFIO_PCI_OFFSET_TO_INDEX()
 * @position: position in the device's file
 *
 * Return: the region there.
 */
u64 kapi_vfio_index(u64 position)
{
	return VFIO_PCI_OFFSET_TO_INDEX(position);
}

/**
 * kapi_vfio_offset() - VFIO_PCI_OFFSET_MASK
 * @position: position in the device's file
 *
 * Return: the offset in the region there.
 */
u64 kapi_vfio_offset(u64 position)
{
	return position & VFIO_PCI_OFFSET_MASK;
}

/**
 * kapi_vma_offset() - vm_pgoff in bytes
 * @vma: mapping of the device's file
 *
 * Return: where in the file it begins.
 */
u64 kapi_vma_offset(struct vm_area_struct *vma)
{
	return (u64)vma->vm_pgoff << PAGE_SHIFT;
}

/**
 * kapi_eventfd_signal() - eventfd_signal()
 * @ctx: context that the caller holds
 */
void kapi_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx);
}
