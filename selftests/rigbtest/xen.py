# SPDX-License-Identifier: GPL-2.0
"""Guests under Xen, made and ruled by xl: PV and HVM domains with VFs through xen-pciback."""

import gzip
import json
import os
import re
import subprocess
import termios
import tty
from contextlib import suppress
from pathlib import Path

from vm import impossible, initrd, nested

from . import wait
from .agent import GuestError
from .driver import run
from .guest import LOST_TRIES, Guest
from .kselftest import ksft_pr
from .pci import Function
from .xenstore import Xenstore

MEMORY = {"pv": 320, "hvm": 400}
# The firmware of an HVM guest reads kernel and initramfs byte by byte from a port, since QEMU
# has no DMA for that under Xen: a minute of emulation, several on a busy machine.
BOOT_LIMIT = 900.0
MODULES = ("xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs", "xen-blkback")
FOLDERS = ("/run/xen", "/run/xenstored", "/var/lib/xenstored", "/var/lib/xen",
           "/var/log/xen/console")
PCIBACK = "pciback"
XL_LIMIT = 600.0
BACKEND_TRIES = 3
# What libxl says where it has not waited long enough. Of some of its limits only the number of the
# error shows, which is ERROR_TIMEDOUT.
LATE = re.compile(r"timed out|not ready|because of timeout|\brc -9\b")


def tool(name: str) -> str:
    """The path of a program of the toolstack, which Debian keeps by Xen's version."""
    paths = sorted(Path("/usr/lib").glob(f"xen-4*/bin/{name}"))
    if not paths:
        raise GuestError(f"no {name} in /usr/lib/xen-4*/bin: is xen-utils installed?")
    return str(paths[-1])


class Xen:
    """What a `Scene` asks of a platform; `kinds` are those of its guests, by number."""

    # On a busy machine an HVM guest was seen to hang at boot.
    boot_tries = 2

    def __init__(self, *kinds: str):
        self.kinds = kinds
        self.name = "xen"

    def load(self) -> None:
        """Starts the toolstack's daemons in dom0."""
        if not Path("/proc/xen").exists():
            raise GuestError("this kernel does not run under Xen")
        for module in MODULES:
            run("modprobe", module)
        run("modprobe", "xen-pciback", "passthrough=0")
        if not Path("/proc/xen/capabilities").exists():
            run("mount", "-t", "xenfs", "xenfs", "/proc/xen")
        for folder in FOLDERS:
            Path(folder).mkdir(parents=True, exist_ok=True)
        if not Path("/run/xen/xenstored.pid").exists():
            _daemon(tool("xenstored"), "--pid-file", "/run/xen/xenstored.pid")
            run(tool("xen-init-dom0"))
            _daemon(tool("xenconsoled"), "--log=guest", "--log-dir=/var/log/xen/console",
                    "--pid-file=/run/xen/xenconsoled.pid")

    def assign(self, function: Function, _number: int) -> None:
        """Makes a VF assignable."""
        # The bench lets VFs have no driver but one that is named.
        function.write("driver_override", PCIBACK)
        run("xl", "pci-assignable-add", function.address)

    def release(self, function: Function) -> None:
        """The reverse."""
        if function.driver == PCIBACK:
            run("xl", "pci-assignable-remove", function.address)
            function.write("driver_override", "\n")

    def guest(self, label: str, number: int, functions: list[Function]) -> "XenGuest":
        """A guest that is not started."""
        kind = self.kinds[number % len(self.kinds)]
        return XenGuest(label, number, functions, kind)

    def label(self, number: int) -> str:
        """What a guest is called: by its kind, where no other is of that kind."""
        distinct = 1 < len(self.kinds) == len(set(self.kinds))
        return self.kinds[number] if distinct else f"guest{number}"


def _xl_runs(*arguments: str) -> bool:
    """Whether there is a process of xl with these arguments."""
    wanted = "".join(f"{word}\0" for word in arguments).encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        # It may end meanwhile.
        with suppress(OSError):
            name, _, rest = path.read_bytes().partition(b"\0")
            if name.endswith(b"/xl") and rest == wanted:
                return True
    return False


def _daemon(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=XL_LIMIT)


