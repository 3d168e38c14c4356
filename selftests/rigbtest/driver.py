# SPDX-License-Identifier: GPL-2.0
"""The drivers that tests load: ours from this checkout, the kernel's own by modprobe."""

import functools
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .pci import SYSFS, Function

ROOT = Path(__file__).resolve().parents[2]
# Where builds leave modules: for the stock kernel, for the debug kernel. $RIGB_MODULES is
# looked into before.
FOLDERS = (os.environ.get("RIGB_MODULES", ""), ROOT, ROOT / "build/debug")


@dataclass(frozen=True)
class Driver:
    """A PCI driver and the module that holds it; both have one name."""

    name: str
    # Relative to the folder of modules; empty for the kernel's own.
    file: str = ""

    @property
    def ours(self) -> bool:
        """Whether this is a driver of this project."""
        return bool(self.file)

    # A module is megabytes, and a read of one from a folder of the host takes a second in a VM.
    @functools.cache  # noqa: B019 (there are as many drivers as are named below)
    def path(self) -> Path | None:
        """The module's file, for drivers of ours: the one that was built for this kernel."""
        wanted = f"vermagic={os.uname().release} ".encode()
        paths = [Path(folder, self.file) for folder in FOLDERS if folder]
        return next((p for p in paths if p.exists() and wanted in p.read_bytes()), None)

    def available(self) -> bool:
        """Whether there is something to load."""
        return not self.ours or self.path() is not None

    def loaded(self) -> bool:
        """Whether the module is in the kernel."""
        return Path("/sys/module", self.name.replace("-", "_")).exists()

    def load(self, *parameters: str) -> None:
        """Loads the module, with these parameters if it is ours, unless it is there."""
        if self.loaded():
            return
        if not self.ours:
            run("modprobe", self.name)
            return
        if not (path := self.path()):
            raise CommandError(f"no {self.file} for kernel {os.uname().release}: run make")
        run("insmod", str(path), *parameters)

    def unload(self) -> None:
        """Unloads the module, if it is there."""
        if self.loaded():
            run("rmmod", self.name)

    def bound(self) -> list[Function]:
        """The functions that the driver has."""
        folder = SYSFS / "drivers" / self.name
        names = os.listdir(folder) if folder.exists() else []
        return [Function(name) for name in sorted(names) if name.count(":") == 2]


PF_DRIVERS = {"rigb": Driver("rigb", "pf_driver/rigb.ko"), "igb": Driver("igb")}
VF_DRIVERS = {"rigbvf": Driver("rigbvf", "vf_driver/rigbvf.ko"), "igbvf": Driver("igbvf")}


class CommandError(Exception):
    """A command failed; the text holds its name and what it said."""


def run(*command: str, stdin: str | None = None, check: bool = True) -> str:
    """Runs a command and returns what it printed."""
    result = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=300
    )
    if check and result.returncode:
        said = (result.stderr + result.stdout).strip()
        raise CommandError(f"{' '.join(command)}: status {result.returncode}: {said}")
    return result.stdout


def chosen(variable: str, default: str) -> list[str]:
    """Drivers, or pairs PF+VF, to test: those that the environment names, else the default.

    With RIGB_CONTROL=no the default comes without those that are not ours in any part: they only
    show that a test can fail, or how the C drivers do.
    """
    if given := os.environ.get(variable):
        return given.split()
    names = default.split()
    if os.environ.get("RIGB_CONTROL") != "no":
        return names
    ours = [driver.name for driver in (*PF_DRIVERS.values(), *VF_DRIVERS.values()) if driver.ours]
    return [name for name in names if set(name.split("+")) & set(ours)]
