#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Guests under KVM whose VFs have the virtual mailbox, with VF drivers that know nothing of it.

$RIGB_VF_DRIVERS takes the place of the list of drivers.
"""

import os
import time
from collections.abc import Callable

from rigbtest import ends, held, vfio
from rigbtest.bench import finish
from rigbtest.driver import Driver
from rigbtest.kselftest import KsftCaseFunction, case, ksft_eq, ksft_gt, ksft_in, ksft_lt, ksft_pr
from rigbtest.kselftest import ksft_run, ksft_true
from rigbtest.kvm import Kvm
from rigbtest.scene import Scene
from rigbtest.tenant import Tenant

DRIVERS = os.environ.get("RIGB_VF_DRIVERS", "rigbvf igbvf").split()
WAYS = (
    ("guest0", "guest1"),
    ("guest1", "guest0"),
    ("guest0", "pf"),
    ("pf", "guest1"),
    ("guest0", "wire"),
    ("wire", "guest1"),
)
TCP_BYTES = 8 << 20
# Of TCP_BYTES, both ways, were they sent in frames of full length: with TSO there are as many on
# the wire.
PACKETS = TCP_BYTES // 1448
# Accesses to the trapped page that a driver may make in a second, whether there is traffic or not:
# every second or two it looks at its link, and reads some counters.
LOOKS = 16
CHANGES = 4


PLATFORM = Kvm(vfio.DRIVER)
SCENE = Scene.find(PLATFORM)


def stats(vf: int) -> dict[str, int]:
    """What the PF counts of a VF's mailbox."""
    head = f"vf{vf}_mbx_"
    found = SCENE.bench.pf.ethtool_stats()
    return {name[len(head):]: value for name, value in found.items() if name.startswith(head)}


def setup(driver: str, *mailboxes: Driver) -> None:
    """Two guests with the driver; their VFs belong to `mailboxes` in turn, which is VFIO's driver with
    the virtual mailbox if there is none."""
    mailboxes = mailboxes or (vfio.DRIVER,)
    if PLATFORM.drivers != mailboxes:
        SCENE.vacate()
        PLATFORM.drivers = mailboxes
        PLATFORM.load()
    SCENE.use("rigb", driver)


def boot(driver: str) -> None:
    """The guests come up, their drivers find a PF and a link."""
    before = [0 if SCENE.dirty else stats(number)["requests"] for number in range(2)]
    setup(driver)
    for number, guest in enumerate(SCENE.guests):
        shown = guest.sh("ethtool -i $(vf_netdev)")
        ksft_eq(shown.splitlines()[0], f"driver: {driver}")
        count = stats(number)
        ksft_eq(count["virtual"], 1)
        ksft_gt(count["requests"], before[number])
        ksft_pr(guest.label, count)


def ping(driver: str, one: str, two: str) -> None:
    """IPv4 and IPv6, no loss."""
    setup(driver)
    ends.ping(SCENE.ends()[one], SCENE.ends()[two])


def tcp(driver: str, one: str, two: str) -> None:
    """A megabyte over TCP, compared by checksum."""
    setup(driver)
    ends.tcp(SCENE.ends()[one], SCENE.ends()[two])


def requests(driver: str) -> None:
    """An address, a group, a VLAN and long frames: all that a driver asks its PF for."""
    setup(driver)
    with Tenant(SCENE.guests[0], SCENE.bench.wire) as tenant:
        tenant.settle()
    # Its driver forgets all of that.
    SCENE.guests[0].change(driver)


def notices(driver: str) -> None:
    """What the host decides reaches the guest by interrupt, on the mailbox's vector."""
    setup(driver)
    guest = SCENE.guests[0]
    pf = SCENE.bench.pf
    ends.ping(guest, SCENE.ends()["pf"])
    for _ in range(CHANGES):
        for state, carrier in (("disable", 0), ("auto", 1)):
            before = guest.mailbox_interrupts()
            pf.ip(f"link set {{dev}} vf 0 state {state}")
            guest.wait_carrier(carrier)
            # A driver that looks for itself may have seen it before.
            guest.wait_mailbox_interrupt(before)
    ksft_pr(f"mailbox interrupts in the guest: {guest.mailbox_interrupts()}")
    ends.ping(guest, SCENE.ends()["pf"])


