# SPDX-License-Identifier: GPL-2.0
"""Cuts kapi/ and the VF driver into a patch series on a kernel tree, see scripts/export-series."""
