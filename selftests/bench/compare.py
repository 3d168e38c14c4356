#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Instructions and interrupts per packet, our drivers beside the C ones.

Meant for a machine whose clock counts instructions: QEMU's -icount shift=0,sleep=off with one
processor, as `make bench` starts it. There a nanosecond is an instruction, and two runs agree
within a percent whatever else the host does. Elsewhere the figures are nanoseconds.

Prints a table; nothing here passes or fails. RIGB_ROWS="sends,TCP" leaves rows out whose names have
neither word in them.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rigbtest import traffic, xdp
from rigbtest.bench import Bench
from rigbtest.driver import run
from rigbtest.port import Port
from tcg_profile import Profile

PACKETS = 20000
LARGE_PACKETS = 5000
# iperf3 looks at a limit of bytes once a second, so the limit is a time.
STREAM_SECONDS = 1
SEGMENT = 1448
# Not counted: caches, page pools and neighbours come to rest in it.
WARM_UP = 2000
PKTGEN = "/proc/net/pktgen"
# Nobody has it, so a stack drops what is sent there without an answer.
NOBODY = "10.82.0.250"
RESULT = re.compile(r"Result: OK: (\d+)\(")
OBJECT = Path(__file__).resolve().parents[2] / "build/bench.bpf.o"
# Nobody's, so that what programs send costs nothing where it arrives.
NOBODYS_MAC = "02:00:00:00:00:99"
# Rows whose names have none of these words in them are left out.
ROWS = os.environ.get("RIGB_ROWS", "").split(",")
PROFILE = Profile()


@dataclass
class Figures:
    """What one measurement gives."""

    instructions: float
    interrupts: float


Rows = dict[str, Callable[[], Figures]]


def interrupts(*ports: Port) -> int:
    """All interrupts of the functions so far."""
    numbers = {
        path.name for port in ports for path in (port.function.path / "msi_irqs").iterdir()
    }
    total = 0
    for line in Path("/proc/interrupts").read_text(encoding="ascii").splitlines():
        words = line.split()
        if words and words[0].rstrip(":") in numbers:
            total += sum(int(word) for word in words[1:] if word.isdigit())
    return total


def pktgen(source: Port, target: Port, size: int, burst: int, count: int) -> float:
    """Sends `count` UDP packets by pktgen(8); returns nanoseconds, from first to last."""

    def write(file: str, *lines: str) -> None:
        for line in lines:
            with open(f"{PKTGEN}/{file}", "w", encoding="ascii") as control:
                control.write(line + "\n")

    with source.inside():
        write("kpktgend_0", "rem_device_all", f"add_device {source.name}")
        write(
            source.name, f"count {count}", f"pkt_size {size}", f"burst {burst}", "delay 0",
            f"dst {NOBODY}", f"src_min {source.v4}", f"src_max {source.v4}",
            f"dst_mac {target.mac}", "udp_dst_min 9", "udp_dst_max 9",
        )
        write("pgctrl", "start")
        said = Path(f"{PKTGEN}/{source.name}").read_text(encoding="ascii")
        write("kpktgend_0", "rem_device_all")
    if not (found := RESULT.search(said)):
        raise RuntimeError(f"pktgen: {said}")
    return int(found[1]) * 1000.0


@contextmanager
def deaf(port: Port) -> Iterator[None]:
    """The port's interface is down, so that packets for it cost nothing there."""
    port.ip("link set {dev} down")
    try:
        yield
    finally:
        port.ip("link set {dev} up")
        port.wait_running()


def send(port: Port, peer: Port, size: int, burst: int, count: int) -> Figures:
    """Transmission of `port`, pktgen's own part included."""
    with deaf(peer):
        pktgen(port, peer, size, burst, WARM_UP)
        before = interrupts(port)
        PROFILE.begin()
        taken = pktgen(port, peer, size, burst, count)
        PROFILE.end(count)
        return Figures(taken / count, (interrupts(port) - before) / count)


def receive(port: Port, peer: Port, size: int, count: int) -> Figures:
    """From the card to the stack above `port`, without what `peer` needs to send."""
    with deaf(port):
        pktgen(peer, port, size, 1, WARM_UP)
        alone = pktgen(peer, port, size, 1, count) / count
    pktgen(peer, port, size, 1, WARM_UP)
    before, heard = interrupts(port), port.stats()["rx"]["packets"]
    PROFILE.begin()
    taken = pktgen(peer, port, size, 1, count) / count
    PROFILE.end(count)
    got = port.stats()["rx"]["packets"] - heard
    if got < count:
        print(f"# {port.label}: {count - got} of {count} packets were not received")
    return Figures(taken - alone, (interrupts(port) - before) / count)


def program(port: Port, peer: Port, name: str, mode: str, count: int) -> Figures:
    """From the card to a program of XDP on `port`, and what comes of that; without what `peer` needs."""
    xdp.redirect_to(port, NOBODYS_MAC)
    with xdp.attached(port, name, mode):
        port.wait_running()
        return receive(port, peer, 60, count)


