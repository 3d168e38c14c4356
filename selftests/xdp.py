#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Native XDP on PF and VF, beside C igb on the other end of the wire and as the control.

Each case runs on `pf`, a port of rigb with a VF of rigbvf, on `vf`, and where C igb can do it as
well on `igb`, its PF. C igbvf has none of this.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rigbtest import experiment, fault, frames, nic, traffic, wait, xdp
from rigbtest.bench import Bench
from rigbtest.driver import PF_DRIVERS, VF_DRIVERS, CommandError, run
from rigbtest.experiment import COUNT, come_back, counted, heard, meanwhile, payloads, same
from rigbtest.frames import Sniffer
from rigbtest.kselftest import (
    KsftSkipEx, defer, ksft_eq, ksft_gt, ksft_in, ksft_pr, ksft_raises, ksft_true,
)
from rigbtest.port import Port
from rigbtest.tracing import XdpExceptions

BENCH = Bench.find()
# The largest MTU of frames of several buffers here.
JUMBO = 9000
# What rigb_push puts behind the header, and rigb_trim takes from the end.
PUSHED = b"\x5a" * 216
TRIMMED = 10
# Frames of one buffer.
MAX_MTU = 3046
# Contents of frames of one buffer, and of several. The first, of 3072 bytes, has the header.
LONG_SIZES = (100, 3058, 3059, 4000, 6130, 6131, 8000, JUMBO)
LONG_COUNT = 48
# What rigb_frags_cut leaves behind the header, and rigb_frags_grow_tx adds.
LEFT, GROWTH = 100 - frames.HEADER, 300
SWAPS = 20
# Frames whose pages are kept: more than the 64 that a pool has in its cache, and fewer than a ring has.
KEPT = 150
# Frames that are dropped then: more than what is left on the ring. That many of either at a time.
DROPPED, FEW = 400, 50
FLOWS = 4
# Connections until each queue has had one, at the most.
CONNECTIONS = 64


def setup(variant: str) -> tuple[Port, Port]:
    """The port under test, without a program, and the wire."""
    driver = "igb" if variant == "igb" else "rigb"
    if not (PF_DRIVERS[driver].available() and VF_DRIVERS["rigbvf"].available()):
        raise KsftSkipEx("not built: run make")
    BENCH.use(driver, *(("rigbvf", 1) if driver == "rigb" else ()))
    port = BENCH.vfs[0] if variant == "vf" else BENCH.pf
    return port, BENCH.wire


@contextmanager
def counts(port: Port, seen_by_them: int = COUNT, **expected: int) -> Iterator[None]:
    """These counters of a port of ours gain so much meanwhile, and the programs see so many frames."""
    ours = BENCH.pf_driver.ours
    before, seen, rx = counted(port) if ours else {}, xdp.count(), port.stats()["rx"]["packets"]
    yield
    ksft_eq(xdp.count() - seen, seen_by_them, "frames that the program saw")
    gained = port.stats()["rx"]["packets"] - rx
    ksft_true(gained >= seen_by_them, "all of them are received frames")
    if ours:
        after = counted(port)
        for name, gain in expected.items():
            ksft_eq(after[name] - before[name], gain, name)


def verdicts(variant: str) -> None:
    """Frames are passed, passed shorter and longer, and dropped; errors are traced."""
    port, peer = setup(variant)
    sent = payloads()
    with xdp.attached(port, "pass"), counts(port):
        same(heard(port, peer, sent), sent, "pass")
    with xdp.attached(port, "trim"), counts(port):
        same(heard(port, peer, sent), [frame[:-TRIMMED] for frame in sent], "trim")
    with xdp.attached(port, "drop"), counts(port, xdp_drop=COUNT):
        same(heard(port, peer, sent), [], "drop")
    if BENCH.pf_driver.ours:
        with xdp.attached(port, "push"), counts(port):
            same(heard(port, peer, sent), [PUSHED + frame for frame in sent], "push")
    for program, action in (("abort", "ABORTED"), ("odd", None)):
        with xdp.attached(port, program), counts(port, xdp_failed=COUNT), XdpExceptions() as trace:
            same(heard(port, peer, sent), [], program)
            ksft_eq(len(trace.actions()), COUNT, f"{program}: exceptions")
            ksft_true(action is None or set(trace.actions()) == {action}, f"{program}: {action}")
    same(heard(port, peer, sent), sent, "without a program")


