# SPDX-License-Identifier: GPL-2.0
"""How long the interrupt handlers of a card keep their processor, by trace events."""

import re
from pathlib import Path
from typing import Self

from .pci import Function

TRACEFS = Path("/sys/kernel/tracing")
EVENT = re.compile(r"\[(\d+)\] .*? (\d+)\.(\d+): irq_handler_(entry|exit): irq=(\d+)")


class InterruptTrace:
    """Records the hard interrupts of a function while it is used with `with`."""

    def __init__(self, function: Function):
        self.instance = TRACEFS / "instances" / f"rigb-{function.address}"
        self.irqs = {int(path.name) for path in (function.path / "msi_irqs").iterdir()}

    @staticmethod
    def available() -> bool:
        """Whether this kernel has the events."""
        return (TRACEFS / "events/irq/irq_handler_entry").exists()

    def __enter__(self) -> Self:
        self.instance.mkdir()
        self._write("events/irq/irq_handler_entry/enable", "1")
        self._write("events/irq/irq_handler_exit/enable", "1")
        return self

    def __exit__(self, *_: object) -> None:
        self._write("events/irq/enable", "0")
        self.instance.rmdir()

    def _write(self, path: str, text: str) -> None:
        (self.instance / path).write_text(text, encoding="ascii")

    def durations(self) -> list[int]:
        """Microseconds that each run of a handler took so far."""
        found = []
        began: dict[tuple[str, str], int] = {}
        for line in (self.instance / "trace").read_text(encoding="utf-8").splitlines():
            match = EVENT.search(line)
            if not match or int(match[5]) not in self.irqs:
                continue
            cpu, seconds, micros, what, irq = match.groups()
            now = int(seconds) * 1_000_000 + int(micros)
            if what == "entry":
                began[cpu, irq] = now
            elif (cpu, irq) in began:
                found.append(now - began.pop((cpu, irq)))
        return found
