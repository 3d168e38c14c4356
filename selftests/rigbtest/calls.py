# SPDX-License-Identifier: GPL-2.0
"""Calls of functions of the kernel with their arguments, seen by kprobes."""

import os
import re
from pathlib import Path
from typing import NamedTuple, Self

TRACING = Path("/sys/kernel/tracing")
EVENTS = TRACING / "kprobe_events"
# Where the first arguments of a function are on x86-64.
PLACES = ("di", "si", "dx", "cx")
ARGUMENTS = " ".join(f"a{number}=%{place}:x64" for number, place in enumerate(PLACES))


def _tell(line: str) -> None:
    # Whoever opens the file to write it anew removes all probes, and it has no end to seek.
    file = os.open(EVENTS, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


class Call(NamedTuple):
    """A call: of what, and its first arguments."""

    function: str
    arguments: tuple[int, ...]


class Calls:
    """The calls of `functions` within `with`."""

    def __init__(self, *functions: str):
        self.functions = functions
        # Of its own: mmiotrace and others go on.
        self._buffer = TRACING / "instances/rigb"

    @staticmethod
    def available() -> bool:
        """Whether this kernel can."""
        return EVENTS.exists() and os.uname().machine == "x86_64"

    def __enter__(self) -> Self:
        for function in self.functions:
            _tell(f"p:rigb/{function} {function} {ARGUMENTS}")
        self._buffer.mkdir()
        (self._buffer / "events/rigb/enable").write_text("1")
        return self

    def __exit__(self, *_: object) -> None:
        (self._buffer / "events/rigb/enable").write_text("0")
        self._buffer.rmdir()
        for function in self.functions:
            _tell(f"-:rigb/{function}")

    def seen(self) -> list[Call]:
        """The calls in their order."""
        found = []
        for line in (self._buffer / "trace").read_text().splitlines():
            if name := re.search(r": (\w+): \(", line):
                arguments = re.findall(r" a\d=(0x[0-9a-f]+)", line)
                found.append(Call(name[1], tuple(int(value, 16) for value in arguments)))
        return found
