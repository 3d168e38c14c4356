#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Bridges on the PF and in guests, with and without VLANs, as operators of hypervisors run them."""

from rigbtest import frames, regs, traffic, wait
from rigbtest import mailbox as mb
from rigbtest.bench import Bench, finish
from rigbtest.bridge import Bridge
from rigbtest.frames import Sniffer, delivered
from rigbtest.kselftest import KsftSkipEx, case, ksft_eq, ksft_ge, ksft_in, ksft_run, ksft_true
from rigbtest.mailbox import Mailbox
from rigbtest.mmio import WriteTrace
from rigbtest.port import Port, Vlan
from rigbtest.regs import Registers
from rigbtest.tracing import DropTrace

BENCH = Bench.find()

PORT_VLAN, OWN_VLAN = 82, 57
# Of the 4093 that a bridge of Proxmox's joins; the table that says which pools are in a VLAN has 32.
FAR_VLAN = 2000
ALL_VLANS = "2-4094"
FOREIGN_MAC = "02:82:57:63:b4:7d"
MANY_VLANS = range(2, 42)


def fresh(vf_driver: str = "rigbvf", vfs: int = 2) -> tuple[Port, list[Port]]:
    """The PF without VFs, or with new ones."""
    BENCH.use("rigb", vf_driver, vfs)
    BENCH.dirty = True
    return BENCH.pf, BENCH.vfs


def unseen(vf: Port, sources: list[Port], macs: list[str]) -> None:
    """Frames for others, known and unknown, do not come to a VF."""
    with Sniffer(vf) as sniffer:
        for source in sources:
            for mac in macs:
                ksft_true(not delivered(source, sniffer, mac), f"{source.label} to {mac}")


def containers(vf_driver: str) -> None:
    """What is behind a bridge on the PF, VFs and the wire reach each other, and overhear nothing."""
    pf, (one, two) = fresh(vf_driver)
    wire, registers = BENCH.wire, Registers(pf.function)
    with Bridge(pf) as bridge:
        bridge.take_port()
        first, second = bridge.container(40), bridge.container(41)
        with DropTrace() as drops:
            # Who asks first has learned nothing of the other.
            for source, target in ((one, first), (second, two), (first, wire), (wire, second)):
                traffic.reach(source, target)
            # What asks for the wire comes back to the PF, in this card.
            if pf.function.emulated:
                wait.until(lambda: "LOCAL_MAC" in drops.reasons(), "end of what came back")
        for source, target in ((one, second), (first, two), (one, two), (wire, one)):
            traffic.reach(source, target)
        traffic.ping(one, first, 1472)
        traffic.tcp(first, one)
        traffic.tcp(one, second, family=6)
        ksft_true({first.mac, second.mac} <= registers.addresses(7))
        unseen(two, [one, wire], [first.mac, second.mac, FOREIGN_MAC])
        unseen(two, [wire], [one.mac])
        # Who moves to the other side of the PF is found there, and the VFs' way is not the old one.
        moved = first.mac
        first.delete()
        wire.ip(f"link add link {{dev}} name moved address {moved} type macvlan mode bridge",
                f"addr add {first.v4}/24 dev moved", f"addr add {first.v6}/64 dev moved nodad",
                "link set moved up")
        announce(wire, moved)
        wait.register(lambda: moved not in registers.addresses(7), "end of the old address")
        traffic.reach(one, first)
        wire.ip("link del moved")
        bridge.release_port()
        ksft_eq(registers.addresses(7), {pf.mac})
        unseen(two, [one, wire], [second.mac, FOREIGN_MAC])


def announce(port: Port, mac: str) -> None:
    """A broadcast from `mac`, as a machine sends that has moved."""
    with Sniffer(port) as sniffer:
        head = frames.mac_bytes(frames.BROADCAST) + frames.mac_bytes(mac)
        sniffer.socket.send(head + frames.EXPERIMENT.to_bytes(2, "big") + bytes(46))


def catch_all(_driver: str) -> None:
    """The pools that want all frames have the card's bit for that, and no other pool gets more by it.

    QEMU's card lets what passes the unicast table come to whom VMOLR.ROMPE is set, and not ROPE, and
    also back to its sender. So on it the driver never fills that table. It cannot be read, so its
    writes are traced.
    """
    if not WriteTrace.available():
        raise KsftSkipEx("this kernel has no mmiotrace")
    BENCH.down()
    with WriteTrace(BENCH.pf.function) as trace:
        pf, (one, _) = fresh("")
        registers = Registers(pf.function)

        def rules(pool: int, bit: int) -> int:
            return registers.read(regs.vmolr(pool)) & bit

        with Mailbox(one.function) as guest:
            guest.reset()
            before = registers.read(regs.vmolr(0))
            pf.ip("link set {dev} promisc on")
            ksft_true(rules(7, regs.VMOLR_ROPE) and rules(7, regs.VMOLR_MPME))
            ksft_eq(registers.read(regs.vmolr(0)), before)
            pf.ip("link set {dev} vf 0 trust on")
            ksft_true(guest.granted(mb.SET_PROMISC | 3 << 16))
            ksft_true(rules(0, regs.VMOLR_ROPE))
            pf.ip("link set {dev} promisc off")
            ksft_eq(rules(7, regs.VMOLR_ROPE), 0)
            pf.ip("link set {dev} vf 0 trust off")
            ksft_eq(rules(0, regs.VMOLR_ROPE), 0)
        table = range(regs.uta(0), regs.uta(regs.UTAS))
        written = [value for register, value in trace.writes() if register in table]
        ksft_eq(set(written), {0})
        ksft_ge(len(written), regs.UTAS)


