// SPDX-License-Identifier: GPL-2.0
#include <linux/skbuff.h>
#include <net/netdev_rx_queue.h>

#include "xsk.h"

/**
 * kapi_xsk_dma_map() - xsk_pool_dma_map(), without a copy of all that is there
 * @pool: pool
 * @dev: device that is to reach it
 *
 * With the RTNL.
 *
 * Return: 0 or an error.
 */
int kapi_xsk_dma_map(struct xsk_buff_pool *pool, struct device *dev)
{
	return xsk_pool_dma_map(pool, dev, DMA_ATTR_SKIP_CPU_SYNC);
}

/**
 * kapi_xsk_dma_unmap() - xsk_pool_dma_unmap()
 * @pool: pool of kapi_xsk_dma_map()
 *
 * With the RTNL.
 */
void kapi_xsk_dma_unmap(struct xsk_buff_pool *pool)
{
	xsk_pool_dma_unmap(pool, DMA_ATTR_SKIP_CPU_SYNC);
}

/**
 * kapi_xsk_frame_size() - xsk_pool_get_rx_frame_size()
 * @pool: pool, mapped
 *
 * Return: bytes that there are for a frame behind the head room.
 */
u32 kapi_xsk_frame_size(struct xsk_buff_pool *pool)
{
	return xsk_pool_get_rx_frame_size(pool);
}

/**
 * kapi_xsk_received() - xsk_buff_set_size() and xsk_buff_dma_sync_for_cpu()
 * @xdp: buffer that a device has written to
 * @len: bytes that it wrote
 */
void kapi_xsk_received(struct xdp_buff *xdp, u32 len)
{
	xsk_buff_set_size(xdp, len);
	xsk_buff_dma_sync_for_cpu(xdp);
	net_prefetch(xdp->data);
}

/**
 * kapi_xsk_free() - xsk_buff_free()
 * @xdp: buffer of one chunk
 */
void kapi_xsk_free(struct xdp_buff *xdp)
{
	xsk_buff_free(xdp);
}

/**
 * kapi_xsk_build_skb() - napi_alloc_skb(), with a copy of a frame
 * @napi: instance that is being polled here
 * @xdp: frame in a buffer of a socket
 *
 * The skb is marked as one whose pages come from pools, so that it may get
 * some: where one is looked for, others are told from them.
 *
 * Return: an skb, or NULL.
 */
struct sk_buff *kapi_xsk_build_skb(struct napi_struct *napi,
				   const struct xdp_buff *xdp)
{
	unsigned int meta = xdp->data - xdp->data_meta;
	unsigned int len = xdp->data_end - xdp->data_meta;
	struct sk_buff *skb = napi_alloc_skb(napi, len);

	if (unlikely(!skb))
		return NULL;
	skb_put_data(skb, xdp->data_meta, len);
	if (meta) {
		__skb_pull(skb, meta);
		skb_metadata_set(skb, meta);
	}
	skb_mark_for_recycle(skb);
	return skb;
}

/**
 * kapi_xsk_tx_descs() - where a pool keeps the descriptors of a batch
 * @pool: pool of sockets that send
 *
 * Return: those of xsk_tx_peek_release_desc_batch(), until the next call of it.
 */
const struct xdp_desc *kapi_xsk_tx_descs(const struct xsk_buff_pool *pool)
{
	return pool->tx_descs;
}

/**
 * kapi_xsk_sync_desc() - lets the device read what a descriptor is about
 * @pool: pool, mapped
 * @desc: descriptor of it, which the core has checked
 *
 * Return: where the device finds it.
 */
dma_addr_t kapi_xsk_sync_desc(struct xsk_buff_pool *pool,
			      const struct xdp_desc *desc)
{
	dma_addr_t dma = xsk_buff_raw_get_dma(pool, desc->addr);

	xsk_buff_raw_dma_sync_for_device(pool, dma, desc->len);
	return dma;
}

/**
 * kapi_rx_queue_napi() - the instance of a receive queue
 * @dev: network device
 * @queue: below its number of receive queues
 *
 * Under RCU, which who takes it from the queue waits for.
 *
 * Return: an instance, or NULL.
 */
struct napi_struct *kapi_rx_queue_napi(struct net_device *dev, u32 queue)
{
	return READ_ONCE(__netif_get_rx_queue(dev, queue)->napi);
}
