#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Devices and modules come and go, again and again, while frames are on their way.

Pairs are PF+VF drivers. The pair of C drivers is a control of the cases, with few rounds.
$RIGB_PAIRS takes the place of the list, $RIGB_ROUNDS that of the number of rounds. Those
after the tenth are for `make check-debug` and for a soak.
"""

import errno
import os

from rigbtest import traffic
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, VF_DRIVERS, chosen
from rigbtest.flood import Flood
from rigbtest.kselftest import KsftCaseFunction, KsftSkipEx, case, ksft_eq, ksft_gt, ksft_ne
from rigbtest.kselftest import ksft_run, ksft_true
from rigbtest.pci import Function

PAIRS = chosen("RIGB_PAIRS", "rigb+rigbvf igb+igbvf")
ROUNDS = int(os.environ.get("RIGB_ROUNDS", "10"))
CONTROL_ROUNDS = 3
MAX_VFS = 7
BROADCAST = "ff:ff:ff:ff:ff:ff"
# Rounds between two looks at whether traffic still flows.
CHECK_EVERY = 5

BENCH = Bench.find()


def setup(pair: str, vfs: int = 0) -> Bench:
    """The bench with the pair's drivers."""
    pf_driver, vf_driver = pair.split("+")
    if not (PF_DRIVERS[pf_driver].available() and VF_DRIVERS[vf_driver].available()):
        raise KsftSkipEx("not built: run make")
    BENCH.use(pf_driver, vf_driver, vfs)
    return BENCH


def rounds(bench: Bench) -> range:
    """How often to do it."""
    ours = bench.pf_driver.ours or bench.vf_driver.ours
    return range(ROUNDS if ours else min(ROUNDS, CONTROL_ROUNDS))


