# SPDX-License-Identifier: GPL-2.0
"""Accesses to a card's registers, traced by the kernel's mmiotrace.

It sees what a driver writes also where an emulated card drops it. It traces mappings that
are made while it runs, so the driver has to be bound meanwhile, and lets one CPU run.
"""

from pathlib import Path
from typing import Self

from .pci import Function

TRACING = Path("/sys/kernel/tracing")


class WriteTrace:
    """Traces within `with`."""

    def __init__(self, function: Function):
        start, end, _ = function.read("resource").splitlines()[0].split()
        self._range = range(int(start, 16), int(end, 16) + 1)

    @staticmethod
    def available() -> bool:
        """Whether this kernel can."""
        file = TRACING / "available_tracers"
        return file.exists() and "mmiotrace" in file.read_text().split()

    def __enter__(self) -> Self:
        self._old_size = (TRACING / "buffer_size_kb").read_text().split()[0]
        (TRACING / "buffer_size_kb").write_text("16384")
        (TRACING / "current_tracer").write_text("mmiotrace")
        return self

    def __exit__(self, *_: object) -> None:
        (TRACING / "current_tracer").write_text("nop")
        (TRACING / "buffer_size_kb").write_text(self._old_size)

    def clear(self) -> None:
        """Forgets what was traced so far."""
        (TRACING / "trace").write_text("")

    def writes(self) -> list[tuple[int, int]]:
        """Register and value of all 32-bit writes since the last `clear`."""
        return [(register, value) for kind, register, value in self.accesses() if kind == "W"]

    def accesses(self) -> list[tuple[str, int, int]]:
        """All 32-bit accesses since the last `clear`: "R" or "W", register and value."""
        found = []
        for line in (TRACING / "trace").read_text().splitlines():
            # R|W WIDTH TIME MAP ADDRESS VALUE PC PID
            fields = line.split()
            if fields[1:2] == ["4"] and fields[0] in ("R", "W"):
                address = int(fields[4], 16)
                if address in self._range:
                    found.append((fields[0], address - self._range.start, int(fields[5], 16)))
        return found
