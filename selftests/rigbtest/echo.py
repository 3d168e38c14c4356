# SPDX-License-Identifier: GPL-2.0
"""ICMP echo in process: under emulation, starting ping(8) costs more than all its packets.

The kernel's ping sockets fill in identifier and checksum, and give each socket its own
answers. Every answer's payload is compared with what was asked.
"""

import os
import socket
import struct
import time
from dataclasses import dataclass
from typing import Self

from . import igbvf
from .bridge import Container
from .kselftest import ksft_pr
from .port import Port, Vlan
from .wait import LIMIT

ECHO_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
IP_MTU_DISCOVER = 10
IPV6_MTU_DISCOVER = 23
PMTUDISC_DO = 2
# Between two requests while waiting for a first answer.
AGAIN = 0.2


class EchoError(Exception):
    """Echo requests without the answers they should have."""


@dataclass
class Answers:
    """How many requests were sent, and how many answers came back unchanged."""

    sent: int = 0
    received: int = 0


class Echo:
    """Echo requests from one end to one address."""

    def __init__(self, source: Port | Vlan | Container, address: str):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        protocol = socket.IPPROTO_ICMPV6 if ":" in address else socket.IPPROTO_ICMP
        with source.inside():
            self.socket = socket.socket(family, socket.SOCK_DGRAM, protocol)
        level, option = socket.IPPROTO_IP, IP_MTU_DISCOVER
        if family == socket.AF_INET6:
            level, option = socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER
        self.socket.setsockopt(level, option, PMTUDISC_DO)
        self.type = ECHO_REQUEST[family]
        self.address = address
        self.sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, size: int, seconds: float) -> bool:
        """One request with `size` bytes; true if its answer came back within `seconds`.

        An unreachable neighbour is no answer. A message that is too long is an error.
        """
        data = os.urandom(size)
        end = time.monotonic() + seconds
        if not self._send(data):
            return False
        while packet := self._receive(end):
            if struct.unpack_from("!H", packet, 6)[0] == self.sequence:
                if packet[8:] != data:
                    raise EchoError(f"{self.address}: {size} bytes came back changed")
                return True
        return False

    def ask_until_answered(self, size: int, again: float, limit: float) -> None:
        """Asks every `again` seconds, for `limit` of them, until any of the requests is answered.

        The first answer may come late, as where a machine is busy: it counts whenever it comes.
        """
        sent: dict[int, bytes] = {}
        refused = 0
        end = time.monotonic() + limit
        while (asked := time.monotonic()) <= end:
            data = os.urandom(size)
            if self._send(data):
                sent[self.sequence] = data
            else:
                refused += 1
            if packet := self._receive(asked + again):
                sequence = struct.unpack_from("!H", packet, 6)[0]
                if packet[8:] != sent.get(sequence):
                    raise EchoError(f"{self.address}: {size} bytes came back changed")
                return
            # A refusal comes at once; the next request need not.
            time.sleep(max(0.0, asked + again - time.monotonic()))
        raise EchoError(f"{self.address}: no answer within {limit:.0f} s to {len(sent)} requests;"
                        f" {refused} more were not sent")

    def heard(self, seconds: float) -> bool:
        """Whether any answer comes, to whatever was asked."""
        return bool(self._receive(time.monotonic() + seconds))

    def _send(self, data: bytes) -> bool:
        """Sends a request; false where the neighbour is unreachable."""
        self.sequence += 1
        head = struct.pack("!BBHHH", self.type, 0, 0, 0, self.sequence)
        try:
            self.socket.sendto(head + data, (self.address, 0))
        except OSError as error:
            if isinstance(error, TimeoutError) or error.strerror != "Message too long":
                return False
            raise
        return True

    def _receive(self, end: float) -> bytes:
        """The next answer to any request; nothing if none comes in time, or an error does."""
        left = end - time.monotonic()
        if left <= 0:
            return b""
        self.socket.settimeout(left)
        try:
            return self.socket.recv(65536)
        except OSError:
            return b""


def first_answer(source: Port | Vlan | Container, address: str, limit: float = LIMIT) -> None:
    """Asks an address again and again until it answers. C igbvf needs help if its PF was too slow for
    the handshake that a change by the host has it make."""
    try:
        _first_answer(source, address, limit)
    except EchoError as error:
        if not isinstance(source, Port) or source.function.driver != igbvf.NAME:
            raise
        ksft_pr(f"again: {error}")
        source.wait_running()
        _first_answer(source, address, limit)


def _first_answer(source: Port | Vlan | Container, address: str, limit: float) -> None:
    with Echo(source, address) as echo:
        try:
            echo.ask_until_answered(56, AGAIN, limit)
        except EchoError as error:
            raise EchoError(f"from {source.label}: {error}") from None


def count(
    source: Port | Vlan | Container, address: str, size: int, requests: int, seconds: float = LIMIT
) -> Answers:
    """Asks `requests` times, one after another, and waits `seconds` for each answer."""
    answers = Answers()
    with Echo(source, address) as echo:
        for _ in range(requests):
            answers.sent += 1
            answers.received += echo.ask(size, seconds)
    return answers
