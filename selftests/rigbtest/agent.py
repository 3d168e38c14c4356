# SPDX-License-Identifier: GPL-2.0
"""The host's end of vm/guest/agent: commands for a guest, over its second console."""

import base64
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from .wait import Timeout

ANSWER = re.compile(rb"@@(\d+) (\d+) ([A-Za-z0-9+/=]*)\r?$")
READY = re.compile(rb"@@ready ([0-9a-f-]{36})\r?$")


class GuestError(Exception):
    """A guest did not do as it was told; the text says which and what."""


@dataclass(frozen=True)
class Answer:
    """What became of a command."""

    status: int
    text: str


class Agent:
    """Sends commands down a file descriptor and collects what comes back."""

    def __init__(self, name: str, log: Path):
        self.name = name
        self._log = log.open("ab")
        self._fd = -1
        self._changed = threading.Condition()
        self._answers: dict[int, Answer] = {}
        self._sent = 0
        # The guest's starts when a command was sent, by the command's number.
        self._asked: dict[int, int] = {}
        # One entry per start of the guest's system.
        self.boots: list[str] = []

    def connect(self, fd: int) -> None:
        """Takes over `fd`, the channel of a machine that was just made."""
        self._fd = fd
        threading.Thread(target=self._read, args=(fd,), daemon=True).start()

    @property
    def connected(self) -> bool:
        """Whether the other end is there."""
        return self._fd >= 0

    def start(self, command: str) -> int:
        """Sends a command and does not wait for it; the number is for `finish`."""
        with self._changed:
            self._sent += 1
            number = self._sent
            self._asked[number] = len(self.boots)
            fd = self._fd
        line = f"{number} {base64.b64encode(command.encode()).decode()}\n".encode()
        try:
            while line:
                line = line[os.write(fd, line):]
        except OSError as error:
            raise GuestError(f"{self.name}: cannot be asked: {error.strerror}") from error
        return number

    def finish(self, number: int, limit: float) -> Answer:
        """Waits for the answer to a command."""
        boots = self._asked.pop(number)
        self._wait(
            lambda: number in self._answers or not self.connected or len(self.boots) > boots,
            f"answer to command {number}",
            limit,
        )
        if number not in self._answers:
            raise GuestError(f"{self.name}: ended or started anew during command {number}")
        return self._answers.pop(number)

    def run(self, command: str, limit: float) -> Answer:
        """Runs a command and waits for it."""
        return self.finish(self.start(command), limit)

    def wait_boot(self, count: int, limit: float) -> None:
        """Waits until the guest's system has come up `count` times since this was made."""
        self._wait(lambda: len(self.boots) >= count, f"start number {count}", limit)

    def _wait(self, condition, what: str, limit: float) -> None:
        end = time.monotonic() + limit
        with self._changed:
            while not condition():
                left = end - time.monotonic()
                if left <= 0:
                    raise Timeout(f"{self.name}: no {what} within {limit:.0f} s")
                self._changed.wait(left)

    def _read(self, fd: int) -> None:
        rest = b""
        while True:
            try:
                chunk = os.read(fd, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                break
            self._log.write(chunk)
            self._log.flush()
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)
        with self._changed:
            if self._fd == fd:
                self._fd = -1
            self._changed.notify_all()
        os.close(fd)

    def _take(self, line: bytes) -> None:
        with self._changed:
            if found := ANSWER.search(line):
                text = base64.b64decode(found[3]).decode(errors="replace")
                self._answers[int(found[1])] = Answer(int(found[2]), text)
            elif found := READY.search(line):
                self.boots.append(found[1].decode())
            self._changed.notify_all()
