// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>

#include "dma.h"

/* Undoes dma_map_single() or dma_map_page(), which undo alike. */
void kapi_dma_unmap_to_device(struct device *dev, dma_addr_t addr, u32 len)
{
	dma_unmap_page(dev, addr, len, DMA_TO_DEVICE);
}

/*
 * Whether what was mapped for @dev so far has to be unmapped. Mapping something
 * that is to be says so before it returns.
 */
bool kapi_dma_need_unmap(struct device *dev)
{
	return dma_need_unmap(dev);
}
