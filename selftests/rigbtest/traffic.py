# SPDX-License-Identifier: GPL-2.0
"""Traffic between two ports whose content is checked at the other end."""

import os
import socket
import struct
import threading
import zlib

from . import echo
from .bridge import Container
from .port import Port, Vlan
from .wait import LIMIT

End = Port | Vlan | Container

IP_MULTICAST_ALL = 49
UDP_PORT = 8283
TCP_BYTES = 1 << 20


class TrafficError(Exception):
    """Traffic that was to arrive did not, or arrived changed."""


def reach(source: End, *targets: End) -> None:
    """Waits for the first answer of each target, over IPv4 and IPv6."""
    for target in targets:
        for address in (target.v4, target.v6):
            echo.first_answer(source, address)


def ping(source: End, target: End | str, size: int = 56, requests: int = 3) -> None:
    """Pings over both families (or one address), unfragmented, and accepts no loss.

    `size` counts the ICMP payload's bytes; 8 of ICMP and 20 or 40 of IP come on top.
    """
    addresses = [target] if isinstance(target, str) else [target.v4, target.v6]
    for address in addresses:
        payload = size - 20 if ":" in address and size > 1400 else size
        answers = echo.count(source, address, payload, requests)
        if answers.received != answers.sent:
            raise TrafficError(f"ping {source.label} -> {address}, {payload} bytes: {answers}")


def silent(source: End, target: str, witness: str, requests: int = 3) -> None:
    """Pings an address from which no answer may come, and then another one from which one must: as long
    as that takes on a busy machine, an answer of the first may take as well."""
    with echo.Echo(source, target) as asked:
        answered = sum(asked.ask(56, 0.3) for _ in range(requests))
        echo.first_answer(source, witness)
        if answered or asked.heard(0.3):
            raise TrafficError(f"{source.label} reaches {target}, which it must not")


def tcp(sender: End, receiver: End, size: int = TCP_BYTES, family: int = 4) -> None:
    """One TCP connection that carries `size` random bytes, compared by length and CRC."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    address = receiver.v4 if family == 4 else receiver.v6
    with receiver.inside():
        listener = socket.socket(kind, socket.SOCK_STREAM)
    with sender.inside():
        client = socket.socket(kind, socket.SOCK_STREAM)
    with listener, client:
        # A port that is free: another thread's child has the last listener until it runs its program.
        listener.bind((address, 0))
        listener.listen(1)
        for sock in (listener, client):
            sock.settimeout(LIMIT)
        data = os.urandom(min(size, 1 << 20))
        data *= size // len(data)
        got: list[tuple[int, int]] = []
        thread = threading.Thread(target=_receive, args=(listener, got))
        thread.start()
        try:
            client.connect((address, listener.getsockname()[1]))
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        finally:
            thread.join()
    if got != [(len(data), zlib.crc32(data))]:
        raise TrafficError(f"TCP {sender.label} -> {receiver.label}: sent {len(data)}, got {got}")


def _receive(listener: socket.socket, got: list[tuple[int, int]]) -> None:
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        return
    with connection:
        connection.settimeout(LIMIT)
        length = crc = 0
        try:
            while chunk := connection.recv(1 << 18):
                length += len(chunk)
                crc = zlib.crc32(chunk, crc)
        except (TimeoutError, ConnectionError):
            pass
    got.append((length, crc))


def udp(sender: End, receiver: End, sizes: range | list[int]) -> None:
    """Sends a datagram of each size over both families; each must arrive as it was sent."""
    for kind, address in ((socket.AF_INET, receiver.v4), (socket.AF_INET6, receiver.v6)):
        with receiver.inside():
            sink = socket.socket(kind, socket.SOCK_DGRAM)
        with sender.inside():
            source = socket.socket(kind, socket.SOCK_DGRAM)
        with sink, source:
            sink.bind((address, 0))
            sink.settimeout(LIMIT)
            for size in sizes:
                data = os.urandom(size)
                source.sendto(data, (address, sink.getsockname()[1]))
                got = sink.recv(65536)
                if got != data:
                    at = f"{sender.label} -> {receiver.label}, {size} bytes"
                    raise TrafficError(f"UDP {at}: changed on the way")


def multicast(sender: End, receiver: End, group: str, expected: bool = True) -> None:
    """The receiver joins a group (either family), and gets what the sender sends to it."""
    six = ":" in group
    kind = socket.AF_INET6 if six else socket.AF_INET
    with receiver.inside():
        sink = socket.socket(kind, socket.SOCK_DGRAM)
        index = socket.if_nametoindex(receiver.name)
    with sender.inside():
        source = socket.socket(kind, socket.SOCK_DGRAM)
        out = socket.if_nametoindex(sender.name)
    data = os.urandom(600)
    packed = socket.inet_pton(kind, group)
    with sink, source:
        sink.bind((group, UDP_PORT, 0, index) if six else (group, UDP_PORT))
        if six:
            join = packed + struct.pack("@I", index)
            sink.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, join)
            source.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, out)
        else:
            join = packed + struct.pack("@4xI", index)
            sink.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, join)
            choice = struct.pack("@8xI", out)
            source.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, choice)
        _expect_multicast(source, sink, (group, UDP_PORT), data, expected)


def _expect_multicast(
    source: socket.socket, sink: socket.socket, to: tuple[str, int], data: bytes, expected: bool
) -> None:
    # A VF's new filter is on its way through the mailbox when the join returns, and nothing
    # announces its arrival: so the datagram is sent again until the group is heard.
    sink.settimeout(0.2 if expected else 1.0)
    for _ in range(int(LIMIT / 0.2) if expected else 1):
        source.sendto(data, to)
        try:
            got = sink.recv(65536)
        except TimeoutError:
            continue
        if got != data:
            raise TrafficError(f"multicast {to[0]}: changed on the way")
        if not expected:
            raise TrafficError(f"multicast {to[0]}: arrived, which it must not")
        return
    if expected:
        raise TrafficError(f"multicast {to[0]}: never arrived")
