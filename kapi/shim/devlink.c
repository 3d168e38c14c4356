// SPDX-License-Identifier: GPL-2.0
#include "devlink.h"

/**
 * kapi_devlink_alloc() - devlink_alloc()
 * @ops: operations, which live for ever
 * @priv_size: bytes of private data
 * @dev: device
 *
 * Return: an instance that is not registered, or NULL.
 */
struct devlink *kapi_devlink_alloc(const struct devlink_ops *ops, size_t priv_size,
				   struct device *dev)
{
	return devlink_alloc(ops, priv_size, dev);
}
