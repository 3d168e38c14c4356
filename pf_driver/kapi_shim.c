// SPDX-License-Identifier: GPL-2.0
/* kapi's C part is compiled into each module: one object cannot be in two. */
#include "../kapi/shim.c"

/* Not for the VF's driver, which is to load on a guest's kernel without it. */
#include "../kapi/shim/devlink.c"
#include "../kapi/shim/port_host.c"
