/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_DEVLINK_H
#define KAPI_SHIM_DEVLINK_H

#include <net/devlink.h>

struct devlink *kapi_devlink_alloc(const struct devlink_ops *ops, size_t priv_size,
				   struct device *dev);

#endif /* KAPI_SHIM_DEVLINK_H */
