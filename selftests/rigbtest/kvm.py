# SPDX-License-Identifier: GPL-2.0
"""Guests under KVM, each a QEMU process with its VFs through vfio-pci."""

import os
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from vm import impossible, initrd, nested

from . import vfio, wait
from .agent import GuestError
from .driver import Driver, run
from .guest import Guest
from .pci import Function
from .qmp import Monitor, MonitorError

MEMORY = 384
EXIT_LIMIT = 180.0
# How often to look whether the processor is in a loop, and how many bytes of code that may have.
SAMPLES = 5
LOOP = 16
# Bytes of a kernel's stack, of asm/page_64_types.h: a task's, and that of interrupts.
STACK = 16384
# Of asm/socket.h. The bytes of a socket's buffer count with what they take in memory.
SO_SNDBUFFORCE = 32
AGENT_ROOM = 32 << 20


INTEL = os.environ.get("VM_TOPOLOGY") == "kvm-intel"


class Kvm:
    """What a `Scene` asks of a platform."""

    name = "intel-iommu" if INTEL else "amd-iommu"
    # By name, for $RIGB_VFIO.
    known: ClassVar = {driver.name: driver for driver in (vfio.PLAIN, vfio.DRIVER)}
    # A guest hangs at boot now and then, before it has loaded any driver: in 2 of 10 runs on the
    # emulated intel-iommu, with C drivers as well, and with AMD's as vm/impossible.py says.
    # That is a fault of the emulator, so the boot is tried again.
    boot_tries = 3

    def __init__(self, *drivers: Driver):
        """The drivers that VFs are given to, in turn; without any, $RIGB_VFIO has the name."""
        self.drivers = drivers or (self.known[os.environ.get("RIGB_VFIO", vfio.PLAIN.name)],)

    def load(self) -> None:
        """Loads KVM and the VFIO drivers.

        The emulated amd-iommu does not remap interrupts; vfio then wants to hear that
        devices may send any.
        """
        flag = [] if INTEL else ["allow_unsafe_interrupts=1"]
        run("modprobe", "vfio_iommu_type1", *flag)
        run("modprobe", "vfio-pci-core")
        for driver in self.drivers:
            driver.load()
        run("modprobe", "kvm-amd")
        if not Path("/dev/kvm").exists():
            raise GuestError("no /dev/kvm in this VM: its processor has no virtualisation")

    def assign(self, function: Function, number: int) -> None:
        """Makes VF `number` ready for guests."""
        function.bind(self.drivers[number % len(self.drivers)].name)

    def release(self, function: Function) -> None:
        """The reverse."""
        if function.driver in self.known:
            function.unbind()

    def label(self, number: int) -> str:
        """What a guest is called."""
        return f"guest{number}"

    def guest(self, label: str, number: int, functions: list[Function]) -> "KvmGuest":
        """A guest that is not started."""
        return KvmGuest(label, number, functions)


