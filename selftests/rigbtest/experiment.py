# SPDX-License-Identifier: GPL-2.0
"""Frames for programs of xdp.bpf.c, which see those of the EtherType for experiments."""

import errno
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from . import frames, nic, traffic, xdp
from .frames import Sniffer
from .kselftest import ksft_eq, ksft_true
from .port import Port

# More than a poll's budget, and than a ring of the batches in which frames are sent.
COUNT = 150
# The same, and less than the shortest ring of these cases: a busy machine may not poll it meanwhile.
BURST = 100
# Keys of xdp.told, and bits of the kernel's enum xdp_rss_hash_type.
PLAIN, UDP, TCP = 0, 1, 2
IPV4, IPV4_TCP, IPV4_UDP = 0x01, 0x19, 0x29
TCI = 5 << 13 | nic.VID
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
    """The counters of XDP and AF_XDP of a port, all queues together."""
    total: dict[str, int] = {}
    for name, value in port.ethtool_stats().items():
        kind = name.partition("_queue_")[2].partition("_")[2]
        if kind.startswith(("xdp", "xsk")):
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


def asked(port: Port, peer: Port, stripped: bool = True, hashed: bool = False) -> None:
    """What a port tells of frames with and without a tag, of UDP and without IP (`xdp.asking`)."""
    vlan = port.add_vlan(nic.VID)
    port.wait_running()
    kinds = {PLAIN: (frames.EXPERIMENT, os.urandom(64))}
    kinds[UDP] = frames.udp_frame(peer.v4, port.v4, nic.VID, os.urandom(64))
    with Sniffer(port, frames.ETH_P_ALL) as sniffer, Sniffer(peer) as sender:
        for kind, (ether_type, packet) in kinds.items():
            tag = struct.pack("!HH", TCI, ether_type)
            plain, tagged = [], []
            for _ in range(2):
                sender.send(port.mac, packet, ether_type)
                sniffer.until(sender.mark())
                plain.append(xdp.told(kind))
                sender.send(port.mac, tag + packet, frames.ETH_P_8021Q)
                sniffer.until(sender.mark())
                tagged.append(xdp.told(kind))
            ksft_eq([one.tag_error for one in plain], [-errno.ENODATA] * 2, "tags of none")
            tags = [(one.tag_error, one.proto, one.tci) for one in tagged]
            wanted = (0, frames.ETH_P_8021Q, TCI) if stripped else (-errno.ENODATA, 0, 0)
            ksft_eq(tags, [wanted] * 2, "tags")
            _hashed(kind, (plain, tagged), hashed and kind == UDP)
    vlan.delete()


def _hashed(kind: int, pairs: tuple[list[xdp.Told], ...], wanted: bool) -> None:
    """Two frames of a flow, without and with a tag, have the same hash or none, as their kind says."""
    for pair in pairs:
        ksft_true(pair[0].frames < pair[1].frames, f"{pair}")
        said = {(one.hash_error, one.hash, one.covers) for one in pair}
        ksft_eq(len(said), 1, f"{said}")
        error, value, covers = said.pop()
        if error:
            # QEMU's card has no hash while there are VFs, nor of frames that are no IP.
            ksft_eq((error, value, covers), (-errno.ENODATA, 0, 0))
            ksft_true(not wanted, "hash of UDP")
        else:
            ksft_true(kind == UDP and value and covers in (IPV4, IPV4_UDP), f"{pair}")
