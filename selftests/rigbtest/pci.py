# SPDX-License-Identifier: GPL-2.0
"""82576 functions as sysfs shows them: their drivers, VFs, resets."""

import os
from dataclasses import dataclass
from pathlib import Path

from . import wait

SYSFS = Path("/sys/bus/pci")
VENDOR = 0x8086
# QEMU gives its devices a subsystem of its own.
QEMU = 0x1AF4
# 82576 ports: copper, fibre, serdes, quad copper, ...
PF_IDS = (0x10C9, 0x10E6, 0x10E7, 0x10E8, 0x1526, 0x150A, 0x1518, 0x150D)
VF_IDS = (0x10CA, 0x152D)

# The command register of the configuration space, and bits of it.
COMMAND = 0x04
COMMAND_IO = 0x1
COMMAND_MEMORY = 0x2


@dataclass(frozen=True)
class Function:
    """One PCI function, PF or VF, by its address (`0000:01:00.0`)."""

    address: str

    @property
    def path(self) -> Path:
        """Its folder in sysfs."""
        return SYSFS / "devices" / self.address

    def read(self, attribute: str) -> str:
        """An attribute of sysfs, without the newline."""
        return (self.path / attribute).read_text().strip()

    def write(self, attribute: str, value: object) -> None:
        """Writes an attribute; OSError carries what the kernel answered."""
        with open(self.path / attribute, "w", encoding="ascii") as file:
            file.write(str(value))

    def exists(self) -> bool:
        """Whether the function is there now."""
        return self.path.exists()

    @property
    def id(self) -> tuple[int, int]:
        """Vendor and device."""
        return int(self.read("vendor"), 16), int(self.read("device"), 16)

    @property
    def emulated(self) -> bool:
        """Whether it is none of silicon."""
        return int(self.read("subsystem_vendor"), 16) == QEMU

    @property
    def driver(self) -> str:
        """The name of the bound driver, empty if there is none."""
        link = self.path / "driver"
        return os.path.basename(os.readlink(link)) if link.exists() else ""

    def bind(self, driver: str) -> None:
        """Gives the function to `driver` and to no other; OSError if the probe fails."""
        if self.driver == driver:
            return
        self.unbind()
        self.write("driver_override", driver)
        (SYSFS / "drivers" / driver / "bind").write_text(self.address)

    def unbind(self) -> None:
        """Takes the function from its driver, and from the rule about its driver."""
        if self.driver:
            self.write("driver/unbind", self.address)
        self.write("driver_override", "\n")

    @property
    def numvfs(self) -> int:
        """Enabled VFs."""
        return int(self.read("sriov_numvfs"))

    def set_numvfs(self, count: int) -> None:
        """Enables `count` VFs, or disables all."""
        self.write("sriov_numvfs", count)

    def vf(self, number: int) -> "Function":
        """VF `number` of this PF, which must be enabled."""
        return Function(os.path.basename(os.readlink(self.path / f"virtfn{number}")))

    def reset(self) -> None:
        """A function level reset."""
        self.write("reset_method", "flr")
        self.write("reset", 1)

    def enable(self, bits: int) -> None:
        """Sets bits of the command register."""
        self._change_command(bits, 0)

    def disable(self, bits: int) -> None:
        """Clears bits of the command register."""
        self._change_command(0, bits)

    def _change_command(self, on: int, off: int) -> None:
        file = os.open(self.path / "config", os.O_RDWR)
        try:
            value = int.from_bytes(os.pread(file, 2, COMMAND), "little") & ~off | on
            os.pwrite(file, value.to_bytes(2, "little"), COMMAND)
        finally:
            os.close(file)

    def netdev(self) -> str:
        """The name of its network device in the initial namespace; empty if there is none."""
        folder = self.path / "net"
        names = os.listdir(folder) if folder.exists() else []
        return names[0] if names else ""

    def wait_netdev(self) -> str:
        """The name of its network device, as soon as there is one."""
        return wait.until(self.netdev, f"network device of {self.address}")


def functions(ids: tuple[int, ...]) -> list[Function]:
    """All functions with one of these device ids, by address."""
    found = [Function(path.name) for path in sorted((SYSFS / "devices").iterdir())]
    return [function for function in found if function.id in {(VENDOR, i) for i in ids}]
