# SPDX-License-Identifier: GPL-2.0
"""The VM library: topologies, QEMU, the guest's init, and the scan of the kernel log."""
