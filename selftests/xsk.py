#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""AF_XDP on PF and VF: sockets that get frames of native programs, and send without the stack.

Each case runs on `pf` and `vf` of ours, and where C igb can do it as well on `igb`, its PF.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rigbtest import fault, traffic, wait, xdp
from rigbtest.bench import Bench
from rigbtest.driver import PF_DRIVERS, VF_DRIVERS, CommandError
from rigbtest.experiment import (
    BURST, COUNT, asked, come_back, counted, heard, meanwhile, payloads, same,
)
from rigbtest.frames import HEADER, Sniffer
from rigbtest.kselftest import (
    KsftSkipEx, defer, ksft_eq, ksft_in, ksft_pr, ksft_raises, ksft_true,
)
from rigbtest.port import Port
from rigbtest.xsk import PROGRAM, RECEIVE, SEND, XskSocket

BENCH = Bench.find()
# Times that a socket comes and goes, and that programs change.
ROUNDS = 6
# What is left of a buffer of 2 KiB for frames, and around what the hardware fills of it.
SMALL_MTU = 1792 - 26
SMALL_SIZES = (46, 1009, 1010, 1011, 1024, 1400, 1500)
# The card cannot pad shorter ones.
TOO_SHORT = (1, 13, 14, 16)
# How sockets have the driver run. C igb sends nothing for one that polls busily.
QUIET_MODES: tuple[tuple[str, ...], ...] = ((), ("wakeup",))
MODES = (*QUIET_MODES, ("busy",), ("busy", "wakeup"))
# No function of the card has so many.
NO_QUEUE = 64
# More than all frames of a transfer by TCP and those of a socket; and what C igb has by itself.
ROOM, USUAL = "1024", "256"
# As selftests/xsk.c has them.
CHUNK, CHUNKS = 4096, 512


def setup(variant: str) -> tuple[Port, Port]:
    """The port under test and the wire. Frames without IP come to queue 0."""
    driver = "igb" if variant == "igb" else "rigb"
    if not (PF_DRIVERS[driver].available() and VF_DRIVERS["rigbvf"].available()):
        raise KsftSkipEx("not built: run make")
    BENCH.use(driver, *(("rigbvf", 1) if driver == "rigb" else ()))
    port = BENCH.vfs[0] if variant == "vf" else BENCH.pf
    port.wait_running()
    return port, BENCH.wire


def receives(sock: XskSocket, peer: Port, sent: list[bytes], what: str) -> None:
    """What comes from the wire arrives at the socket as it was sent."""
    sock.port.wait_running()
    got: list[bytes] = []
    with Sniffer(peer) as sender:
        for start in range(0, len(sent), BURST):
            burst = sent[start : start + BURST]
            for payload in burst:
                sender.send(sock.port.mac, payload)
            got += sock.receive(len(burst))
    same(got, sent, f"{what}: received")


def sends(sock: XskSocket, peer: Port, sent: list[bytes], what: str) -> None:
    """What the socket sends arrives at the wire as it was, and is completed."""
    sock.port.wait_running()
    with Sniffer(peer) as sniffer:
        ksft_eq(sock.send(peer.mac, sent), len(sent), f"{what}: completed")
        got = [frame[HEADER:] for frame in sniffer.some(len(sent))]
        same(got, sent, f"{what}: sent")


def both_ways(sock: XskSocket, peer: Port, what: str = "both ways") -> None:
    """Frames in both directions, and the stack beside them."""
    sent = payloads()
    receives(sock, peer, sent, what)
    sends(sock, peer, sent, what)
    traffic.reach(peer, sock.port)
    ksft_eq(sock.dropped(), 0, f"{what}: dropped")


def pooled(port: Port) -> tuple[int, int]:
    """Frames that came into buffers of sockets, and that sockets have sent, without a copy."""
    stats = port.ethtool_stats()
    came, sent = (
        sum(value for name, value in stats.items()
            if name.startswith(way) and name.endswith("_xsk"))
        for way in ("rx", "tx")
    )
    return came, sent


@contextmanager
def without_copy(port: Port, frames: int) -> Iterator[None]:
    """A port of ours counts so many frames each way meanwhile, and received ones of the stack."""
    ours = BENCH.pf_driver.ours
    before = pooled(port) if ours else (0, 0)
    yield
    if ours:
        # What was sent is counted in the next poll.
        wait.register(lambda: pooled(port)[1] - before[1] >= frames, "count of sent frames")
        came, sent = pooled(port)
        ksft_eq(sent - before[1], frames, "sent without a copy")
        ksft_true(came - before[0] >= frames, "received without a copy")
        ksft_true(frames or came == before[0], "received by copy")


