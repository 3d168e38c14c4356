/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_XDP_H
#define KAPI_SHIM_XDP_H

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <net/xdp.h>

/* This is no plain constant for bindgen. */
enum {
	KAPI_XDP_PACKET_HEADROOM = XDP_PACKET_HEADROOM,
};

int kapi_xdp_rxq_reg(struct xdp_rxq_info *rxq, struct net_device *dev,
		     u32 queue, struct page_pool *pool);
void kapi_xdp_prepare(struct xdp_buff *xdp, struct xdp_rxq_info *rxq,
		      struct page *page, unsigned int headroom,
		      unsigned int len);
bool kapi_xdp_add_page(struct xdp_buff *xdp, struct page *page,
		       unsigned int headroom, unsigned int len);
u32 kapi_xdp_frags_size(const struct xdp_buff *xdp);
void kapi_xdp_put_frags(const struct xdp_buff *xdp);
u32 kapi_xdp_run(const struct bpf_prog *prog, struct xdp_buff *xdp);
void kapi_xdp_exception(const struct net_device *dev,
			const struct bpf_prog *prog, u32 act);
struct sk_buff *kapi_xdp_build_skb(const struct xdp_buff *xdp);
struct xdp_frame *kapi_xdp_to_frame(struct xdp_buff *xdp);
dma_addr_t kapi_xdp_sync_frame(struct device *dev,
			       const struct xdp_frame *frame);
dma_addr_t kapi_xdp_map_frame(struct device *dev,
			      const struct xdp_frame *frame);
u32 kapi_xdp_frame_len(const struct xdp_frame *frame);
u32 kapi_xdp_frame_frags(const struct xdp_frame *frame);
u32 kapi_xdp_frag_len(const struct xdp_frame *frame, u32 index);
dma_addr_t kapi_xdp_sync_frag(struct device *dev,
			      const struct xdp_frame *frame, u32 index);
dma_addr_t kapi_xdp_map_frag(struct device *dev, const struct xdp_frame *frame,
			     u32 index);
void kapi_xdp_flush_bulk(struct xdp_frame_bulk *bulk);
u32 kapi_processor_id(void);

#endif /* KAPI_SHIM_XDP_H */
