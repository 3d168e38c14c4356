// SPDX-License-Identifier: GPL-2.0
#include <linux/bpf_trace.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <net/page_pool/helpers.h>

#include "xdp.h"

/**
 * kapi_xdp_rxq_reg() - xdp_rxq_info_reg(), with a page pool as the memory model
 * @rxq: zeroed memory, in place until xdp_rxq_info_unreg()
 * @dev: network device
 * @queue: number of the receive queue
 * @pool: pool of its pages, which is held until xdp_rxq_info_unreg()
 *
 * Return: 0 or an error.
 */
int kapi_xdp_rxq_reg(struct xdp_rxq_info *rxq, struct net_device *dev,
		     u32 queue, struct page_pool *pool)
{
	/* Each buffer has a page, up to whose end programs may use it. */
	int err = __xdp_rxq_info_reg(rxq, dev, queue, 0, PAGE_SIZE);

	if (err)
		return err;
	err = xdp_rxq_info_reg_mem_model(rxq, MEM_TYPE_PAGE_POOL, pool);
	if (err)
		xdp_rxq_info_unreg(rxq);
	return err;
}

/**
 * kapi_xdp_prepare() - makes a received page what a program sees
 * @xdp: set up
 * @rxq: receive queue, registered
 * @page: page of the queue's pool, order 0
 * @headroom: where the frame begins
 * @len: its bytes; the skb's own data still fits behind them
 */
void kapi_xdp_prepare(struct xdp_buff *xdp, struct xdp_rxq_info *rxq,
		      struct page *page, unsigned int headroom,
		      unsigned int len)
{
	void *va = page_address(page);

	page_pool_dma_sync_for_cpu(pp_page_to_nmdesc(page)->pp, page, 0, len);
	net_prefetch(va + headroom);
	xdp_init_buff(xdp, PAGE_SIZE, rxq);
	xdp_prepare_buff(xdp, va, headroom, len, true);
}

/**
 * kapi_xdp_add_page() - xdp_buff_add_frag() of a received page
 * @xdp: frame of kapi_xdp_prepare()
 * @page: page of a pool, order 0
 * @headroom: where the device began to write
 * @len: bytes that it wrote
 *
 * Return: false if there is no place for it, or it is of another pool than the
 * first page: then it stays the caller's.
 */
bool kapi_xdp_add_page(struct xdp_buff *xdp, struct page *page,
		       unsigned int headroom, unsigned int len)
{
	struct page *first = virt_to_page(xdp->data_hard_start);
	struct page_pool *pool = pp_page_to_nmdesc(page)->pp;

	if (pool != pp_page_to_nmdesc(first)->pp)
		return false;
	page_pool_dma_sync_for_cpu(pool, page, 0, len);
	return xdp_buff_add_frag(xdp, page_to_netmem(page), headroom, len,
				 PAGE_SIZE);
}

/**
 * kapi_xdp_frags_size() - what a frame has behind its first buffer
 * @xdp: frame of several buffers
 *
 * Return: bytes.
 */
u32 kapi_xdp_frags_size(const struct xdp_buff *xdp)
{
	return xdp_get_shared_info_from_buff(xdp)->xdp_frags_size;
}

/**
 * kapi_xdp_put_frags() - gives the pages behind the first one back
 * @xdp: frame of several buffers, in pages of a pool
 *
 * Not the direct way, as kapi_page_pool_put() has it.
 */
void kapi_xdp_put_frags(const struct xdp_buff *xdp)
{
	const struct skb_shared_info *info = xdp_get_shared_info_from_buff(xdp);
	u32 i;

	for (i = 0; i < info->nr_frags; i++) {
		netmem_ref netmem = skb_frag_netmem(&info->frags[i]);

		page_pool_put_full_netmem(netmem_get_pp(netmem), netmem, false);
	}
}

/**
 * kapi_xdp_run() - bpf_prog_run_xdp()
 * @prog: XDP program
 * @xdp: frame, of kapi_xdp_prepare()
 *
 * In a NAPI poll.
 *
 * Return: what the program said, any number.
 */
u32 kapi_xdp_run(const struct bpf_prog *prog, struct xdp_buff *xdp)
{
	return bpf_prog_run_xdp(prog, xdp);
}

/**
 * kapi_xdp_exception() - trace_xdp_exception()
 * @dev: network device that received
 * @prog: XDP program that ran
 * @act: what it said
 */
void kapi_xdp_exception(const struct net_device *dev,
			const struct bpf_prog *prog, u32 act)
{
	trace_xdp_exception(dev, prog, act);
}

/**
 * kapi_xdp_build_skb() - napi_build_skb() around a frame that a program passed
 * @xdp: frame in pages of a pool, order 0
 *
 * With bottom halves off. xdp_build_skb_from_buff() would also take the
 * Ethernet header away.
 *
 * Return: an skb that has the pages, or NULL: they stay the caller's.
 */
struct sk_buff *kapi_xdp_build_skb(const struct xdp_buff *xdp)
{
	u32 nr_frags = 0, size = 0;
	struct sk_buff *skb;