def copies(variant: str) -> None:
    """By copy the driver knows nothing of the socket."""
    port, peer = setup(variant)
    with xdp.attached(port, "xsk"), XskSocket(port, "copy") as sock:
        with without_copy(port, 0):
            both_ways(sock, peer)
        traffic.tcp(peer, port)
        traffic.tcp(port, peer)


def zero_copy(variant: str) -> None:
    """Without a copy, whether the driver says when it wants to be woken, or not."""
    port, peer = setup(variant)
    with xdp.attached(port, "xsk"):
        for options in MODES if BENCH.pf_driver.ours else QUIET_MODES:
            with XskSocket(port, "zerocopy", *options) as sock:
                with without_copy(port, COUNT):
                    both_ways(sock, peer, f"{options}")
                traffic.tcp(peer, port)
                traffic.tcp(port, peer)
    traffic.reach(port, peer)


def verdicts(variant: str) -> None:
    """What a program does with frames in buffers of sockets, and without a program."""
    port, peer = setup(variant)
    other = BENCH.pf if variant == "vf" else BENCH.vfs[0]
    sent = payloads()
    with XskSocket(port, "zerocopy", "wakeup") as sock:
        same(heard(port, peer, sent), sent, "without a program")
        sends(sock, peer, sent, "without a program")
        for program, gain in (("pass", "xdp_pass"), ("drop", "xdp_drop"), ("abort", "xdp_failed")):
            before = counted(port)
            with xdp.attached(port, program):
                same(heard(port, peer, sent), sent if program == "pass" else [], program)
                ksft_true(counted(port)[gain] - before[gain] >= COUNT, gain)
        with xdp.attached(port, "push"):
            got = heard(port, peer, sent)
            same([frame[-len(old):] for frame, old in zip(got, sent, strict=True)], sent, "push")
        with xdp.attached(port, "tx"):
            same(come_back(port, peer, sent, port), sent, "tx")
        xdp.redirect_to(other, peer.mac)
        with xdp.attached(port, "redirect"):
            same(come_back(port, peer, sent, other), sent, "redirect")
        with xdp.attached(port, "xsk"):
            both_ways(sock, peer)


def set_ring(peer: Port, size: str) -> None:
    """Gives the wire another ring, which takes its link down for a moment."""
    peer.ethtool("-G", "rx", size)
    peer.wait_running()


