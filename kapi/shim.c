// SPDX-License-Identifier: GPL-2.0
#include "shim.h"

void *kapi_netdev_priv(const struct net_device *dev)
{
	return netdev_priv(dev);
}
