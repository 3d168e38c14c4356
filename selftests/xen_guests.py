#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Guests of Xen with a VF each: they reach each other, the PF and the wire.

Two guests run at the same time, of the kinds in $RIGB_KINDS ("pv hvm": one of each). What
counts is what is seen inside the guests. $RIGB_PAIRS takes the place of the list of driver pairs;
what happens in a guest's life is tried with the first.
"""

import os
import re
from collections.abc import Callable

from rigbtest import ends, held
from rigbtest.agent import GuestError
from rigbtest.bench import finish
from rigbtest.kselftest import KsftCaseFunction, case, ksft_eq, ksft_in, ksft_pr, ksft_run
from rigbtest.kselftest import ksft_true
from rigbtest.scene import Scene
from rigbtest.xen import PCIBACK, Xen, XenGuest

PAIRS = os.environ.get("RIGB_PAIRS", "rigb+rigbvf rigb+igbvf").split()
KINDS = os.environ.get("RIGB_KINDS", "pv hvm").split()
PLATFORM = Xen(*KINDS)
ONE, TWO = (PLATFORM.label(number) for number in range(2))
# One guest of each kind is enough for what happens to a guest.
LIVES = list({kind: PLATFORM.label(number) for number, kind in enumerate(KINDS)}.values())
WAYS = ((ONE, TWO), (TWO, ONE), (ONE, "pf"), ("pf", TWO), (TWO, "wire"), ("wire", ONE))
PVH_REFUSAL = "passthrough not yet supported for x86 PVH guests"
SCENE = Scene.find(PLATFORM)


def boot(pair: str) -> None:
    """Both guests come up and load the driver, by insmod; it says who it is."""
    pf_driver, vf_driver = pair.split("+")
    SCENE.use(pf_driver, vf_driver)
    for guest in SCENE.guests:
        shown = guest.sh("ethtool -i $(vf_netdev)")
        ksft_eq(shown.splitlines()[0], f"driver: {vf_driver}")
        ksft_eq(guest.sh("cat /sys/hypervisor/guest_type").strip().lower(), guest.kind)
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


def by_label(label: str) -> XenGuest:
    """The guest of this name."""
    return next(guest for guest in SCENE.guests if guest.label == label)


def reboot(pair: str, label: str) -> None:
    """The guest starts anew: Xen makes another domain of it, with the same VF."""
    SCENE.use_pair(pair)
    guest = by_label(label)
    guest.anew("busybox reboot -f")
    guest.up(guest.driver)
    held.talk(SCENE, guest)


def crash(pair: str, label: str) -> None:
    """The guest's kernel panics."""
    SCENE.use_pair(pair)
    guest = by_label(label)
    guest.anew("echo c > /proc/sysrq-trigger")
    ksft_in("sysrq triggered crash", guest.console_text())
    guest.up(guest.driver)
    held.talk(SCENE, guest)


def detach(pair: str, label: str) -> None:
    """`xl pci-detach` and `xl pci-attach` while the guest runs."""
    SCENE.use_pair(pair)
    guest = by_label(label)
    guest.unplug("vf0")
    guest.plug(guest.functions[0], "vf0", "")
    guest.up(guest.driver)
    held.talk(SCENE, guest)


def move(pair: str) -> None:
    """A VF goes from one guest to the other; nothing of the old tenant's goes with it."""
    SCENE.use_pair(pair)
    held.move(SCENE)


def pf_reset(pair: str) -> None:
    """The PF is reset, by its own driver and as a function: the guests' VFs recover."""
    SCENE.use_pair(pair)
    held.pf_reset(SCENE, _interrupts_again)


def _interrupts_again(guest: XenGuest) -> None:
    """Gives an HVM guest its VF anew: Xen itself has set up the VF's MSI-X for it, and lets nobody
    in dom0 restore that. What a PV guest has is dom0's own, and comes back by itself."""
    if guest.kind == "hvm":
        guest.unplug("vf0")
        guest.plug(guest.functions[0], "vf0", "")
        guest.up(guest.driver)


def pf_down(pair: str) -> None:
    """The PF's interface goes down: the guests work on; and up again."""
    SCENE.use_pair(pair)
    held.pf_down(SCENE)


def pf_late(pair: str) -> None:
    """The guest boots, and loads its driver, before the PF's interface has ever been up."""
    held.pf_late(SCENE, pair)


def rmmod(pair: str) -> None:
    """The PF's driver goes while guests have VFs, which stay; it takes them over when it is back."""
    SCENE.use_pair(pair)
    pf, driver = SCENE.bench.pf, SCENE.bench.pf_driver
    held.taken_away(driver.unload, f"rmmod {driver.name}")
    ksft_true(not driver.loaded())
    for number, guest in enumerate(SCENE.guests):
        ksft_eq(SCENE.vf(number).driver, PCIBACK)
        ksft_true(guest.running(), "the guest lives on")
    driver.load()
    pf.attach()
    pf.wait_running()
    held.talk(SCENE, *SCENE.guests)


def removal_refused(pair: str) -> None:
    """sriov_numvfs=0 while guests have VFs does not take them away."""
    SCENE.use_pair(pair)
    pf = SCENE.bench.pf.function
    held.taken_away(lambda: pf.set_numvfs(0), "sriov_numvfs=0")
    ksft_eq(pf.numvfs, 2, "sriov_numvfs=0 takes VFs from guests of Xen")
    for guest in SCENE.guests:
        held.talk(SCENE, guest)


def pvh(pair: str) -> None:
    """Xen does not pass devices to PVH guests, and says so."""
    SCENE.use_pair(pair)
    SCENE.down()
    SCENE.host(pair.split("+", maxsplit=1)[0], 1)
    guest = XenGuest("pvh", 30, [SCENE.vf(0)], "pvh")
    try:
        guest.start()
    except GuestError as error:
        found = re.search(r"libxl.*", str(error))
        ksft_pr(found[0] if found else error)
        ksft_in(PVH_REFUSAL, str(error))
    else:
        guest.kill()
        ksft_true(False, "Xen takes a PVH guest with a device by now: test it like the others")
    ksft_eq(SCENE.vf(0).driver, PCIBACK)


def main() -> None:
    """Runs all pairs."""
    cases: list[KsftCaseFunction] = []

    def add(function: Callable[..., None], variant: str, *params: str) -> None:
        cases.append(case(function.__name__, SCENE.case(function), variant, *params))

    for pair in PAIRS:
        name = f"xen.{pair}"
        add(boot, name, pair)
        for one, two in WAYS:
            for function in (ping, tcp):
                add(function, f"{name}.{one}_{two}", pair, one, two)
    pair = PAIRS[0]
    name = f"xen.{pair}"
    for life in (reboot, crash, detach):
        for label in LIVES:
            add(life, f"{name}.{label}", pair, label)
    for event in (move, pf_reset, pf_down, removal_refused, rmmod, pvh, pf_late):
        add(event, name, pair)
    ksft_run(cases)
    SCENE.report()
    SCENE.down()
    finish(SCENE.bench)


if __name__ == "__main__":
    main()
