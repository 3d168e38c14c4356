# SPDX-License-Identifier: GPL-2.0
"""Receive side scaling: what ethtool shows of it, and what a card makes of a flow by it."""

import re
import socket
import struct
from ipaddress import ip_address

from . import wait
from .frames import Sniffer, checksum
from .port import Port
from .text import found

ENTRIES = 128
KEY_BYTES = 40
LINE = re.compile(r"\s*\d+:((?:\s+\d+)+)\s*$")
KEY = re.compile(r"(?:[0-9a-f]{2}:){39}[0-9a-f]{2}$", re.M)
COUNTER = re.compile(r"rx_queue_(\d+)_packets$")
# Nobody has it, so nobody answers: the frames are dropped above the card.
NOWHERE = {4: "10.86.0.99", 6: "fd86::99"}
ETHERTYPE = {4: 0x0800, 6: 0x86DD}
DESTINATION_PORT = 8286
# Frames of the stacks' own that may come meanwhile, the more the longer it takes.
NOISE = 24


def table(port: Port) -> list[int]:
    """The queue of each entry, by `ethtool -x`."""
    lines = [LINE.match(line) for line in port.ethtool("-x").splitlines()]
    return [int(number) for line in lines if line for number in line[1].split()]


def key(port: Port) -> str:
    """The key, as `ethtool -x` shows it."""
    return found(KEY, port.ethtool("-x"))[0]


def queues(port: Port) -> tuple[int, int]:
    """The most queues there can be, and those there are, by `ethtool -l`."""
    most, now = re.findall(r"^Combined:\s+(\d+)", port.ethtool("-l"), re.M)
    return int(most), int(now)


def toeplitz(secret: bytes, data: bytes) -> int:
    """The hash that the Toeplitz function gives `data`."""
    window = int.from_bytes(secret, "big")
    width = 8 * len(secret)
    result = 0
    for number in range(8 * len(data)):
        if data[number // 8] & 0x80 >> number % 8:
            result ^= window >> (width - 32 - number) & 0xFFFFFFFF
    return result


def received(port: Port) -> list[int]:
    """The frames that each queue has received so far."""
    found = {COUNTER.match(name): count for name, count in port.ethtool_stats().items()}
    return [n for _, n in sorted((int(match[1]), n) for match, n in found.items() if match)]


def _segment(family: int, source: str, number: int) -> tuple[bytes, bytes]:
    """A TCP segment from port `number`, and what of it is hashed."""
    one, two = ip_address(source).packed, ip_address(NOWHERE[family]).packed
    ports = struct.pack("!HH", number, DESTINATION_PORT)
    tcp = ports + struct.pack("!IIBBHHH", 1, 0, 5 << 4, 2, 1024, 0, 0)
    if family == 4:
        pseudo = one + two + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp))
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0) + one + two
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    else:
        pseudo = one + two + struct.pack("!II", len(tcp), socket.IPPROTO_TCP)
        head = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + one + two
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    return head + tcp, one + two + ports


def spread(
    peer: Port, port: Port, flows: int = 96, pool: bool = False
) -> tuple[list[int], list[int]]:
    """Sends a frame of each of `flows` flows; how many each queue got, and was to get.

    It waits until each queue has got what it was to get: then what is too much elsewhere is noise.
    For QEMU's card does not spread flows within a `pool`, all may also be in the first queue.
    """
    secret, entries = bytes.fromhex(key(port).replace(":", "")), table(port)
    before = received(port)
    due = [0] * len(before)
    with Sniffer(peer) as sender:
        for number in range(flows):
            family, source = ((4, peer.v4), (6, peer.v6))[number % 2]
            packet, hashed = _segment(family, source, 10000 + number)
            due[entries[toeplitz(secret, hashed) % ENTRIES]] += 1
            sender.send(port.mac, packet, ETHERTYPE[family])

    def arrived() -> list[int]:
        got = [after - old for after, old in zip(received(port), before, strict=True)]
        if pool and got[0] >= flows:
            due[:] = [flows] + [0] * (len(due) - 1)
        return got if all(count >= wanted for count, wanted in zip(got, due, strict=True)) else []

    try:
        return wait.register(arrived, "frames in their queues"), due
    except wait.Timeout as error:
        got = [after - old for after, old in zip(received(port), before, strict=True)]
        raise wait.Timeout(f"{error}: {got} instead of {due} in {port.label}") from error
