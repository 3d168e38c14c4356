#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the host decides reaches the guest at once, and a refusal says why.

Pairs are PF+VF. Only ours on both sides have the extension of the mailbox; with a C driver on
either side the same must work as ever, and nothing of the extension be seen.
$RIGB_PAIRS takes the place of the list.
"""

import json
from typing import Self

from rigbtest import traffic, wait
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, VF_DRIVERS, CommandError, chosen
from rigbtest.frames import PACKET_MR_MULTICAST, Sniffer, delivered
from rigbtest.kmsg import KernelLog
from rigbtest.kselftest import KsftSkipEx, case, ksft_eq, ksft_ge, ksft_lt, ksft_pr, ksft_raises
from rigbtest.kselftest import ksft_run, ksft_true
from rigbtest.port import Port
from rigbtest.regs import VMOLR_MPME, Registers, mta, vmolr

OURS = "rigb+rigbvf"
PAIRS = chosen("RIGB_PAIRS", f"{OURS} rigb+igbvf igb+rigbvf")
BENCH = Bench.find()

MAC = "02:82:57:61:00:{:02x}"
PORT_VLAN = 82
OWN_VLAN = 57
CONTAINER = "02:82:57:61:01:{:02x}"
# Macvlans, and further addresses that each of two VFs may have by right.
MACVLANS, SHARE = 16, 3
FLAPS = 40
# Multicast hashes in a message, and those that a VF may have.
LIST, MOST = 30, 256


def setup(pair: str) -> Bench:
    """The bench with the pair's drivers, and two VFs that have met their PF."""
    pf_driver, vf_driver = pair.split("+")
    if not (PF_DRIVERS[pf_driver].available() and VF_DRIVERS[vf_driver].available()):
        raise KsftSkipEx("not built: run make")
    BENCH.use(pf_driver, vf_driver, 2)
    for vf in BENCH.vfs:
        vf.wait_running()
    traffic.reach(BENCH.vfs[0], BENCH.pf)
    return BENCH


class Guest:
    """The first VF: what it logs and counts while the host does something."""

    def __init__(self, vf: Port):
        self.vf = vf
        self.log = KernelLog()
        self.seen: list[str] = []

    def __enter__(self) -> Self:
        self.log.__enter__()
        return self

    def __exit__(self, *about: object) -> None:
        self.log.__exit__(*about)

    def said(self, text: str) -> bool:
        """Whether the VF's driver has logged a line with `text`, which it is done with then."""
        self.seen += [line for line in self.log.lines() if f" {self.vf.name}: " in line]
        for number, line in enumerate(self.seen):
            if text in line:
                ksft_pr(line)
                del self.seen[number]
                return True
        return False

    def wait_said(self, text: str) -> None:
        """Waits for such a line."""
        wait.until(lambda: self.said(text), f"line with '{text}'")

    def count(self, name: str) -> int:
        """A counter of the VF's driver."""
        return self.vf.ethtool_stats()[name]

    def resets(self) -> int:
        """How often the VF was reset, but for a PF that was too slow to answer in time."""
        stats = self.vf.ethtool_stats()
        return stats["recoveries"] - stats["mailbox_failures"]

    def wait_count(self, name: str, count: int) -> None:
        """Waits until a counter of the VF's driver is as high."""
        wait.until(lambda: self.count(name) >= count, f"{name} {count}")


def refuse(port: Port, *command: str) -> None:
    """Runs a command of ip(8) that must fail."""
    with ksft_raises(CommandError) as said:
        port.run("ip", *command)
    ksft_pr(said.exception)


def all_multicast(registers: Registers) -> bool:
    """Whether the first VF receives all multicast frames."""
    return bool(registers.read(vmolr(0)) & VMOLR_MPME)


def group(number: int) -> str:
    """A multicast address. No two of these have the same hash, and none that of a usual group."""
    return f"01:00:5e:52:{(8 + (number >> 8)) << 4:02x}:{number & 255:02x}"


