// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>

#include "dma.h"

/* Undoes dma_map_single() or dma_map_page(), which undo alike. */
void kapi_dma_unmap_to_device(struct device *dev, dma_addr_t addr, u32 len)
{
	dma_unmap_page(dev, addr, len, DMA_TO_DEVICE);
}
