/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_XSK_H
#define KAPI_SHIM_XSK_H

#include <linux/netdevice.h>
#include <net/xdp_sock_drv.h>

int kapi_xsk_dma_map(struct xsk_buff_pool *pool, struct device *dev);
void kapi_xsk_dma_unmap(struct xsk_buff_pool *pool);
u32 kapi_xsk_frame_size(struct xsk_buff_pool *pool);
void kapi_xsk_received(struct xdp_buff *xdp, u32 len);
void kapi_xsk_free(struct xdp_buff *xdp);
struct sk_buff *kapi_xsk_build_skb(struct napi_struct *napi,
				   const struct xdp_buff *xdp);
const struct xdp_desc *kapi_xsk_tx_descs(const struct xsk_buff_pool *pool);
dma_addr_t kapi_xsk_sync_desc(struct xsk_buff_pool *pool,
			      const struct xdp_desc *desc);
struct napi_struct *kapi_rx_queue_napi(struct net_device *dev, u32 queue);

#endif /* KAPI_SHIM_XSK_H */
