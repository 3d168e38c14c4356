# SPDX-License-Identifier: GPL-2.0
"""DPDK's testpmd on a VF: a driver of another house, in user space, through vfio-pci.

It answers ARP and ICMP echo for any address (`icmpecho`), so kernels on the other ports can
ping it.
"""

import os
import re
import select
import shutil
import subprocess
import time
from typing import Self

from .driver import CommandError
from .pci import Function
from .wait import Timeout

PROGRAM = "dpdk-testpmd"
# The end of an answer: its prompt, after which it may have said of an event, at any time.
PROMPT = re.compile(rb"testpmd> (?:\s*Port \d+: [^\n]* event\s*)*\Z")
LIMIT = 120.0
# Without huge pages, without files that outlive it. One processor serves the prompt, the other
# forwards; it polls, so it has its own.
EAL = ("-l", "0,1", "--no-huge", "-m", "192", "--no-telemetry", "--no-shconf")
APP = (
    "--interactive", "--forward-mode=icmpecho", "--total-num-mbufs=4096", "--nb-cores=1",
)


def available() -> bool:
    """Whether DPDK is installed."""
    return shutil.which(PROGRAM) is not None


class Testpmd:
    """One process on one VF; `with` ends it."""

    def __init__(self, function: Function, *more: str):
        self.function = function
        # All that it has said, for a case that fails.
        self.said = ""
        # Its prompt comes by another way than what it says, which must not come later.
        command = ["stdbuf", "-o0", PROGRAM, *EAL, "-a", function.address, "--", *APP, *more]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._process.stdin and self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        try:
            self._read()
        except (Timeout, CommandError):
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._stdin.write(b"quit\n")
            self._stdin.flush()
        try:
            self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise Timeout(f"{PROGRAM} does not quit; it said:\n{self.said}") from None
        finally:
            self._stdin.close()
            self._stdout.close()

    def _read(self) -> str:
        """All until the next prompt."""
        end = time.monotonic() + LIMIT
        text = b""
        while not PROMPT.search(text):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._stdout], [], [], left)[0]:
                self.said += text.decode(errors="replace")
                raise Timeout(f"{PROGRAM}: no prompt within {LIMIT:.0f} s; it said:\n{self.said}")
            chunk = os.read(self._stdout.fileno(), 65536)
            if not chunk:
                self.said += text.decode(errors="replace")
                raise CommandError(f"{PROGRAM} has ended; it said:\n{self.said}")
            text += chunk
        words = text.decode(errors="replace")
        self.said += words
        return words

    def do(self, command: str) -> str:
        """One command at the prompt; what it says."""
        self._stdin.write(command.encode() + b"\n")
        self._stdin.flush()
        return self._read()

    def info(self, field: str) -> str:
        """A line of `show port info`."""
        said = self.do("show port info 0")
        found = re.search(rf"^{field}: (.*?)\s*$", said, re.M)
        if not found:
            raise CommandError(f"no {field} in: {said}")
        return found[1]

    def wait_link(self, state: str = "up") -> None:
        """Waits until it sees its link up, or down."""
        end = time.monotonic() + LIMIT
        while self.info("Link status") != state:
            if time.monotonic() > end:
                raise Timeout(f"{PROGRAM} never sees its link {state}")
            select.select([], [], [], 0.2)
