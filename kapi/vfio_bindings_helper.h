/* SPDX-License-Identifier: GPL-2.0 */
/* What bindgen reads for VFIO: see Kbuild and vfio_bindgen_parameters beside this file. */
#include <linux/eventfd.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

#include "shim/vfio.h"
