// SPDX-License-Identifier: GPL-2.0
#include "napi.h"

void kapi_napi_add(struct net_device *dev, struct napi_struct *napi,
		   int (*poll)(struct napi_struct *, int), int index)
{
	netif_napi_add_config(dev, napi, poll, index);
}

void kapi_napi_del(struct napi_struct *napi)
{
	netif_napi_del(napi);
}

void kapi_napi_schedule(struct napi_struct *napi)
{
	napi_schedule(napi);
}

void kapi_napi_set_irq(struct napi_struct *napi, int irq)
{
	netif_napi_set_irq(napi, irq);
}

void kapi_napi_gro_receive(struct napi_struct *napi, struct sk_buff *skb)
{
	napi_gro_receive(napi, skb);
}