	/* In memory that becomes the skb's. */
	if (unlikely(xdp_buff_has_frags(xdp))) {
		nr_frags = xdp_get_shared_info_from_buff(xdp)->nr_frags;
		size = xdp_get_shared_info_from_buff(xdp)->xdp_frags_size;
	}
	skb = napi_build_skb(xdp->data_hard_start, xdp->frame_sz);
	if (unlikely(!skb))
		return NULL;
	skb_mark_for_recycle(skb);
	skb_reserve(skb, xdp->data - xdp->data_hard_start);
	__skb_put(skb, xdp->data_end - xdp->data);
	if (xdp->data > xdp->data_meta)
		skb_metadata_set(skb, xdp->data - xdp->data_meta);
	if (unlikely(nr_frags))
		xdp_update_skb_frags_info(skb, nr_frags, size,
					  nr_frags * PAGE_SIZE,
					  xdp_buff_get_skb_flags(xdp));
	return skb;
}

/**
 * kapi_xdp_to_frame() - xdp_convert_buff_to_frame()
 * @xdp: frame that a program saw
 *
 * Return: a frame that has the page, or NULL if the program left no room for
 * it: the page stays the caller's.
 */
struct xdp_frame *kapi_xdp_to_frame(struct xdp_buff *xdp)
{
	return xdp_convert_buff_to_frame(xdp);
}

/**
 * kapi_xdp_sync_frame() - lets a device read a frame in a page of its pool
 * @dev: device that the pool has its pages mapped for, in both directions
 * @frame: frame whose first buffer is in such a page
 *
 * Return: where the device finds it.
 */
dma_addr_t kapi_xdp_sync_frame(struct device *dev,
			       const struct xdp_frame *frame)
{
	dma_addr_t dma = page_pool_get_dma_addr(virt_to_page(frame->data)) +
			 offset_in_page(frame->data);

	dma_sync_single_for_device(dev, dma, frame->len, DMA_BIDIRECTIONAL);
	return dma;
}

/**
 * kapi_xdp_map_frame() - dma_map_single() of a frame, for a device that reads
 * @dev: device
 * @frame: frame whose first buffer is not empty
 *
 * Return: where the device finds it, or DMA_MAPPING_ERROR.
 */
dma_addr_t kapi_xdp_map_frame(struct device *dev,
			      const struct xdp_frame *frame)
{
	dma_addr_t dma = dma_map_single(dev, frame->data, frame->len,
					DMA_TO_DEVICE);

	return dma_mapping_error(dev, dma) ? DMA_MAPPING_ERROR : dma;
}

static const skb_frag_t *frag_of(const struct xdp_frame *frame, u32 index)
{
	return &xdp_get_shared_info_from_frame(frame)->frags[index];
}

/**
 * kapi_xdp_frame_len() - xdp_get_frame_len()
 * @frame: frame
 *
 * Return: its bytes, in all buffers.
 */
u32 kapi_xdp_frame_len(const struct xdp_frame *frame)
{
	return xdp_get_frame_len(frame);
}

/**
 * kapi_xdp_frame_frags() - how many buffers follow the first
 * @frame: frame of several buffers
 *
 * Return: their number.
 */
u32 kapi_xdp_frame_frags(const struct xdp_frame *frame)
{
	return xdp_get_shared_info_from_frame(frame)->nr_frags;
}

/**
 * kapi_xdp_frag_len() - skb_frag_size() of a buffer behind the first
 * @frame: frame of several buffers
 * @index: below kapi_xdp_frame_frags()
 *
 * Return: its bytes.
 */
u32 kapi_xdp_frag_len(const struct xdp_frame *frame, u32 index)
{
	return skb_frag_size(frag_of(frame, index));
}

/**
 * kapi_xdp_sync_frag() - kapi_xdp_sync_frame() for a buffer behind the first
 * @dev: device that the pool has its pages mapped for, in both directions
 * @frame: frame of several buffers, in such pages
 * @index: below kapi_xdp_frame_frags()
 *
 * Return: where the device finds it.
 */
dma_addr_t kapi_xdp_sync_frag(struct device *dev,
			      const struct xdp_frame *frame, u32 index)
{
	const skb_frag_t *frag = frag_of(frame, index);
	dma_addr_t dma = page_pool_get_dma_addr_netmem(skb_frag_netmem(frag)) +
			 skb_frag_off(frag);

	dma_sync_single_for_device(dev, dma, skb_frag_size(frag),
				   DMA_BIDIRECTIONAL);
	return dma;
}

/**
 * kapi_xdp_map_frag() - skb_frag_dma_map(), for a device that reads
 * @dev: device
 * @frame: frame of several buffers
 * @index: below kapi_xdp_frame_frags(), of one that is not empty
 *
 * Return: where the device finds it, or DMA_MAPPING_ERROR.
 */
dma_addr_t kapi_xdp_map_frag(struct device *dev, const struct xdp_frame *frame,
			     u32 index)
{
	const skb_frag_t *frag = frag_of(frame, index);
	dma_addr_t dma = skb_frag_dma_map(dev, frag, 0, skb_frag_size(frag),
					  DMA_TO_DEVICE);

	return dma_mapping_error(dev, dma) ? DMA_MAPPING_ERROR : dma;
}

/**
 * kapi_xdp_flush_bulk() - xdp_flush_frame_bulk()
 * @bulk: frames of xdp_return_frame_bulk(), none of them afterwards
 */
void kapi_xdp_flush_bulk(struct xdp_frame_bulk *bulk)
{
	xdp_flush_frame_bulk(bulk);
}

/**
 * kapi_processor_id() - smp_processor_id()
 *
 * With bottom halves off.
 *
 * Return: the number of this processor.
 */
u32 kapi_processor_id(void)
{
	return smp_processor_id();
}
