/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_QUEUE_H
#define KAPI_SHIM_QUEUE_H

#include <linux/netdevice.h>

struct netdev_queue *kapi_txq(const struct net_device *dev, unsigned int index);
void kapi_txq_stop_mb(struct netdev_queue *txq);
void kapi_txq_start(struct netdev_queue *txq);
void kapi_txq_wake(struct netdev_queue *txq);
bool kapi_txq_stopped(const struct netdev_queue *txq);
bool kapi_txq_sent(struct netdev_queue *txq, unsigned int bytes);
void kapi_txq_completed_mb(struct netdev_queue *txq, unsigned int pkts,
			   unsigned int bytes);
void kapi_txq_reset(struct netdev_queue *txq);
void kapi_txq_lock_bh(struct netdev_queue *txq);
void kapi_txq_unlock_bh(struct netdev_queue *txq);
void kapi_txq_lock_xdp(struct netdev_queue *txq);
void kapi_txq_unlock_xdp(struct netdev_queue *txq);
void kapi_txq_sent_xdp(struct netdev_queue *txq, unsigned int bytes);

#endif /* KAPI_SHIM_QUEUE_H */
