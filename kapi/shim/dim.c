// SPDX-License-Identifier: GPL-2.0
#include "dim.h"

/**
 * kapi_dim_init() - INIT_WORK() of a DIM instance
 * @dim: zeroed memory that stays in place
 * @func: what its work calls
 * @profile: number of the profile to begin with
 */
void kapi_dim_init(struct dim *dim, work_func_t func, u8 profile)
{
	INIT_WORK(&dim->work, func);
	dim->mode = DIM_CQ_PERIOD_MODE_START_FROM_EQE;
	dim->profile_ix = profile;
}

/**
 * kapi_dim_sample() - dim_update_sample() and net_dim()
 * @dim: instance that nobody else gives a sample to
 * @events: interrupts so far
 * @packets: frames so far
 * @bytes: bytes of them
 */
void kapi_dim_sample(struct dim *dim, u16 events, u64 packets, u64 bytes)
{
	struct dim_sample sample = {};

	dim_update_sample(events, packets, bytes, &sample);
	net_dim(dim, &sample);
}
