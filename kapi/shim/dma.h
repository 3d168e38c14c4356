/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_DMA_H
#define KAPI_SHIM_DMA_H

#include <linux/types.h>

struct device;

bool kapi_dma_need_unmap(struct device *dev);
int kapi_dma_coerce_mask(struct device *dev);
void kapi_dma_unmap_to_device(struct device *dev, dma_addr_t addr, u32 len);

#endif /* KAPI_SHIM_DMA_H */
