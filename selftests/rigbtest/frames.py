# SPDX-License-Identifier: GPL-2.0
"""Ethernet frames of our own making: what the stack above would not send, or would hide."""

import os
import socket
import struct
import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from . import igbvf, wait
from .port import Port

# For local experiments, by IEEE 802.
EXPERIMENT = 0x88B5
ETH_P_ALL = 3
ETH_P_8021Q = 0x8100
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_ADD_MEMBERSHIP = 1
PACKET_DROP_MEMBERSHIP = 2
PACKET_MR_MULTICAST = 0
PACKET_MR_PROMISC = 1
PACKET_MR_ALLMULTI = 2
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
BROADCAST = "ff:ff:ff:ff:ff:ff"
HEADER = 14
# How long a frame may take through an emulated wire. Only a test that fails waits so long: that a
# frame does not come is seen by a later one that does.
ARRIVAL = 60.0
MARK_SIZE = 46


def mac_bytes(mac: str) -> bytes:
    """The six octets."""
    return bytes.fromhex(mac.replace(":", ""))


@dataclass
class Sniffer:
    """A packet socket on a port; it sees what the card delivers."""

    port: Port
    protocol: int = EXPERIMENT

    def __post_init__(self) -> None:
        with self.port.inside():
            kind = socket.htons(self.protocol)
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, kind)
            self.socket.bind((self.port.name, self.protocol))
            self.index = socket.if_nametoindex(self.port.name)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def keep_all(self) -> None:
        """Makes room for all that comes, which is not read: its pages stay with this socket."""
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)

    def join(self, kind: int, mac: str = "00:00:00:00:00:00") -> None:
        """Asks the card for more: a group, all groups, everything. Ends with the socket."""
        self._change(PACKET_ADD_MEMBERSHIP, kind, mac)

    def leave(self, kind: int, mac: str = "00:00:00:00:00:00") -> None:
        """Takes that back."""
        self._change(PACKET_DROP_MEMBERSHIP, kind, mac)

    def _change(self, option: int, kind: int, mac: str) -> None:
        request = struct.pack("iHH8s", self.index, kind, 6, mac_bytes(mac))
        self.socket.setsockopt(SOL_PACKET, option, request)

    def send(self, to: str, payload: bytes, protocol: int = EXPERIMENT) -> None:
        """Sends one frame from the port's address."""
        head = mac_bytes(to) + mac_bytes(self.port.mac) + struct.pack("!H", protocol)
        self.socket.send(head + payload)

    def receive(self, seconds: float = ARRIVAL) -> bytes | None:
        """The next frame that came from outside, whole; None if there is none in time.

        QEMU's card does no source pruning: what a VF broadcasts comes back to it. Such a frame
        has the port's own address as its source, and is none from outside.
        """
        own = mac_bytes(self.port.mac)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame, address = self.socket.recvfrom(65536)
            except TimeoutError:
                return None
            if address[2] != PACKET_OUTGOING and frame[6:12] != own:
                return frame
        return None

    def mark(self) -> bytes:
        """Sends a broadcast that ends a row of frames; give what it returns to `until`."""
        mark = os.urandom(MARK_SIZE)
        self.send(BROADCAST, mark)
        return mark

    def some(self, count: int) -> list[bytes]:
        """The next frames, so many of them, or those before one that does not come."""
        got: list[bytes] = []
        while len(got) < count and (frame := self.receive()):
            got.append(frame)
        return got

    def before(self, mark: bytes, seconds: float = ARRIVAL) -> list[bytes] | None:
        """All frames before the mark; None if that does not come in time after another frame."""
        frames: list[bytes] = []
        while frame := self.receive(seconds):
            if mark in frame:
                return frames
            frames.append(frame)
        return None

    def until(self, mark: bytes) -> list[bytes]:
        """All frames before the mark; it is an error if that does not come."""
        frames = self.before(mark)
        if frames is None:
            raise AssertionError(f"{self.port.label} does not receive the marked frame")
        return frames


def delivered(source: Port, sniffer: Sniffer, to: str) -> bool:
    """Whether a frame to `to` reaches the sniffer; a broadcast after it shows the end."""
    with Sniffer(source) as sender:
        while True:
            data = os.urandom(64)
            sender.send(to, data)
            mark = sender.mark()
            if sniffer.port.function.driver != igbvf.NAME:
                return any(data in frame for frame in sniffer.until(mark))
            # It resets itself when it has given its PF up, and both frames may be lost by that.
            if (frames := sniffer.before(mark, igbvf.PATIENCE)) is not None:
                return any(data in frame for frame in frames)
            sniffer.port.wait_running()
            igbvf.helped(f"{sniffer.port.label} is sent a frame again")


def wait_delivered(source: Port, sniffer: Sniffer, to: str, what: str) -> None:
    """Sends frames to `to` until one of them reaches the sniffer."""
    wait.register(lambda: delivered(source, sniffer, to), f"frame for {what}")


def checksum(data: bytes) -> int:
    """The checksum of IP and of what is above."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp_frame(source: str, to: str, port: int, payload: bytes, spoil: int = 0) -> tuple[int, bytes]:
    """EtherType and packet of a UDP datagram; `spoil` is added to its checksum."""
    one, two = ip_address(source), ip_address(to)
    length = 8 + len(payload)
    if one.version == 4:
        pseudo = one.packed + two.packed + struct.pack("!HH", 17, length)
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 7, 0x4000, 64, 17, 0)
        head += one.packed + two.packed
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    else:
        pseudo = one.packed + two.packed + struct.pack("!II", length, 17)
        head = struct.pack("!IHBB", 6 << 28, length, 17, 64) + one.packed + two.packed
    body = struct.pack("!HHHH", 4000, port, length, 0) + payload
    good = checksum(pseudo + body)
    body = body[:6] + struct.pack("!H", good + spoil & 0xFFFF) + body[8:]
    return (0x0800 if one.version == 4 else 0x86DD), head + body