class KvmGuest(Guest):
    """One process of QEMU."""

    boot_modules = initrd.KVM_GUEST_MODULES
    # Ten times what it takes on an idle machine, thrice of what was seen on a busy one.
    boot_limit = 90.0
    may_be_slow = True

    def __init__(
        self, label: str, number: int, functions: list[Function], extra: Sequence[str] = ()
    ):
        """`extra` are more arguments for QEMU."""
        super().__init__(label, number, functions)
        self.extra = extra
        self.process: subprocess.Popen[bytes] | None = None
        self.booting = False
        self._monitor: Monitor | None = None
        # How much QEMUs before this one had said, and the kernels in them.
        self._before = self._heard = 0

    def start(self) -> None:
        """Starts QEMU; `wait_boot` waits for what runs in it."""
        self.booting = True
        self.prepare()
        wait.until(lambda: not self.agent.connected, f"end of the former {self.label}")
        self.agent.boots.clear()
        self._before, self._heard = len(self._said()), len(self.console_text())
        agent, agent_theirs = socket.socketpair()
        # QEMU drops what a virtconsole says while the socket is full: a whole answer has room.
        agent_theirs.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, AGENT_ROOM)
        monitor, qmp_theirs = socket.socketpair()
        with agent_theirs, qmp_theirs:
            fds = (agent_theirs.fileno(), qmp_theirs.fileno())
            command = nested.kvm_command(self.folder, MEMORY, *fds, self._devices())
            with (self.logs / "qemu.log").open("ab") as log:
                log.write((" ".join(command) + "\n").encode())
                log.flush()
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=fds
                )
        self.agent.connect(agent.detach())
        try:
            self._monitor = Monitor(self.label, monitor)
        except MonitorError as error:
            raise GuestError(f"{self.label}: {error}") from error

    def _devices(self) -> list[str]:
        args = []
        for number, function in enumerate(self.functions):
            args += ["-device", f"vfio-pci,host={function.address},id=vf{number},bus=slot{number}"]
        return [*args, *self.extra]

    def anew(self, command: str) -> None:
        """Runs a command that ends the guest's system, and waits for its next start."""
        boots = len(self.agent.boots)
        self.booting = True
        self.agent.start(command)
        self.wait_boot_patiently(boots + 1)

    def wait_boot(self, count: int = 1) -> None:
        super().wait_boot(count)
        self.booting = False

    def kill(self) -> None:
        """Ends the guest as a host's administrator would: without asking it."""
        if self.process:
            self.process.kill()
            self.process.wait(EXIT_LIMIT)
        self.process = None
        if self._monitor:
            self._monitor.close()
        self._monitor = None

    def stop(self) -> None:
        """Saves the guest's kernel log and ends it; also if it does not answer."""
        if not self.process:
            return
        self.keep_log()
        self.kill()
        self.remove()

    def emulator_fault(self) -> str:
        """KVM's complaint about an exit that cannot be, which is QEMU's emulation of SVM: it
        leaves the mark of an earlier event in an exit for MMIO. Or an interrupt that cannot have
        been, in what the kernel said or on the stack of one that hangs. Or a guest that hangs at
        boot as `Kvm.boot_tries` says, and has no driver of a VF yet; or one that cannot fetch an
        instruction of its kernel, which is there, and goes on to try."""
        if where := impossible.in_log(self.console_text()[self._heard:]):
            return where
        if where := self._spins():
            if stack := impossible.on_stack(self._stack(), _interrupt_entries()):
                return f"{where}: {stack}"
            if self.booting:
                return where
        if where := self._faults():
            return where
        for line in self._said()[self._before:].splitlines():
            if "KVM internal error" in line:
                return line
        return ""

    def _said(self) -> str:
        """All that QEMU has said."""
        path = self.logs / "qemu.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _spins(self) -> str:
        """Whether the guest's only processor goes round a few instructions without interrupts."""
        seen = set()
        for _ in range(SAMPLES):
            text = self.stuck()
            found = re.search(r"RIP=(\w+) RFL=(\w+) .*HLT=(\d)", text)
            if not found or int(found[2], 16) & impossible.FLAGS_IF or found[3] == "1":
                return ""
            seen.add(int(found[1], 16))
        if max(seen) - min(seen) > LOOP:
            return ""
        return f"{self.label} spins at {min(seen):x} with interrupts off"

    def _faults(self) -> str:
        """Whether the guest's only processor takes a page fault at one instruction for good."""
        seen = set()
        for _ in range(SAMPLES):
            found = re.search(r"RIP=(\w+) .*CR2=(\w+)", self.stuck(), re.S)
            if not found or found[1] != found[2]:
                return ""
            seen.add(found[1])
        return f"{self.label} cannot fetch what is at {seen.pop()}" if len(seen) == 1 else ""

    def stuck(self) -> str:
        """Its registers but for those of the FPU, by QEMU's monitor."""
        return self._ask("info registers").partition("\nFCW=")[0]

    def _ask(self, command: str) -> str:
        """What QEMU's monitor says for a person."""
        try:
            return str(self.qmp("human-monitor-command", **{"command-line": command}))
        except GuestError as error:
            return str(error)

    def _stack(self) -> list[int]:
        """The words of its kernel's stack that are in use, from the last one pushed."""
        found = re.search(r"RSP=(\w+)", self.stuck())
        if not found:
            return []
        bottom = int(found[1], 16)
        count = (STACK - bottom % STACK) // 8
        text = self._ask(f"x /{count}gx {bottom:#x}")
        return [int(word, 16) for word in re.findall(r"\b0x(\w{16})\b", text)]

    def running(self) -> bool:
        """Whether QEMU runs."""
        return self.process is not None and self.process.poll() is None

    # --- QEMU's monitor

    def qmp(self, command: str, **arguments: object) -> Any:
        """One command of QMP; an error is one here."""
        try:
            return self._opened().execute(command, **arguments)
        except MonitorError as error:
            raise GuestError(f"{self.label}: {error}") from error

    def unplug(self, device: str) -> None:
        """Takes a device away, with the guest's consent, and waits until it is gone."""
        try:
            self._opened().unplug(device)
        except MonitorError as error:
            raise GuestError(f"{self.label}: {error}") from error

    def plug(self, function: Function, device: str, slot: str, **more: object) -> None:
        """Gives the running guest a VF."""
        arguments = {"driver": "vfio-pci", "host": function.address, "id": device, "bus": slot}
        self.qmp("device_add", **arguments, **more)

    def empty(self) -> None:
        for number in range(2):
            if (device := f"vf{number}") in self._peripherals():
                self.unplug(device)

    def _peripherals(self) -> set[str]:
        """The names of its devices that have one."""
        return {child["name"] for child in self.qmp("qom-list", path="/machine/peripheral")}

    def _opened(self) -> Monitor:
        if not self._monitor:
            raise GuestError(f"{self.label}: QEMU was not started")
        return self._monitor


def _interrupt_entries() -> list[int]:
    """Where a guest's kernel enters interrupts: it is this kernel, and neither was moved."""
    return impossible.entries(Path("/proc/kallsyms").read_text().splitlines())
