# SPDX-License-Identifier: GPL-2.0
"""What guests can run on, by name."""

from .kvm import Kvm
from .xen import Xen

NAMES = ("kvm", "pv", "hvm", "pvh")


def by_name(name: str):
    """One of `NAMES`."""
    return Kvm() if name == "kvm" else Xen(name)
