# SPDX-License-Identifier: GPL-2.0
"""Why frames are dropped, by the trace event that drop_monitor and perf look at."""

import re
from pathlib import Path
from typing import Self

TRACEFS = Path("/sys/kernel/tracing")
REASON = re.compile(r" kfree_skb: .* reason: (\w+)")


class DropTrace:
    """Records the drops of the machine while it is used with `with`."""

    def __init__(self) -> None:
        self.instance = TRACEFS / "instances" / "rigb-drops"

    def __enter__(self) -> Self:
        self.instance.mkdir()
        self._enable("1")
        return self

    def __exit__(self, *_: object) -> None:
        self._enable("0")
        self.instance.rmdir()

    def _enable(self, text: str) -> None:
        (self.instance / "events/skb/kfree_skb/enable").write_text(text, encoding="ascii")

    def reasons(self) -> set[str]:
        """All reasons so far, by the names that the kernel's have without their prefix."""
        trace = (self.instance / "trace").read_text(encoding="utf-8")
        return {match[1] for match in REASON.finditer(trace)}
