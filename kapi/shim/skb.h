/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_SKB_H
#define KAPI_SHIM_SKB_H

#include <linux/skbuff.h>

/* What the hardware said of a received frame. */
#define KAPI_RX_CSUM_OK		0x01
#define KAPI_RX_HASH		0x02
#define KAPI_RX_HASH_L4		0x04
#define KAPI_RX_VLAN		0x08

/* These are no plain constants for bindgen. */
enum {
	KAPI_MAX_SKB_FRAGS = MAX_SKB_FRAGS,
	KAPI_SW_TSTAMP = SKBTX_SW_TSTAMP | SKBTX_BPF,
	KAPI_CSUM_PARTIAL = CHECKSUM_PARTIAL,
	KAPI_GSO_UDP_L4 = SKB_GSO_UDP_L4,
};

bool kapi_skb_is_sctp(struct sk_buff *skb);
int kapi_skb_cow_head(struct sk_buff *skb);
int kapi_skb_pad(struct sk_buff *skb, unsigned int len);
int kapi_skb_checksum_help(struct sk_buff *skb);
void kapi_skb_tx_timestamp(struct sk_buff *skb);
dma_addr_t kapi_skb_map_head(struct device *dev, const struct sk_buff *skb);
dma_addr_t kapi_skb_map_frag(struct device *dev, const struct sk_buff *skb,
			     unsigned int index);

#endif /* KAPI_SHIM_SKB_H */
