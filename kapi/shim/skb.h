/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_SKB_H
#define KAPI_SHIM_SKB_H

#include <linux/skbuff.h>

/**
 * struct kapi_tx_info - what a driver asks of an skb before it builds descriptors
 * @len: bytes of the frame
 * @headlen: bytes of it in the linear part
 * @l3_offset: network header, bytes from the start of the data
 * @csum_start: where the checksum starts, bytes from the start of the data
 * @csum_offset: where it goes, bytes from @csum_start
 * @vlan_tci: the tag to insert, if KAPI_TX_VLAN
 * @protocol: EtherType, CPU byte order
 * @gso_size: payload bytes a segment, if KAPI_TX_GSO
 * @gso_segs: number of segments, if KAPI_TX_GSO
 * @max_frag: bytes of the largest page fragment
 * @nr_frags: page fragments after the linear part
 * @flags: KAPI_TX_*
 */
struct kapi_tx_info {
	u32 len;
	u32 headlen;
	u32 max_frag;
	u16 l3_offset;
	u16 csum_start;
	u16 csum_offset;
	u16 vlan_tci;
	u16 protocol;
	u16 gso_size;
	u16 gso_segs;
	u8 nr_frags;
	u8 flags;
};

#define KAPI_TX_CSUM		0x01
#define KAPI_TX_GSO		0x02
#define KAPI_TX_VLAN		0x04
#define KAPI_TX_SCTP_CRC	0x08
#define KAPI_TX_HWTSTAMP	0x10
#define KAPI_TX_NO_FCS		0x20

/**
 * struct kapi_tx_headers - what ndo_features_check asks of an skb
 * @l3_offset: network header, bytes from the start of the data
 * @l4_offset: where the checksum starts, bytes from the start of the data
 * @encapsulated: the frame is in a tunnel
 */
struct kapi_tx_headers {
	u32 l3_offset;
	u32 l4_offset;
	bool encapsulated;
};

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

/* MAX_SKB_FRAGS is no plain constant for bindgen. */
enum { KAPI_MAX_SKB_FRAGS = MAX_SKB_FRAGS };

void kapi_skb_tx_info(const struct sk_buff *skb, struct kapi_tx_info *info);
void kapi_skb_tx_headers(const struct sk_buff *skb,
			 struct kapi_tx_headers *headers);
unsigned int kapi_skb_frag_len(const struct sk_buff *skb, unsigned int index);
int kapi_skb_tso_prepare(struct sk_buff *skb, struct kapi_tso *tso);
int kapi_skb_pad(struct sk_buff *skb, unsigned int len);
int kapi_skb_linearize(struct sk_buff *skb);
int kapi_skb_checksum_help(struct sk_buff *skb);
void kapi_skb_tx_timestamp(struct sk_buff *skb);
void kapi_skb_free_any(struct sk_buff *skb);
dma_addr_t kapi_skb_map_head(struct device *dev, const struct sk_buff *skb);
dma_addr_t kapi_skb_map_frag(struct device *dev, const struct sk_buff *skb,
			     unsigned int index, u32 *len);
unsigned int kapi_skb_frags(const struct sk_buff *skb);
void kapi_skb_receive(struct sk_buff *skb, struct net_device *dev, u16 queue,
		      u32 flags, u32 hash, u16 vlan_tci);

#endif /* KAPI_SHIM_SKB_H */