def talk(bench: Bench) -> None:
    """The PF, the wire and all VFs reach each other, and TCP carries data."""
    traffic.reach(bench.pf, bench.wire)
    for vf in bench.vfs:
        traffic.reach(vf, bench.pf, bench.wire)
    if bench.vfs:
        traffic.tcp(bench.vfs[-1], bench.wire, traffic.TCP_BYTES // 4)
    traffic.tcp(bench.wire, bench.pf, traffic.TCP_BYTES // 4)


# --- cases


def numvfs_on_off(pair: str) -> None:
    """VFs are enabled and disabled, with their driver, while PF and wire talk."""
    bench = setup(pair)
    bench.vf_driver.load()
    bench.pf.function.write("sriov_drivers_autoprobe", 1)
    changes = bench.pf.carrier_changes()
    with Flood(bench.wire, bench.pf.mac, BROADCAST) as flood, Flood(bench.pf, bench.wire.mac):
        for number in rounds(bench):
            count = number % MAX_VFS + 1
            bench.pf.function.set_numvfs(count)
            ksft_eq(bench.pf.function.numvfs, count)
            for index in range(count):
                bench.pf.function.vf(index).wait_netdev()
            bench.pf.function.set_numvfs(0)
            ksft_eq(bench.pf.function.numvfs, 0)
    ksft_gt(flood.sent, 0)
    if bench.pf_driver.ours:
        ksft_eq(bench.pf.carrier_changes(), changes, "the PF's link was interrupted")
    bench.pf.wait_running()
    bench.start_vfs(2)
    for vf in bench.vfs:
        vf.wait_running()
    talk(bench)
    bench.stop_vfs()


def numvfs_errors(pair: str) -> None:
    """What sriov_numvfs cannot do, it refuses, and leaves all as it was."""
    bench = setup(pair)
    function = bench.pf.function
    ksft_eq(int(function.read("sriov_totalvfs")), MAX_VFS)
    refused(function, MAX_VFS + 1, errno.ERANGE)
    bench.start_vfs(2)
    for vf in bench.vfs:
        vf.wait_running()
    for value in (MAX_VFS + 1, 65535):
        refused(function, value, errno.ERANGE)
    for wrong in (65536, -1, "many"):
        refused(function, wrong, errno.EINVAL)
    for value in (1, 3):
        refused(function, value, errno.EBUSY)
    function.set_numvfs(2)
    talk(bench)
    bench.stop_vfs()


def vf_driver_reload(pair: str) -> None:
    """The VF driver's module goes and comes, while frames arrive for it and leave it."""
    bench = setup(pair, 2)
    macs = [vf.mac for vf in bench.vfs]
    with Flood(bench.wire, BROADCAST, *macs), Flood(bench.pf, BROADCAST, *macs):
        for number in rounds(bench):
            with Flood(bench.vfs[0], bench.wire.mac, BROADCAST):
                bench.vf_driver.unload()
            bench.vf_driver.load()
            for vf in bench.vfs:
                vf.attach()
            if number % CHECK_EVERY == 0:
                bench.vfs[1].wait_running()
                traffic.reach(bench.vfs[1], bench.wire)
    for vf in bench.vfs:
        vf.wait_running()
    if bench.pf_driver.ours:
        ksft_eq([vf.mac for vf in bench.vfs], macs, "addresses changed")
    talk(bench)


def pf_driver_reload(pair: str) -> None:
    """The PF driver's module goes and comes, while frames arrive for it and leave it.

    C igb stays loaded, as it has the other card: its case unbinds and binds.
    """
    bench = setup(pair)
    pf, mac = bench.pf, bench.pf.mac
    with Flood(bench.wire, BROADCAST, mac):
        for number in rounds(bench):
            with Flood(pf, bench.wire.mac, BROADCAST):
                stop_pf(bench)
            start_pf(bench)
            ksft_eq(pf.mac, mac)
            if number % CHECK_EVERY == 0:
                pf.wait_running()
                traffic.reach(pf, bench.wire)
    pf.wait_running()
    talk(bench)


def vf_unbind_bind(pair: str) -> None:
    """One VF leaves its driver and returns; the other keeps working."""
    bench = setup(pair, 2)
    one, two = bench.vfs
    talk(bench)
    for _ in range(5):
        one.function.unbind()
        one.wait_gone()
        traffic.ping(two, bench.wire)
        one.function.bind(bench.vf_driver.name)
        one.attach()
        one.wait_running()
    talk(bench)


def vf_function_reset(pair: str) -> None:
    """A function level reset of a VF, by sysfs, under its driver; then without a driver."""
    bench = setup(pair, 2)
    talk(bench)
    for _ in range(5):
        with Flood(bench.vfs[0], bench.wire.mac), Flood(bench.wire, bench.vfs[0].mac):
            bench.vfs[0].function.reset()
        bench.vfs[0].wait_running()
        traffic.reach(bench.vfs[0], bench.wire, bench.pf)
    traffic.ping(bench.vfs[1], bench.wire)
    one = bench.vfs[0]
    one.function.unbind()
    one.wait_gone()
    one.function.reset()
    one.function.bind(bench.vf_driver.name)
    one.attach()
    one.wait_running()
    talk(bench)


def pf_function_reset(pair: str) -> None:
    """A function level reset of the PF, by sysfs: it and its VFs recover by themselves."""
    bench = setup(pair, 2)
    talk(bench)
    bench.pf.function.reset()
    bench.pf.wait_running()
    ksft_eq(bench.pf.function.numvfs, 2)
    talk(bench)


def pf_removed_with_vfs(pair: str) -> None:
    """The PF loses its driver while its VFs work; they go with it, and come back with it."""
    bench = setup(pair, 3)
    talk(bench)
    vfs = [vf.function for vf in bench.vfs]
    with Flood(bench.vfs[0], bench.wire.mac), Flood(bench.wire, BROADCAST, bench.vfs[1].mac):
        stop_pf(bench)
    ksft_true(not any(vf.exists() for vf in vfs), "VFs without a PF")
    start_pf(bench)
    bench.start_vfs(3)
    for port in bench.ports:
        port.wait_running()
    talk(bench)


def pf_unplugged_with_vfs(pair: str) -> None:
    """The PF's device is removed from its bus while its VFs work, and found again."""
    bench = setup(pair, 3)
    talk(bench)
    vfs = [vf.function for vf in bench.vfs]
    with Flood(bench.vfs[0], bench.wire.mac), Flood(bench.wire, BROADCAST, bench.vfs[1].mac):
        bench.pf.function.write("remove", 1)
    ksft_true(not any(vf.exists() for vf in vfs), "VFs without a PF")
    bench.vfs = []
    with open("/sys/bus/pci/rescan", "w", encoding="ascii") as file:
        file.write("1")
    start_pf(bench)
    bench.start_vfs(3)
    for port in bench.ports:
        port.wait_running()
    talk(bench)


def pf_interface_down(pair: str) -> None:
    """VFs work although the PF's interface has never been up, and while it goes down and up."""
    bench = setup(pair)
    stop_pf(bench)
    start_pf(bench, up=False)
    bench.start_vfs(2)
    for vf in bench.vfs:
        vf.wait_running()
        traffic.reach(vf, bench.wire)
    traffic.reach(bench.vfs[0], bench.vfs[1])
    traffic.tcp(bench.vfs[0], bench.wire)
    bench.pf.ip("link set {dev} up")
    bench.pf.wait_running()
    talk(bench)
    bench.pf.ip("link set {dev} down")
    traffic.tcp(bench.wire, bench.vfs[1])
    bench.dirty = True


def stable_addresses(pair: str) -> None:
    """The VFs' addresses are their own, and the same ones after everything has been reloaded."""
    bench = setup(pair)
    seen = []
    for _ in range(2):
        bench.start_vfs(MAX_VFS)
        # A driver whose PF was late at its probe has a random address until then.
        for vf in bench.vfs:
            vf.wait_running()
        seen.append([vf.mac for vf in bench.vfs])
        bench.stop_vfs()
        bench.vf_driver.unload()
        stop_pf(bench)
        start_pf(bench)
    all_of_them = [*seen[0], bench.pf.mac, bench.wire.mac]
    ksft_eq(len(set(all_of_them)), len(all_of_them), f"not unique: {all_of_them}")
    for mac in seen[0]:
        ksft_eq(int(mac[:2], 16) & 1, 0, "no unicast address")
        ksft_ne(mac, "00:00:00:00:00:00")
    if bench.pf_driver.ours:
        ksft_eq(seen[1], seen[0])


# --- helpers


def refused(function: Function, value: object, expected: int) -> None:
    """Writes to sriov_numvfs what it must refuse with this error."""
    before = function.numvfs
    try:
        function.write("sriov_numvfs", value)
    except OSError as error:
        ksft_eq(error.errno, expected, f"sriov_numvfs {value}: {error.strerror}")
    else:
        ksft_true(False, f"sriov_numvfs takes {value}")
    ksft_eq(function.numvfs, before)


def stop_pf(bench: Bench) -> None:
    """Takes the driver from the PF: a module of ours is unloaded, C igb is unbound."""
    if bench.pf_driver.ours:
        bench.pf_driver.unload()
    else:
        bench.pf.function.unbind()
    bench.vfs = []


def start_pf(bench: Bench, up: bool = True) -> None:
    """Gives the PF its driver again."""
    bench.pf_driver.load()
    bench.pf.function.bind(bench.pf_driver.name)
    bench.pf.attach(up)


CASES = (
    numvfs_on_off, numvfs_errors, vf_driver_reload, vf_unbind_bind, vf_function_reset,
    pf_removed_with_vfs, pf_unplugged_with_vfs, pf_driver_reload, stable_addresses,
)
# C igb has no handlers for a reset from outside, and its VFs need the PF's interface.
RIGB_CASES = (pf_function_reset, pf_interface_down)


def cases(pair: str) -> list[KsftCaseFunction]:
    """The cases of a pair."""
    ours = PF_DRIVERS[pair.split("+", maxsplit=1)[0]].ours
    functions = CASES + RIGB_CASES if ours else CASES
    return [case(pair, BENCH.case(function), function.__name__, pair) for function in functions]


def main() -> None:
    """All cases of a pair before the next pair."""
    ksft_run([each for pair in PAIRS for each in cases(pair)])
    finish(BENCH)


if __name__ == "__main__":
    main()
