// SPDX-License-Identifier: GPL-2.0
#include <linux/jiffies.h>
#include <linux/lockdep.h>

#include "work.h"

/**
 * kapi_work_init() - INIT_DELAYED_WORK(), with a lock class of the caller
 * @dwork: memory that stays in place
 * @func: what the work calls
 * @name: name of the lock class
 * @key: key of the lock class
 */
void kapi_work_init(struct delayed_work *dwork, work_func_t func,
		    const char *name, struct lock_class_key *key)
{
	INIT_DELAYED_WORK(dwork, func);
	lockdep_init_map(&dwork->work.lockdep_map, name, key, 0);
}

/**
 * kapi_workqueue_alloc() - alloc_workqueue(), for work that others wait for
 * @name: its name
 *
 * Return: NULL without memory.
 */
struct workqueue_struct *kapi_workqueue_alloc(const char *name)
{
	return alloc_workqueue("%s", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM,
			       0, name);
}

static struct workqueue_struct *work_queue(struct workqueue_struct *wq)
{
	return wq ?: system_dfl_wq;
}

/**
 * kapi_work_queue() - queue_delayed_work()
 * @wq: where, or NULL for the system's queue
 * @dwork: initialised work
 * @ms: milliseconds until it is due, unless it is due already
 *
 * Return: true if it was not due.
 */
bool kapi_work_queue(struct workqueue_struct *wq, struct delayed_work *dwork,
		     unsigned int ms)
{
	return queue_delayed_work(work_queue(wq), dwork, msecs_to_jiffies(ms));
}

/**
 * kapi_work_mod() - mod_delayed_work()
 * @wq: where, or NULL for the system's queue
 * @dwork: initialised work
 * @ms: milliseconds until it is due, whatever was said before
 *
 * Return: true if it was due.
 */
bool kapi_work_mod(struct workqueue_struct *wq, struct delayed_work *dwork,
		   unsigned int ms)
{
	return mod_delayed_work(work_queue(wq), dwork, msecs_to_jiffies(ms));
}
