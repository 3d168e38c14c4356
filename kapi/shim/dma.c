// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>

#include "dma.h"

/**
 * kapi_dma_unmap_to_device() - dma_unmap_page()
 * @dev: device that has read
 * @addr: where it found the memory, as dma_map_single() or dma_map_page() said:
 *	what both did is undone alike
 * @len: bytes that were mapped
 */
void kapi_dma_unmap_to_device(struct device *dev, dma_addr_t addr, u32 len)
{
	dma_unmap_page(dev, addr, len, DMA_TO_DEVICE);
}

/**
 * kapi_dma_need_unmap() - dma_need_unmap()
 * @dev: device that reads
 *
 * Return: whether what was mapped for @dev so far has to be unmapped. Mapping
 * something that is to be says so before it returns.
 */
bool kapi_dma_need_unmap(struct device *dev)
{
	return dma_need_unmap(dev);
}

/**
 * kapi_dma_coerce_mask() - dma_coerce_mask_and_coherent(), of 64 bits
 * @dev: device that nobody maps anything for yet
 *
 * Return: 0 or an error.
 */
int kapi_dma_coerce_mask(struct device *dev)
{
	return dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
}
