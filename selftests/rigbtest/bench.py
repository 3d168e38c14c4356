# SPDX-License-Identifier: GPL-2.0
"""The test bench: a card under test with its VFs, and a second card on its wire.

The second card ("the wire") is always driven by C igb, so all that passes it is interop.
Tests say with `Bench.use` what they want; what is there already stays as it is, and what a
failed test leaves behind is taken down.
"""

import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from io import RawIOBase
from typing import ParamSpec

from . import igbvf, kselftest
from .driver import PF_DRIVERS, VF_DRIVERS, Driver
from .kselftest import ksft_pr
from .pci import PF_IDS, Function, functions
from .port import Port
from .tracing import FailedPosts

P = ParamSpec("P")

WIRE_DRIVER = PF_DRIVERS["igb"]
# What `Bench.drivers` is while nothing is in use.
NONE = ("", "")
# How a VF is as long as nobody sets it up.
VF_DEFAULTS = (
    "mac 00:00:00:00:00:00", "vlan 0", "spoofchk on", "trust off", "state auto", "max_tx_rate 0",
)
# Lines of the kernel log that are shown with a failed case.
LOG_LINES = 40
# How often a case is tried again in which C igbvf has given its PF up.
AGAIN = 2


class Bench:
    """The cards, and what of them is in use now."""

    def __init__(self, pf: Function, wire: Function | None):
        self.pf = Port(pf, "pf", 1)
        self.wire_port = Port(wire, "wire", 2) if wire else None
        self.vfs: list[Port] = []
        # Of the PF and of the VFs.
        self.drivers = NONE
        self.dirty = True
        self._before = {f: f.driver for f in (pf, wire) if f}
        self._failed_posts = FailedPosts() if FailedPosts.available() else None
        if self._failed_posts:
            self._failed_posts.__enter__()

    @classmethod
    def find(cls) -> "Bench":
        """The cards of this machine: $RIGB_PF and $RIGB_WIRE, or the first two 82576 ports.

        Ends the program as skipped where there is no card that may be used.
        """
        if os.geteuid():
            kselftest.skip_all("needs root")
        found = functions(PF_IDS)
        pf, wire = os.environ.get("RIGB_PF"), os.environ.get("RIGB_WIRE")
        if pf:
            named = [Function(address) for address in (pf, wire) if address]
            if missing := [f.address for f in named if f not in found]:
                kselftest.skip_all(f"{missing[0]} is no port of an 82576")
            return cls(named[0], named[1] if wire else None)
        free = [function for function in found if not _in_use(function)]
        if not free:
            why = "no 82576 card (8086:10c9)"
            if found:
                why = "all ports are in use: name the one to test, RIGB_PF=0000:01:00.0"
            kselftest.skip_all(why)
        return cls(free[0], free[1] if len(free) > 1 else None)

    @property
    def wire(self) -> Port:
        """The other card's port; the case is skipped where there is none."""
        if not self.wire_port:
            raise kselftest.KsftSkipEx("no second port on the wire: name it with RIGB_WIRE")
        return self.wire_port

    @property
    def ports(self) -> list[Port]:
        """All ports there are."""
        return [self.pf, *([self.wire_port] if self.wire_port else []), *self.vfs]

    @property
    def pf_driver(self) -> Driver:
        """The driver of the PF in use."""
        return PF_DRIVERS[self.drivers[0]]

    @property
    def vf_driver(self) -> Driver:
        """The driver of the VFs in use."""
        return VF_DRIVERS[self.drivers[1]]

    def use(self, pf_driver: str, vf_driver: str = "", vfs: int = 0) -> None:
        """Sees to it that these drivers have the PF and `vfs` VFs, all ports up and running.

        With VFs but without a `vf_driver`, the VFs stay without a driver.
        """
        wanted = (pf_driver, vf_driver)
        if not self.dirty and self.drivers == wanted and len(self.vfs) == vfs:
            return
        self.down()
        self.drivers = wanted
        self._start_pf()
        if vfs:
            self.start_vfs(vfs)
        for port in self.ports:
            if port.function.driver:
                port.wait_running()
        self.dirty = False

    def _start_pf(self) -> None:
        self.pf.function.write("driver_override", self.drivers[0])
        if self.wire_port:
            self.wire_port.function.write("driver_override", WIRE_DRIVER.name)
            WIRE_DRIVER.load()
            self.wire_port.function.bind(WIRE_DRIVER.name)
        self.pf_driver.load()
        self.pf.function.bind(self.drivers[0])
        for port in self.ports:
            port.attach()

    def start_vfs(self, count: int) -> None:
        """Enables VFs, and gives them to their driver."""
        driver = VF_DRIVERS.get(self.drivers[1])
        if driver:
            driver.load()
        self.pf.function.write("sriov_drivers_autoprobe", int(bool(driver)))
        self.pf.function.set_numvfs(count)
        self.find_vfs(count)
        if self.pf_driver.ours:
            self.forget_settings()
        if driver:
            for port in self.vfs:
                port.attach()

    def forget_settings(self) -> None:
        """Makes the VFs as if new: rigb keeps what was set while there were none."""
        lines = [
            f"link set {{dev}} vf {number} {words}"
            for number in range(len(self.vfs))
            for words in VF_DEFAULTS
        ]
        self.pf.ip(*lines)

    def find_vfs(self, count: int) -> None:
        """Makes ports of the VFs that are enabled."""
        self.vfs = [Port(self.pf.function.vf(i), f"vf{i}", 10 + i) for i in range(count)]

    def stop_vfs(self) -> None:
        """Disables the VFs."""
        self.pf.function.set_numvfs(0)
        for port in self.vfs:
            port.detach()
        self.vfs = []

    def down(self) -> None:
        """Takes all down: VFs, namespaces, drivers. Nothing of it may fail."""
        function = self.pf.function
        if function.driver and function.numvfs:
            function.set_numvfs(0)
        for driver in VF_DRIVERS.values():
            if not driver.bound():
                driver.unload()
        # Also ports that an earlier run, or a case that made its own, left behind.
        for label in [f"vf{i}" for i in range(8)]:
            Port(function, label, 0).detach()
        for port in (self.pf, self.wire_port):
            if port:
                port.detach()
        function.unbind()
        for driver in PF_DRIVERS.values():
            if driver.ours and not driver.bound():
                driver.unload()
        self.vfs, self.drivers, self.dirty = [], NONE, True

    def close(self) -> None:
        """Takes all down, and gives the cards back to the drivers they had."""
        self.down()
        for function, driver in self._before.items():
            if driver:
                function.bind(driver)
            else:
                function.unbind()
            function.write("driver_override", "\n")
        if self._failed_posts:
            self._failed_posts.__exit__()

    def case(self, function: Callable[P, object]) -> Callable[P, None]:
        """Wraps a case: a failure shows the kernel's log of it, and lets the next start anew.

        One in which C igbvf had no answer in time is tried again, for the answer is what it depends on:
        see Documentation/limits.rst.
        """

        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
            for last in (False,) * AGAIN + (True,):
                if self._failed_posts:
                    self._failed_posts.begin()
                try:
                    self._run(function, *args, **kwargs)
                    if case_passed() or last or not self._gave_up(function.__name__):
                        return
                except (kselftest.KsftSkipEx, igbvf.GivenUpError):
                    raise
                except Exception:
                    if last or not self._gave_up(function.__name__):
                        raise
                    ksft_pr(traceback.format_exc(), line_pfx="tried again|")
                forgive()

        return wrapper

    def _gave_up(self, case: str) -> bool:
        """Whether C igbvf may have given its PF up in a case. Counts that."""
        if not self._failed_posts or not self._failed_posts.recent():
            return False
        igbvf.helped(f"{case} is tried again")
        return True

    def _run(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        with open("/dev/kmsg", "r+b", buffering=0) as kmsg:
            os.set_blocking(kmsg.fileno(), False)
            kmsg.seek(0, os.SEEK_END)
            kmsg.write(f"selftest: {function.__name__} {args}\n".encode())
            good = False
            try:
                function(*args, **kwargs)
                good = case_passed()
            except kselftest.KsftSkipEx:
                good = True
                raise
            finally:
                if not good:
                    self.dirty = True
                    _show_log(kmsg)


def case_passed() -> bool:
    """Whether no assertion of the case that runs has failed so far."""
    return bool(kselftest.ksft.KSFT_RESULT)


def forgive() -> None:
    """What the running case has failed so far does not count: it is tried again."""
    kselftest.ksft.KSFT_RESULT = True


def _show_log(kmsg: RawIOBase) -> None:
    lines = []
    while True:
        try:
            record = kmsg.read(8192)
        except BrokenPipeError:
            # Overwritten before it was read.
            continue
        if not record:
            break
        text = record.decode(errors="replace").partition(";")[2]
        lines.append(text.splitlines()[0])
    for line in lines[-LOG_LINES:]:
        ksft_pr(line, line_pfx="kernel|")


def _in_use(function: Function) -> bool:
    """Whether the machine uses the port: its interface is up, or its VFs have drivers."""
    name = function.netdev()
    if not name:
        return False
    with open(f"/sys/class/net/{name}/flags", encoding="ascii") as file:
        return bool(int(file.read(), 16) & 1)


def finish(bench: Bench) -> None:
    """Ends a test program, with the cards as they were."""
    try:
        bench.close()
    # The cases have their results; what cannot be taken down is one of its own.
    except Exception:  # noqa: BLE001 (whatever it is)
        ksft_pr(traceback.format_exc(), line_pfx="close|")
        sys.exit(1)
    kselftest.ksft_exit()

