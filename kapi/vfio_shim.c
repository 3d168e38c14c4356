// SPDX-License-Identifier: GPL-2.0
/* The C file of a module that is a VFIO driver and no network driver. */
#include "shim/port_client.c"
#include "shim/vfio.c"
#include "shim/work.c"
