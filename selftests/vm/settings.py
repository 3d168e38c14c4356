# SPDX-License-Identifier: GPL-2.0
"""The knobs of `make vm`, from the environment."""

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path

# Names of the environment that are passed into the guest.
GUEST_VARIABLES = ("CI", "V", "DRIVERS", "TARGETS", "TERM", "TESTS")
GUEST_PREFIXES = ("RIGB_",)


@dataclass
class Settings:
    """How to run a VM. Every field has its variable, see `from_environment`."""

    # QEMU's -smp; empty for what the topology needs.
    cpus: str = ""
    # QEMU's -m, in MiB without a suffix; empty for what the topology needs.
    memory: str = ""
    qemu: list[str] = field(default_factory=list)
    append: str = ""
    # One more folder of the host, at the same path in the guest.
    mount: str = ""
    scan_klog: bool = True
    # Seconds until a VM that does not end is stopped.
    timeout: float = 3600.0
    accel: str = "tcg,thread=multi"

    @classmethod
    def from_environment(cls) -> "Settings":
        """Reads VM_CPUS, VM_MEM, VM_QEMU, VM_APPEND, VM_MOUNT, VM_KLOG, VM_TIMEOUT, VM_ACCEL."""
        env = {k: v for k, v in os.environ.items() if v}
        return cls(
            cpus=env.get("VM_CPUS", cls.cpus),
            memory=env.get("VM_MEM", cls.memory),
            qemu=shlex.split(env.get("VM_QEMU", "")),
            append=env.get("VM_APPEND", ""),
            mount=env.get("VM_MOUNT", ""),
            scan_klog=env.get("VM_KLOG") != "ignore",
            timeout=float(env.get("VM_TIMEOUT", cls.timeout)),
            accel=env.get("VM_ACCEL", cls.accel),
        )

    def gives(self, *options: str) -> bool:
        """Whether the user chose one of these options of QEMU."""
        return any(option in self.qemu for option in options)


def guest_environment() -> dict[str, str]:
    """The variables of this process that the guest's command is to see."""
    return {
        name: value
        for name, value in os.environ.items()
        if value and (name in GUEST_VARIABLES or name.startswith(GUEST_PREFIXES))
    }


def project_root() -> Path:
    """The checkout that this file belongs to."""
    return Path(__file__).resolve().parents[2]
