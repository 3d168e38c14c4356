// SPDX-License-Identifier: GPL-2.0
#include <net/netdev_queues.h>

#include "queue.h"

/* The transmit queue @index of @dev; @index is below dev->num_tx_queues. */
struct netdev_queue *kapi_txq(const struct net_device *dev, unsigned int index)
{
	return netdev_get_tx_queue(dev, index);
}

/* Stops @txq, visibly before whatever the caller reads next. */
void kapi_txq_stop_mb(struct netdev_queue *txq)
{
	netif_tx_stop_queue(txq);
	/* Pairs with the barrier of kapi_txq_completed_mb(). */
	smp_mb__after_atomic();
}

void kapi_txq_start(struct netdev_queue *txq)
{
	netif_tx_start_queue(txq);
}

void kapi_txq_wake(struct netdev_queue *txq)
{
	netif_tx_wake_queue(txq);
}

bool kapi_txq_stopped(const struct netdev_queue *txq)
{
	return netif_tx_queue_stopped(txq);
}

/* Counts @bytes into BQL; true if the hardware must be told now. */
bool kapi_txq_sent(struct netdev_queue *txq, unsigned int bytes)
{
	return __netdev_tx_sent_queue(txq, bytes, netdev_xmit_more());
}

/* Counts completions into BQL; a full barrier when @bytes is not zero. */
void kapi_txq_completed_mb(struct netdev_queue *txq, unsigned int pkts,
			   unsigned int bytes)
{
	netdev_txq_completed_mb(txq, pkts, bytes);
}

void kapi_txq_reset(struct netdev_queue *txq)
{
	netdev_tx_reset_queue(txq);
}

void kapi_txq_lock_bh(struct netdev_queue *txq)
{
	__netif_tx_lock_bh(txq);
}

void kapi_txq_unlock_bh(struct netdev_queue *txq)
{
	__netif_tx_unlock_bh(txq);
}
