// SPDX-License-Identifier: GPL-2.0
/* One C file a module: see Kbuild of the drivers. */
#include "shim.h"

#include "shim/dim.c"
#include "shim/dma.c"
#include "shim/napi.c"
#include "shim/netdev.c"
#include "shim/page_pool.c"
#include "shim/queue.c"
#include "shim/skb.c"
#include "shim/sriov.c"
#include "shim/work.c"
#include "shim/xdp.c"
#include "shim/xsk.c"
