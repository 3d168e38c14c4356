// SPDX-License-Identifier: GPL-2.0
#include <linux/export.h>
#include <linux/mutex.h>

#include "port.h"

static DEFINE_MUTEX(kapi_port_mutex);

/**
 * kapi_port_lock() - mutex_lock() of the list of devices
 */
void kapi_port_lock(void)
{
	mutex_lock(&kapi_port_mutex);
}

/**
 * kapi_port_unlock() - mutex_unlock() of the list of devices
 */
void kapi_port_unlock(void)
{
	mutex_unlock(&kapi_port_mutex);
}

extern const struct rigb_port_api rigb_port_api;
const struct rigb_port_api rigb_port_api = {
	.version = RIGB_PORT_VERSION,
	.size = sizeof(rigb_port_api),
	.attach = kapi_port_attach,
	.ring = kapi_port_ring,
	.detach = kapi_port_detach,
};
EXPORT_SYMBOL_GPL(rigb_port_api);