def join(sniffer: Sniffer, numbers: range) -> None:
    """Joins these groups."""
    for number in numbers:
        sniffer.join(PACKET_MR_MULTICAST, group(number))


def leave(sniffer: Sniffer, numbers: range) -> None:
    """Leaves these groups."""
    for number in numbers:
        sniffer.leave(PACKET_MR_MULTICAST, group(number))


def all_in_card(registers: Registers, numbers: range) -> bool:
    """Whether the card lets all of these groups pass."""
    return all(registers.has_group(group(number)) for number in numbers)


def joined(vf: Port) -> int:
    """How many multicast groups the interface is in, those with the same hash as one."""
    shown = json.loads(vf.run("ip", "-j", "maddress", "show", "dev", vf.name))
    return len({mta(entry["link"]) for entry in shown[0]["maddr"] if "link" in entry})


def refused_of(guest: Guest, groups: int) -> int:
    """How many groups the VF is refused, if that is what is above the most that it may have."""
    refused = guest.count("refused_multicast")
    return refused if refused == groups - MOST else 0


def wait_logged(log: KernelLog, text: str) -> None:
    """Waits for a line of either side."""
    wait.until(lambda: any(text in line for line in log.lines()), f"line with '{text}'")


# --- cases of ours. Each leaves the bench as it found it.


def address(pair: str) -> None:
    """Another address is taken without a reset, and traffic goes on with it."""
    bench = setup(pair)
    with Guest(bench.vfs[0]) as guest:
        before = guest.resets()
        new = MAC.format(1)
        bench.pf.ip(f"link set {{dev}} vf 0 mac {new}")
        wait.until(lambda: guest.vf.mac == new, "the host's address", guest.vf.ns)
        bench.pf.ip("neigh flush dev {dev}")
        traffic.reach(guest.vf, bench.pf, bench.wire)
        ksft_ge(before, guest.resets(), "the VF was reset")
        refuse(guest.vf, "link", "set", guest.vf.name, "address", MAC.format(2))
        guest.wait_said("the host's administrator has set the address")
        ksft_eq(guest.vf.mac, new)
    bench.dirty = True


def trust(pair: str) -> None:
    """Trust is told, and what was refused without it is granted with it, unasked."""
    bench = setup(pair)
    with Guest(bench.vfs[0]) as guest:
        guest.vf.ip("link set {dev} allmulticast on")
        registers = Registers(bench.pf.function)
        guest.wait_said("all multicast frames are for trusted VFs")
        bench.pf.ip("link set {dev} vf 0 trust on")
        guest.wait_said("the host trusts this VF")
        wait.register(lambda: all_multicast(registers), "all multicast in the card")
        bench.pf.ip("link set {dev} vf 0 trust off")
        guest.wait_said("does not trust this VF any more")
        ksft_true(not all_multicast(registers), "all multicast without trust")
        guest.vf.ip("link set {dev} allmulticast off")
    traffic.reach(bench.vfs[0], bench.pf)


def port_vlan(pair: str) -> None:
    """A port VLAN is told, not its number; a VLAN of the guest's is refused with the reason."""
    bench = setup(pair)
    with Guest(bench.vfs[0]) as guest:
        bench.pf.ip(f"link set {{dev}} vf 0 vlan {PORT_VLAN}")
        guest.wait_said("the host has put this VF into a VLAN")
        name = f"{guest.vf.name}.{OWN_VLAN}"
        refuse(guest.vf, "link", "add", "link", guest.vf.name, "name", name, "type", "vlan",
               "id", str(OWN_VLAN))
        guest.wait_said("the host's administrator has put this VF into a VLAN")
        bench.pf.ip("link set {dev} vf 0 vlan 0")
        guest.wait_said("has taken this VF out of its VLAN")
        ksft_true(not any(str(PORT_VLAN) in line for line in guest.seen), "the number was told")
        vlan = guest.vf.add_vlan(OWN_VLAN)
        vlan.delete()
    traffic.reach(bench.vfs[0], bench.pf)


