// SPDX-License-Identifier: GPL-2.0
#include <net/netdev_queues.h>

#include "queue.h"

/**
 * kapi_txq() - netdev_get_tx_queue()
 * @dev: network device
 * @index: below its num_tx_queues
 *
 * Return: the queue.
 */
struct netdev_queue *kapi_txq(const struct net_device *dev, unsigned int index)
{
	return netdev_get_tx_queue(dev, index);
}

/**
 * kapi_txq_stop_mb() - netif_tx_stop_queue(), before what the caller reads next
 * @txq: queue, with its lock held
 */
void kapi_txq_stop_mb(struct netdev_queue *txq)
{
	netif_tx_stop_queue(txq);
	/* Pairs with the barrier of kapi_txq_completed_mb(). */
	smp_mb__after_atomic();
}

/**
 * kapi_txq_start() - netif_tx_start_queue()
 * @txq: queue
 */
void kapi_txq_start(struct netdev_queue *txq)
{
	netif_tx_start_queue(txq);
}

/**
 * kapi_txq_wake() - netif_tx_wake_queue()
 * @txq: queue
 *
 * Before registration it has no qdisc, nothing waits there, and C would follow
 * the null pointer. Later it always has one.
 */
void kapi_txq_wake(struct netdev_queue *txq)
{
	if (likely(rcu_access_pointer(txq->qdisc)))
		netif_tx_wake_queue(txq);
	else
		netif_tx_start_queue(txq);
}

/**
 * kapi_txq_stopped() - netif_tx_queue_stopped()
 * @txq: queue
 *
 * Return: whether the driver has stopped it.
 */
bool kapi_txq_stopped(const struct netdev_queue *txq)
{
	return netif_tx_queue_stopped(txq);
}

/**
 * kapi_txq_sent() - __netdev_tx_sent_queue(), with netdev_xmit_more()
 * @txq: queue, with its lock held
 * @bytes: bytes given to the hardware, for BQL
 *
 * Return: whether the hardware must be told now.
 */
bool kapi_txq_sent(struct netdev_queue *txq, unsigned int bytes)
{
	return __netdev_tx_sent_queue(txq, bytes, netdev_xmit_more());
}

/**
 * kapi_txq_completed_mb() - netdev_txq_completed_mb()
 * @txq: queue
 * @pkts: frames sent
 * @bytes: their bytes, for BQL; a full barrier if not zero
 */
void kapi_txq_completed_mb(struct netdev_queue *txq, unsigned int pkts,
			   unsigned int bytes)
{
	netdev_txq_completed_mb(txq, pkts, bytes);
}

/**
 * kapi_txq_reset() - netdev_tx_reset_queue()
 * @txq: stopped queue whose ring is empty
 */
void kapi_txq_reset(struct netdev_queue *txq)
{
	netdev_tx_reset_queue(txq);
}

/**
 * kapi_txq_lock_bh() - __netif_tx_lock_bh()
 * @txq: queue
 */
void kapi_txq_lock_bh(struct netdev_queue *txq)
{
	__netif_tx_lock_bh(txq);
}

/**
 * kapi_txq_unlock_bh() - __netif_tx_unlock_bh()
 * @txq: queue, with its lock held by kapi_txq_lock_bh()
 */
void kapi_txq_unlock_bh(struct netdev_queue *txq)
{
	__netif_tx_unlock_bh(txq);
}

/**
 * kapi_txq_lock_xdp() - __netif_tx_lock(), by who sends beside the stack
 * @txq: queue
 *
 * With bottom halves off.
 */
void kapi_txq_lock_xdp(struct netdev_queue *txq)
{
	__netif_tx_lock(txq, smp_processor_id());
}

/**
 * kapi_txq_unlock_xdp() - __netif_tx_unlock()
 * @txq: queue, with its lock held by kapi_txq_lock_xdp()
 */
void kapi_txq_unlock_xdp(struct netdev_queue *txq)
{
	__netif_tx_unlock(txq);
}

/**
 * kapi_txq_sent_xdp() - netdev_tx_sent_queue()
 * @txq: queue, with its lock held
 * @bytes: bytes given to the hardware, for BQL
 *
 * The watchdog of the queue is told as well that something is sent: the ring
 * may be full of it.
 */
void kapi_txq_sent_xdp(struct netdev_queue *txq, unsigned int bytes)
{
	txq_trans_cond_update(txq);
	netdev_tx_sent_queue(txq, bytes);
}
