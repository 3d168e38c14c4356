/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_WORK_H
#define KAPI_SHIM_WORK_H

#include <linux/workqueue.h>

void kapi_work_init(struct delayed_work *dwork, work_func_t func,
		    const char *name, struct lock_class_key *key);
struct workqueue_struct *kapi_workqueue_alloc(const char *name);
bool kapi_work_queue(struct workqueue_struct *wq, struct delayed_work *dwork,
		     unsigned int ms);
bool kapi_work_mod(struct workqueue_struct *wq, struct delayed_work *dwork,
		   unsigned int ms);

#endif /* KAPI_SHIM_WORK_H */
