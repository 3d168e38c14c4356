# SPDX-License-Identifier: GPL-2.0
"""The bench of ports with guests on it, each of which holds a VF.

As `Bench.use` does for ports, `Scene.use` says what a case wants; what is there already
stays, and what a failed case leaves behind is taken down.
"""

from collections.abc import Callable
from functools import wraps
from typing import Generic, ParamSpec, Protocol, TypeVar

from .agent import GuestError
from .bench import NONE, Bench, case_passed, forgive
from .driver import CommandError
from .ends import End, Local
from .guest import LOST_TRIES, Guest
from .kselftest import KsftSkipEx, ksft_pr
from .pci import Function
from .wait import Timeout

FIRST_NUMBER = 20
# Repetitions of cases in one run because the emulation below the guests has failed.
MAX_RETRIES = 5
# Boots that were tried again in one run, of the dozens that there are.
MAX_REBOOTS = 6


P = ParamSpec("P")
G = TypeVar("G", bound=Guest)
G_co = TypeVar("G_co", bound=Guest, covariant=True)


class Platform(Protocol[G_co]):
    """What makes guests, and gives VFs to them: kvm.Kvm or xen.Xen."""

    name: str
    # How often a boot is tried at the most.
    boot_tries: int

    def load(self) -> None:
        """Makes the host ready for guests."""

    def assign(self, function: Function, number: int, /) -> None:
        """Makes VF `number` ready for guests."""

    def release(self, function: Function) -> None:
        """The reverse."""

    def label(self, number: int) -> str:
        """What a guest is called."""

    def guest(self, label: str, number: int, functions: list[Function]) -> G_co:
        """A guest that is not started."""