def stream(source: Port, target: Port, port: Port) -> Figures:
    """One TCP stream of iperf3(1), both ends, per segment of 1448 bytes; interrupts of `port`."""
    with target.inside():
        server = subprocess.Popen(
            ["iperf3", "-s", "-1", "--forceflush"], stdout=subprocess.PIPE, text=True
        )
    assert server.stdout
    try:
        # It prints a frame of dashes around this line when it listens.
        while "listening" not in server.stdout.readline():
            pass
        before = interrupts(port)
        seconds = str(STREAM_SECONDS)
        PROFILE.begin()
        said = source.run("iperf3", "-J", "-c", target.v4, "-t", seconds, "-l", "128K")
        summary = json.loads(said)["end"]["sum_received"]
        segments = summary["bytes"] / SEGMENT
        taken = summary["seconds"] * 1e9
        PROFILE.end(segments)
        return Figures(taken / segments, (interrupts(port) - before) / segments)
    finally:
        server.kill()
        server.wait()


def rows_of_pf(bench: Bench) -> Rows:
    """The PF alone, with C igb on the wire."""
    pf, wire = bench.pf, bench.wire
    traffic.reach(pf, wire)
    return {
        "PF sends 60 B": partial(send, pf, wire, 60, 1, PACKETS),
        "PF sends 60 B, burst 16": partial(send, pf, wire, 60, 16, PACKETS),
        "PF sends 1514 B": partial(send, pf, wire, 1514, 1, LARGE_PACKETS),
        "PF receives 60 B": partial(receive, pf, wire, 60, PACKETS),
        "PF -> wire, TCP": partial(stream, pf, wire, pf),
        "wire -> PF, TCP": partial(stream, wire, pf, pf),
        "PF, XDP_DROP": partial(program, pf, wire, "drop", xdp.NATIVE, PACKETS),
        "PF, XDP_TX": partial(program, pf, wire, "tx", xdp.NATIVE, PACKETS),
        "PF, XDP_REDIRECT": partial(program, pf, wire, "redirect", xdp.NATIVE, PACKETS),
    }


def rows_of_vf(bench: Bench) -> Rows:
    """Two VFs. C igbvf has no XDP of its own: the stack runs its programs."""
    mode = xdp.NATIVE if bench.vf_driver.ours else xdp.GENERIC
    one, two, pf = *bench.vfs, bench.pf
    traffic.reach(one, two, pf, bench.wire)
    return {
        "VF sends 60 B": partial(send, one, bench.wire, 60, 1, PACKETS),
        "VF sends 60 B, burst 16": partial(send, one, bench.wire, 60, 16, PACKETS),
        "PF -> VF 60 B": partial(receive, one, pf, 60, PACKETS),
        "VF -> PF, TCP": partial(stream, one, pf, one),
        "PF -> VF, TCP": partial(stream, pf, one, one),
        "VF -> VF, TCP": partial(stream, one, two, one),
        "VF, XDP_DROP": partial(program, one, pf, "drop", mode, PACKETS),
        "VF, XDP_TX": partial(program, one, pf, "tx", mode, PACKETS),
        "VF, XDP_REDIRECT": partial(program, one, pf, "redirect", mode, PACKETS),
    }


def measure(rows: Rows, drivers: str) -> dict[str, Figures]:
    """Measures the rows that are wanted."""
    PROFILE.drivers_changed()
    measured = {}
    for name, row in rows.items():
        if any(word in name for word in ROWS):
            PROFILE.title = f"{name}, {drivers}"
            measured[name] = row()
    return measured


def compare(
    bench: Bench, rows: Callable[[Bench], Rows], *drivers: tuple[str, str]
) -> None:
    """Measures with each set of drivers and prints a line per measurement."""
    names = ["+".join(filter(None, pair)) for pair in drivers]
    results = []
    for name, (pf_driver, vf_driver) in zip(names, drivers, strict=True):
        bench.use(pf_driver, vf_driver, 2 if vf_driver else 0)
        results.append(measure(rows(bench), name))
    theirs, ours = results
    print(f"\n{'per packet':26}{names[0]:>12}{names[1]:>14}{'ratio':>8}{'interrupts':>22}")
    for name, reference in theirs.items():
        mine = ours[name]
        print(
            f"{name:26}{reference.instructions:12.0f}{mine.instructions:14.0f}"
            f"{mine.instructions / reference.instructions:8.2f}"
            f"{reference.interrupts:12.3f} ->{mine.interrupts:7.3f}",
            flush=True,
        )


def main() -> None:
    """PF against PF, then both drivers against both."""
    bench = Bench.find()
    run("modprobe", "pktgen")
    xdp.load(OBJECT)
    counted = "hypervisor" in Path("/proc/cpuinfo").read_text(encoding="ascii")
    unit = "instructions, if the VM counts them (-icount)" if counted else "nanoseconds"
    print(f"unit: {unit}; drivers: C, then ours; interrupts of the function under test")
    compare(bench, rows_of_pf, ("igb", ""), ("rigb", ""))
    compare(bench, rows_of_vf, ("igb", "igbvf"), ("rigb", "rigbvf"))
    bench.close()
    xdp.unload()


if __name__ == "__main__":
    main()