def behind_is_taken(_driver: str) -> None:
    """A guest does not get the address of a container behind the PF."""
    pf, (one, _) = fresh("")
    registers = Registers(pf.function)
    with Bridge(pf) as bridge, Mailbox(one.function) as guest:
        bridge.take_port()
        container = bridge.container(40)
        traffic.reach(container, BENCH.wire)
        guest.reset()
        wait.register(lambda: container.mac in registers.addresses(7), "address of the container")
        ksft_true(not guest.granted(mb.ADD_FILTER, *mb.mac_words(container.mac)))
        # The administrator can, who moves it into a VF.
        pf.ip(f"link set {{dev}} vf 0 mac {container.mac}")
        ksft_eq(registers.addresses(0), {container.mac})
        ksft_true(container.mac not in registers.addresses(7))
        pf.ip("link set {dev} vf 0 mac 00:00:00:00:00:00")


def vlan_aware(first: str) -> None:
    """A bridge that filters VLANs has the PF in all of them, before there are VFs or after."""
    pf, _ = fresh(vfs=0)
    wire = BENCH.wire
    with Bridge(pf, vlan_filtering=True) as bridge:
        bridge.take_port()
        container = bridge.container(40, FAR_VLAN)
        if first == "bridge":
            bridge.vlan("add", "vid", ALL_VLANS, "dev", pf.name)
        BENCH.start_vfs(2)
        if first == "vfs":
            bridge.vlan("add", "vid", ALL_VLANS, "dev", pf.name)
        for vf in BENCH.vfs:
            vf.wait_running()
        far = wire.add_vlan(FAR_VLAN)
        traffic.reach(container, far)
        traffic.reach(far, container)
        # The VFs have their shares all the same.
        own = [port.add_vlan(OWN_VLAN) for port in BENCH.vfs]
        traffic.reach(own[0], own[1])
        mine = BENCH.vfs[0].add_vlan(FAR_VLAN)
        traffic.reach(mine, far)
        registers = Registers(pf.function)
        ksft_eq(registers.vlans(0), {0, OWN_VLAN, FAR_VLAN})
        ksft_eq(registers.vlans(1), {0, OWN_VLAN})
        for vlan in (far, mine, *own):
            vlan.delete()


def vlan_aware_first(_driver: str) -> None:
    """The bridge joins, then there are VFs."""
    vlan_aware("bridge")


def vlan_aware_last(_driver: str) -> None:
    """There are VFs, then the bridge joins."""
    vlan_aware("vfs")


def many_vlans(_driver: str) -> None:
    """More VLANs on the PF than the table has, with the filter off before there are VFs, or on."""
    pf, _ = fresh(vfs=0)
    wire = BENCH.wire
    for state in ("off", "on"):
        pf.ethtool("-K", "rx-vlan-filter", state)
        mine = [pf.add_vlan(vid) for vid in MANY_VLANS]
        theirs = [wire.add_vlan(vid) for vid in MANY_VLANS]
        last = len(mine) - 1
        traffic.reach(mine[last], theirs[last])
        BENCH.start_vfs(7)
        for vf in BENCH.vfs:
            vf.wait_running()
        ksft_in("rx-vlan-filter: on", pf.ethtool("-k"))
        for number in (0, 3, last - 1, last):
            traffic.reach(mine[number], theirs[number])
        # What was promised to each VF.
        own = [[vf.add_vlan(vid) for vid in range(100 + 4 * n, 104 + 4 * n)]
               for n, vf in enumerate(BENCH.vfs)]
        registers = Registers(pf.function)
        for number, vlans in enumerate(own):
            ksft_eq(registers.vlans(number), {0, *(vlan.vid for vlan in vlans)})
        for number in (0, 3, last - 1, last):
            traffic.reach(mine[number], theirs[number])
        BENCH.stop_vfs()
        for vlan in (*mine, *theirs):
            vlan.delete()


def guest_behind_port_vlan(_driver: str) -> None:
    """A bridge in a guest takes in a VF that the host has put into a VLAN."""
    pf, (vf, _) = fresh()
    pf.ip(f"link set {{dev}} vf 0 vlan {PORT_VLAN}")
    far = BENCH.wire.add_vlan(PORT_VLAN)
    # The addresses of an interface in that VLAN, on an interface that sees none.
    inside = Vlan(vf, PORT_VLAN)
    with Bridge(vf, vlan_filtering=True) as bridge:
        bridge.take_port()
        vf.ip(f"addr add {inside.v4}/24 dev {bridge.name}",
              f"addr add {inside.v6}/64 dev {bridge.name} nodad")
        traffic.reach(vf, far)
        traffic.reach(far, inside)
        pf.ip("link set {dev} vf 0 vlan 0")
        traffic.reach(vf, BENCH.wire)
        registers = Registers(pf.function)
        # What the bridge joined is in force as soon as the guest hears of it.
        wait.register(lambda: 1 in registers.vlans(0), "VLAN 1 of the guest's bridge")
    far.delete()


CASES = [
    catch_all, behind_is_taken, vlan_aware_first, vlan_aware_last, many_vlans, guest_behind_port_vlan,
]


def main() -> None:
    """All cases."""
    cases = [case(driver, BENCH.case(containers), "containers", driver)
             for driver in ("rigbvf", "igbvf")]
    ksft_run(cases + [case("rigb", BENCH.case(f), f.__name__, "") for f in CASES])
    finish(BENCH)


if __name__ == "__main__":
    main()