def sends(variant: str) -> None:
    """Frames go back where they came from, also with all of the head room before them."""
    port, peer = setup(variant)
    sent = payloads()
    with xdp.attached(port, "tx"), counts(port, xdp_tx=COUNT, xdp=COUNT, xdp_dropped=0):
        before = port.stats()["tx"]["packets"]
        same(come_back(port, peer, sent, port), sent)
        wait.register(lambda: port.stats()["tx"]["packets"] >= before + COUNT, "count of sent frames")
        traffic.reach(port, peer)
    if BENCH.pf_driver.ours:
        with xdp.attached(port, "push_tx"), counts(port, xdp_tx=COUNT):
            same(come_back(port, peer, sent, port), [PUSHED + frame for frame in sent])
            traffic.tcp(peer, port)
            traffic.tcp(port, peer)


def redirects(variant: str) -> None:
    """Frames that one function receives leave by the other."""
    port, peer = setup(variant)
    other = BENCH.pf if variant == "vf" else BENCH.vfs[0]
    sent = payloads()
    before = counted(other)
    xdp.redirect_to(other, peer.mac)
    with xdp.attached(port, "redirect"):
        with counts(port, xdp_redirect=COUNT, xdp_failed=0):
            same(come_back(port, peer, sent, other), sent)
        wait.register(lambda: counted(other)["xdp"] >= before["xdp"] + COUNT, "count of them")
        ksft_eq(counted(other)["xdp"] - before["xdp"], COUNT, "frames that the other has sent")
        traffic.reach(port, peer)
        other.ip("link set {dev} down")
        # Nowhere to go: the frames are lost, and nothing else is.
        with counts(port, xdp_redirect=0, xdp_failed=COUNT):
            same(heard(port, peer, sent), [])
        other.ip("link set {dev} up")
        other.wait_running()


@contextmanager
def veth(port: Port) -> Iterator[tuple[Port, Port]]:
    """A pair of virtual interfaces: one in the namespace of the port, one in its own."""
    near, far = Port(port.function, "near", 60), Port(port.function, "far", 61)
    for end in (near, far):
        run("ip", "netns", "add", end.ns)
    run("ip", "link", "add", near.name, "netns", near.ns, "type", "veth",
        "peer", "name", far.name, "netns", far.ns)
    try:
        for end in (near, far):
            # With GRO a veth takes redirected frames.
            end.ethtool("-K", "gro", "on")
            end.ip("link set {dev} up")
        near.wait_running()
        yield near, far
    finally:
        for end in (near, far):
            run("ip", "netns", "del", end.ns)


def containers(variant: str) -> None:
    """Frames go to a container and come from one, by its virtual interface."""
    port, peer = setup(variant)
    sent = payloads()
    with veth(port) as (near, far):
        xdp.redirect_to(near, far.mac)
        with xdp.attached(port, "redirect"), Sniffer(far) as sniffer, Sniffer(peer) as sender:
            for payload in sent:
                sender.send(port.mac, payload)
            got = [frame[frames.HEADER :] for frame in sniffer.some(len(sent))]
            same(got, sent, "into the container")
        xdp.redirect_to(port, peer.mac)
        before = counted(port)
        with xdp.attached(near, "redirect"), Sniffer(far) as sender, Sniffer(peer) as sniffer:
            for payload in sent:
                sender.send(near.mac, payload)
            got = [frame[frames.HEADER :] for frame in sniffer.some(len(sent))]
            same(got, sent, "out of the container")
            # The hardware pads frames of 17 bytes and more.
            sender.send(near.mac, b"x")
            sender.send(near.mac, b"xyz")
            frame = sniffer.receive()
            ksft_true(frame and frame[frames.HEADER :].startswith(b"xyz"), "17 bytes")
        wait.register(lambda: counted(port)["xdp"] >= before["xdp"] + COUNT + 1, "count of them")
        now = counted(port)
        ksft_eq(now["xdp"] - before["xdp"], COUNT + 1, "frames that the port has sent")
        ksft_eq(now["xdp_dropped"] - before["xdp_dropped"], 1, "frames that are too short")