def mtu(pair: str) -> None:
    """The PF's MTU is told."""
    bench = setup(pair)
    with Guest(bench.vfs[0]) as guest:
        for size in (1600, 1500):
            bench.pf.ip(f"link set {{dev}} mtu {size}")
            guest.wait_said(f"the PF's MTU is {size} now")
    traffic.reach(bench.vfs[0], bench.pf)


def link_state(pair: str) -> None:
    """The carrier of a VF follows the administrator."""
    bench = setup(pair)
    with Guest(bench.vfs[0]) as guest:
        bench.pf.ip("link set {dev} vf 0 state disable")
        guest.vf.wait_not_running()
        guest.wait_said("link is down, by decision of the host")
        ksft_true(bench.vfs[1].running(), "the other VF has lost its link too")
        bench.pf.ip("link set {dev} vf 0 state enable")
        guest.vf.wait_running()
        events = guest.count("mailbox_events")
        bench.pf.ip("link set {dev} vf 0 state auto")
        # It changes nothing that is seen, and must not be counted by the next case.
        wait.until(lambda: guest.count("mailbox_events") > events, "event")
    bench.vfs[0].wait_running()
    traffic.reach(bench.vfs[0], bench.pf, bench.vfs[1])


def addresses(pair: str) -> None:
    """Containers with addresses of their own: the guest is told which are deaf and why, the host is
    not asked again and again, and what it allows later comes without being asked for."""
    bench = setup(pair)
    bench.dirty = True
    pf, vf = bench.pf, bench.vfs[0]
    registers = Registers(pf.function)
    pf.ip(f"link set {{dev}} vf 0 mac {MAC.format(5)}")
    wait.until(lambda: vf.mac == MAC.format(5), "the host's address", vf.ns)
    with Guest(vf) as guest:
        for number in range(MACVLANS):
            mac = CONTAINER.format(number)
            vf.ip(f"link add link {{dev}} name mv{number} address {mac} type macvlan",
                  f"link set mv{number} up")
        guest.wait_said(f"{MACVLANS} of {MACVLANS} further unicast addresses are not received, the PF "
                        "refused them: the host's administrator has set the address")
        ksft_eq(guest.count("refused_unicast"), MACVLANS)
        requests = guest.count("mailbox_requests")
        for _ in range(FLAPS):
            vf.ip("link set mv1 down", "link set mv1 up")
        asked = guest.count("mailbox_requests") - requests
        ksft_pr(f"{FLAPS} times down and up: {asked} requests")
        ksft_lt(asked, 6 * FLAPS, "requests, lists of groups included")
        ksft_eq(pf.ethtool_stats()["vf0_quarantines"], 0)
        # By trust it may use all that is free, and no other VF's share is.
        pf.ip("link set {dev} vf 0 trust on")
        guest.wait_said("the host trusts this VF")
        wait.until(lambda: guest.count("refused_unicast") == 0, "addresses by trust")
        ksft_eq(len(registers.addresses(0)), 1 + MACVLANS, "addresses in the card")
        other = bench.vfs[1]
        for number in range(SHARE):
            mac = CONTAINER.format(MACVLANS + number)
            other.ip(f"link add link {{dev}} name mv{number} address {mac} type macvlan",
                     f"link set mv{number} up")
        wait.register(lambda: len(registers.addresses(1)) == 1 + SHARE, "share of the other VF")
        pf.ip("link set {dev} vf 0 trust off")
        wait.register(lambda: registers.addresses(0) == {MAC.format(5)}, "trust taken back")
        wait.until(lambda: guest.count("refused_unicast") == MACVLANS, "no address without trust")
        # With the choice of its address it has its share back.
        pf.ip("link set {dev} vf 0 mac 00:00:00:00:00:00")
        left = MACVLANS - SHARE
        wait.until(lambda: guest.count("refused_unicast") == left, "share")
        guest.wait_said(f"{left} of {MACVLANS} further unicast addresses are not received, the PF "
                        f"refused them: this VF may have no more than {SHARE}")
        # One that is received goes, and one that is deaf gets its place.
        first = next(n for n in range(MACVLANS) if CONTAINER.format(n) in registers.addresses(0))
        vf.ip(f"link del mv{first}")
        wait.until(lambda: guest.count("refused_unicast") == left - 1, "its place")
        ksft_eq(len(registers.addresses(0)), 1 + SHARE, "addresses in the card")
        # Trust that ends leaves it with no more than that.
        pf.ip("link set {dev} vf 0 trust on")
        wait.until(lambda: guest.count("refused_unicast") == 0, "addresses by trust")
        pf.ip("link set {dev} vf 0 trust off")
        wait.register(lambda: len(registers.addresses(0)) <= 1 + SHARE, "trust taken back")
        wait.until(lambda: guest.count("refused_unicast") == left - 1, "share")
        guest.vf.wait_running()


