#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The PF alone as a plain network card, beside C igb on the other end of the wire.

$RIGB_PF_DRIVERS takes the place of the list of drivers to test.
"""

import os
from collections.abc import Callable

from rigbtest import echo, frames, nic, traffic
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, CommandError
from rigbtest.frames import Sniffer, delivered
from rigbtest.kselftest import (
    KsftSkipEx, case, ksft_eq, ksft_pr, ksft_raises, ksft_run, ksft_true,
)
from rigbtest.port import Port
from rigbtest.regs import Registers

DRIVERS = os.environ.get("RIGB_PF_DRIVERS", "rigb").split()
BENCH = Bench.find()

# QEMU's card hashes unicast addresses into the multicast table as well, so these end in
# octets whose hash is not that of a group that every IPv6 host is in.
FOREIGN_MAC = "02:82:57:63:b4:7d"
FOREIGN_GROUP = "01:82:57:63:a5:3c"
# More than the card's 24 filters.
MANY_ADDRESSES = 40
MANY_VLANS = 40
# Of the first queue pair.
PAIR_VECTOR = 1


def setup(driver: str) -> tuple[Port, Port]:
    """The PF without VFs, and the wire."""
    if not PF_DRIVERS[driver].available():
        raise KsftSkipEx("not built: run make")
    BENCH.use(driver)
    return BENCH.pf, BENCH.wire


def identity(driver: str) -> None:
    """ethtool names driver and device, and the link as it is."""
    port, _ = setup(driver)
    nic.identity(port, driver)
    nic.link_settings(port)


def promiscuous(driver: str) -> None:
    """Frames for others come only when asked for."""
    port, peer = setup(driver)
    for to in (FOREIGN_MAC, FOREIGN_GROUP):
        with Sniffer(port) as sniffer:
            ksft_true(not delivered(peer, sniffer, to), f"{to} unasked")
            sniffer.join(frames.PACKET_MR_PROMISC)
            ksft_true(delivered(peer, sniffer, to), f"{to} in promiscuous mode")
        with Sniffer(port) as sniffer:
            ksft_true(not delivered(peer, sniffer, to), f"{to} after promiscuous mode")
    with Sniffer(port) as sniffer:
        sniffer.join(frames.PACKET_MR_ALLMULTI)
        ksft_true(delivered(peer, sniffer, FOREIGN_GROUP), "all multicast")
        ksft_true(not delivered(peer, sniffer, FOREIGN_MAC), "all multicast and nothing else")


def more_addresses(driver: str) -> None:
    """Addresses beside its own have filters; more than there are filters work as well."""
    port, peer = setup(driver)
    port.ip(
        "link add link {dev} name mv0 type macvlan mode bridge",
        f"link set mv0 address {FOREIGN_MAC}",
        f"addr add 10.84.0.{port.number}/24 dev mv0",
        "link set mv0 up",
    )
    peer.ip(f"addr add 10.84.0.{peer.number}/24 dev {{dev}}")
    ksft_eq(port.link()["promiscuity"], 0)
    echo.first_answer(peer, f"10.84.0.{port.number}")
    port.ip("link del mv0")
    peer.ip(f"addr del 10.84.0.{peer.number}/24 dev {{dev}}")
    macs = [f"02:82:57:64:{number:02x}:9d" for number in range(MANY_ADDRESSES)]
    for mac in macs:
        port.run("bridge", "fdb", "add", mac, "dev", port.name, "self", check=False)
    with Sniffer(port) as sniffer:
        kept = port.run("bridge", "fdb", "show", "dev", port.name)
        added = [mac for mac in macs if mac in kept]
        heard = [mac for mac in added if delivered(peer, sniffer, mac)]
    ksft_pr(f"{len(added)} addresses accepted, {len(heard)} heard")
    ksft_eq(heard, added)
    ksft_true(added, "an address can be added")
    for mac in added:
        port.run("bridge", "fdb", "del", mac, "dev", port.name, "self")


def vlan_filter(driver: str) -> None:
    """Tags of foreign VLANs do not come in; any number of own ones does."""
    port, peer = setup(driver)
    nic.vlans(port, peer)
    ksft_true(not hears_vlan(port, peer, 99), "frames of a VLAN that nobody asked for")
    own = port.add_vlan(99)
    ksft_true(hears_vlan(port, peer, 99), "frames of a VLAN of its own")
    own.delete()
    ksft_true(not hears_vlan(port, peer, 99), "frames of a VLAN that is no longer its own")
    lines = [f"link add link {{dev}} name v{n} type vlan id {n}" for n in range(2, MANY_VLANS)]
    port.ip(*lines, *[f"link set v{n} up" for n in range(2, MANY_VLANS)])
    port.ip(f"addr add 10.85.0.{port.number}/24 dev v{MANY_VLANS - 1}")
    peer.ip(
        f"link add link {{dev}} name vx type vlan id {MANY_VLANS - 1}",
        "link set vx up",
        f"addr add 10.85.0.{peer.number}/24 dev vx",
    )
    echo.first_answer(peer, f"10.85.0.{port.number}")
    peer.ip("link del vx")
    port.ip(*[f"link del v{n}" for n in range(2, MANY_VLANS)])


def hears_vlan(port: Port, peer: Port, vid: int) -> bool:
    """Whether the card lets a frame with a tag pass."""
    data = os.urandom(60)
    payload = vid.to_bytes(2, "big") + frames.EXPERIMENT.to_bytes(2, "big") + data
    with Sniffer(port, frames.ETH_P_ALL) as sniffer, Sniffer(peer) as sender:
        sender.send(port.mac, payload, frames.ETH_P_8021Q)
        return any(data in frame for frame in sniffer.until(sender.mark()))


def channels(driver: str) -> None:
    """Every number of queue pairs that the card offers, with traffic in several streams."""
    port, peer = setup(driver)
    shown = [line.split() for line in port.ethtool("-l").splitlines()]
    counts = [int(words[1]) for words in shown if words[:1] == ["Combined:"]]
    ksft_true(len(counts) == 2 and counts[0] >= counts[1] >= 1, f"channels {counts}")
    for count in {1, 2, counts[0]}:
        if count > counts[0]:
            continue
        port.ethtool("-L", "combined", str(count), check=False)
        port.wait_running()
        traffic.reach(port, peer)
        for family in (4, 6):
            traffic.tcp(peer, port, family=family)
            traffic.tcp(port, peer, family=family)
    said = port.ethtool("-L", "combined", str(counts[0] + 1), check=False)
    ksft_pr(f"too many: {said.strip() or 'refused'}")
    port.ethtool("-L", "combined", str(counts[1]), check=False)
    port.wait_running()
    traffic.reach(port, peer)


def moderation(driver: str) -> None:
    """`ethtool -C`, adaptive and not, by the register of the first queue pair."""
    port, peer = setup(driver)
    # C igb adapts by rx-usecs 1 and 3, and has no adaptive-rx.
    if driver == "igb":
        with ksft_raises(CommandError):
            port.ethtool("-C", "adaptive-rx", "on")
        return
    nic.moderation(port, peer, lambda: Registers(port.function).interval(PAIR_VECTOR))


def shared(function: Callable[[Port, Port], None]) -> Callable[[str], None]:
    """A case of rigbtest.nic on the PF."""

    def run_it(driver: str) -> None:
        function(*setup(driver))

    run_it.__name__ = function.__name__
    run_it.__doc__ = function.__doc__
    return run_it


CASES = [
    identity,
    *map(shared, (nic.raw_frames, nic.counters, nic.carrier, nic.multicast)),
    promiscuous, more_addresses, vlan_filter, channels, moderation,
    *map(shared, (nic.own_address, nic.rings, nic.offloads, nic.bad_checksums,
                  nic.many_fragments, nic.stacked_vlans, nic.longer_than_mtu, nic.mtu,
                  nic.jumbo_streams)),
]


def main() -> None:
    """All cases of a driver before the next."""
    ksft_run(
        [case(d, BENCH.case(function), function.__name__, d) for d in DRIVERS for function in CASES]
    )
    finish(BENCH)


if __name__ == "__main__":
    main()
