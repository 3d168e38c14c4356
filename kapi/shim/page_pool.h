/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_PAGE_POOL_H
#define KAPI_SHIM_PAGE_POOL_H

#include <linux/skbuff.h>
#include <net/page_pool/types.h>

struct page_pool *kapi_page_pool_create(struct device *dev,
					struct net_device *netdev,
					struct napi_struct *napi,
					unsigned int queue,
					unsigned int entries,
					unsigned int offset,
					unsigned int max_len, bool both_ways);
struct page *kapi_page_pool_alloc(struct page_pool *pool, dma_addr_t *dma);
void kapi_page_pool_put(struct page *page, bool direct);
bool kapi_page_pool_renew(struct page *page);
int kapi_page_copy_skb(struct page *page, unsigned int offset,
		       const struct sk_buff *skb);
unsigned int kapi_page_pool_headroom(void);
unsigned int kapi_page_pool_room(unsigned int headroom);
struct sk_buff *kapi_page_build_skb(struct page *page, unsigned int headroom,
				    unsigned int len);
void kapi_page_add_to_skb(struct sk_buff *skb, struct page *page,
			  unsigned int offset, unsigned int len);

#endif /* KAPI_SHIM_PAGE_POOL_H */
