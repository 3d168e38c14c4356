#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Every PF driver with every VF driver: whatever one side says, the other must understand.

Pairs are PF+VF. The last, of C drivers alone, is the control: it shows that a case holds
what the C drivers do. $RIGB_PAIRS takes the place of the list.
"""


from collections.abc import Callable

from rigbtest import traffic
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, VF_DRIVERS, chosen
from rigbtest.echo import first_answer
from rigbtest.kselftest import KsftSkipEx, case, ksft_eq, ksft_pr, ksft_run

PAIRS = chosen("RIGB_PAIRS", "rigb+rigbvf rigb+igbvf igb+rigbvf igb+igbvf")
BENCH = Bench.find()

LOCAL_MAC = "02:82:57:60:00:{:02x}"
PORT_VLAN = 82
OWN_VLAN = 57
JUMBO = 9000


def setup(pair: str, vfs: int = 2) -> Bench:
    """The bench with the pair's drivers."""
    pf_driver, vf_driver = pair.split("+")
    if not (PF_DRIVERS[pf_driver].available() and VF_DRIVERS[vf_driver].available()):
        raise KsftSkipEx("not built: run make")
    BENCH.use(pf_driver, vf_driver, vfs)
    return BENCH


def all_reach(bench: Bench) -> None:
    """Every VF talks with the PF and with the wire, and the first VF with all others."""
    first, *others = bench.vfs
    for port in bench.vfs:
        traffic.reach(port, bench.pf, bench.wire)
    traffic.reach(first, *others)


# --- cases. Each leaves the bench as it found it.


def reset(pair: str) -> None:
    """The drivers' reset handshake leaves working VFs, whose addresses tell them apart."""
    bench = setup(pair)
    all_reach(bench)
    macs = [port.mac for port in bench.ports]
    ksft_eq(len(set(macs)), len(macs), f"addresses are not unique: {macs}")
    for vf in bench.vfs:
        ksft_eq(vf.ethtool("-i").splitlines()[0], f"driver: {bench.vf_driver.name}")
    vf = bench.vfs[0]
    vf.ip("link set {dev} down", "link set {dev} up")
    vf.wait_running()
    traffic.reach(vf, bench.pf)


def mac(pair: str) -> None:
    """A VF takes another address, and the PF's filters follow."""
    bench = setup(pair)
    vf = bench.vfs[0]
    old = vf.mac
    new = LOCAL_MAC.format(1)
    vf.ip(f"link set {{dev}} address {new}")
    ksft_eq(vf.mac, new)
    forget_neighbours(bench)
    traffic.reach(bench.pf, vf)
    traffic.reach(bench.wire, vf)
    vf.ip(f"link set {{dev}} address {old}")
    forget_neighbours(bench)
    traffic.reach(bench.wire, vf)


def admin_mac(pair: str) -> None:
    """The address that the PF's administrator sets is the VF's, and stays so."""
    bench = setup(pair)
    vf = bench.vfs[1]
    new = LOCAL_MAC.format(2)
    bench.pf.ip(f"link set {{dev}} vf 1 mac {new}")
    reload_vf(bench, 1)
    vf = bench.vfs[1]
    ksft_eq(vf.mac, new)
    said = vf.run("ip", "link", "set", vf.name, "address", LOCAL_MAC.format(3), check=False)
    ksft_pr(f"address change after the PF set one: {said.strip() or 'refused or ignored'}")
    traffic.reach(vf, bench.pf, bench.wire)
    shown = bench.pf.link()["vfinfo_list"][1]
    ksft_eq(shown["address"], new)
    # There is no way back to the default address but a new start.
    bench.dirty = True


def ping(pair: str) -> None:
    """No loss and no change, at the sizes where padding and buffers have their edges."""
    bench = setup(pair)
    all_reach(bench)
    one, two = bench.vfs
    for source, target in ((one, bench.pf), (one, two), (bench.wire, one), (bench.pf, two)):
        for size in (0, 56, 1472):
            traffic.ping(source, target, size)
    traffic.udp(one, bench.pf, [1, 18, 19, 982, 1452])
    traffic.udp(bench.wire, one, [1, 18, 19, 982, 1452])


