# SPDX-License-Identifier: GPL-2.0
"""A guest that holds a VF, whatever runs it: KVM's and Xen's add how it is made."""

import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path

from vm import nested

from . import igbvf
from .agent import Agent, Answer, GuestError
from .driver import VF_DRIVERS, run
from .ends import LIB, LIMIT
from .kselftest import ksft_pr, ksft_true
from .pci import Function
from .wait import Timeout

# Seconds for a guest to boot; the slowest that was seen took a fifth of it.
BOOT_LIMIT = 180.0
# How often a boot has its time, if nothing shows that it hangs.
PATIENCE = 4
# How often a guest is started again that has lost a device at boot. On a busy machine a third of the PV
# guests of Xen were seen to.
LOST_TRIES = 5
# Seconds for an answer of a guest that has failed.
SHORT_LIMIT = 30.0
RUN = Path("/run/guests")


def _without_debug(module: Path) -> Path:
    """A copy of a module without what debuggers read, nine tenths of it: guests boot sooner."""
    copy = RUN / "modules" / module.name
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        run("strip", "--strip-debug", "-o", str(copy), str(module))
    return copy


class Guest(ABC):
    """One guest, with its addresses on the VFs' network, which `number` makes; `functions` are its
    VFs at the start."""

    # Where the kernel's console says that it has panicked, and all else.
    console = "console.log"
    # What its initramfs loads to find its disk.
    boot_modules: tuple[str, ...] = ()
    # Seconds for its start at the most.
    boot_limit = BOOT_LIMIT
    # Whether it gets as much again, and again, while nothing shows that it hangs.
    may_be_slow = False

    def __init__(self, label: str, number: int, functions: list[Function]):
        self.label = label
        self.number = number
        self.functions = functions
        self.v4 = f"10.82.0.{number}"
        self.v6 = f"fd82::{number:x}"
        self.folder = RUN / label
        self.logs = Path(os.environ["VM_RUN"], label)
        for folder in (self.folder, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.agent = Agent(label, self.logs / "agent.log")
        self.driver = ""
        # Whether it must answer when it is ended: not after a case that has failed with it.
        self.sound = True

    def prepare(self) -> None:
        """Makes what the guest boots, with our VF driver and the scripts in it."""
        files = [LIB]
        if module := VF_DRIVERS["rigbvf"].path():
            files.append(_without_debug(module))
        nested.make_initrd(self.folder / "initrd", files, self.boot_modules)

    # --- life

    @abstractmethod
    def start(self) -> None:
        """Makes what the guest runs in; `wait_boot` waits for what runs in it."""

    @abstractmethod
    def anew(self, command: str) -> None:
        """Runs a command that ends the guest's system, and waits for its next start."""

    @abstractmethod
    def running(self) -> bool:
        """Whether there is what the guest runs in."""

    @abstractmethod
    def kill(self) -> None:
        """Ends the guest as a host's administrator would: without asking it."""

    @abstractmethod
    def stop(self) -> None:
        """Saves the guest's kernel log and ends it; also if it does not answer."""

    @abstractmethod
    def plug(self, function: Function, device: str, slot: str) -> None:
        """Gives the running guest a VF."""

    @abstractmethod
    def unplug(self, device: str) -> None:
        """Takes a VF away, with the guest's consent, and waits until it is gone."""

    @abstractmethod
    def empty(self) -> None:
        """Takes away what VFs it has. It may have lost them already, with the host's VFs."""

    # --- commands

    def run(self, script: str, limit: float = LIMIT) -> Answer:
        """Runs a script in the guest; the answer has its status and what it printed."""
        return self.agent.run(f". /run/vm/lib.sh; {script}", limit)

    def sh(self, script: str, limit: float = LIMIT) -> str:
        """Runs a script in the guest, and returns what it printed; it may not fail."""
        answer = self.run(script, limit)
        if answer.status:
            raise GuestError(f"{self.label}: {script}: {answer.status}: {answer.text}")
        return answer.text

    # --- state

    def wait_boot(self, count: int = 1) -> None:
        """Waits until the guest has come up for the `count`th time since it was made."""
        self.agent.wait_boot(count, self.boot_limit)

    def wait_boot_patiently(self, count: int = 1) -> None:
        """The same, and longer for as long as nothing shows that it hangs: a machine may be slow."""
        for more in reversed(range(PATIENCE)):
            try:
                self.wait_boot(count)
                return
            except Timeout:
                if not more or not self.may_be_slow or self.emulator_fault():
                    raise

    def up(self, driver: str) -> str:
        """Loads the VF's driver and waits for its link; the interface's name."""
        self.driver = driver
        said = self.sh(f"vf_load {driver} && vf_up {self.v4} {self.v6}", 2 * LIMIT).splitlines()
        for line in said:
            if "has given its PF up" in line:
                ksft_pr(f"{self.label}: {line}")
        return said[-1]

    def unload(self) -> None:
        """Unloads the VF's driver, if it has one."""
        if self.driver:
            self.sh(f"rmmod {self.driver} && until_true no_vf_netdev")
        self.driver = ""

    def change(self, driver: str) -> None:
        """Loads another driver of the VF."""
        self.unload()
        self.up(driver)

    def console_text(self) -> str:
        """All that the guest's kernel has said."""
        path = self.folder / self.console
        return path.read_text(errors="replace") if path.exists() else ""

    def keep_log(self) -> None:
        """Saves the guest's kernel log beside the host's, where the run is judged by it.

        A guest that does not answer has none. If it was sound so far, that is a failure of its own, but
        for a fault of the emulation, which may strike it between two cases as well.
        """
        if not self.agent.connected or not self.agent.boots:
            return
        try:
            text = self.run("dmesg", LIMIT if self.sound else SHORT_LIMIT).text
        except (GuestError, Timeout) as error:
            text = f"{error}\n"
            fault = self.emulator_fault() if self.sound else ""
            if fault:
                ksft_pr(f"{self.label}: the emulation has failed ({fault}): {error}")
            elif self.sound:
                ksft_true(False, f"the kernel log of {self.label} cannot be read: {error}")
        with (self.logs / "dmesg.log").open("a") as file:
            file.write(text)

    def emulator_fault(self) -> str:
        """What the emulation below the guest has said if it broke, not the guest."""
        return ""

    def lost_device(self) -> str:
        """What the guest's kernel has said if it lost a device while it booted, by a fault that is
        not the device's."""
        return ""

    def stuck(self) -> str:
        """Where the guest's processor is, as far as the VMM can tell."""
        return ""

    def remove(self) -> None:
        """Removes the guest's files, but for what it has said."""
        if (self.folder / self.console).exists():
            with (self.logs / "console.log").open("a") as file:
                file.write(self.console_text())
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_carrier(self, carrier: int) -> None:
        """Waits until the VF's interface has, or has not, a carrier. C igbvf has one by a handshake."""
        help_it = "vf_helped $(vf_netdev); " if carrier and self.driver == igbvf.NAME else ""
        self.sh(f"{help_it}until_true has_carrier $(vf_netdev) {carrier}", 2 * LIMIT)

    def link_changes(self) -> int:
        """How often C igbvf has lost and found its link; 0 for other drivers."""
        return int(self.sh("vf_changes")) if self.driver == igbvf.NAME else 0

    def wait_link(self) -> None:
        """Waits until C igbvf has its link."""
        if self.driver == igbvf.NAME:
            self.wait_carrier(1)

    def mailbox_interrupts(self) -> int:
        """How often the VF's mailbox has interrupted the guest."""
        return int(self.sh("mailbox_interrupts"))

    def wait_mailbox_interrupt(self, before: int) -> None:
        """Waits until the VF's mailbox has interrupted the guest more often than `before`."""
        self.sh(f"until_true more_mailbox_interrupts {before}")
