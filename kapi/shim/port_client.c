// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>

#include "port.h"

extern const struct rigb_port_api rigb_port_api;

/**
 * kapi_port_get() - symbol_get() of rigb_port_api
 *
 * Return: the table of the PF's driver, which stays loaded until
 * kapi_port_put(), or NULL without that driver.
 */
const struct rigb_port_api *kapi_port_get(void)
{
	return symbol_get(rigb_port_api);
}

/**
 * kapi_port_put() - symbol_put() of rigb_port_api
 */
void kapi_port_put(void)
{
	symbol_put(rigb_port_api);
}
