# SPDX-License-Identifier: GPL-2.0
"""Events that the kernel traces, in an instance of tracefs of their own."""

import os
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


class FailedPosts(EventTrace):
    """Requests of C igbvf that its PF did not take or answer in time, by probes of its functions. They
    may be set before there is the module, and stay while it comes and goes."""

    EVENT = "rigb"
    FOUND = re.compile(r" (\w+): .* ret=-\d+")
    FUNCTIONS = ("e1000_write_posted_mbx", "e1000_read_posted_mbx")
    DEFINED = TRACEFS / "kprobe_events"

    def __init__(self) -> None:
        super().__init__()
        self._before: list[str] = []

    @classmethod
    def available(cls) -> bool:
        """Whether this kernel has such probes."""
        return cls.DEFINED.exists()

    def __enter__(self) -> Self:
        for name in self.FUNCTIONS:
            self._define(f"r:{self.EVENT}/{name} igbvf:{name} ret=$retval:s32")
        super().__enter__()
        (self.instance / "events" / self.EVENT / "filter").write_text("ret<0", encoding="ascii")
        return self

    def __exit__(self, *about: object) -> None:
        super().__exit__(*about)
        for name in self.FUNCTIONS:
            self._define(f"-:{self.EVENT}/{name}")

    def _define(self, line: str) -> None:
        # Without O_APPEND the file would forget all probes; it cannot seek.
        file = os.open(self.DEFINED, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, f"{line}\n".encode())
        finally:
            os.close(file)

    def begin(self) -> None:
        """Another case begins: forgets what was before the last one. A request that failed at the end of
        that is what this one may lack: it is seconds until igbvf begins anew."""
        self._before = self.found()
        (self.instance / "trace").write_text("", encoding="ascii")

    def recent(self) -> bool:
        """Whether one has failed in this case or the one before it."""
        return bool(self._before or self.found())
