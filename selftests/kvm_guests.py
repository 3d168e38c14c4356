#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Two guests under KVM with a VF each: they reach each other, the PF and the wire.

Each cell of the matrix (drivers x way) is a case. What counts is what is seen inside the
guests: each ping and each checksum is computed there. The C drivers run with one kind of IOMMU
only. $RIGB_PAIRS takes the place of the list.
"""

import os

from rigbtest import ends
from rigbtest.bench import finish
from rigbtest.kselftest import case, ksft_eq, ksft_pr, ksft_run
from rigbtest.kvm import INTEL, Kvm
from rigbtest.scene import Scene

DEFAULT = "rigb+rigbvf" if INTEL else "rigb+rigbvf rigb+igbvf igb+rigbvf"
PAIRS = os.environ.get("RIGB_PAIRS", DEFAULT).split()
WAYS = (
    ("guest0", "guest1"),
    ("guest1", "guest0"),
    ("guest0", "pf"),
    ("pf", "guest1"),
    ("guest0", "wire"),
    ("wire", "guest1"),
)
SCENE = Scene.find(Kvm())


def boot(pair: str) -> None:
    """Both guests come up and load the driver, by insmod; it says who it is."""
    pf_driver, vf_driver = pair.split("+")
    SCENE.use(pf_driver, vf_driver)
    for guest in SCENE.guests:
        shown = guest.sh("ethtool -i $(vf_netdev)")
        ksft_eq(shown.splitlines()[0], f"driver: {vf_driver}")
        ksft_pr(guest.label, guest.sh("uname -r; grep -m1 -o hypervisor /proc/cpuinfo").split())
    macs = [guest.sh("cat /sys/class/net/$(vf_netdev)/address").strip() for guest in SCENE.guests]
    ksft_eq(len({*macs, SCENE.bench.pf.mac}), 3, f"addresses are not unique: {macs}")


def ping(pair: str, one: str, two: str) -> None:
    """IPv4 and IPv6, no loss."""
    SCENE.use_pair(pair)
    ends.ping(SCENE.ends()[one], SCENE.ends()[two])


def tcp(pair: str, one: str, two: str) -> None:
    """A megabyte over TCP, compared by checksum."""
    SCENE.use_pair(pair)
    ends.tcp(SCENE.ends()[one], SCENE.ends()[two])


def main() -> None:
    """Runs all pairs."""
    cases = []
    for pair in PAIRS:
        name = f"{Kvm.name}.{pair}"
        cases.append(case("boot", SCENE.case(boot), name, pair))
        for one, two in WAYS:
            for function in (ping, tcp):
                variant = f"{name}.{one}_{two}"
                cases.append(case(function.__name__, SCENE.case(function), variant, pair, one, two))
    ksft_run(cases)
    SCENE.report()
    SCENE.down()
    finish(SCENE.bench)


if __name__ == "__main__":
    main()
