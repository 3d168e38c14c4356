#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Errors on the bus (AER), resets of PF and VF side by side, and a host that does not get to sleep: what
guests' VFs are set to stays.

VF 0 is a guest's: a program has it open through VFIO, with bus mastering and MSI-X on. VF 1 is the
host's.
"""

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

from rigbtest import aer, traffic, vfio
from rigbtest.bench import Bench, finish
from rigbtest.driver import Driver
from rigbtest.kselftest import case, ksft_eq, ksft_gt, ksft_pr, ksft_raises, ksft_run
from rigbtest.kselftest import ksft_true, skip_all
from rigbtest.pci import COMMAND, Function
from rigbtest.vfio import VfioMailbox

BENCH = Bench.find()
MASTER = 1 << 2
CAPABILITIES, MSIX = 0x34, 0x11
MSIX_ENABLE = 1 << 15
RESETS = 10
SLEEP, SIDE_BY_SIDE = Path("/sys/power/state"), Path("/sys/power/pm_async")


def prepare() -> VfioMailbox:
    """Two VFs, the first open; its interrupts have somebody who listens."""
    vfio.load()
    BENCH.use("rigb", "rigbvf", 2)
    BENCH.dirty = True
    port = BENCH.vfs[0]
    port.detach()
    port.function.bind(vfio.DRIVER.name)
    box = VfioMailbox(port.function)
    box.listen()
    return box


def config(function: Function, place: int) -> int:
    """Two bytes of the configuration space, as the device has them now."""
    file = os.open(function.path / "config", os.O_RDONLY)
    try:
        return int.from_bytes(os.pread(file, 2, place), "little")
    finally:
        os.close(file)


def settings(function: Function) -> tuple[bool, bool]:
    """Whether the function has bus mastering and MSI-X on."""
    place = config(function, CAPABILITIES) & 0xFC
    while place and config(function, place) & 0xFF != MSIX:
        place = config(function, place) >> 8 & 0xFC
    control = config(function, place + 2)
    return bool(config(function, COMMAND) & MASTER), bool(control & MSIX_ENABLE)


def talk() -> None:
    """PF, wire and the host's VF reach each other."""
    BENCH.pf.wait_running()
    traffic.reach(BENCH.pf, BENCH.wire)
    traffic.reach(BENCH.vfs[1], BENCH.pf, BENCH.wire)


def fatal() -> None:
    """The bus is reset. PF and VF of the host come back, and a guest's VF is what it was."""
    aer.load()
    with prepare() as box:
        talk()
        ksft_eq(settings(box.function), (True, True), "at first")
        for name in ("PF", "VF"):
            source = BENCH.pf.function if name == "PF" else BENCH.vfs[1].function
            ksft_true(aer.inject(source, aer.MALFORMED_TLP), f"recovery from an error of the {name}")
            ksft_eq(settings(box.function), (True, True), f"after an error of the {name}")
            talk()
            ksft_true(box.reset(), "the guest's VF has its PF")


def not_fatal() -> None:
    """An error that stops nothing resets nothing."""
    aer.load()
    with prepare() as box:
        talk()
        changes = [port.carrier_changes() for port in (BENCH.pf, BENCH.vfs[1])]
        for source in (BENCH.pf.function, BENCH.vfs[1].function):
            ksft_true(aer.inject(source, aer.COMPLETION_TIMEOUT), "recovery")
        ksft_eq([port.carrier_changes() for port in (BENCH.pf, BENCH.vfs[1])], changes)
        ksft_eq(settings(box.function), (True, True))
        talk()


def no_driver() -> None:
    """The kernel gives up recovery for a VF that has no driver. All that has one goes on."""
    aer.load()
    BENCH.use("rigb", "rigbvf", 2)
    BENCH.dirty = True
    port = BENCH.vfs[0]
    port.detach()
    port.function.unbind()
    talk()
    for error in (aer.COMPLETION_TIMEOUT, aer.MALFORMED_TLP, aer.MALFORMED_TLP, aer.COMPLETION_TIMEOUT):
        ksft_true(not aer.inject(BENCH.pf.function, error), "recovery has failed")
        talk()
    port.function.bind("rigbvf")
    port.attach()
    port.wait_running()
    traffic.reach(port, BENCH.vfs[1], BENCH.pf, BENCH.wire)


def resets_side_by_side() -> None:
    """A VMM resets its VF while the host resets the PF: one after the other."""
    with prepare() as box:
        done = threading.Event()
        made, refused = 0, 0

        def guest() -> None:
            nonlocal made, refused
            while not done.is_set():
                try:
                    fcntl.ioctl(box.device, vfio.RESET)
                    made += 1
                except BlockingIOError:
                    refused += 1

        thread = threading.Thread(target=guest)
        thread.start()
        try:
            for _ in range(RESETS):
                BENCH.pf.function.reset()
        finally:
            done.set()
            thread.join()
        ksft_pr(f"{made} resets of the VF, {refused} had to be asked for again")
        ksft_eq(settings(box.function), (True, True))
        talk()


def sleep_given_up() -> None:
    """The host is to sleep, but a device refuses: what was stopped before that goes on.

    Devices are stopped one by one, the last that came first. So the PF comes again after the one that
    refuses: nothing of the machine itself is stopped. The test VM's folders would not survive it (9p).
    """
    refusal = Driver("no_sleep", "selftests/modules/no_sleep.ko")
    refusal.load()
    BENCH.down()
    BENCH.pf.function.write("remove", 1)
    Path("/sys/bus/pci/rescan").write_text("1", encoding="ascii")
    side_by_side = SIDE_BY_SIDE.read_text(encoding="ascii")
    SIDE_BY_SIDE.write_text("0", encoding="ascii")
    try:
        with prepare() as box:
            talk()
            changes = [port.carrier_changes() for port in (BENCH.pf, BENCH.vfs[1])]
            with ksft_raises(OSError) as refused:
                SLEEP.write_text("freeze", encoding="ascii")
            ksft_eq(refused.exception.errno, errno.EBUSY)
            talk()
            for port, before in zip((BENCH.pf, BENCH.vfs[1]), changes, strict=True):
                ksft_gt(port.carrier_changes(), before, f"{port.label} was stopped")
            ksft_eq(settings(box.function), (True, True))
            ksft_true(box.reset(), "the guest's VF has its PF")
    finally:
        SIDE_BY_SIDE.write_text(side_by_side, encoding="ascii")
        refusal.unload()


CASES: list[Callable[[], None]] = [fatal, not_fatal, no_driver, resets_side_by_side]
# The debug kernel is built without sleep.
if SLEEP.exists():
    CASES.append(sleep_given_up)


def main() -> None:
    """All cases."""
    if why := vfio.available():
        skip_all(why)
    ksft_run([case(f.__name__, BENCH.case(f), "rigb") for f in CASES])
    finish(BENCH)


if __name__ == "__main__":
    main()
