# SPDX-License-Identifier: GPL-2.0
"""Tests of the VM library that need no VM: `make check-tools`."""
