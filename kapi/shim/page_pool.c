// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <net/page_pool/helpers.h>

#include "page_pool.h"

/**
 * kapi_page_pool_create() - page_pool_create(), of single mapped pages
 * @dev: device that writes to the pages
 * @netdev: network device
 * @napi: instance that takes pages, added to @netdev
 * @queue: number of the receive queue
 * @entries: pages that the pool keeps
 * @offset: where in a page the device writes
 * @max_len: bytes that it writes there at most
 * @both_ways: the device also reads them
 *
 * Return: a pool, or an ERR_PTR().
 */
struct page_pool *kapi_page_pool_create(struct device *dev,
					struct net_device *netdev,
					struct napi_struct *napi,
					unsigned int queue,
					unsigned int entries,
					unsigned int offset,
					unsigned int max_len, bool both_ways)
{
	const struct page_pool_params params = {
		.order = 0,
		.pool_size = entries,
		.nid = dev_to_node(dev),
		.dev = dev,
		.napi = napi,
		.dma_dir = both_ways ? DMA_BIDIRECTIONAL : DMA_FROM_DEVICE,
		.offset = offset,
		.max_len = max_len,
		.netdev = netdev,
		.queue_idx = queue,
		.flags = PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV,
	};

	return page_pool_create(&params);
}

/**
 * kapi_page_pool_alloc() - page_pool_dev_alloc_pages()
 * @pool: pool whose NAPI instance is polled here, or disabled
 * @dma: set to the DMA address of the page, without the pool's offset
 *
 * Return: a page, or NULL.
 */
struct page *kapi_page_pool_alloc(struct page_pool *pool, dma_addr_t *dma)
{
	struct page *page = page_pool_dev_alloc_pages(pool);

	if (likely(page))
		*dma = page_pool_get_dma_addr(page);
	return page;
}

/**
 * kapi_page_pool_put() - page_pool_put_full_page(), to the page's own pool
 * @page: page of a pool
 * @direct: the pool's NAPI instance is polled here
 *
 * Not in a hard interrupt.
 */
void kapi_page_pool_put(struct page *page, bool direct)
{
	page_pool_put_full_page(pp_page_to_nmdesc(page)->pp, page, direct);
}

/**
 * kapi_page_pool_renew() - what page_pool_put_full_page() does to a page it keeps
 * @page: page of a pool, order 0, whose device is done with it
 *
 * See __page_pool_page_can_be_recycled(), and __page_pool_put_page() for the
 * sync. The caller has the page's only reference by pp_ref_count. A pool that
 * is destroyed syncs no more, and has unmapped its pages.
 *
 * Return: true if the device may write to it again; false if its pool would
 * not keep it.
 */
bool kapi_page_pool_renew(struct page *page)
{
	const struct page_pool *pool = pp_page_to_nmdesc(page)->pp;

	if (unlikely(!pool->dma_sync || page_ref_count(page) != 1 ||
		     page_is_pfmemalloc(page)))
		return false;
	dma_sync_single_range_for_device(pool->p.dev,
					 page_pool_get_dma_addr(page),
					 pool->p.offset, pool->p.max_len,
					 pool->p.dma_dir);
	return true;
}

/**
 * kapi_page_copy_skb() - skb_copy_bits(), of all of a frame
 * @page: page of a pool, with room for the frame
 * @offset: where in the page the frame begins
 * @skb: frame
 *
 * Return: 0 or an error.
 */
int kapi_page_copy_skb(struct page *page, unsigned int offset,
		       const struct sk_buff *skb)
{
	return skb_copy_bits(skb, 0, page_address(page) + offset, skb->len);
}

/**
 * kapi_page_pool_headroom() - NET_SKB_PAD + NET_IP_ALIGN
 *
 * Return: bytes to leave free in front of a frame.
 */
unsigned int kapi_page_pool_headroom(void)
{
	return NET_SKB_PAD + NET_IP_ALIGN;
}

/**
 * kapi_page_pool_room() - SKB_WITH_OVERHEAD() of a page
 * @headroom: bytes left free in front of a frame
 *
 * Return: bytes that a device may write there so that an skb still fits.
 */
unsigned int kapi_page_pool_room(unsigned int headroom)
{
	return SKB_WITH_OVERHEAD(PAGE_SIZE) - headroom;
}

/**
 * kapi_page_build_skb() - napi_build_skb() around a page of a pool
 * @page: page, with room for @headroom, @len and the skb's own data
 * @headroom: where the frame begins
 * @len: its bytes
 *
 * With bottom halves off.
 *
 * Return: an skb that has the page, or NULL: the page stays the caller's.
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

/**
 * kapi_page_add_to_skb() - skb_add_rx_frag() of a page of a pool
 * @skb: frame of kapi_page_build_skb() with a free slot, that nobody shares
 * @page: page, which becomes the frame's
 * @offset: where in the page the data begins
 * @len: its bytes
 */
void kapi_page_add_to_skb(struct sk_buff *skb, struct page *page,
			  unsigned int offset, unsigned int len)
{
	page_pool_dma_sync_for_cpu(pp_page_to_nmdesc(page)->pp, page, 0, len);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, offset, len,
			PAGE_SIZE);
}
