#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Every allocation of a driver fails once: no crash, no leak, and all works afterwards.

Each step is repeated with the first, second, ... allocation that the driver makes in it, or that
a function makes which the driver calls, failing, until there are no more. It
needs a kernel with failslab, fail_page_alloc and kmemleak: `make check-debug`.
"""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from rigbtest import fault, kselftest, traffic, wait
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, VF_DRIVERS, Driver
from rigbtest.kselftest import KsftSkipEx, ksft_eq, ksft_gt, ksft_lt, ksft_pr, ksft_run, ksft_true
from rigbtest.leaks import Leaks
from rigbtest.pci import SYSFS, Function
from rigbtest.port import Port

BENCH = Bench.find()
LEAKS = Leaks()
PF_DRIVER = os.environ.get("RIGB_FAULT_PF", "rigb")
VF_DRIVER = os.environ.get("RIGB_FAULT_VF", "rigbvf")
# No step of a driver has so many allocations: it would not come to an end.
MOST = 5000

SIOCSIFFLAGS = 0x8914
SIOCETHTOOL = 0x8946
ETHTOOL_SRINGPARAM = 0x11
ETHTOOL_TEST = 0x1A
ETH_TEST_FL_OFFLINE = 1
SIOCGIFFLAGS = 0x8913
# Few, since each of their buffers is an allocation.
SHORT_RING = 64
IFF_UP = 1
# To open the rings: five a second.
ATTEMPTS = 40


def setup(vfs: int = 0) -> Bench:
    """The bench; VFs without their driver."""
    if not (PF_DRIVERS[PF_DRIVER].available() and VF_DRIVERS[VF_DRIVER].available()):
        raise KsftSkipEx("not built: run make")
    BENCH.use(PF_DRIVER, "", vfs)
    return BENCH


def each_fault(
    driver: str,
    name: str,
    action: Callable[[], None],
    undo: Callable[[], None],
    never_in: tuple[str, str] = fault.DMA_DEBUG,
) -> None:
    """Fails each allocation that the driver makes in `action` once; `undo` brings back what was."""
    fault.only_in(driver, never_in)
    refused = 0
    for nth in range(1, MOST):
        injected, error = fault.inject(nth, action)
        if not injected:
            ksft_true(error is None, f"{name} without a fault: {error}")
            ksft_pr(f"{name}: {nth - 1} allocations failed, {refused} made it fail")
            ksft_gt(nth, 1, "nothing was allocated")
            return
        refused += error is not None
        undo()
    ksft_true(False, f"{name} has no end")


def writer(path: Path, text: object) -> Callable[[], None]:
    """One write(2) of a file, with nothing around it."""
    data = str(text).encode()

    def action() -> None:
        file = os.open(path, os.O_WRONLY)
        try:
            os.write(file, data)
        finally:
            os.close(file)

    return action


def probe(function: Function, driver: Driver) -> None:
    """The driver's probe of a function."""
    driver.load()
    function.unbind()
    function.write("driver_override", driver.name)
    bind = writer(SYSFS / "drivers" / driver.name / "bind", function.address)

    def undo() -> None:
        if function.driver:
            function.write("driver/unbind", function.address)

    each_fault(driver.name, f"probe by {driver.name}", bind, undo)
    ksft_eq(function.driver, driver.name)


def interface(function: Function) -> tuple[Callable[[int], None], Callable[[int], None]]:
    """Two ioctls on a function's interface: its flags and the length of its rings."""
    name = function.wait_netdev().encode()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def flags(value: int) -> None:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH22x", name, value))

    def rings(length: int) -> None:
        wanted = ctypes.create_string_buffer(
            struct.pack("9I", ETHTOOL_SRINGPARAM, 0, 0, 0, 0, length, 0, 0, length)
        )
        fcntl.ioctl(sock, SIOCETHTOOL, struct.pack("16sP16x", name, ctypes.addressof(wanted)))

    return flags, rings


def self_test(port: Port) -> Callable[[], None]:
    """The offline test, of which a reset of the port by its driver is a part."""
    with port.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    name = port.name.encode()

    def action() -> None:
        # Three results follow.
        head = struct.pack("4I", ETHTOOL_TEST, ETH_TEST_FL_OFFLINE, 0, 3)
        wanted = ctypes.create_string_buffer(head + bytes(24))
        fcntl.ioctl(sock, SIOCETHTOOL, struct.pack("16sP16x", name, ctypes.addressof(wanted)))

    return action


def still_open(port: Port) -> Callable[[], None]:
    """Looks whether the interface is."""
    with port.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    request = struct.pack("16s24x", port.name.encode())

    def look() -> None:
        flags = fcntl.ioctl(sock, SIOCGIFFLAGS, request)
        ksft_true(flags[16] & IFF_UP, f"{port.label} stays open")

    return look


def open_and_resize(driver: str, function: Function) -> None:
    """Open, and a change of the rings while open."""
    flags, rings = interface(function)
    each_fault(driver, "open", lambda: flags(IFF_UP), lambda: flags(0))
    flags(IFF_UP)

    def undo() -> None:
        flags(IFF_UP)
        rings(256)

    each_fault(driver, "other rings", lambda: rings(128), undo)
    rings(256)
    flags(0)


