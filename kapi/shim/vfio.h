/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_VFIO_H
#define KAPI_SHIM_VFIO_H

#include <linux/eventfd.h>
#include <linux/vfio_pci_core.h>

void *kapi_vfio_alloc(size_t size, struct device *dev,
		      const struct vfio_device_ops *ops);
void kapi_vfio_put(struct vfio_pci_core_device *core);
int kapi_vfio_sparse(struct vfio_info_cap *caps, u64 offset, u64 size);
int kapi_vfio_read32(struct vfio_pci_core_device *core, unsigned int bar,
		     u32 offset, u32 *value);
int kapi_vfio_write32(struct vfio_pci_core_device *core, unsigned int bar,
		      u32 offset, u32 value);
int kapi_vfio_try_read32(struct vfio_pci_core_device *core, unsigned int bar,
			 u32 offset, u32 *value);
bool kapi_vfio_enabled(struct vfio_pci_core_device *core);
u64 kapi_vfio_index(u64 position);
u64 kapi_vfio_offset(u64 position);
u64 kapi_vma_offset(struct vm_area_struct *vma);
void kapi_eventfd_signal(struct eventfd_ctx *ctx);

extern const struct vfio_device_ops kapi_vfio_defaults;

/* Macros that bindgen cannot evaluate, or that are none of its business. */
enum kapi_vfio {
	KAPI_VFIO_SET_IRQS = VFIO_DEVICE_SET_IRQS,
	KAPI_VFIO_IOEVENTFD = VFIO_DEVICE_IOEVENTFD,
	KAPI_VFIO_MSIX = VFIO_PCI_MSIX_IRQ_INDEX,
	KAPI_VFIO_OVERRIDE = PCI_ID_F_VFIO_DRIVER_OVERRIDE,
};

#endif /* KAPI_SHIM_VFIO_H */
