// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>

#include "port.h"

extern const struct rigb_port_api rigb_port_api;

/* NULL without the PF's driver, which stays loaded until it is put back. */
const struct rigb_port_api *kapi_port_get(void)
{
	return symbol_get(rigb_port_api);
}

void kapi_port_put(void)
{
	symbol_put(rigb_port_api);
}
