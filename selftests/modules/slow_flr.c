// SPDX-License-Identifier: GPL-2.0
/*
 * A PCIe function that takes its time after a function level reset, as long as
 * a test wants: until then its configuration space does not answer the kernel,
 * which asks again and again, for a minute.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>

/* What state says. */
enum {
	SLOW_FLR_READY,
	/* The next reset is to last. */
	SLOW_FLR_ARMED,
	/* The function was reset, and does not answer. */
	SLOW_FLR_HELD,
};

/* What a root port returns for a function that is not ready, if it can. */
#define SLOW_FLR_RRS_ID		0xffff0001

static char *function;
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "PCI address: 0000:01:00.0");

static atomic_t slow_flr_state = ATOMIC_INIT(SLOW_FLR_READY);

static int slow_flr_set(const char *text, const struct kernel_param *param)
{
	int state, err = kstrtoint(text, 0, &state);

	if (err)
		return err;
	if (state != SLOW_FLR_READY && state != SLOW_FLR_ARMED)
		return -EINVAL;
	atomic_set(&slow_flr_state, state);
	return 0;
}

static int slow_flr_get(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%d\n", atomic_read(&slow_flr_state));
}

static const struct kernel_param_ops slow_flr_state_ops = {
	.set = slow_flr_set,
	.get = slow_flr_get,
};
module_param_cb(state, &slow_flr_state_ops, NULL, 0644);
MODULE_PARM_DESC(state, "0: ready; 1: the next reset lasts; 2: it does (read)");

static struct pci_dev *slow_flr_dev;
static struct pci_ops *slow_flr_orig;
static struct pci_ops slow_flr_ops;

static bool slow_flr_ours(const struct pci_bus *bus, unsigned int devfn)
{
	return bus == slow_flr_dev->bus && devfn == slow_flr_dev->devfn;
}

static int slow_flr_read(struct pci_bus *bus, unsigned int devfn, int where,
			 int size, u32 *value)
{
	int err = slow_flr_orig->read(bus, devfn, where, size, value);

	if (size != sizeof(u32) || !slow_flr_ours(bus, devfn) ||
	    atomic_read(&slow_flr_state) != SLOW_FLR_HELD)
		return err;
	/* What pci_dev_wait() reads. */
	if (where == PCI_VENDOR_ID)
		*value = SLOW_FLR_RRS_ID;
	else if (where == PCI_COMMAND)
		PCI_SET_ERROR_RESPONSE(value);
	return err;
}

static int slow_flr_write(struct pci_bus *bus, unsigned int devfn, int where,
			  int size, u32 value)
{
	if (slow_flr_ours(bus, devfn) &&
	    where == slow_flr_dev->pcie_cap + PCI_EXP_DEVCTL &&
	    value & PCI_EXP_DEVCTL_BCR_FLR)
		atomic_cmpxchg(&slow_flr_state, SLOW_FLR_ARMED, SLOW_FLR_HELD);
	return slow_flr_orig->write(bus, devfn, where, size, value);
}

static int __init slow_flr_init(void)
{
	unsigned int domain, bus, slot, func;

	if (!function || sscanf(function, "%x:%x:%x.%x", &domain, &bus, &slot,
				&func) != 4)
		return -EINVAL;
	slow_flr_dev = pci_get_domain_bus_and_slot(domain, bus,
						   PCI_DEVFN(slot, func));
	if (!slow_flr_dev)
		return -ENODEV;
	slow_flr_orig = slow_flr_dev->bus->ops;
	slow_flr_ops = *slow_flr_orig;
	slow_flr_ops.read = slow_flr_read;
	slow_flr_ops.write = slow_flr_write;
	pci_bus_set_ops(slow_flr_dev->bus, &slow_flr_ops);
	return 0;
}
module_init(slow_flr_init);

static void __exit slow_flr_exit(void)
{
	pci_bus_set_ops(slow_flr_dev->bus, slow_flr_orig);
	/* Another processor may be in one of these functions. */
	synchronize_rcu_tasks();
	pci_dev_put(slow_flr_dev);
}
module_exit(slow_flr_exit);

MODULE_DESCRIPTION("Test: a function that takes its time after a reset");
MODULE_INFO(test, "Y");
MODULE_LICENSE("GPL");
