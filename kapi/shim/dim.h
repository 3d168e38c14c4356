/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_DIM_H
#define KAPI_SHIM_DIM_H

#include <linux/dim.h>

void kapi_dim_init(struct dim *dim, work_func_t func, u8 profile);
void kapi_dim_sample(struct dim *dim, u16 events, u64 packets, u64 bytes);

#endif /* KAPI_SHIM_DIM_H */