def swaps(variant: str) -> None:
    """Programs come, go and take each other's place under traffic: the carrier stays."""
    port, peer = setup(variant)
    changes = port.carrier_changes()
    for program in ("pass", "tx"):
        xdp.attach(port, program)
    lost = port.stats()
    with meanwhile(peer, port):
        for number in range(SWAPS):
            xdp.attach(port, ("pass", "drop", "tx", "redirect")[number % 4])
    now = port.stats()
    for way in ("rx", "tx"):
        ksft_eq(now[way]["dropped"], lost[way]["dropped"], f"{way} dropped")
    with meanwhile(port, peer):
        for _ in range(SWAPS // 2):
            xdp.detach(port)
            xdp.attach(port, "pass")
    ksft_eq(port.carrier_changes(), changes, "changes of the carrier")
    xdp.detach(port)
    ksft_true(not xdp.loaded(port), "no program is left")
    traffic.reach(port, peer)


def mtu(variant: str) -> None:
    """A program and an MTU beyond one buffer exclude each other, and who refuses says why."""
    port, peer = setup(variant)
    defer(port.ip, "link set {dev} mtu 1500")
    defer(peer.ip, "link set {dev} mtu 1500")
    if variant == "vf":
        # A VF gets no longer frames than the PF's port.
        defer(BENCH.pf.ip, "link set {dev} mtu 1500")
        BENCH.pf.ip(f"link set {{dev}} mtu {nic.MAX_MTU}")
        BENCH.pf.wait_running()
        traffic.reach(port, peer)
    port.ip(f"link set {{dev}} mtu {MAX_MTU + 1}")
    said = xdp.refusal(port, "pass")
    ksft_pr(said)
    ksft_in(str(MAX_MTU), said)
    ksft_true(not xdp.loaded(port), "a program that was refused")
    for end in (port, peer):
        end.ip(f"link set {{dev}} mtu {MAX_MTU}")
        end.wait_running()
    with xdp.attached(port, "tx"):
        with ksft_raises(CommandError):
            port.ip(f"link set {{dev}} mtu {MAX_MTU + 1}")
        ksft_eq(port.mtu, MAX_MTU)
        full = [os.urandom(MAX_MTU)]
        same(come_back(port, peer, full, port), full, "a frame of full size")
        traffic.tcp(peer, port)
        traffic.tcp(port, peer)
        # One that can see longer frames takes its place, and another one cannot any more.
        xdp.attach(port, "frags_tx")
        port.ip(f"link set {{dev}} mtu {MAX_MTU + 1}")
        with ksft_raises(CommandError):
            xdp.attach(port, "pass")
        ksft_true(xdp.loaded(port), "the program that was there")
    port.ip(f"link set {{dev}} mtu {nic.MAX_MTU}")


@contextmanager
def jumbo(port: Port, *others: Port) -> Iterator[list[bytes]]:
    """All ports have a large MTU meanwhile. Gives contents for frames of one buffer and of several."""
    ports = (BENCH.wire, BENCH.pf, port, *others)
    try:
        for end in ports:
            end.ip(f"link set {{dev}} mtu {JUMBO}")
            end.wait_running()
        yield [os.urandom(LONG_SIZES[n % len(LONG_SIZES)]) for n in range(LONG_COUNT)]
    finally:
        for end in ports:
            end.ip("link set {dev} mtu 1500")
            end.wait_running()


def marked(sent: list[bytes]) -> list[bytes]:
    """What programs that see frames of several buffers make of them: another last byte."""
    return [frame[:-1] + bytes((frame[-1] ^ PUSHED[0],)) for frame in sent]


def long_frames(variant: str) -> None:
    """Programs see frames of several buffers, which are passed, cut, dropped, and sent back longer."""
    port, peer = setup(variant)
    with jumbo(port) as sent:
        one, all_of_them = [os.urandom(JUMBO)], len(sent)
        with xdp.attached(port, "frags_pass"), counts(port, all_of_them):
            same(heard(port, peer, sent), marked(sent), "pass")
        ksft_eq(xdp.count("length"), len(sent[-1]) + frames.HEADER, "length")
        with xdp.attached(port, "frags_cut"), counts(port, all_of_them):
            same(heard(port, peer, sent), [frame[:LEFT] for frame in marked(sent)], "cut")
        with xdp.attached(port, "frags_drop"), counts(port, all_of_them, xdp_drop=all_of_them):
            same(heard(port, peer, sent), [], "drop")
        with xdp.attached(port, "frags_abort"), counts(port, 1, xdp_failed=1), XdpExceptions() as trace:
            same(heard(port, peer, one), [], "abort")
            ksft_eq(trace.actions(), ["ABORTED"])
        with xdp.attached(port, "frags_tx"):
            with counts(port, all_of_them, xdp_tx=all_of_them, xdp=all_of_them, xdp_dropped=0):
                before = counted(port)["xdp"]
                same(come_back(port, peer, sent, port), marked(sent), "sent back")
                wait.register(lambda: counted(port)["xdp"] >= before + all_of_them, "count of them")
                sent_bytes = port.stats()["tx"]["bytes"]
            traffic.tcp(peer, port)
            traffic.tcp(port, peer)
            ksft_true(sent_bytes > sum(map(len, sent)), "sent bytes")
        short = [frame for frame in sent if len(frame) + GROWTH <= JUMBO]
        with xdp.attached(port, "frags_grow_tx"), counts(port, len(short), xdp_tx=len(short)):
            grown = [frame + bytes(GROWTH) for frame in marked(short)]
            same(come_back(port, peer, short, port), grown, "sent back longer")
        with meanwhile(peer, port):
            for number in range(SWAPS):
                xdp.attach(port, ("frags_pass", "frags_tx", "frags_drop")[number % 3])
            for _ in range(SWAPS // 4):
                xdp.detach(port)
                xdp.attach(port, "frags_pass")
        xdp.detach(port)
        same(heard(port, peer, sent), sent, "without a program")
    traffic.reach(port, peer)


def long_redirects(variant: str) -> None:
    """Frames of several buffers that one function receives leave by the other, or go to a container."""
    port, peer = setup(variant)
    other = BENCH.pf if variant == "vf" else BENCH.vfs[0]
    with veth(port) as (near, far), jumbo(port, other, near, far) as sent:
        count = len(sent)
        xdp.redirect_to(other, peer.mac)
        before = counted(other)
        with xdp.attached(port, "frags_redirect"):
            with counts(port, count, xdp_redirect=count, xdp_failed=0):
                same(come_back(port, peer, sent, other), marked(sent), "out of the other")
            wait.register(lambda: counted(other)["xdp"] >= before["xdp"] + count, "count of them")
            ksft_eq(counted(other)["xdp_dropped"], before["xdp_dropped"], "dropped")
            xdp.redirect_to(near, far.mac)
            with Sniffer(far) as sniffer, Sniffer(peer) as sender:
                for payload in sent:
                    sender.send(port.mac, payload)
                got = [frame[frames.HEADER :] for frame in sniffer.some(len(sent))]
                same(got, marked(sent), "into the container")
        xdp.redirect_to(port, peer.mac)
        before = counted(port)
        with xdp.attached(near, "frags_redirect"), Sniffer(far) as sender, Sniffer(peer) as sniffer:
            for payload in sent:
                sender.send(near.mac, payload)
            got = [frame[frames.HEADER :] for frame in sniffer.some(len(sent))]
            same(got, marked(sent), "out of the container")
        wait.register(lambda: counted(port)["xdp"] >= before["xdp"] + count, "count of them")
        ksft_eq(counted(port)["xdp_dropped"], before["xdp_dropped"], "dropped")


def vlans(variant: str) -> None:
    """VLANs work with a program, tags taken out by the card or not."""
    port, peer = setup(variant)
    with xdp.attached(port, "pass"):
        for stripping in ("on", "off"):
            port.ethtool("-K", "rxvlan", stripping, check=variant != "vf")
            nic.vlans(port, peer)
        port.ethtool("-K", "rxvlan", "on", check=variant != "vf")


def lives_on(variant: str) -> None:
    """A program stays: down and up, other rings, resets of VF and PF."""
    port, peer = setup(variant)
    defer(port.ethtool, "-G", "rx", "256", "tx", "256")
    sent = payloads()

    def works(after: str) -> None:
        port.wait_running()
        traffic.reach(peer, port)
        ksft_true(xdp.loaded(port), after)
        with counts(port, xdp_tx=COUNT):
            same(come_back(port, peer, sent, port), sent, after)

    with xdp.attached(port, "tx"):
        port.ip("link set {dev} down", "link set {dev} up")
        works("down and up")
        port.ethtool("-G", "rx", "128", "tx", "256")
        works("other rings")
        if variant == "vf":
            port.function.reset()
            works("reset of the VF")
        BENCH.pf.function.reset()
        BENCH.pf.wait_running()
        works("reset of the PF")
        port.ip("link set {dev} down")
        xdp.attach(port, "pass")
        xdp.attach(port, "tx")
        port.ip("link set {dev} up")
        works("a change while it was down")
        port.ip("link set {dev} down")
    port.ip("link set {dev} up")
    port.wait_running()
    same(heard(port, peer, sent), sent, "taken away while it was down")


def shown(variant: str) -> None:
    """The device tells what it can do, and nothing else."""
    port, _ = setup(variant)
    wanted = {"basic", "redirect", "ndo-xmit", "xsk-zerocopy", "rx-sg", "ndo-xmit-sg"}
    ksft_eq(xdp.features(port), wanted)
    ksft_eq(xdp.features(port, "xdp-rx-metadata-features"), {"hash", "vlan-tag"})


def metadata(variant: str) -> None:
    """A program gets the tag that the card has taken out, and the hash, as they are."""
    port, peer = setup(variant)
    with xdp.asking(port):
        experiment.asked(port, peer)
        if variant == "pf":
            # What is in the data is not told.
            port.ethtool("-K", "rxvlan", "off")
            experiment.asked(port, peer, stripped=False)
            port.ethtool("-K", "rxvlan", "on")
        port.ethtool("-K", "rxhash", "off")
        traffic.tcp(peer, port)
        ksft_eq(xdp.told(experiment.TCP).hash_error, -errno.ENODATA, "switched off")
        port.ethtool("-K", "rxhash", "on")
    traffic.reach(port, peer)


def hashes(variant: str) -> None:
    """The hash of frames of TCP and UDP is the same for a flow, and another for others."""
    if not PF_DRIVERS["rigb"].available():
        raise KsftSkipEx("not built: run make")
    BENCH.use("rigb")
    port, peer = BENCH.pf, BENCH.wire
    flows: set[int] = set()
    with xdp.asking(port):
        for _ in range(FLOWS):
            before = xdp.told(experiment.TCP).changes
            traffic.tcp(peer, port)
            told = xdp.told(experiment.TCP)
            ksft_eq((told.hash_error, told.covers), (0, experiment.IPV4_TCP), f"{variant}: {told}")
            ksft_eq(told.changes - before, 1, "hashes of a flow")
            flows.add(told.hash)
        ksft_true(0 not in flows and len(flows) > 1, f"hashes {flows}")
        experiment.asked(port, peer, hashed=True)


def all_queues(variant: str) -> None:
    """The program sees the frames of all queues of the PF."""
    if not PF_DRIVERS["rigb"].available():
        raise KsftSkipEx("not built: run make")
    BENCH.use("rigb")
    port, peer = BENCH.pf, BENCH.wire
    lines = [line.split() for line in port.ethtool("-l").splitlines()]
    number = [int(words[1]) for words in lines if words[:1] == ["Combined:"]][-1]
    ksft_true(number > 1, f"{number} queues")
    with xdp.attached(port, "pass"):
        before = [xdp.count("queues", queue) for queue in range(number)]
        stats = port.ethtool_stats()
        gained: list[int] = []
        for _ in range(CONNECTIONS):
            traffic.tcp(peer, port, 1 << 14)
            gained = [xdp.count("queues", queue) - before[queue] for queue in range(number)]
            if all(gained):
                break
        ksft_true(all(gained), f"{variant}: frames by queue: {gained}")
        now = port.ethtool_stats()
        for queue in range(number):
            name = f"rx_queue_{queue}_xdp_pass"
            ksft_true(now[name] > stats[name], name)


def unbound(variant: str) -> None:
    """Drivers are taken away from functions with programs, in the midst of traffic."""
    port, peer = setup(variant)
    xdp.attach(port, "tx")
    sent = payloads()
    same(come_back(port, peer, sent, port), sent)
    with Sniffer(peer) as sender:
        to = port.mac
        for payload in sent:
            sender.send(to, payload)
        BENCH.down()
    port, peer = setup(variant)
    ksft_true(not xdp.loaded(port), "a new interface without a program")
    traffic.reach(port, peer)


def without_memory(variant: str) -> None:
    """Pages of frames that are dropped come to the hardware though there is no memory for others."""
    port, peer = setup(variant)
    xdp.attach(port, "pass")
    port.wait_running()

    def failed() -> int:
        stats = port.ethtool_stats()
        return sum(value for name, value in stats.items() if name.endswith("_alloc_failed"))

    def send(count: int, counter: str) -> None:
        begin = counted(port)[counter]
        for number in range(FEW, count + 1, FEW):
            for _ in range(FEW):
                sender.send(port.mac, bytes(100))
            least = begin + number
            wait.register(partial(reached, counter, least), f"{counter}: {least} frames")

    def reached(counter: str, least: int) -> bool:
        return counted(port)[counter] >= least

    before = failed()
    with Sniffer(port) as keeper, Sniffer(peer) as sender, fault.no_pages():
        keeper.keep_all()
        send(KEPT, "xdp_pass")
        ksft_gt(failed(), before, "pages that could not be had")
        xdp.attach(port, "drop")
        send(DROPPED, "xdp_drop")
    xdp.detach(port)
    traffic.reach(port, peer)


VARIANTS: dict[Callable[[str], None], tuple[str, ...]] = {
    verdicts: ("pf", "vf"),
    sends: ("pf", "vf"),
    redirects: ("pf", "vf"),
    containers: ("pf", "vf"),
    swaps: ("pf", "vf"),
    mtu: ("pf", "vf"),
    long_frames: ("pf", "vf"),
    long_redirects: ("pf", "vf"),
    vlans: ("pf", "vf"),
    lives_on: ("pf", "vf"),
    shown: ("pf", "vf"),
    unbound: ("vf", "pf"),
    all_queues: ("pf",),
}
# The debug kernel alone can, and has no BTF, by which a program finds what it can ask.
VARIANTS |= (
    {without_memory: ("pf", "vf")} if fault.available()
    else {metadata: ("pf", "vf"), hashes: ("pf",)}
)
CONTROLS = (verdicts, sends)


def main() -> None:
    """All of them."""
    xdp.run_cases(BENCH, VARIANTS, CONTROLS)


if __name__ == "__main__":
    main()