def groups(pair: str) -> None:
    """More multicast groups than a message holds are received, without trust; those beyond what a VF
    may have are told on both sides, are received by trust, and take the places that others leave."""
    bench = setup(pair)
    pf, vf, wire = bench.pf, bench.vfs[0], bench.wire
    registers = Registers(pf.function)
    many, more = range(100), range(100, MOST + LIST)
    offences = pf.ethtool_stats()["vf0_mbx_offences"]
    with Guest(vf) as guest, KernelLog() as log, Sniffer(vf) as sniffer:
        join(sniffer, many)
        wait.register(lambda: all_in_card(registers, many), "groups in the card")
        for number in (0, LIST, many[-1]):
            ksft_true(delivered(wire, sniffer, group(number)), f"group {number}")
        ksft_true(not delivered(wire, sniffer, group(more[0])), "a group that nobody joined")
        ksft_eq(guest.count("refused_multicast"), 0)
        join(sniffer, more)
        wait_logged(log, f"VF 0 has more than {MOST} multicast addresses")
        guest.wait_said("multicast groups are not received, the PF gives no more: more than "
                        f"{MOST} multicast addresses take a trusted VF")
        # The first line may come before all are joined. The stack has groups of its own.
        deaf = wait.until(lambda: refused_of(guest, joined(vf)), "count of them")
        ksft_ge(deaf, LIST)
        ksft_lt(deaf, LIST + 10)
        pf.ip("link set {dev} vf 0 trust on")
        wait.until(lambda: guest.count("refused_multicast") == 0, "all groups by trust")
        ksft_true(all_multicast(registers))
        pf.ip("link set {dev} vf 0 trust off")
        wait.until(lambda: guest.count("refused_multicast") == deaf, "no groups by trust")
        ksft_true(not all_multicast(registers))
        leave(sniffer, many)
        wait.register(lambda: all_in_card(registers, more), "the other groups in their places")
        # The card has them before the guest has the answer.
        wait.until(lambda: guest.count("refused_multicast") == 0, "no group refused")
        ksft_true(delivered(wire, sniffer, group(more[-1])))
        ksft_true(not delivered(wire, sniffer, group(0)), "a group that was left")
        ksft_eq(pf.ethtool_stats()["vf0_mbx_offences"], offences)
        # A PF that was reset is told all of it again.
        before = guest.count("recoveries")
        pf.function.reset()
        wait.until(lambda: guest.count("recoveries") > before, "recovery of the VF")
        wait.register(lambda: all_in_card(registers, more), "groups after the reset")
        leave(sniffer, more)
        wait.register(lambda: not any(registers.has_group(group(n)) for n in more), "no group")
        pf.wait_running()
        vf.wait_running()


def counted(pair: str) -> None:
    """Each change is one event, and none is lost or repeated for nothing."""
    bench = setup(pair)
    with Guest(bench.vfs[0]) as guest:
        events, resets = guest.count("mailbox_events"), guest.resets()
        for number in range(1, 11):
            bench.pf.ip(f"link set {{dev}} vf 0 trust {'on' if number % 2 else 'off'}")
            # A change may come before the event of the last one is on its way.
            guest.wait_count("mailbox_events", events + number)
        ksft_eq(guest.count("mailbox_events"), events + 10)
        ksft_ge(resets, guest.resets(), "the VF was reset")


