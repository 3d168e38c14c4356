// SPDX-License-Identifier: GPL-2.0
/* kapi's C part is compiled into each module: one object cannot be in two. */
#include "../kapi/shim.c"