def no_trap_per_packet(driver: str) -> None:
    """The data path never touches the trapped page."""
    setup(driver)
    guest = SCENE.guests[0]
    ends.ping(guest, SCENE.ends()["pf"])
    for one, two in ((guest, SCENE.ends()["pf"]), (SCENE.ends()["pf"], guest)):
        before, start = stats(0)["traps"], time.monotonic()
        ends.tcp(one, two, TCP_BYTES)
        seconds = time.monotonic() - start
        traps = stats(0)["traps"] - before
        ksft_pr(f"{one.label} -> {two.label}: {traps} traps in {seconds:.0f} s, {PACKETS} packets")
        # A busy machine takes long for them. Time only allows more, nothing fails for it.
        ksft_lt(traps, PACKETS / 10 + LOOKS * seconds)


def pf_reset(driver: str) -> None:
    """The PF is reset under the guests, and they recover by themselves."""
    setup(driver)
    SCENE.bench.pf.ethtool("-t", "offline", check=False)
    SCENE.bench.pf.wait_running()
    wire = SCENE.ends()["wire"]
    for guest in SCENE.guests:
        # A driver that looks every two seconds takes its time.
        answered = f"until_true ping -q -c 1 -w 10 {wire.v4}"
        said = guest.sh(f"LIMIT=40 {answered} || {{ vf_again $(vf_netdev); {answered}; }}")
        ksft_pr(guest.label, *[line for line in said.splitlines() if "given its PF up" in line])
        ends.ping(guest, wire)


def reboot(driver: str) -> None:
    """A guest reboots: the PF takes back what it had, and it starts again."""
    setup(driver)
    guest = SCENE.guests[1]
    before = stats(1)["traps_reset"]
    guest.anew("echo b > /proc/sysrq-trigger")
    guest.up(driver)
    ksft_gt(stats(1)["traps_reset"], before)
    ends.ping(guest, SCENE.ends()["pf"])


def power_off(driver: str) -> None:
    """The VMM is killed: the VF has the card's mailbox again, and the other guest goes on."""
    setup(driver)
    SCENE.guests[1].kill()
    ksft_eq(stats(1)["virtual"], 0)
    ksft_in("mailbox: the card's", words(1))
    ends.ping(SCENE.guests[0], SCENE.ends()["pf"])


def neighbours(driver: str) -> None:
    """One guest has the virtual mailbox, the other the card's."""
    setup(driver, vfio.DRIVER, vfio.PLAIN)
    for number, mailbox in enumerate(("virtual", "the card's")):
        ksft_in(f"mailbox: {mailbox}", words(number))
        ksft_eq(stats(number)["virtual"], 1 - number)
    for one, two in WAYS:
        ends.ping(SCENE.ends()[one], SCENE.ends()[two])
    ends.tcp(SCENE.guests[0], SCENE.guests[1])


def numvfs_zero(driver: str) -> None:
    """sriov_numvfs=0 while guests hold VFs: they are asked for them, and nobody hangs."""
    setup(driver)
    guests = list(SCENE.guests)
    held.taken_away(lambda: SCENE.bench.pf.function.set_numvfs(0), "sriov_numvfs=0")
    if not SCENE.bench.pf.function.numvfs:
        for guest in guests:
            guest.sh("until_true no_vf_netdev")
            ksft_true(guest.running(), "the guest lives on")
        SCENE.bench.vfs = []
        SCENE.vacate()
    else:
        SCENE.dirty = True
    ends.ping(SCENE.ends()["pf"], SCENE.ends()["wire"])


def words(vf: int) -> str:
    """The VF's file in debugfs."""
    path = f"/sys/kernel/debug/rigb-{SCENE.bench.pf.function.address}/vf{vf}"
    with open(path, encoding="ascii") as file:
        return file.read()


# Cases with the same need stand together.
LIVING = (notices, no_trap_per_packet, pf_reset, reboot, requests)
ENDING = (power_off, neighbours, numvfs_zero)


def main() -> None:
    """Runs all drivers."""
    cases: list[KsftCaseFunction] = []

    def add(function: Callable[..., None], variant: str, *params: str) -> None:
        cases.append(case(function.__name__, SCENE.case(function), variant, *params))

    for driver in DRIVERS:
        name = f"{Kvm.name}.{driver}"
        add(boot, name, driver)
        for one, two in WAYS:
            for function in (ping, tcp):
                add(function, f"{name}.{one}_{two}", driver, one, two)
        for living in LIVING:
            add(living, name, driver)
    for ending in ENDING:
        # The driver that is loaded first.
        for driver in reversed(DRIVERS):
            add(ending, f"{Kvm.name}.{driver}", driver)
    ksft_run(cases)
    SCENE.report()
    SCENE.down()
    finish(SCENE.bench)


if __name__ == "__main__":
    main()
