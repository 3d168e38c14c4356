#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What guests do with VFs, for a person to read: host, guests, traffic, a VF that moves.

demo_guests.py kvm|xen, in a VM that can have such guests. Exits 0 only if all of it worked.
"""

import os
import re
import sys
from pathlib import Path

from rigbtest import ends, vfio
from rigbtest.guest import Guest
from rigbtest.kvm import Kvm
from rigbtest.scene import Platform, Scene
from rigbtest.text import found
from rigbtest.xen import Xen

SECONDS = 2
PORT = 5201
BYTES = 8 << 20


def title(text: str) -> None:
    """A line between two parts of the story."""
    print(f"\n{text}", flush=True)


def show_host(scene: Scene[Guest]) -> None:
    """PF and VFs."""
    title("1. The host: rigb drives the PF, and gives two VFs away")
    pf = scene.bench.pf
    print(f"   PF    {pf.function.address}  {pf.mac}  {scene.platform.name}")
    for number, guest in enumerate(scene.guests):
        function = scene.vf(number)
        print(f"   VF {number}  {function.address}  {function.driver:<8}  is for {guest.label}")


def mailbox_words(scene: Scene[Guest], vf: int) -> str:
    """What debugfs says of a VF's mailbox."""
    folder = Path(f"/sys/kernel/debug/rigb-{scene.bench.pf.function.address}")
    return found(r"^mailbox: (.*)", (folder / f"vf{vf}").read_text(), re.M)[1]


def traps(scene: Scene[Guest], vf: int) -> int:
    """How often the VF's guest has touched the trapped page."""
    return scene.bench.pf.ethtool_stats()[f"vf{vf}_mbx_traps"]


def show_mailboxes(scene: Scene[Guest]) -> None:
    """Which mailbox each VF has; that the virtual one costs nothing per packet, and interrupts."""
    title("4. Mailboxes: the card's, or the one that rigb_vfio gives the VF")
    target = scene.ends()["pf"]
    for number, guest in enumerate(scene.guests):
        words = mailbox_words(scene, number)
        print(f"   {guest.label:<7} {scene.vf(number).driver:<9} {words}")
        if not words.startswith("virtual"):
            continue
        before = traps(scene, number)
        ends.tcp(guest, target, BYTES)
        print(f"           {BYTES >> 20} MiB of TCP: {traps(scene, number) - before} accesses to"
              " its trapped page")
        for state, carrier in (("disable", 0), ("auto", 1)):
            before = guest.mailbox_interrupts()
            scene.bench.pf.ip(f"link set {{dev}} vf {number} state {state}")
            guest.wait_carrier(carrier)
            # A driver that looks for itself may have seen it before.
            guest.wait_mailbox_interrupt(before)
            count = guest.mailbox_interrupts() - before
            print(f"           ip link set vf {number} state {state:<7}: carrier {carrier} in the"
                  f" guest, by {count} interrupt(s)", flush=True)


def show_guests(scene: Scene[Guest]) -> None:
    """What each guest sees of its VF."""
    title("2. The guests: each loads the same rigbvf.ko with insmod")
    for guest in scene.guests:
        guest.up("rigbvf")
        said = guest.sh(
            "dev=$(vf_netdev); cat /sys/class/net/$dev/address /sys/class/net/$dev/speed;"
            " sha256sum < /run/vm/rigbvf.ko; cat /sys/hypervisor/type 2>/dev/null || echo kvm"
        ).split()
        mac, speed, checksum, kind = said[0], said[1], said[2], said[4]
        print(f"   {guest.label:<7} {kind:<4} {guest.v4:<12} {mac}  {speed} Mbit/s"
              f"  rigbvf.ko {checksum[:8]}", flush=True)


def traffic(scene: Scene[Guest], one: str, two: str) -> None:
    """Round trip and TCP from one end to another."""
    source, target = scene.ends()[one], scene.ends()[two]
    ends.ping(source, target)
    answer = source.sh(f"ping -q -c 5 -i 0.2 {target.v4}")
    rtt = found(r"= [\d.]+/([\d.]+)/", answer)[1]
    target.sh(f"iperf3 -s -1 -p {PORT} -D -B {target.v4}")
    shown = source.sh(
        f"until_true iperf3 -f m -c {target.v4} -p {PORT} -t {SECONDS} > /tmp/iperf 2>&1;"
        " cat /tmp/iperf"
    )
    rate = float(found(r"([\d.]+) Mbits/sec\s+receiver", shown)[1])
    if rate <= 0:
        raise SystemExit(f"TCP from {one} to {two} moved nothing")
    print(f"   {one:>7} -> {two:<7} {rtt:>8} ms {rate:8.0f} Mbit/s", flush=True)


def show_traffic(scene: Scene[Guest]) -> None:
    """All ways."""
    title("3. Traffic: round trip and TCP")
    first, second = (guest.label for guest in scene.guests)
    for way in ((first, second), (first, "pf"), ("pf", second), (second, "wire"), ("wire", first)):
        traffic(scene, *way)


def show_reboot(scene: Scene[Guest], number: int) -> None:
    """A guest crashes and comes back with its VF."""
    guest = scene.guests[0]
    title(f"{number}. {guest.label} crashes, starts again and has its VF back")
    guest.anew("echo c > /proc/sysrq-trigger")
    guest.up("rigbvf")
    traffic(scene, guest.label, scene.guests[1].label)


def main() -> int:
    """The story."""
    kvm = sys.argv[1] == "kvm"
    drivers = () if "RIGB_VFIO" in os.environ else (vfio.DRIVER, vfio.PLAIN)
    platform: Platform[Guest] = Kvm(*drivers) if kvm else Xen("pv", "hvm")
    print(f"VFs of an Intel 82576 in guests of {sys.argv[1]}, Linux {os.uname().release}")
    scene = Scene.find(platform)
    try:
        scene.start("rigb", "", 2)
        show_host(scene)
        show_guests(scene)
        show_traffic(scene)
        if kvm:
            show_mailboxes(scene)
        show_reboot(scene, 5 if kvm else 4)
    finally:
        scene.down()
    print("\nEverything worked.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
