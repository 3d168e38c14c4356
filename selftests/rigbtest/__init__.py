# SPDX-License-Identifier: GPL-2.0
"""What the kselftests of rigb share: cards, drivers, ports in namespaces, traffic, registers."""