def pf_reset(pair: str) -> None:
    """After a reset of the PF both agree anew, and events come as before."""
    bench = setup(pair)
    with Guest(bench.vfs[0]) as guest:
        before = guest.count("recoveries")
        bench.pf.function.reset()
        wait.until(lambda: guest.count("recoveries") > before, "recovery of the VF")
        guest.vf.wait_running()
        bench.pf.wait_running()
        traffic.reach(guest.vf, bench.pf)
        bench.pf.ip("link set {dev} vf 0 trust on")
        guest.wait_said("the host trusts this VF")
        bench.pf.ip("link set {dev} vf 0 trust off")
        guest.wait_said("does not trust this VF any more")


# --- cases with a C driver


def silent(pair: str) -> None:
    """Where one side has no extension, the other does without: it works, and says nothing new."""
    bench = setup(pair)
    vf = bench.vfs[0]
    rigbvf = bench.vf_driver.ours
    with Guest(vf) as guest, KernelLog() as log:
        new = MAC.format(3)
        bench.pf.ip(f"link set {{dev}} vf 0 vlan {PORT_VLAN}", "link set {dev} vf 0 vlan 0",
                    "link set {dev} vf 0 trust on", "link set {dev} vf 0 trust off")
        traffic.reach(vf, bench.pf)
        if rigbvf:
            ksft_eq(guest.count("mailbox_events"), 0)
        bench.pf.ip(f"link set {{dev}} vf 0 mac {new}")
        vf.function.unbind()
        vf.wait_gone()
        vf.function.bind(bench.vf_driver.name)
        vf.attach()
        vf.wait_running()
        ksft_eq(vf.mac, new)
        bench.pf.ip("neigh flush dev {dev}")
        traffic.reach(vf, bench.pf, bench.wire)
        # What C igb says of a message that it does not know.
        unknown = [line for line in log.lines() if "Unhandled Msg" in line]
        ksft_eq(unknown, [])
    bench.dirty = True


def full_list(pair: str) -> None:
    """A driver that can name 30 groups: what is not received is said by whoever knows."""
    bench = setup(pair)
    pf, vf = bench.pf, bench.vfs[0]
    registers = Registers(pf.function)
    numbers = range(LIST + 10)
    with KernelLog() as log, Guest(vf) as guest, Sniffer(vf) as sniffer:
        join(sniffer, numbers)
        if bench.pf_driver.ours:
            # A driver that has given its PF up meanwhile begins again when it has its link.
            vf.wait_running()
            wait_logged(log, f"VF 0 names {LIST} multicast addresses, the most that its driver can")
            ksft_true(not all_multicast(registers), "all multicast without trust")
            pf.ip("link set {dev} vf 0 trust on")
            wait.register(lambda: all_multicast(registers), "all multicast by trust")
            pf.ip("link set {dev} vf 0 trust off")
            ksft_true(not all_multicast(registers), "all multicast without trust")
        else:
            # C igb gives all multicast to whom says that it has more.
            wait.register(lambda: all_multicast(registers), "all multicast in the card")
            ksft_eq(guest.count("refused_multicast"), 0)
        leave(sniffer, numbers)
        vf.wait_running()
        traffic.reach(vf, pf)


OURS_CASES = (address, trust, port_vlan, mtu, link_state, counted, pf_reset, groups, addresses)


def main() -> None:
    """All cases of a pair before the next pair: changing drivers takes longest."""
    ksft_run([
        case(pair, BENCH.case(function), function.__name__, pair)
        for pair in PAIRS
        for function in (OURS_CASES if pair == OURS else (full_list, silent))
    ])
    finish(BENCH)


if __name__ == "__main__":
    main()
