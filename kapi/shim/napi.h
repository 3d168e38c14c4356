/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_NAPI_H
#define KAPI_SHIM_NAPI_H

#include <linux/netdevice.h>

void kapi_napi_add(struct net_device *dev, struct napi_struct *napi,
		   int (*poll)(struct napi_struct *, int), int index);
void kapi_napi_del(struct napi_struct *napi);
void kapi_napi_schedule(struct napi_struct *napi);
void kapi_napi_kick(struct napi_struct *napi);
void kapi_napi_set_irq(struct napi_struct *napi, int irq);
void kapi_napi_gro_receive(struct napi_struct *napi, struct sk_buff *skb,
			   u16 queue, u32 flags, u32 hash, u16 vlan_tci);

#endif /* KAPI_SHIM_NAPI_H */
