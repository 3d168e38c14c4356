#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The drivers of samples/: others than those of this card, made of kapi/."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rigbtest import kselftest, wait
from rigbtest.driver import Driver, run
from rigbtest.frames import EXPERIMENT, HEADER, PACKET_OUTGOING, mac_bytes
from rigbtest.kselftest import ksft_eq, ksft_ne, ksft_run

LOOP = Driver("kapi_loop", "samples/kapi_loop.ko")
NETDEVS = Path("/sys/devices/faux/kapi_loop/net")
# Lengths of payloads: the shortest frame, the longest, and between.
LENGTHS = (46, 47, 256, 1024, 1499, 1500)
# More frames than its ring has room for.
BURST = 600


@contextmanager
def loop() -> Iterator[tuple[str, str]]:
    """The interface of kapi_loop, up, and its address."""
    LOOP.load()
    try:
        name = next(NETDEVS.iterdir()).name
        # Its own questions would come back to it as those of another with its address.
        run("ip", "link", "set", name, "addrgenmode", "none", "up")
        yield name, (NETDEVS / name / "address").read_text(encoding="ascii").strip()
    finally:
        LOOP.unload()


def opened(name: str) -> socket.socket:
    """A packet socket that sees what comes in."""
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EXPERIMENT))
    sniffer.bind((name, EXPERIMENT))
    sniffer.settimeout(wait.LIMIT)
    sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    return sniffer


def gives_back() -> None:
    """What is sent comes back as it was, frame by frame and in bursts, and after down and up."""
    with loop() as (name, mac):
        head = mac_bytes(mac) * 2 + EXPERIMENT.to_bytes(2, "big")
        for _ in range(2):
            with opened(name) as sniffer:
                for length in LENGTHS:
                    frame = head + os.urandom(length)
                    sniffer.send(frame)
                    data, address = sniffer.recvfrom(HEADER + max(LENGTHS))
                    ksft_eq(data, frame, f"{length} bytes")
                    ksft_ne(address[2], PACKET_OUTGOING)
                sent = [head + number.to_bytes(4, "big") + bytes(60) for number in range(BURST)]
                for frame in sent:
                    sniffer.send(frame)
                ksft_eq([sniffer.recv(HEADER + max(LENGTHS)) for _ in sent], sent)
            run("ip", "link", "set", name, "down")
            run("ip", "link", "set", name, "up")


def comes_and_goes() -> None:
    """The module can be unloaded with frames under way."""
    for _ in range(5):
        with loop() as (name, mac), opened(name) as sniffer:
            head = mac_bytes(mac) * 2 + EXPERIMENT.to_bytes(2, "big")
            for _ in range(BURST // 4):
                sniffer.send(head + bytes(1000))
        ksft_eq(LOOP.loaded(), False)


def main() -> None:
    """Runs all cases."""
    if not LOOP.available():
        kselftest.skip_all("not built: run make")
    ksft_run([gives_back, comes_and_goes])


if __name__ == "__main__":
    main()
