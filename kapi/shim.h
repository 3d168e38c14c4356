/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Out-of-line copies of the kernel's static inlines and macros that kapi/
 * calls, one header a topic. Nothing here decides anything: what an inline
 * needs from its caller is said in the kernel's own header.
 */
#ifndef KAPI_SHIM_H
#define KAPI_SHIM_H

#include "shim/devlink.h"
#include "shim/dim.h"
#include "shim/dma.h"
#include "shim/napi.h"
#include "shim/netdev.h"
#include "shim/page_pool.h"
#include "shim/port.h"
#include "shim/queue.h"
#include "shim/skb.h"
#include "shim/sriov.h"
#include "shim/work.h"
#include "shim/xdp.h"
#include "shim/xsk.h"

#endif /* KAPI_SHIM_H */
