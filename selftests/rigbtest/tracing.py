# SPDX-License-Identifier: GPL-2.0
"""Events that the kernel traces, in an instance of tracefs of their own."""

import re
from pathlib import Path
from typing import Self

from .irqtrace import TRACEFS

INSTANCES = TRACEFS / "instances"


class EventTrace:
    """Records one trace event, `SYSTEM/NAME`, while it is used with `with`."""

    EVENT = ""
    # What is looked for in its lines.
    FOUND = re.compile("")

    def __init__(self) -> None:
        self.instance = INSTANCES / f"rigb-{Path(self.EVENT).name}"

    def __enter__(self) -> Self:
        self.instance.mkdir()
        self._enable("1")
        return self

    def __exit__(self, *_: object) -> None:
        self._enable("0")
        self.instance.rmdir()

    def _enable(self, text: str) -> None:
        (self.instance / "events" / self.EVENT / "enable").write_text(text, encoding="ascii")

    def found(self) -> list[str]:
        """What `FOUND` is in each event so far."""
        return self.FOUND.findall((self.instance / "trace").read_text(encoding="utf-8"))


class DropTrace(EventTrace):
    """Why frames are dropped, by the event that drop_monitor and perf look at."""

    EVENT = "skb/kfree_skb"
    FOUND = re.compile(r" kfree_skb: .* reason: (\w+)")

    def reasons(self) -> set[str]:
        """All reasons so far, by the names that the kernel's have without their prefix."""
        return set(self.found())


class XdpExceptions(EventTrace):
    """Frames that a program of XDP, or what it wanted, failed for."""

    EVENT = "xdp/xdp_exception"
    FOUND = re.compile(r"xdp_exception: .*action=(\w+)")

    def actions(self) -> list[str]:
        """The action that each of them was about."""
        return self.found()
