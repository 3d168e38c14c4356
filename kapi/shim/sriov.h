/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_SRIOV_H
#define KAPI_SHIM_SRIOV_H

#include <linux/completion.h>
#include <linux/pci.h>
#include <linux/sched.h>

/**
 * struct kapi_vf_holder - a thread that waits for a VF's lock, and holds it
 * @vf: the VF, referenced
 * @task: the thread
 * @settled: the thread has the lock, or has been told to give up
 * @held: it has the lock
 * @stopping: it is not to wait any more
 */
struct kapi_vf_holder {
	struct pci_dev *vf;
	struct task_struct *task;
	struct completion settled;
	bool held;
	bool stopping;
};

struct kapi_vf_holder *kapi_vf_holder_start(struct pci_dev *vf);
bool kapi_vf_holder_wait(struct kapi_vf_holder *holder, unsigned int ms);
void kapi_vf_holder_stop(struct kapi_vf_holder *holder);

#endif /* KAPI_SHIM_SRIOV_H */
