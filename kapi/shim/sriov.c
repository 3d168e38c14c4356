// SPDX-License-Identifier: GPL-2.0
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "sriov.h"

static int kapi_vf_hold(void *data)
{
	struct kapi_vf_holder *holder = data;
	struct pci_dev *vf = holder->vf;

	/* A signal that came before this is lost, but then @stopping is seen. */
	allow_signal(SIGTERM);
	if (!READ_ONCE(holder->stopping) &&
	    !device_lock_interruptible(&vf->dev)) {
		pci_cfg_access_lock(vf);
		holder->held = true;
	}
	complete(&holder->settled);

	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);

	if (holder->held) {
		pci_cfg_access_unlock(vf);
		device_unlock(&vf->dev);
	}
	return 0;
}

/**
 * kapi_vf_holder_start() - Lock a VF as pci_dev_lock() does, by a thread that queues for it
 * @vf: a valid device
 *
 * A mutex cannot be waited for with a limit, and who only tries it again and
 * again may lose to who takes it again and again. The caller may have the lock
 * itself.
 *
 * Return: what is to be given to kapi_vf_holder_stop(), or NULL without memory.
 */
struct kapi_vf_holder *kapi_vf_holder_start(struct pci_dev *vf)
{
	struct kapi_vf_holder *holder = kzalloc(sizeof(*holder), GFP_KERNEL);

	if (!holder)
		return NULL;
	init_completion(&holder->settled);
	holder->vf = pci_dev_get(vf);
	holder->task = kthread_run(kapi_vf_hold, holder, "rigb-%s",
				   pci_name(vf));
	if (IS_ERR(holder->task)) {
		pci_dev_put(vf);
		kfree(holder);
		return NULL;
	}
	return holder;
}

/**
 * kapi_vf_holder_wait() - Wait until the VF is locked
 * @holder: of kapi_vf_holder_start()
 * @ms: milliseconds to wait at most
 *
 * Return: whether it is locked.
 */
bool kapi_vf_holder_wait(struct kapi_vf_holder *holder, unsigned int ms)
{
	return wait_for_completion_timeout(&holder->settled,
					   msecs_to_jiffies(ms)) &&
	       holder->held;
}

/**
 * kapi_vf_holder_stop() - Unlock the VF, or give up waiting for its lock
 * @holder: of kapi_vf_holder_start(), gone afterwards
 */
void kapi_vf_holder_stop(struct kapi_vf_holder *holder)
{
	WRITE_ONCE(holder->stopping, true);
	send_sig(SIGTERM, holder->task, 1);
	kthread_stop(holder->task);
	pci_dev_put(holder->vf);
	kfree(holder);
}
