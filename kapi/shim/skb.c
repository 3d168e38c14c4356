// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/sctp.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>

#include "skb.h"

/**
 * kapi_skb_is_sctp() - skb_csum_is_sctp()
 * @skb: frame with a pending checksum
 *
 * Return: whether that is SCTP's CRC32c.
 */
bool kapi_skb_is_sctp(struct sk_buff *skb)
{
	return skb_csum_is_sctp(skb);
}

/**
 * kapi_skb_tso_prepare() - makes the headers of a GSO frame a template
 * @skb: frame to send
 * @tso: set to what the template is
 *
 * The hardware fills in lengths, and expects a pseudo header checksum without
 * the length. With GSO_PARTIAL the headers between the outer network header and
 * the checksummed one are part of the template: the outer IPv4 checksum then
 * must cancel them out.
 *
 * Return: 0, -ENOMEM, or -EINVAL if @skb is not GSO with a partial checksum, or
 * if its headers are not where those of such a frame are: the network header in
 * the linear part and, behind it, the transport header.
 */
int kapi_skb_tso_prepare(struct sk_buff *skb, struct kapi_tso *tso)
{
	int l3_offset = skb_network_offset(skb);
	int l4_offset = skb_checksum_start_offset(skb);
	unsigned int l4_min;
	struct iphdr *iph;
	__be32 payload;
	u8 *l4;
	int err;

	tso->udp = !!(skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4);
	l4_min = tso->udp ? sizeof(struct udphdr) : sizeof(struct tcphdr);
	if (!skb_is_gso(skb) || skb->ip_summed != CHECKSUM_PARTIAL ||
	    l3_offset < 0 || l4_offset < l3_offset + (int)sizeof(*iph) ||
	    l4_offset + l4_min > skb_headlen(skb))
		return -EINVAL;

	err = skb_cow_head(skb, 0);
	if (err)
		return err;

	l4 = skb->data + l4_offset;
	iph = ip_hdr(skb);

	tso->l4_offset = l4_offset;
	tso->ipv4 = iph->version == 4;
	if (tso->ipv4) {
		u8 *after = (u8 *)iph + iph->ihl * 4;

		if (after > l4)
			return -EINVAL;
		iph->tot_len = 0;
		iph->check = csum_fold(csum_partial(after, l4 - after, 0));
	} else {
		ipv6_hdr(skb)->payload_len = 0;
	}

	payload = htonl(skb->len - l4_offset);
	if (tso->udp) {
		tso->l4_len = sizeof(struct udphdr);
		csum_replace_by_diff(&((struct udphdr *)l4)->check,
				     (__force __wsum)payload);
	} else {
		tso->l4_len = __tcp_hdrlen((struct tcphdr *)l4);
		csum_replace_by_diff(&((struct tcphdr *)l4)->check,
				     (__force __wsum)payload);
	}
	tso->hdr_len = l4_offset + tso->l4_len;
	return 0;
}

/**
 * kapi_skb_pad() - __skb_put_padto()
 * @skb: frame, the caller's also on failure
 * @len: bytes that it shall have at least
 *
 * Return: 0 or -ENOMEM.
 */
int kapi_skb_pad(struct sk_buff *skb, unsigned int len)
{
	return __skb_put_padto(skb, len, false);
}

/**
 * kapi_skb_checksum_help() - skb_checksum_help()
 * @skb: frame with a pending checksum
 *
 * Return: 0 or an error.
 */
int kapi_skb_checksum_help(struct sk_buff *skb)
{
	return skb_checksum_help(skb);
}

/**
 * kapi_skb_tx_timestamp() - skb_tx_timestamp()
 * @skb: frame that is about to be sent
 */
void kapi_skb_tx_timestamp(struct sk_buff *skb)
{
	skb_tx_timestamp(skb);
}

/**
 * kapi_skb_map_head() - dma_map_phys(), of all of the linear part
 * @dev: device that reads
 * @skb: frame
 *
 * dma_map_single() would go by way of the struct page and come back to the
 * physical address.
 *
 * Return: where the device finds it, or DMA_MAPPING_ERROR.
 */
dma_addr_t kapi_skb_map_head(struct device *dev, const struct sk_buff *skb)
{
	dma_addr_t dma = dma_map_phys(dev, virt_to_phys(skb->data),
				      skb_headlen(skb), DMA_TO_DEVICE, 0);

	return dma_mapping_error(dev, dma) ? DMA_MAPPING_ERROR : dma;
}

/**
 * kapi_skb_map_frag() - skb_frag_dma_map(), of all of a fragment
 * @dev: device that reads
 * @skb: frame
 * @index: below its nr_frags
 *
 * Return: where the device finds it, or DMA_MAPPING_ERROR.
 */
dma_addr_t kapi_skb_map_frag(struct device *dev, const struct sk_buff *skb,
			     unsigned int index)
{
	const skb_frag_t *frag = &skb_shinfo(skb)->frags[index];
	dma_addr_t dma = skb_frag_dma_map(dev, frag, 0, skb_frag_size(frag),
					  DMA_TO_DEVICE);

	return dma_mapping_error(dev, dma) ? DMA_MAPPING_ERROR : dma;
}
