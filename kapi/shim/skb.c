// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>
#include <linux/sctp.h>

#include "skb.h"

/**
 * kapi_skb_is_sctp() - skb_csum_is_sctp()
 * @skb: frame with a pending checksum
 *
 * Return: whether that is SCTP's CRC32c.
 */
bool kapi_skb_is_sctp(struct sk_buff *skb)
{
	return skb_csum_is_sctp(skb);
}

/**
 * kapi_skb_cow_head() - skb_cow_head(), without more head room
 * @skb: frame whose headers are to be changed
 *
 * Return: 0 or -ENOMEM.
 */
int kapi_skb_cow_head(struct sk_buff *skb)
{
	return skb_cow_head(skb, 0);
}

/**
 * kapi_skb_pad() - __skb_put_padto()
 * @skb: frame, the caller's also on failure
 * @len: bytes that it shall have at least
 *
 * Return: 0 or -ENOMEM.
 */
int kapi_skb_pad(struct sk_buff *skb, unsigned int len)
{
	return __skb_put_padto(skb, len, false);
}

/**
 * kapi_skb_checksum_help() - skb_checksum_help()
 * @skb: frame with a pending checksum
 *
 * Return: 0 or an error.
 */
int kapi_skb_checksum_help(struct sk_buff *skb)
{
	return skb_checksum_help(skb);
}

/**
 * kapi_skb_tx_timestamp() - skb_tx_timestamp()
 * @skb: frame that is about to be sent
 */
void kapi_skb_tx_timestamp(struct sk_buff *skb)
{
	skb_tx_timestamp(skb);
}

/**
 * kapi_skb_map_head() - dma_map_phys(), of all of the linear part
 * @dev: device that reads
 * @skb: frame
 *
 * dma_map_single() would go by way of the struct page and come back to the
 * physical address.
 *
 * Return: where the device finds it, or DMA_MAPPING_ERROR.
 */
dma_addr_t kapi_skb_map_head(struct device *dev, const struct sk_buff *skb)
{
	dma_addr_t dma = dma_map_phys(dev, virt_to_phys(skb->data),
				      skb_headlen(skb), DMA_TO_DEVICE, 0);

	return dma_mapping_error(dev, dma) ? DMA_MAPPING_ERROR : dma;
}

/**
 * kapi_skb_map_frag() - skb_frag_dma_map(), of all of a fragment
 * @dev: device that reads
 * @skb: frame
 * @index: below its nr_frags
 *
 * Return: where the device finds it, or DMA_MAPPING_ERROR.
 */
dma_addr_t kapi_skb_map_frag(struct device *dev, const struct sk_buff *skb,
			     unsigned int index)
{
	const skb_frag_t *frag = &skb_shinfo(skb)->frags[index];
	dma_addr_t dma = skb_frag_dma_map(dev, frag, 0, skb_frag_size(frag),
					  DMA_TO_DEVICE);

	return dma_mapping_error(dev, dma) ? DMA_MAPPING_ERROR : dma;
}
