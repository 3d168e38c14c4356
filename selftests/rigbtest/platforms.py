# SPDX-License-Identifier: GPL-2.0
"""What guests can run on, by name."""

from .guest import Guest
from .kvm import Kvm
from .scene import Platform
from .xen import Xen

NAMES = ("kvm", "pv", "hvm", "pvh")


def by_name(name: str) -> Platform[Guest]:
    """One of `NAMES`."""
    return Kvm() if name == "kvm" else Xen(name)
