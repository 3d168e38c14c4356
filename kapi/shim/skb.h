/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_SKB_H
#define KAPI_SHIM_SKB_H

#include <linux/skbuff.h>

/**
 * struct kapi_tso - the headers of a frame that the hardware is to segment
 * @hdr_len: bytes repeated in each segment, from the start of the data
 * @l4_offset: transport header, bytes from the start of the data
 * @l4_len: bytes of the transport header
 * @ipv4: the network header is IPv4
 * @udp: the transport header is UDP (else TCP)
 */
struct kapi_tso {
	u16 hdr_len;
	u16 l4_offset;
	u8 l4_len;
	bool ipv4;
	bool udp;
};

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
};

bool kapi_skb_is_sctp(struct sk_buff *skb);
int kapi_skb_tso_prepare(struct sk_buff *skb, struct kapi_tso *tso);
int kapi_skb_pad(struct sk_buff *skb, unsigned int len);
int kapi_skb_checksum_help(struct sk_buff *skb);
void kapi_skb_tx_timestamp(struct sk_buff *skb);
dma_addr_t kapi_skb_map_head(struct device *dev, const struct sk_buff *skb);
dma_addr_t kapi_skb_map_frag(struct device *dev, const struct sk_buff *skb,
			     unsigned int index);

#endif /* KAPI_SHIM_SKB_H */