def comes_and_goes(variant: str) -> None:
    """Sockets come and go under traffic: the carrier stays, and the stack's data arrives."""
    port, peer = setup(variant)
    # TCP sends again what the wire drops while nobody polls it, a socket does not.
    defer(set_ring, peer, USUAL)
    set_ring(peer, ROOM)
    xdp.attach(port, "xsk")
    changes = port.carrier_changes()
    for source, sink in ((peer, port), (port, peer)):
        with meanwhile(source, sink):
            for number in range(ROUNDS):
                with XskSocket(port, "zerocopy", *(("wakeup",) if number % 2 else ())) as sock:
                    sends(sock, peer, payloads(), f"round {number}")
    with meanwhile(peer, port):
        for _ in range(ROUNDS // 2):
            with XskSocket(port, "zerocopy") as sock:
                sock.kill()
            # What is received may be lost here: the stack's traffic takes all buffers of the ring.
            with XskSocket(port, "zerocopy") as sock:
                sends(sock, peer, payloads(), "after a kill")
    with XskSocket(port, "zerocopy") as sock:
        both_ways(sock, peer, "without other traffic")
    ksft_eq(port.carrier_changes(), changes, "changes of the carrier")
    xdp.detach(port)
    traffic.reach(port, peer)


def swaps(variant: str) -> None:
    """Programs change under a socket and traffic."""
    port, peer = setup(variant)
    # As in `comes_and_goes`.
    defer(set_ring, peer, USUAL)
    set_ring(peer, ROOM)
    changes = port.carrier_changes()
    with XskSocket(port, "zerocopy", "wakeup") as sock:
        with meanwhile(peer, port):
            for number in range(ROUNDS):
                xdp.attach(port, ("pass", "xsk", "tx")[number % 3])
            xdp.detach(port)
            for _ in range(ROUNDS // 2):
                with xdp.attached(port, "xsk"):
                    sends(sock, peer, payloads(), "between")
        with xdp.attached(port, "xsk"):
            both_ways(sock, peer)
    ksft_eq(port.carrier_changes(), changes, "changes of the carrier")


def lives_on(variant: str) -> None:
    """A socket stays: down and up, other rings, resets of VF and PF."""
    port, peer = setup(variant)
    defer(port.ethtool, "-G", "rx", "256", "tx", "256")
    with xdp.attached(port, "xsk"), XskSocket(port, "zerocopy", "wakeup") as sock:
        port.ip("link set {dev} down", "link set {dev} up")
        both_ways(sock, peer, "down and up")
        port.ethtool("-G", "rx", "128", "tx", "256")
        both_ways(sock, peer, "other rings")
        if variant == "vf":
            port.function.reset()
            port.wait_running()
            traffic.reach(peer, port)
            both_ways(sock, peer, "reset of the VF")
        BENCH.pf.function.reset()
        BENCH.pf.wait_running()
        port.wait_running()
        traffic.reach(peer, port)
        both_ways(sock, peer, "reset of the PF")
        port.ip("link set {dev} down")
    # It went while the interface was down.
    port.ip("link set {dev} up")
    port.wait_running()
    traffic.reach(peer, port)


def wakes(variant: str) -> None:
    """Buffers that come late: the driver asks for them, or finds them by itself."""
    port, peer = setup(variant)
    with xdp.attached(port, "xsk"):
        with XskSocket(port, "zerocopy", "wakeup", "fill=0") as sock:
            ksft_eq(sock.asked(), RECEIVE | SEND, "asked without buffers")
            sock.fill(COUNT)
            both_ways(sock, peer, "asked for")
        with XskSocket(port, "zerocopy", "wakeup") as sock:
            both_ways(sock, peer, "from the beginning")
        with XskSocket(port, "zerocopy", "fill=0") as sock:
            ksft_eq(sock.asked() & RECEIVE, 0, "not asked")
            # The stack gets nothing either, but this queue alone is concerned.
            sends(sock, peer, payloads(), "without buffers")
            sock.fill(COUNT)
            both_ways(sock, peer, "found")


def small(variant: str) -> None:
    """Buffers of 2 KiB, of which the hardware fills one: longer frames are put together."""
    port, peer = setup(variant)
    defer(port.ip, "link set {dev} mtu 1500")
    sent = [os.urandom(SMALL_SIZES[n % len(SMALL_SIZES)]) for n in range(COUNT)]
    with XskSocket(port, "zerocopy", "wakeup", "chunk=2048") as sock:
        same(heard(port, peer, sent), sent, "stack")
        with xdp.attached(port, "xsk"):
            receives(sock, peer, sent, "small")
            sends(sock, peer, sent, "small")
        traffic.tcp(peer, port)
        traffic.tcp(port, peer)
        port.ip(f"link set {{dev}} mtu {SMALL_MTU}")
        with ksft_raises(CommandError):
            port.ip(f"link set {{dev}} mtu {SMALL_MTU + 1}")
    # The kernel takes its time to end a socket.
    wait.register(lambda: port.link()["max_mtu"] > SMALL_MTU, "largest MTU without a socket")
    port.ip(f"link set {{dev}} mtu {SMALL_MTU + 1}")
    port.wait_running()
    with ksft_raises(CommandError):
        XskSocket(port, "zerocopy", "chunk=2048")
    with XskSocket(port, "chunk=2048") as sock, without_copy(port, 0):
        sends(sock, peer, payloads(), "by copy instead")


def hostile(variant: str) -> None:
    """Frames that are none, descriptors of nothing, and buffers that are given twice."""
    port, peer = setup(variant)
    good = payloads(8)
    with xdp.attached(port, "xsk"), XskSocket(port, "zerocopy", "wakeup") as sock:
        with Sniffer(peer) as sniffer:
            short = [os.urandom(size) for size in TOO_SHORT]
            for _ in range(2):
                ksft_eq(sock.send_whole(short), len(short), "completed all the same")
            for payload in good:
                ksft_eq(sock.send(peer.mac, [payload]), 1)
                ksft_eq(sock.send_whole(short[:1]), 1)
            same([frame[HEADER:] for frame in sniffer.some(len(good))], good)
        if BENCH.pf_driver.ours:
            ksft_true(counted(port)["xdp_dropped"] > 0, "counted")
        bad = ((CHUNK * CHUNKS, 64), (1 << 63, 64), (CHUNK - 32, 64), (0, 0))
        for offset, length in bad:
            ksft_eq(sock.send_raw(offset, length), 1, "given back")
        sends(sock, peer, good, "after descriptors of nothing")
        ksft_eq(sock.dropped(), len(bad), "descriptors of nothing")
        sock.fill(COUNT)
        with meanwhile(peer, port), Sniffer(peer) as sender:
            for payload in payloads():
                sender.send(port.mac, payload)
        ksft_pr(f"with buffers given twice {len(sock.receive(COUNT, 1.0))} frames of {COUNT}")
    with xdp.attached(port, "xsk"), XskSocket(port, "zerocopy", "wakeup") as sock:
        both_ways(sock, peer, "the next one")


def other_queue(variant: str) -> None:
    """A socket on a queue that goes out of use when VFs come, and comes back when they go."""
    if not PF_DRIVERS["rigb"].available():
        raise KsftSkipEx("not built: run make")
    BENCH.use("rigb")
    port, peer = BENCH.pf, BENCH.wire
    with XskSocket(port, "zerocopy", "wakeup", queue=1) as sock:
        sends(sock, peer, payloads(), f"{variant}: before")
        with ksft_raises(CommandError):
            port.ethtool("-L", "combined", "1")
        BENCH.start_vfs(1)
        port.wait_running()
        traffic.reach(port, peer)
        with XskSocket(port, "zerocopy", "wakeup") as first:
            sends(first, peer, payloads(), "queue 0 with VFs")
        BENCH.stop_vfs()
        sends(sock, peer, payloads(), "after")
    BENCH.dirty = True


def metadata(variant: str) -> None:
    """A program gets hash and tag of frames in buffers of sockets as well."""
    port, peer = setup(variant)
    if variant == "pf":
        # QEMU's card has no hash while there are VFs.
        BENCH.use("rigb")
        port, peer = BENCH.pf, BENCH.wire
        port.ethtool("-L", "combined", "1")
        BENCH.dirty = True
    with XskSocket(port, "zerocopy", "wakeup") as sock:
        with xdp.asking(port):
            before = pooled(port)[0]
            asked(port, peer, hashed=variant == "pf")
            ksft_true(pooled(port)[0] > before, "in buffers of sockets")
        with xdp.attached(port, "xsk"):
            both_ways(sock, peer)


def shown(variant: str) -> None:
    """The device tells what it can do, and a socket on a queue that is none is refused."""
    port, _ = setup(variant)
    ksft_in("xsk-zerocopy", xdp.features(port))
    with ksft_raises(CommandError):
        XskSocket(port, "zerocopy", queue=NO_QUEUE)


def unbound(variant: str) -> None:
    """Drivers are taken away from functions with sockets, in the midst of traffic."""
    port, peer = setup(variant)
    xdp.attach(port, "xsk")
    with XskSocket(port, "zerocopy", "wakeup") as sock:
        both_ways(sock, peer)
        with Sniffer(peer) as sender:
            to = port.mac
            for payload in payloads():
                sender.send(to, payload)
            BENCH.down()
    port, peer = setup(variant)
    with xdp.attached(port, "xsk"), XskSocket(port, "zerocopy") as sock:
        both_ways(sock, peer, "a new interface")


VARIANTS: dict[Callable[[str], None], tuple[str, ...]] = {
    copies: ("pf", "vf"),
    zero_copy: ("pf", "vf"),
    verdicts: ("pf", "vf"),
    comes_and_goes: ("pf", "vf"),
    swaps: ("pf", "vf"),
    lives_on: ("pf", "vf"),
    wakes: ("pf", "vf"),
    small: ("pf", "vf"),
    hostile: ("pf", "vf"),
    shown: ("pf", "vf"),
    unbound: ("vf", "pf"),
    other_queue: ("pf",),
}
if not fault.available():
    # The debug kernel has no BTF, by which a program finds what it can ask.
    VARIANTS[metadata] = ("pf", "vf")
CONTROLS = (copies, zero_copy)


def main() -> None:
    """All of them."""
    xdp.run_cases(BENCH, VARIANTS, CONTROLS, PROGRAM)


if __name__ == "__main__":
    main()