def tcp(pair: str) -> None:
    """TCP both ways, with segmentation and coalescing wherever the drivers do it."""
    bench = setup(pair)
    one, two = bench.vfs
    all_reach(bench)
    for source, target in ((bench.pf, one), (one, bench.pf), (one, two), (two, one),
                           (one, bench.wire), (bench.wire, one)):
        traffic.tcp(source, target)
        traffic.tcp(source, target, family=6)


def vlan(pair: str) -> None:
    """A VF's own VLAN interface, to the PF, another VF and the wire."""
    bench = setup(pair)
    ends = [port.add_vlan(OWN_VLAN) for port in (*bench.vfs, bench.pf, bench.wire)]
    one, two, pf, wire = ends
    traffic.reach(one, pf, two, wire)
    traffic.ping(one, wire, 1472)
    traffic.tcp(one, pf, traffic.TCP_BYTES // 4)
    traffic.tcp(wire, one, traffic.TCP_BYTES // 4)
    traffic.reach(bench.vfs[0], bench.pf)
    for end in ends:
        end.delete()
    all_reach(bench)


def port_vlan(pair: str) -> None:
    """A VF in a VLAN of the PF's choice knows nothing of tags, and the wire sees them."""
    bench = setup(pair)
    vf, other = bench.vfs
    wire = bench.wire.add_vlan(PORT_VLAN)
    all_reach(bench)
    bench.pf.ip(f"link set {{dev}} vf 0 vlan {PORT_VLAN}")
    ksft_eq(bench.pf.link()["vfinfo_list"][0]["vlan_list"][0]["vlan"], PORT_VLAN)
    vf.ip(f"addr add 10.83.{PORT_VLAN % 251}.{vf.number}/24 dev {{dev}}")
    first_answer(vf, wire.v4)
    traffic.silent(vf, other.v4, wire.v4)
    traffic.silent(vf, bench.wire.v4, wire.v4)
    bench.pf.ip("link set {dev} vf 0 vlan 0")
    vf.ip(f"addr del 10.83.{PORT_VLAN % 251}.{vf.number}/24 dev {{dev}}")
    wire.delete()
    all_reach(bench)


def multicast(pair: str) -> None:
    """Groups of both families, from the PF, the wire and another VF; a fresh IPv6 neighbour."""
    bench = setup(pair)
    all_reach(bench)
    one, two = bench.vfs
    for number, source in enumerate((bench.pf, two, bench.wire)):
        traffic.multicast(source, one, f"239.82.57.{number + 1}")
        traffic.multicast(source, one, f"ff05::82:57:{number + 1:x}")
    traffic.multicast(one, bench.pf, "239.82.57.9")
    traffic.multicast(one, bench.wire, "ff05::82:57:9")
    # Its solicited-node group is one that nobody has joined before.
    fresh = "fd82::57ab:cdef"
    one.ip(f"addr add {fresh}/64 dev {{dev}} nodad")
    for source in (bench.pf, two, bench.wire):
        first_answer(source, fresh)
    one.ip(f"addr del {fresh}/64 dev {{dev}}")


def mtu(pair: str) -> None:
    """Jumbo frames everywhere, and normal ones again."""
    bench = setup(pair)
    for size in (JUMBO, 1500):
        for port in bench.ports:
            port.ip(f"link set {{dev}} mtu {size}")
            ksft_eq(port.mtu, size)
        for port in bench.ports:
            port.wait_running()
        all_reach(bench)
        one, two = bench.vfs
        for source, target in ((one, bench.pf), (one, two), (bench.wire, one)):
            traffic.ping(source, target, size - 28)
        traffic.tcp(one, bench.wire)
        traffic.tcp(bench.pf, two)


def pf_reset(pair: str) -> None:
    """Whatever may make the PF reset itself, the VFs work again without anybody's help."""
    bench = setup(pair)
    all_reach(bench)
    ring = bench.pf.ethtool("-g").rsplit("RX:", 1)[1].split()[0]
    changes: dict[str, Callable[[], object]] = {
        "a larger MTU": lambda: bench.pf.ip("link set {dev} mtu 1600"),
        "another ring": lambda: bench.pf.ethtool("-G", "rx", "512" if ring != "512" else "256"),
        "a new negotiation": lambda: bench.pf.ethtool("-r"),
        "the ring as before": lambda: bench.pf.ethtool("-G", "rx", ring),
        "the MTU as before": lambda: bench.pf.ip("link set {dev} mtu 1500"),
    }
    for name, change in changes.items():
        change()
        bench.pf.wait_running()
        # C igbvf heeds a reset of the PF only 10 s after the last one; so not each one.
        if bench.vf_driver.ours or name == "the MTU as before":
            for vf in bench.vfs:
                traffic.reach(vf, bench.pf, bench.wire)
            ksft_pr(f"VFs recovered after {name}")
    all_reach(bench)
    traffic.tcp(bench.vfs[0], bench.pf)


def pf_down_up(pair: str) -> None:
    """The PF's interface goes down and comes back; VFs work again by themselves."""
    bench = setup(pair)
    all_reach(bench)
    bench.pf.ip("link set {dev} down")
    if bench.pf_driver.ours:
        # Of ours more is asked: VFs do not need the PF's interface.
        for vf in bench.vfs:
            traffic.reach(vf, bench.wire)
        traffic.reach(bench.vfs[0], bench.vfs[1])
    bench.pf.ip("link set {dev} up")
    bench.pf.wait_running()
    all_reach(bench)
    traffic.tcp(bench.pf, bench.vfs[1])


def vf_reload(pair: str) -> None:
    """The VF's driver goes and comes: same address, working."""
    bench = setup(pair)
    before = [vf.mac for vf in bench.vfs]
    bench.vf_driver.unload()
    for vf in bench.vfs:
        vf.wait_gone()
    bench.vf_driver.load()
    for vf in bench.vfs:
        vf.attach()
    for vf in bench.vfs:
        vf.wait_running()
    all_reach(bench)
    if bench.pf_driver.ours:
        ksft_eq([vf.mac for vf in bench.vfs], before)
    reload_vf(bench, 0)
    all_reach(bench)


def seven_vfs(pair: str) -> None:
    """All VFs at once: traffic of each with the PF and the wire, and in a ring of VFs."""
    bench = setup(pair, 7)
    macs = [port.mac for port in bench.ports]
    ksft_eq(len(set(macs)), len(macs), f"addresses are not unique: {macs}")
    all_reach(bench)
    for number, vf in enumerate(bench.vfs):
        traffic.tcp(vf, bench.vfs[(number + 1) % 7], traffic.TCP_BYTES // 4)
        traffic.tcp(bench.wire, vf, traffic.TCP_BYTES // 4)
    listed = [info["address"] for info in bench.pf.link()["vfinfo_list"]]
    ksft_eq(listed, [vf.mac for vf in bench.vfs])


def wire(pair: str) -> None:
    """The PF and C igb on the other card."""
    bench = setup(pair)
    traffic.reach(bench.pf, bench.wire)
    for size in (0, 56, 1472):
        traffic.ping(bench.pf, bench.wire, size)
    for family in (4, 6):
        traffic.tcp(bench.pf, bench.wire, family=family)
        traffic.tcp(bench.wire, bench.pf, family=family)
    traffic.multicast(bench.wire, bench.pf, "239.82.57.77")
    traffic.multicast(bench.pf, bench.wire, "ff05::82:57:77")


# --- helpers


def forget_neighbours(bench: Bench) -> None:
    """Lets every port ask again for the addresses of the others."""
    for port in bench.ports:
        port.ip("neigh flush dev {dev}")


def reload_vf(bench: Bench, number: int) -> None:
    """Takes one VF from its driver and gives it back."""
    vf = bench.vfs[number]
    vf.function.unbind()
    vf.wait_gone()
    vf.function.bind(bench.vf_driver.name)
    vf.attach()
    vf.wait_running()


CASES = (reset, ping, tcp, mac, vlan, port_vlan, multicast, mtu, pf_reset, pf_down_up, vf_reload,
         wire, admin_mac, seven_vfs)


def main() -> None:
    """All cases of a pair before the next pair: changing drivers takes longest."""
    cases = [
        case(pair, BENCH.case(function), function.__name__, pair)
        for pair in PAIRS
        for function in CASES
    ]
    ksft_run(cases)
    finish(BENCH)


if __name__ == "__main__":
    main()