class Scene(Generic[G]):
    """The host's ports, and the guests in use now."""

    def __init__(self, bench: Bench, platform: Platform[G]):
        self.bench = bench
        self.platform = platform
        self.guests: list[G] = []
        self.drivers = NONE
        self.retries = 0
        self.reboots = 0
        self.dirty = True
        # Whether guests are there, and have no VF.
        self.vacant = False

    @classmethod
    def find(cls, platform: Platform[G]) -> "Scene[G]":
        """The cards of this machine, which must be able to run guests."""
        scene = cls(Bench.find(), platform)
        try:
            platform.load()
        except (CommandError, GuestError) as error:
            raise SystemExit(f"# {error}\nnot ok 1 {platform.name} can have guests") from error
        return scene

    def ends(self) -> dict[str, End]:
        """The ends of traffic by name: guests, `pf` and `wire`."""
        found: dict[str, End] = {guest.label: guest for guest in self.guests}
        return found | {"pf": Local(self.bench.pf), "wire": Local(self.bench.wire)}

    def use(self, pf_driver: str, vf_driver: str, count: int = 2) -> None:
        """Sees to it that `count` guests run, each with a VF that has its driver and link."""
        usable = len(self.guests) == count and not self.dirty
        if usable and vf_driver and self.drivers[0] == pf_driver:
            self.dirty = True
            self._supply(pf_driver)
            self._change_vf_driver(vf_driver)
        else:
            self.down()
            self.start(pf_driver, vf_driver, count)
        self.drivers = (pf_driver, vf_driver)
        self.dirty = False

    def use_pair(self, pair: str) -> None:
        """The same with two guests, for drivers of PF and VFs by one name: `rigb+igbvf`."""
        pf_driver, vf_driver = pair.split("+")
        self.use(pf_driver, vf_driver)

    def vacate(self) -> None:
        """Takes their VFs from the guests, which get others with the next `use`: they live on, as
        one boots for half a minute."""
        if self.dirty:
            return
        self.dirty = True
        for guest in self.guests:
            if guest.running():
                guest.empty()
        self._release()
        self.vacant = True
        self.dirty = False

    def _supply(self, pf_driver: str) -> None:
        """Gives VFs to guests that have none, and starts others in the place of those that ended."""
        if self.vacant:
            self.host(pf_driver, len(self.guests))
        ended = [number for number, guest in enumerate(self.guests) if not guest.running()]
        for number in ended:
            self.guests[number] = self.new_guest(number, [self.vf(number)])
        self.boot(*(self.guests[number] for number in ended))
        for number, guest in enumerate(self.guests):
            if self.vacant and number not in ended:
                guest.functions = [self.vf(number)]
                guest.unload()
                guest.plug(self.vf(number), "vf0", "slot0")
        self.vacant = False

    def _change_vf_driver(self, vf_driver: str) -> None:
        """Loads another driver in the guests, if they have not this one."""
        for guest in self.guests:
            if guest.driver != vf_driver:
                guest.change(vf_driver)

    def start(self, pf_driver: str, vf_driver: str, count: int) -> None:
        """Boots `count` guests with a VF each; an empty `vf_driver` is not loaded."""
        self.host(pf_driver, count)
        self.guests = [self.new_guest(n, [self.vf(n)]) for n in range(count)]
        self.boot(*self.guests)
        for guest in self.guests:
            if vf_driver:
                guest.up(vf_driver)

    def host(self, pf_driver: str, vfs: int) -> None:
        """PF up, and `vfs` VFs ready for guests."""
        self.bench.use(pf_driver, "", vfs)
        for number in range(vfs):
            self.platform.assign(self.vf(number), number)

    def vf(self, number: int) -> Function:
        """The host's view of a VF."""
        return self.bench.vfs[number].function

    def new_guest(self, number: int, functions: list[Function]) -> G:
        """A guest that is not started yet."""
        label = self.platform.label(number)
        return self.platform.guest(label, FIRST_NUMBER + number, functions)

    def boot(self, *guests: Guest) -> None:
        """Starts guests at the same time; tries again where the emulator is known to hang, and where a
        guest has lost a device."""
        for guest in guests:
            guest.start()
        for guest in guests:
            self._wait_boot(guest, 1)
            for _ in range(LOST_TRIES):
                if not (fault := guest.lost_device()):
                    break
                boots = len(guest.agent.boots)
                self._start_again(guest, "has lost a device at boot", fault)
                self._wait_boot(guest, boots + 1)

    def _wait_boot(self, guest: Guest, count: int) -> None:
        for attempt in range(1, self.platform.boot_tries + 1):
            try:
                guest.wait_boot_patiently(count)
                return
            except Timeout:
                fault = guest.emulator_fault() or "unexplained"
                for line in guest.stuck().splitlines():
                    ksft_pr(line, line_pfx=f"{guest.label}|")
                if attempt == self.platform.boot_tries or self.reboots >= MAX_REBOOTS:
                    raise
                self.reboots += 1
            self._start_again(guest, "hangs at boot", f"{fault}, {self.reboots}")

    def _start_again(self, guest: Guest, what: str, fault: str) -> None:
        ksft_pr(f"{guest.label} {what} on {self.platform.name} ({fault}): again")
        guest.kill()
        guest.start()

    def report(self) -> None:
        """Says what was tried again in this run."""
        ksft_pr(f"tried again: {self.reboots} boots, {self.retries} cases")

    def down(self) -> None:
        """Ends all guests, and gives their VFs back."""
        for guest in self.guests:
            guest.stop()
        self.guests = []
        self.drivers = NONE
        self._release()
        self.vacant = False
        self.dirty = True

    def _release(self) -> None:
        """Gives the VFs that there are back to the host."""
        for port in self.bench.vfs:
            if port.function.exists():
                self.platform.release(port.function)

    def case(self, function: Callable[P, object]) -> Callable[P, None]:
        """Wraps a case: after a failure the next starts anew, and the guests' consoles show.

        A case that met a fault of the emulation is tried again, a few times in all of a run: also where
        nothing but a check has failed, as a guest that panics starts anew by itself.
        """

        @wraps(function)
        def attempt(*args: P.args, **kwargs: P.kwargs) -> None:
            while True:
                try:
                    function(*args, **kwargs)
                except KsftSkipEx:
                    raise
                # Anything may follow from a broken guest.
                except Exception as error:
                    if not self._emulator_failed(function.__name__, str(error)):
                        raise
                else:
                    if case_passed() or not self._emulator_failed(function.__name__, "a check failed"):
                        return
                self._spoil()
                forgive()

        inner = self.bench.case(attempt)

        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
            good = False
            try:
                inner(*args, **kwargs)
                good = case_passed()
            finally:
                if not good:
                    self._spoil()
                    self._show_guests()

        return wrapper

    def _emulator_failed(self, name: str, error: str) -> bool:
        faults = [guest.emulator_fault() for guest in self.guests]
        if not any(faults) or self.retries >= MAX_RETRIES:
            return False
        self.retries += 1
        ksft_pr(f"{name}: {error}")
        ksft_pr(f"{name}: the emulation has failed ({max(faults)}): retry {self.retries}")
        return True

    def _spoil(self) -> None:
        """Nothing of what is there is used again: guests, and what was made of the host's ports."""
        self.dirty = self.bench.dirty = True
        for guest in self.guests:
            guest.sound = False

    def _show_guests(self) -> None:
        for guest in self.guests:
            try:
                lines = guest.console_text().splitlines()[-15:] + guest.stuck().splitlines()
            except (GuestError, OSError) as error:
                lines = [str(error)]
            for line in lines:
                ksft_pr(line, line_pfx=f"{guest.label}|")
