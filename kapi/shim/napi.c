// SPDX-License-Identifier: GPL-2.0
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>

#include "napi.h"
#include "skb.h"

/**
 * kapi_napi_add() - netif_napi_add_config()
 * @dev: network device, not locked
 * @napi: memory that stays in place until kapi_napi_del()
 * @poll: poll function
 * @index: below the larger of the device's numbers of queues
 */
void kapi_napi_add(struct net_device *dev, struct napi_struct *napi,
		   int (*poll)(struct napi_struct *, int), int index)
{
	netif_napi_add_config(dev, napi, poll, index);
}

/**
 * kapi_napi_del() - netif_napi_del()
 * @napi: disabled instance
 *
 * Waits for RCU readers, and so for polls that have not returned.
 */
void kapi_napi_del(struct napi_struct *napi)
{
	netif_napi_del(napi);
}

/**
 * kapi_napi_schedule() - napi_schedule()
 * @napi: instance, maybe disabled
 */
void kapi_napi_schedule(struct napi_struct *napi)
{
	napi_schedule(napi);
}

/**
 * kapi_napi_kick() - napi_schedule(), where nothing runs what it has raised
 * @napi: instance, maybe disabled
 *
 * Process context.
 */
void kapi_napi_kick(struct napi_struct *napi)
{
	local_bh_disable();
	napi_schedule(napi);
	local_bh_enable();
}

/**
 * kapi_napi_set_irq() - netif_napi_set_irq()
 * @napi: instance, with its device not locked
 * @irq: interrupt that schedules it
 */
void kapi_napi_set_irq(struct napi_struct *napi, int irq)
{
	netif_napi_set_irq(napi, irq);
}

/**
 * kapi_napi_gro_receive() - gives a received frame to GRO
 * @napi: instance that is being polled here
 * @skb: frame that begins with its Ethernet header, and that nobody shares
 * @queue: number of the receive queue
 * @flags: KAPI_RX_*, what the hardware said
 * @hash: with KAPI_RX_HASH
 * @vlan_tci: with KAPI_RX_VLAN
 */
void kapi_napi_gro_receive(struct napi_struct *napi, struct sk_buff *skb,
			   u16 queue, u32 flags, u32 hash, u16 vlan_tci)
{
	if (flags & KAPI_RX_CSUM_OK)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (flags & KAPI_RX_HASH)
		skb_set_hash(skb, hash, flags & KAPI_RX_HASH_L4 ?
			     PKT_HASH_TYPE_L4 : PKT_HASH_TYPE_L3);
	if (flags & KAPI_RX_VLAN)
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), vlan_tci);
	skb_record_rx_queue(skb, queue);
	skb->protocol = eth_type_trans(skb, napi->dev);
	napi_gro_receive(napi, skb);
}
