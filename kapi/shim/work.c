// SPDX-License-Identifier: GPL-2.0
#include <linux/jiffies.h>

#include "work.h"

void kapi_work_init(struct delayed_work *dwork, work_func_t func)
{
	INIT_DELAYED_WORK(dwork, func);
}

/* Due in @ms milliseconds, unless it is due already; true if it was not. */
bool kapi_work_queue(struct delayed_work *dwork, unsigned int ms)
{
	return queue_delayed_work(system_dfl_wq, dwork, msecs_to_jiffies(ms));
}

/* Due in @ms milliseconds, whatever was said before; true if it was due. */
bool kapi_work_mod(struct delayed_work *dwork, unsigned int ms)
{
	return mod_delayed_work(system_dfl_wq, dwork, msecs_to_jiffies(ms));
}
