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
	int err = xdp_rxq_info_reg(rxq, dev, queue, 0);

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
 * @xdp: frame in a page of a pool
 *
 * With bottom halves off. xdp_build_skb_from_buff() would also take the
 * Ethernet header away.
 *
 * Return: an skb that has the page, or NULL: the page stays the caller's.
 */
struct sk_buff *kapi_xdp_build_skb(const struct xdp_buff *xdp)
{
	struct sk_buff *skb = napi_build_skb(xdp->data_hard_start,
					     xdp->frame_sz);

	if (unlikely(!skb))
		return NULL;
	skb_mark_for_recycle(skb);
	skb_reserve(skb, xdp->data - xdp->data_hard_start);
	__skb_put(skb, xdp->data_end - xdp->data);
	if (xdp->data > xdp->data_meta)
		skb_metadata_set(skb, xdp->data - xdp->data_meta);
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
 * @frame: frame in such a page
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
 * @frame: frame of one buffer, not empty
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
