# SPDX-License-Identifier: GPL-2.0
"""Sockets of AF_XDP on ports, by a program of the selftests: xsk.c, which see for its options."""

import os
import subprocess
from pathlib import Path
from typing import Self

from . import xdp
from .driver import CommandError
from .frames import ARRIVAL, EXPERIMENT, HEADER, mac_bytes
from .port import Port

PROGRAM = Path(os.environ.get("RIGB_XSK") or Path(__file__).parents[2] / "build/xsk")
# What `asked` says.
RECEIVE, SEND = 1, 2


class XskSocket:
    """A socket on a queue of a port; `with` ends it. The program `xsk` sends frames there."""

    def __init__(self, port: Port, *options: str, queue: int = 0):
        self.port = port
        command = [str(PROGRAM), port.name, str(queue), str(xdp.MAPS / "xsks"), *options]
        with port.inside():
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin and self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        try:
            self._answer()
        except CommandError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it. The kernel takes the pool from the driver when the process has gone."""
        self._stdin.close()
        self._process.wait()
        self._stdout.close()

    def kill(self) -> None:
        """Ends it in the midst of what it does."""
        self._process.kill()

    def _answer(self) -> tuple[list[bytes], int]:
        """Frames, and the number that follows them."""
        got: list[bytes] = []
        for line in self._stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "ok":
                return got, int(rest)
            if word == "error":
                raise CommandError(f"xsk on {self.port.label}: {rest}")
            got.append(bytes.fromhex(word))
        raise CommandError(f"xsk on {self.port.label} has ended")

    def _ask(self, *lines: str) -> tuple[list[bytes], int]:
        self._stdin.write("".join(f"{line}\n" for line in lines))
        self._stdin.flush()
        return self._answer()

    def receive(self, count: int, seconds: float = ARRIVAL) -> list[bytes]:
        """The next frames, without header; fewer if none comes for so long."""
        got, _ = self._ask(f"receive {count} {int(seconds * 1000)}")
        return [frame[HEADER:] for frame in got]

    def send(self, to: str, payloads: list[bytes]) -> int:
        """Sends frames, and says how many of them were completed."""
        head = mac_bytes(to) + mac_bytes(self.port.mac) + EXPERIMENT.to_bytes(2, "big")
        return self.send_whole([head + payload for payload in payloads])

    def send_whole(self, whole: list[bytes]) -> int:
        """The same with frames that bring their own headers, or none."""
        return self._ask(f"send {len(whole)}", *(frame.hex() for frame in whole))[1]

    def send_raw(self, offset: int, length: int) -> int:
        """Sends a descriptor of what is anywhere in the buffers, or is not; whether it was completed."""
        return self._ask(f"raw {offset} {length}")[1]

    def fill(self, count: int) -> None:
        """Gives buffers for reception."""
        self._ask(f"fill {count}")

    def asked(self) -> int:
        """What the driver wants to be woken for."""
        return self._ask("asked")[1]

    def dropped(self) -> int:
        """Frames that the socket has lost, and descriptors that the kernel has refused."""
        return self._ask("dropped")[1]
