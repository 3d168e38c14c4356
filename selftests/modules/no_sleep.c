// SPDX-License-Identifier: GPL-2.0
/*
 * A device that does not let the host go to sleep: what was stopped before it
 * has to go on.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>

static int no_sleep_suspend(struct device *dev)
{
	return -EBUSY;
}

static DEFINE_SIMPLE_DEV_PM_OPS(no_sleep_pm_ops, no_sleep_suspend, NULL);

static struct platform_driver no_sleep_driver = {
	.driver = {
		.name = KBUILD_MODNAME,
		.pm = pm_sleep_ptr(&no_sleep_pm_ops),
	},
};

static struct platform_device *no_sleep_device;

static int __init no_sleep_init(void)
{
	int error = platform_driver_register(&no_sleep_driver);

	if (error)
		return error;
	no_sleep_device = platform_device_register_simple(KBUILD_MODNAME,
							  PLATFORM_DEVID_NONE,
							  NULL, 0);
	if (!IS_ERR(no_sleep_device))
		return 0;
	platform_driver_unregister(&no_sleep_driver);
	return PTR_ERR(no_sleep_device);
}
module_init(no_sleep_init);

static void __exit no_sleep_exit(void)
{
	platform_device_unregister(no_sleep_device);
	platform_driver_unregister(&no_sleep_driver);
}
module_exit(no_sleep_exit);

MODULE_DESCRIPTION("Test: a device that refuses to sleep");
MODULE_INFO(test, "Y");
MODULE_LICENSE("GPL");
