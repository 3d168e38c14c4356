# SPDX-License-Identifier: GPL-2.0
"""The host's end of vm/guest/agent: commands for a guest, over its second console."""

import base64
import gzip
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .wait import Timeout

TEXT = re.compile(rb"@@(\d+) (\d+) (\d+) (.*)$")
PART = re.compile(rb"@@(\d+) (\d+) ([A-Za-z0-9+/]+=*)\r?$")
END = re.compile(rb"@@(\d+) (text|end) (\d+) (\d+) (\d+)\r?$")
READY = re.compile(rb"@@ready ([0-9a-f-]{36})\r?$")
# Longer than any line of the agent, with a message of the kernel before it.
LINE_LIMIT = 1 << 16
# What a part of a short output has in the place of some bytes.
ESCAPED = {b"n": b"\n", b"r": b"\r"}
# Where the agent has the process of each command that runs.
FOLDER = "/run/vm/agent.d"


class GuestError(Exception):
    """A guest did not do as it was told; the text says which and what."""


@dataclass(frozen=True)
class Answer:
    """What became of a command. `output` has the last bytes of `size`, all but for large ones."""

    status: int
    output: bytes
    size: int

    @property
    def text(self) -> str:
        """The output, for who expects text."""
        return self.output.decode(errors="replace")


class Lines:
    """The lines of a stream of bytes that comes in pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def add(self, chunk: bytes) -> list[bytes]:
        """The lines that end in the next piece. What exceeds LINE_LIMIT without an end goes."""
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            lines = bytes(self._rest + head).split(b"\n")
            self._rest = bytearray(tail)
        else:
            lines = []
            self._rest += chunk
        del self._rest[:-LINE_LIMIT]
        return lines


class Request:
    """A command that was sent, and what has come of its answer."""

    def __init__(self, boots: int):
        # The guest's starts when it was sent.
        self.boots = boots
        self._parts: dict[int, bytes] = {}
        self._end: tuple[bytes, int, int, int] | None = None

    def part(self, number: int, text: bytes) -> None:
        """Takes a part; one that comes again is the same."""
        self._parts[number] = text

    def end(self, kind: bytes, status: int, parts: int, size: int) -> None:
        """Takes the last line. The console may have spoilt others: then all come once more."""
        self._end = (kind, status, parts, size)

    @property
    def answer(self) -> Answer | None:
        """The answer, if it is whole."""
        if not self._end or len(self._parts) < self._end[2]:
            return None
        kind, status, parts, size = self._end
        text = b"".join(self._parts[number] for number in range(1, parts + 1))
        if kind == b"text":
            return Answer(status, _unescape(text), size)
        return Answer(status, gzip.decompress(base64.b64decode(text)), size)


def _escape(command: bytes) -> bytes:
    """A command as the agent takes it: of characters that no console changes, without its end."""
    return re.sub(rb"[^ -~]|[\\;]", lambda found: b"\\0%03o" % ord(found[0]), command)


def _unescape(text: bytes) -> bytes:
    """A short output, from its parts."""
    return re.sub(rb"\\(.)", lambda found: ESCAPED.get(found[1], found[1]), text)


class Agent:
    """Sends commands down a file descriptor and collects what comes back."""

    def __init__(self, name: str, log: Path):
        self.name = name
        self._log = log.open("ab")
        self._fd = -1
        self._changed = threading.Condition()
        self._sent = 0
        # Without those whose answer was fetched: it may come again.
        self._requests: dict[int, Request] = {}
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
            self._requests[number] = Request(len(self.boots))
            fd = self._fd
        line = b"%d:%s;" % (number, _escape(command.encode(errors="surrogateescape")))
        try:
            while line:
                line = line[os.write(fd, line):]
        except OSError as error:
            raise GuestError(f"{self.name}: cannot be asked: {error.strerror}") from error
        return number

    def finish(self, number: int, limit: float) -> Answer:
        """Waits for the answer to a command. After a Timeout it can be waited for again."""
        request = self._requests[number]
        self._wait(
            lambda: request.answer or not self.connected or len(self.boots) > request.boots,
            f"answer to command {number}",
            limit,
        )
        del self._requests[number]
        if not (answer := request.answer):
            raise GuestError(f"{self.name}: ended or started anew during command {number}")
        return answer

    def kill(self, number: int) -> None:
        """Ends a command that runs, with all of its session; its answer comes as ever."""
        self.start(f"kill -KILL -- -$(cat {FOLDER}/pid.{number})")

    def run(self, command: str, limit: float) -> Answer:
        """Runs a command and waits for it."""
        return self.finish(self.start(command), limit)

    def wait_boot(self, count: int, limit: float) -> None:
        """Waits until the guest's system has come up `count` times since this was made."""
        self._wait(lambda: len(self.boots) >= count, f"start number {count}", limit)

    def _wait(self, condition: Callable[[], object], what: str, limit: float) -> None:
        end = time.monotonic() + limit
        with self._changed:
            while not condition():
                left = end - time.monotonic()
                if left <= 0:
                    raise Timeout(f"{self.name}: no {what} within {limit:.0f} s")
                self._changed.wait(left)

    def _read(self, fd: int) -> None:
        lines = Lines()
        while True:
            try:
                chunk = os.read(fd, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                break
            self._log.write(chunk)
            self._log.flush()
            self._take(lines.add(chunk))
        with self._changed:
            if self._fd == fd:
                self._fd = -1
            self._changed.notify_all()
        os.close(fd)

    def _take(self, lines: list[bytes]) -> None:
        """Takes lines of the console, of which some are the agent's, and some of these repeats."""
        with self._changed:
            for line in lines:
                if found := TEXT.search(line):
                    # A line that the kernel's messages have spoilt is longer.
                    text = found[4].removesuffix(b"\r")
                    request = self._requests.get(int(found[1]))
                    if request and len(text) == int(found[3]):
                        request.part(int(found[2]), text)
                elif found := PART.search(line):
                    if request := self._requests.get(int(found[1])):
                        request.part(int(found[2]), found[3])
                elif found := END.search(line):
                    if request := self._requests.get(int(found[1])):
                        status, parts, size = (int(word) for word in found.groups()[2:])
                        request.end(found[2], status, parts, size)
                elif (found := READY.search(line)) and found[1].decode() not in self.boots:
                    self.boots.append(found[1].decode())
            self._changed.notify_all()
