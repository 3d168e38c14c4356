// SPDX-License-Identifier: GPL-2.0
/*
 * Offers rigb mailboxes as a module of another build would: with tables of
 * operations of other versions and sizes. It can be loaded if rigb refuses
 * those, and only those, that lack something.
 *
 * There is no device, so a table that is good enough ends in -ENODEV.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/pci.h>

#include "../../kapi/shim/port.h"

extern const struct rigb_port_api rigb_port_api;

static const struct {
	u32 version;
	u32 size;
	int answer;
} port_abi_cases[] = {
	{ RIGB_PORT_VERSION, sizeof(struct rigb_port_ops), -ENODEV },
	{ RIGB_PORT_VERSION, sizeof(struct rigb_port_ops) + 8, -ENODEV },
	{ RIGB_PORT_VERSION, sizeof(struct rigb_port_ops) - 8, -EPROTONOSUPPORT },
	{ RIGB_PORT_VERSION, 0, -EPROTONOSUPPORT },
	{ RIGB_PORT_VERSION + 1, sizeof(struct rigb_port_ops), -EPROTONOSUPPORT },
	{ RIGB_PORT_VERSION - 1, sizeof(struct rigb_port_ops), -EPROTONOSUPPORT },
};

static int port_abi_offer(const struct rigb_port_api *api, int index)
{
	struct rigb_port_ops ops = {
		.version = port_abi_cases[index].version,
		.size = port_abi_cases[index].size,
	};
	void *link = NULL;
	int answer;

	answer = api->attach(NULL, 0, &ops, NULL, &link);
	if (answer == port_abi_cases[index].answer && !link)
		return 0;
	pr_err("version %u, size %u: answer %d instead of %d\n", ops.version,
	       ops.size, answer, port_abi_cases[index].answer);
	return -EINVAL;
}

static int __init port_abi_init(void)
{
	const struct rigb_port_api *api = symbol_get(rigb_port_api);
	int index, error = 0;

	if (!api)
		return -ENODEV;
	if (api->version != RIGB_PORT_VERSION || api->size < sizeof(*api)) {
		pr_err("rigb is of another build\n");
		error = -EPROTONOSUPPORT;
	}
	for (index = 0; !error && index < ARRAY_SIZE(port_abi_cases); index++)
		error = port_abi_offer(api, index);
	symbol_put(rigb_port_api);
	return error;
}
module_init(port_abi_init);

static void __exit port_abi_exit(void)
{
}
module_exit(port_abi_exit);

MODULE_DESCRIPTION("Test: tables of mailboxes that rigb has to refuse");
MODULE_INFO(test, "Y");
MODULE_LICENSE("GPL");
