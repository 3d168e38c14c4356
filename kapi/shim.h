/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_H
#define KAPI_SHIM_H

#include <linux/netdevice.h>

void *kapi_netdev_priv(const struct net_device *dev);

#endif /* KAPI_SHIM_H */
