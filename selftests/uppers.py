#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What operators put on PF and VFs: bonds with ARP monitoring, LACP, addresses that move (VRRP)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rigbtest import traffic, wait
from rigbtest.bench import Bench, finish
from rigbtest.frames import PACKET_MR_MULTICAST, Sniffer, delivered, wait_delivered
from rigbtest.kselftest import case, ksft_eq, ksft_run, ksft_true
from rigbtest.port import Port
from rigbtest.regs import Registers

BENCH = Bench.find()

BOND = "bond0"
ELSEWHERE = 83
# Milliseconds between questions, and how many may have no answer: a busy machine answers late.
ARP_INTERVAL, ARP_MISSED_MAX = 100, 9
LACP_GROUP = "01:80:c2:00:00:02"
# The address of a virtual router by RFC 5798.
VRRP_MAC = "00:00:5e:00:01:52"
OWN_MAC = "02:82:57:81:00:01"


class Bond(Port):
    """A bond in its first port's namespace, which has that port's IP addresses."""

    def __init__(self, first: Port):
        super().__init__(first.function, first.label, first.number)

    @property
    def name(self) -> str:
        """The bond's interface."""
        return BOND

    def info(self) -> dict[str, Any]:
        """What ip(8) shows of the bond."""
        data: dict[str, Any] = self.link()["linkinfo"]["info_data"]
        return data

    def active(self) -> str:
        """The interface that is in use."""
        return str(self.info().get("active_slave", ""))


@contextmanager
def bonded(options: str, first: Port, *more: Port) -> Iterator[Bond]:
    """A bond that has the addresses of its first port. Ends with the `with`."""
    bond = Bond(first)
    for port in more:
        port.ip(f"link set {{dev}} netns {first.ns}")
    first.ip(f"link add {BOND} type bond {options}")
    for port in (first, *more):
        first.ip(f"link set {port.name} down", f"link set {port.name} master {BOND}",
                 f"addr flush dev {port.name}")
    first.ip(f"link set {BOND} up", f"addr add {first.v4}/24 dev {BOND}",
             f"addr add {first.v6}/64 dev {BOND} nodad")
    try:
        yield bond
    finally:
        first.ip(f"link del {BOND}")


def fail_over(bond: Bond, to: str, target: Port, *commands: str) -> None:
    """After commands for the PF the bond uses another interface, and reaches the target by it."""
    BENCH.pf.ip(*commands)
    wait.until(lambda: bond.active() == to, f"{to} as the active interface", bond.ns)
    traffic.reach(bond, target)
    traffic.reach(target, bond)


