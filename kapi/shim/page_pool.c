// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <net/page_pool/helpers.h>

#include "page_pool.h"

/*
 * A pool of single pages, mapped for @dev to write at @offset, at most @max_len
 * bytes, that belongs to receive queue @queue. ERR_PTR() on failure.
 */
struct page_pool *kapi_page_pool_create(struct device *dev,
					struct net_device *netdev,
					struct napi_struct *napi,
					unsigned int queue,
					unsigned int entries,
					unsigned int offset,
					unsigned int max_len)
{
	const struct page_pool_params params = {
		.order = 0,
		.pool_size = entries,
		.nid = dev_to_node(dev),
		.dev = dev,
		.napi = napi,
		.dma_dir = DMA_FROM_DEVICE,
		.offset = offset,
		.max_len = max_len,
		.netdev = netdev,
		.queue_idx = queue,
		.flags = PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV,
	};

	return page_pool_create(&params);
}

/* A page and its DMA address (of the page, without the pool's offset). */
struct page *kapi_page_pool_alloc(struct page_pool *pool, dma_addr_t *dma)
{
	struct page *page = page_pool_dev_alloc_pages(pool);

	if (likely(page))
		*dma = page_pool_get_dma_addr(page);
	return page;
}

/* Gives @page back to the pool that it came from. */
void kapi_page_pool_put(struct page *page, bool direct)
{
	page_pool_put_full_page(pp_page_to_nmdesc(page)->pp, page, direct);
}

/* Bytes to leave free in front of a frame. */
unsigned int kapi_page_pool_headroom(void)
{
	return NET_SKB_PAD + NET_IP_ALIGN;
}

/* Bytes that a device may write at @headroom so that an skb still fits. */
unsigned int kapi_page_pool_room(unsigned int headroom)
{
	return SKB_WITH_OVERHEAD(PAGE_SIZE) - headroom;
}

/*
 * Makes an skb around @page with @len bytes at @headroom and hands the page to
 * it. NULL without memory: the page then stays the caller's.
 */
struct sk_buff *kapi_page_build_skb(struct page *page, unsigned int headroom,
				    unsigned int len)
{
	void *va = page_address(page);
	struct sk_buff *skb;

	page_pool_dma_sync_for_cpu(pp_page_to_nmdesc(page)->pp, page, 0, len);
	net_prefetch(va + headroom);
	skb = napi_build_skb(va, PAGE_SIZE);
	if (unlikely(!skb))
		return NULL;
	skb_mark_for_recycle(skb);
	skb_reserve(skb, headroom);
	__skb_put(skb, len);
	return skb;
}

/* Hands @page to @skb as one more fragment; @skb has a slot for it. */
void kapi_page_add_to_skb(struct sk_buff *skb, struct page *page,
			  unsigned int offset, unsigned int len)
{
	page_pool_dma_sync_for_cpu(pp_page_to_nmdesc(page)->pp, page, 0, len);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, offset, len,
			PAGE_SIZE);
}
