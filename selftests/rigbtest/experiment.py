# SPDX-License-Identifier: GPL-2.0
"""Frames for programs of xdp.bpf.c, which see those of the EtherType for experiments."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from . import frames, nic, traffic
from .frames import Sniffer
from .kselftest import ksft_eq, ksft_true
from .port import Port

# More than a poll's budget, and than a ring of the batches in which frames are sent.
COUNT = 150
# The same, and less than the shortest ring of these cases: a busy machine may not poll it meanwhile.
BURST = 100
# Left long enough by rigb_trim that C igb need not pad them.
SIZES = (60, 61, 100, 255, 1024, 1280)


def payloads(count: int = COUNT) -> list[bytes]:
    """Random contents of frames, of several sizes."""
    return [os.urandom(SIZES[number % len(SIZES)]) for number in range(count)]


def heard(port: Port, peer: Port, sent: list[bytes]) -> list[bytes]:
    """What of frames to the port its stack gets, without header."""
    # C igb loses its carrier with each change of programs.
    port.wait_running()
    got = []
    with Sniffer(port) as sniffer, Sniffer(peer) as sender:
        for start in range(0, len(sent), BURST):
            for payload in sent[start : start + BURST]:
                sender.send(port.mac, payload)
            got += sniffer.until(sender.mark())
    return [frame[frames.HEADER :] for frame in got]


def same(got: list[bytes], wanted: list[bytes], what: str = "frames") -> None:
    """Compares contents of frames, and does not print them."""
    ksft_true(got == wanted, f"{what}: {len(got)} that shall be {len(wanted)}, as they were sent")


def counted(port: Port) -> dict[str, int]:
    """The counters of XDP of a port, all queues together."""
    total: dict[str, int] = {}
    for name, value in port.ethtool_stats().items():
        kind = name.partition("_queue_")[2].partition("_")[2]
        if kind.startswith("xdp"):
            total[kind] = total.get(kind, 0) + value
    return total


def come_back(port: Port, peer: Port, sent: list[bytes], source: Port) -> list[bytes]:
    """What comes to the peer of frames that it sends to the port, and that leave `source`."""
    got: list[bytes] = []
    port.wait_running()
    with Sniffer(peer) as sniffer:
        for start in range(0, len(sent), nic.RAW_BURST):
            burst = sent[start : start + nic.RAW_BURST]
            for payload in burst:
                sniffer.send(port.mac, payload)
            for _ in burst:
                frame = sniffer.receive()
                if frame is None:
                    return got
                ksft_eq(frame[6:12], frames.mac_bytes(source.mac), "source")
                got.append(frame[frames.HEADER :])
    return got


@contextmanager
def meanwhile(source: Port, sink: Port) -> Iterator[None]:
    """TCP meanwhile, whose content is compared, and afterwards once more."""
    failures: list[Exception] = []
    end = threading.Event()

    def run_it() -> None:
        try:
            while not end.is_set():
                traffic.tcp(source, sink)
        # Shown where the case ends.
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    thread = threading.Thread(target=run_it)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
    ksft_eq(failures, [])
    traffic.tcp(source, sink)