# --- cases


def pf_probe() -> None:
    """The PF driver's probe."""
    bench = setup()
    probe(bench.pf.function, bench.pf_driver)
    bench.pf.attach()
    bench.pf.wait_running()
    traffic.reach(bench.pf, bench.wire)


def pf_open() -> None:
    """The PF's interface."""
    bench = setup()
    bench.pf.detach()
    open_and_resize(PF_DRIVER, bench.pf.function)
    bench.pf.attach()
    bench.pf.wait_running()
    traffic.reach(bench.pf, bench.wire)


def enable_vfs() -> None:
    """sriov_numvfs; the VFs stay without a driver.

    The interface is down: then nothing is mapped for DMA, whose debugging can be kept from failing
    or `NEW_VF`, not both. What making rings anew does is seen in `pf_open`.
    """
    bench = setup()
    bench.dirty = True
    bench.pf.ip("link set {dev} down")
    function = bench.pf.function
    function.write("sriov_drivers_autoprobe", 0)

    def undo() -> None:
        if function.numvfs:
            function.set_numvfs(0)

    write = writer(function.path / "sriov_numvfs", 2)
    each_fault(PF_DRIVER, "sriov_numvfs", write, undo, fault.NEW_VF)
    ksft_eq(function.numvfs, 2)
    function.set_numvfs(0)


def vf_probe() -> None:
    """The VF driver's probe."""
    bench = setup(2)
    for vf in bench.vfs:
        probe(vf.function, VF_DRIVERS[VF_DRIVER])
        vf.attach()
        vf.wait_running()
        traffic.reach(vf, bench.pf, bench.wire)
    bench.dirty = True


def vf_open() -> None:
    """A VF's interface."""
    bench = setup(1)
    VF_DRIVERS[VF_DRIVER].load()
    vf = bench.vfs[0]
    vf.function.bind(VF_DRIVER)
    open_and_resize(VF_DRIVER, vf.function)
    vf.attach()
    vf.wait_running()
    traffic.reach(vf, bench.pf, bench.wire)
    bench.dirty = True


def resets(driver: str, port: Port) -> None:
    """Resets of a running port keep its interface, and end with traffic."""
    port.ethtool("-G", "rx", str(SHORT_RING), "tx", str(SHORT_RING))
    port.wait_running()
    look = still_open(port)
    if driver == PF_DRIVER:
        each_fault(driver, "a reset by the driver", self_test(port), look)
    port.wait_running()
    function_reset = writer(port.function.path / "reset", 1)
    each_fault(driver, "a function level reset", function_reset, look)
    port.wait_running()
    traffic.reach(port, BENCH.wire)
    BENCH.dirty = True


def pf_reset() -> None:
    """Resets of the PF."""
    bench = setup()
    bench.pf.function.write("reset_method", "flr")
    resets(PF_DRIVER, bench.pf)


def vf_reset() -> None:
    """Resets of a VF. What recovers it is work of its own; what is made for it is made before."""
    BENCH.use(PF_DRIVER, VF_DRIVER, 1)
    vf = BENCH.vfs[0]
    vf.function.write("reset_method", "flr")
    resets(VF_DRIVER, vf)


def vf_rings() -> None:
    """Rings that a VF cannot open are tried again, until there is memory; its PF, whom another handshake
    costs something and who counts them, is not asked for that."""
    BENCH.use(PF_DRIVER, VF_DRIVER, 1)
    vf, before = BENCH.vfs[0], BENCH.pf.ethtool_stats()
    fault.only_in(VF_DRIVER)
    with fault.short_of_rings(ATTEMPTS) as lacking:
        BENCH.pf.ethtool("-t", "offline", check=False)
        wait.until(lambda: not lacking(), "attempts to open the rings")
    vf.wait_running()
    traffic.reach(vf, BENCH.pf, BENCH.wire)
    after = BENCH.pf.ethtool_stats()
    ksft_eq(after["vf0_quarantines"], before["vf0_quarantines"])
    # What the PF's reset takes.
    ksft_lt(after["vf0_resets"] - before["vf0_resets"], ATTEMPTS // 2)


def no_leak() -> None:
    """With all drivers gone, nothing of what they allocated is left."""
    BENCH.down()
    ksft_eq(LEAKS.memory(), "", "kmemleak")
    ksft_eq(LEAKS.dma_errors(), 0, "errors in the use of the DMA API")


def main() -> None:
    """The cases in their order; the search for leaks comes last."""
    if not (fault.available() and Leaks.available()):
        kselftest.skip_all("needs failslab, fail_page_alloc, kmemleak, DMA_API_DEBUG: the debug kernel")
    fault.prepare()
    cases = [pf_probe, pf_open, pf_reset, enable_vfs, vf_probe, vf_open, vf_reset, vf_rings]
    ksft_run([*(BENCH.case(function) for function in cases), no_leak])
    finish(BENCH)


if __name__ == "__main__":
    main()