class XenGuest(Guest):
    """One domain."""

    boot_modules = initrd.XEN_GUEST_MODULES
    boot_limit = BOOT_LIMIT

    def __init__(self, label: str, number: int, functions: list[Function], kind: str):
        super().__init__(label, number, functions)
        self.kind = kind
        self.alive = False
        # What it has now, by the name that KVM's guests know devices by.
        self.devices: dict[str, Function] = {}
        # How much the console had said before this domain.
        self._before = 0
        # What libxl did not wait for in this domain's life. Nothing is sure from then on.
        self._late = ""
        # Whether the process of xl was seen that makes the next domain when this one ends.
        self._kept = False

    @property
    def config(self) -> str:
        """The domain's configuration, as xl.cfg(5) has it."""
        line = f"{nested.KERNEL_ARGS} initcall_blacklist=print_s5_reset_status_mmio edd=off"
        console = "hvc0" if self.kind != "hvm" else "ttyS0"
        pci = ", ".join(f"'{function.address}'" for function in self.functions)
        kernel = os.environ["VM_DIR"] + "/vmlinux"
        lines = [
            f'name = "{self.label}"',
            f'type = "{self.kind}"',
            f"memory = {MEMORY.get(self.kind, 320)}",
            "vcpus = 1",
            f'ramdisk = "{self.folder}/initrd"',
            # The first four of that name would be IDE disks as well, in an HVM guest.
            f"disk = ['phy:{nested.DISK},xvde,r']",
            f"pci = [{pci}]",
            f'extra = "console={console} {line}"',
            'on_reboot = "restart"',
            'on_crash = "restart"',
        ]
        if self.kind == "hvm":
            kernel = f"/boot/vmlinuz-{os.environ['KREL']}"
            lines += ['tsc_mode = "native"', 'vga = "none"', "vnc = 0", "sdl = 0", "nographic = 1",
                      "usb = 0", f"device_model_args = {json.dumps(self._serial())}"]
        return "\n".join([*lines, f'kernel = "{kernel}"', ""])

    def _serial(self) -> list[str]:
        """A serial port whose file outlives the domain, unlike that of xl's `serial`."""
        path = self.folder / self.console
        return ["-chardev", f"file,id=console,path={path},append=on", "-serial", "chardev:console"]

    def prepare(self) -> None:
        """As for any guest, with less for an HVM guest's firmware to read."""
        super().prepare()
        if self.kind == "hvm":
            path = self.folder / "initrd"
            path.write_bytes(gzip.compress(path.read_bytes(), 1))

    def start(self) -> None:
        """Makes the domain; `wait_boot` waits for what runs in it."""
        self.prepare()
        path = self.folder / "config"
        path.write_text(self.config)
        # Also if that fails half way: then there is a domain to end.
        self.alive = True
        self._create(str(path))
        self.devices = {f"vf{number}": vf for number, vf in enumerate(self.functions)}
        self.connect()

    def _create(self, config: str) -> None:
        """libxl waits a minute for the device model, and some seconds for backends, which may take
        longer on a busy machine: then it ends what it has made, and can be asked again."""
        for tries in range(BACKEND_TRIES, 0, -1):
            try:
                self.xl("create", config)
                break
            except GuestError as error:
                if not LATE.search(str(error)):
                    raise
                if tries == 1:
                    self._late = str(error)
                    raise
                ksft_pr(f"create: again: {error}")
                self._destroy()
        self._late = ""
        self._kept = _xl_runs("create", config)

    def connect(self) -> None:
        """Opens the domain's console, as soon as xenconsoled has made it."""
        self._before = len(self.console_text())
        terminal = wait.until(self._terminal, f"console of {self.label}", limit=XL_LIMIT)
        fd = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
        # What the guest has said already is not thrown away.
        tty.setraw(fd, termios.TCSANOW)
        self.agent.connect(fd)

    def _terminal(self) -> str:
        """The console's pty, empty if there is none yet."""
        domain = self.domain()
        with Xenstore() as store:
            return store.read(f"/local/domain/{domain}/console/tty") if domain else ""

    def xl(self, *arguments: str) -> str:
        """A command of xl; what it says goes to the logs as well."""
        result = subprocess.run(
            ["xl", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=XL_LIMIT, check=False,
        )
        with (self.logs / "xl.log").open("a") as log:
            log.write(f"# xl {' '.join(arguments)}\n{result.stdout}")
        # The backend of a PV guest may be late for the last step of a detach, which is then left out and
        # no failure: the device stays in the guest's list, where the next one that comes is behind it.
        undone = arguments[0] == "pci-detach" and "not ready" in result.stdout
        if result.returncode or undone:
            raise GuestError(f"xl {' '.join(arguments)}: {result.stdout.strip()}")
        return result.stdout

    def anew(self, command: str) -> None:
        """Runs a command that ends the guest's system, and waits for the new domain's; for one more
        where Linux has lost a device at boot by a race of its own."""
        self._anew(command)
        for _ in range(LOST_TRIES):
            if not (fault := self.lost_device()):
                break
            ksft_pr(f"{self.label} has lost a device at boot ({fault}): again")
            self._anew("busybox reboot -f")

    def _anew(self, command: str) -> None:
        """The same, once. It is xl that makes the new domain, once and within libxl's limits: where it
        has failed it has ended, and the domain is made here."""
        old = self.domain()
        boots = len(self.agent.boots)
        self.agent.start(command)
        wait.until(
            lambda: (self.domain() not in ("", old) and self._terminal()) or self._given_up(),
            f"new domain of {self.label}", limit=BOOT_LIMIT,
        )
        if not self._given_up():
            self.connect()
            # The console ends with its domain.
            wait.until(
                lambda: len(self.agent.boots) > boots
                or (not self.agent.connected and self._given_up()),
                f"start number {boots + 1} of {self.label}", limit=BOOT_LIMIT,
            )
        if len(self.agent.boots) == boots:
            ksft_pr(f"{self.label}: xl has ended without a new domain: again")
            self._create(str(self.folder / "config"))
            self.connect()
        self.wait_boot(boots + 1)

    def _given_up(self) -> bool:
        """Whether there is no domain, and no xl any more that would make one."""
        config = str(self.folder / "config")
        return self._kept and not self.running() and not _xl_runs("create", config)

    def unplug(self, device: str) -> None:
        """Takes its only VF away, with the guest's consent, and waits until it is gone."""
        self._pci("pci-detach", self.devices[device])
        del self.devices[device]
        self.sh("until_true no_vf_netdev")

    def plug(self, function: Function, device: str, slot: str) -> None:
        """Gives the running guest a VF."""
        self._pci("pci-attach", function)
        self.devices[device] = function

    def empty(self) -> None:
        for device in [*self.devices]:
            self.unplug(device)

    def _pci(self, command: str, function: Function) -> None:
        """Gives or takes a device. libxl waits ten seconds for the backend, and some for the device
        model, which take longer on a busy machine; then it can be asked again. What the device model has
        done meanwhile it cannot do again, and only `-f` has libxl do its own part all the same."""
        force: tuple[str, ...] = ()
        for tries in range(BACKEND_TRIES, 0, -1):
            try:
                self.xl(command, *force, self.label, function.address)
                return
            except GuestError as error:
                late = LATE.search(str(error))
                self._late = str(error) if late else self._late
                # A device that the device model has taken late it does not take once more.
                if not late or tries == 1:
                    raise
                if command == "pci-detach" and "waiting for DM" in str(error):
                    force = ("-f",)
                ksft_pr(f"{command}: again: {error}")

    def change(self, driver: str) -> None:
        """As for any guest; a PV guest is given its VF anew, as MSI-X stays on in dom0 when a
        driver goes: xen_pv_teardown_msi_irqs() asks dev->msix_enabled, which is 0 by then."""
        if self.driver and self.kind == "pv":
            self.sh(f"rmmod {self.driver}")
            self.driver = ""
            self.unplug("vf0")
            self.plug(self.functions[0], "vf0", "")
        super().change(driver)

    def domain(self) -> str:
        """Its number, empty if it does not exist."""
        with Xenstore() as store:
            return str(max(store.domains(self.label), default=""))

    def lost_device(self) -> str:
        """Linux's complaint about a race of its own: where a watch fires while a frontend
        connects, xenbus_dev_changed() may take it for a new backend, and the device is lost."""
        for line in self.console_text()[self._before:].splitlines():
            if "pcifront" in line and "state reset occurred" in line:
                return line
        return ""

    def emulator_fault(self) -> str:
        """The same, or an interrupt that cannot have been, or what libxl did not wait for: it knows no
        machine that is emulated and busy."""
        return (self.lost_device() or impossible.in_log(self.console_text()[self._before:])
                or self._late)

    def running(self) -> bool:
        """Whether the domain exists."""
        return bool(self.domain())

    def kill(self) -> None:
        """Ends the domain without asking it."""
        self.alive = False
        self._destroy()

    def _destroy(self) -> None:
        if not self.running():
            return
        try:
            self.xl("destroy", self.label)
        except GuestError as error:
            # libxl gives each of its devices ten seconds to go, and goes on with the domain.
            ksft_pr(error)
            wait.until(lambda: not self.running(), f"end of {self.label}", limit=XL_LIMIT)

    def stop(self) -> None:
        """Saves the guest's kernel log and ends it; also if it does not answer."""
        if not self.alive:
            return
        self.keep_log()
        self.kill()
        self.remove()

    def console_text(self) -> str:
        """All that the guest's kernel has said; a PV guest has one console for all."""
        if self.kind == "hvm":
            return super().console_text()
        return (self.logs / "agent.log").read_text(errors="replace")