def active_backup(driver: str, pf_too: bool) -> None:
    """ARP monitoring finds a way that is dead although its link is up, and one that comes back."""
    BENCH.use("rigb", driver, 2)
    BENCH.dirty = True
    wire, (one, two) = BENCH.wire, BENCH.vfs
    first = BENCH.pf if pf_too else one
    # Validated: QEMU's card brings a VF's own broadcast back, which is no sign of life.
    options = (f"mode active-backup fail_over_mac active arp_interval {ARP_INTERVAL} "
               f"arp_ip_target {wire.v4} arp_validate all arp_missed_max {ARP_MISSED_MAX}")
    with bonded(options, first, two) as bond:
        first.ip(f"link set {BOND} type bond primary {first.name}")
        fail_over(bond, first.name, wire)
        if pf_too:
            # VFs do not need the PF's interface.
            fail_over(bond, two.name, wire, f"link set {first.name} down")
            fail_over(bond, first.name, wire, f"link set {first.name} up")
        else:
            # A VLAN in which nobody answers.
            fail_over(bond, two.name, wire, f"link set {{dev}} vf 0 vlan {ELSEWHERE}")
            fail_over(bond, first.name, wire, "link set {dev} vf 0 vlan 0")
            # And the loss of a link.
            fail_over(bond, two.name, wire, "link set {dev} vf 0 state disable")
            fail_over(bond, first.name, wire, "link set {dev} vf 0 state auto")
        traffic.tcp(bond, wire, traffic.TCP_BYTES // 4)


def two_vfs(driver: str) -> None:
    """A bond of two VFs."""
    active_backup(driver, pf_too=False)


def pf_and_vf(driver: str) -> None:
    """A bond of the PF and a VF."""
    active_backup(driver, pf_too=True)


def wait_partner(bond: Bond, mac: str) -> None:
    """Waits until a bond has found its partner by LACP."""
    wait.until(lambda: bond.info()["ad_info"]["partner_mac"] == mac, "partner", bond.ns)


def lacp(driver: str) -> None:
    """LACP's frames come to a VF that asks for their group, and a VF finds its partner by them."""
    BENCH.use("rigb", driver, 2)
    BENCH.dirty = True
    wire, one = BENCH.wire, BENCH.vfs[0]
    with Sniffer(one) as sniffer:
        ksft_true(not delivered(wire, sniffer, LACP_GROUP), "a group that nobody joined")
        sniffer.join(PACKET_MR_MULTICAST, LACP_GROUP)
        wait_delivered(wire, sniffer, LACP_GROUP, "LACP's group")
    options = "mode 802.3ad miimon 100 lacp_rate fast"
    with bonded(options, one) as mine, bonded(options, wire) as theirs:
        for bond, partner in ((mine, theirs), (theirs, mine)):
            wait_partner(bond, partner.mac)
        traffic.reach(mine, theirs)


def holders(registers: Registers) -> list[int]:
    """The pools that receive the router's address."""
    return [pool for pool in range(8) if VRRP_MAC in registers.addresses(pool)]


def wait_holder(registers: Registers, holder: int) -> None:
    """Waits until one pool receives the router's address, and no other."""
    wait.register(lambda: holders(registers) == [holder], f"router's address in pool {holder}")


def add_router(port: Port) -> None:
    """Puts the router's address on a port, as keepalived does."""
    port.ip(f"link add link {{dev}} name vrrp address {VRRP_MAC} type macvlan mode private",
            "link set vrrp up")


def virtual_router(driver: str) -> None:
    """The address of a virtual router moves between VFs and the PF, as keepalived moves it."""
    BENCH.use("rigb", driver, 2)
    BENCH.dirty = True
    wire, registers = BENCH.wire, Registers(BENCH.pf.function)
    pools = {BENCH.vfs[0].label: 0, BENCH.vfs[1].label: 1, BENCH.pf.label: 7}
    for port in (*BENCH.vfs, BENCH.pf, BENCH.vfs[0]):
        add_router(port)
        wait_holder(registers, pools[port.label])
        with Sniffer(port) as sniffer:
            # igbvf takes its addresses back and gives them anew whenever one of them, or a group,
            # changes: the first frame may come between.
            wait_delivered(wire, sniffer, VRRP_MAC, f"the router at {port.label}")
        port.ip("link del vrrp")
        # The core has it taken from the card by a work of its own. Who has the address next must not
        # be refused it: C igbvf asks once.
        wait.register(lambda: not holders(registers), "end of the router's address")


def wait_refused(count: int, *vfs: Port) -> None:
    """Waits until VFs are refused so many addresses together."""
    wait.until(lambda: sum(vf.ethtool_stats()["refused_unicast"] for vf in vfs) == count,
               f"{count} addresses refused")


def standby_router(driver: str) -> None:
    """Two guests have the address of a virtual router: the second one, which is refused it, has it as
    soon as the first lets go, and does nothing for that."""
    BENCH.use("rigb", driver, 2)
    BENCH.dirty = True
    pf, wire, (one, two) = BENCH.pf, BENCH.wire, BENCH.vfs
    registers = Registers(pf.function)
    add_router(one)
    wait_holder(registers, 0)
    add_router(two)
    wait_refused(1, two)
    ksft_eq(holders(registers), [0])
    one.ip("link del vrrp")
    wait_holder(registers, 1)
    wait_refused(0, two)
    with Sniffer(two) as sniffer:
        wait_delivered(wire, sniffer, VRRP_MAC, "the router at the second VF")
    # What the host wants it gets, and what it lets go of one of them.
    add_router(one)
    wait_refused(1, one)
    add_router(pf)
    wait_refused(2, one, two)
    ksft_eq(holders(registers), [7])
    pf.ip("link del vrrp")
    wait.register(lambda: holders(registers) in ([0], [1]), "router's address at one of them")
    wait_refused(1, one, two)


def own_address(driver: str) -> None:
    """A VF that loses the address that its administrator chose to another one has it back when that
    lets go."""
    BENCH.use("rigb", driver, 2)
    BENCH.dirty = True
    pf, one = BENCH.pf, BENCH.vfs[0]
    default = one.mac
    one.ip(f"link set {{dev}} address {OWN_MAC}")
    pf.ip(f"link set {{dev}} vf 1 mac {OWN_MAC}")
    wait.until(lambda: one.mac == default, "address that the PF assigns", one.ns)
    pf.ip("link set {dev} vf 1 mac 00:00:00:00:00:00")
    wait.until(lambda: one.mac == OWN_MAC, "address of its own", one.ns)
    pf.ip("neigh flush dev {dev}")
    traffic.reach(one, pf)


CASES = (two_vfs, pf_and_vf, lacp, virtual_router)


def main() -> None:
    """All cases."""
    cases = [(f, driver) for f in CASES for driver in ("rigbvf", "igbvf")]
    # The PF tells of what becomes free only whom it can tell.
    cases += [(f, "rigbvf") for f in (standby_router, own_address)]
    ksft_run([case(f.__name__, BENCH.case(f), driver, driver) for f, driver in cases])
    finish(BENCH)


if __name__ == "__main__":
    main()
