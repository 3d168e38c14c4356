# SPDX-License-Identifier: GPL-2.0
"""A VFIO user: opens a device as a VMM does, without a guest in it.

Numbers are those of include/uapi/linux/vfio.h.
"""

import fcntl
import mmap
import os
import select
import struct
from pathlib import Path

from .driver import Driver, run
from .mailbox import Mailbox
from .pci import Function

BASE = 0x3B64
CHECK_EXTENSION, SET_IOMMU = BASE + 1, BASE + 2
GROUP_SET_CONTAINER, GROUP_GET_DEVICE_FD = BASE + 4, BASE + 6
GET_REGION_INFO, SET_IRQS, RESET, IOEVENTFD = BASE + 8, BASE + 10, BASE + 11, BASE + 16
TYPE1 = 1

BAR0, CONFIG = 0, 7
MSIX = 2
DATA_NONE, DATA_EVENTFD, ACTION_TRIGGER = 1 << 0, 1 << 2, 1 << 5
FLAG_MMAP, FLAG_CAPS = 1 << 2, 1 << 3
CAP_SPARSE_MMAP = 1

COMMAND = 4
COMMAND_MEMORY_MASTER = 0x6
VTIVAR_MISC = 0x1740
VTIVAR_VALID = 0x80
VECTORS = 3

DRIVER = Driver("rigb_vfio", "vfio_driver/rigb_vfio.ko")
PLAIN = Driver("vfio-pci")


def available() -> str:
    """Why there is no VFIO here, or nothing."""
    if not DRIVER.available():
        return "not built: run make with a kernel that has CONFIG_VFIO_PCI_CORE"
    groups = Path("/sys/kernel/iommu_groups")
    if not groups.exists() or not any(groups.iterdir()):
        return "no IOMMU: run in a VM that has one"
    return ""


def load() -> None:
    """Loads VFIO and the driver. An emulated IOMMU may not remap interrupts."""
    run("modprobe", "vfio_iommu_type1")
    unsafe = Path("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts")
    unsafe.write_text("1", encoding="ascii")
    run("modprobe", "vfio-pci-core")
    DRIVER.load()


def readable(event: int) -> bool:
    """Whether an eventfd was signalled."""
    return bool(select.select([event], [], [], 0)[0])


class Region:
    """What VFIO says of a region."""

    def __init__(self, device: int, index: int):
        data = bytearray(struct.pack("=IIIIQQ", 256, 0, index, 0, 0, 0).ljust(256, b"\0"))
        fcntl.ioctl(device, GET_REGION_INFO, data)
        _, self.flags, _, cap, self.size, self.offset = struct.unpack_from("=IIIIQQ", data)
        # Offset and size of the parts that can be mapped; None where all can.
        self.sparse: list[tuple[int, int]] | None = None
        while self.flags & FLAG_CAPS and cap:
            kind, _, following = struct.unpack_from("=HHI", data, cap)
            if kind == CAP_SPARSE_MMAP:
                (count,) = struct.unpack_from("=I", data, cap + 8)
                places = range(cap + 16, cap + 16 + 16 * count, 16)
                self.sparse = [struct.unpack_from("=QQ", data, place) for place in places]
            cap = following


class VfioMailbox(Mailbox):
    """An open VFIO device, and the mailbox in its BAR 0. Use it with `with`."""

    def __init__(self, function: Function):
        self.function = function
        self._status = 0
        self.events: list[int] = []
        group = os.path.basename(os.readlink(function.path / "iommu_group"))
        self._container = os.open("/dev/vfio/vfio", os.O_RDWR)
        self._group = os.open(f"/dev/vfio/{group}", os.O_RDWR)
        fcntl.ioctl(self._group, GROUP_SET_CONTAINER, struct.pack("i", self._container))
        fcntl.ioctl(self._container, SET_IOMMU, TYPE1)
        name = function.address.encode() + b"\0"
        self.device = fcntl.ioctl(self._group, GROUP_GET_DEVICE_FD, bytearray(name))
        self.bar = Region(self.device, BAR0)
        self._config = Region(self.device, CONFIG)
        self.set_memory(True)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes all; the driver notices."""
        for file in (*self.events, self.device, self._group, self._container):
            os.close(file)
        self.events = []

    def set_memory(self, on: bool) -> None:
        """Turns the device's memory on or off, as a guest's firmware does."""
        value = COMMAND_MEMORY_MASTER if on else 0
        os.pwrite(self.device, struct.pack("<H", value), self._config.offset + COMMAND)

    # --- registers

    def read(self, register: int) -> int:
        return int.from_bytes(self.read_bytes(register, 4), "little")

    def write(self, register: int, value: int) -> None:
        self.write_bytes(register, value.to_bytes(4, "little"))

    def read_bytes(self, offset: int, count: int) -> bytes:
        """One read of BAR 0, of any kind."""
        return os.pread(self.device, count, self.bar.offset + offset)

    def write_bytes(self, offset: int, data: bytes) -> int:
        """One write to BAR 0, of any kind; returns how much was written."""
        return os.pwrite(self.device, data, self.bar.offset + offset)

    def map(self, offset: int, length: int) -> mmap.mmap:
        """Maps a part of BAR 0."""
        return mmap.mmap(self.device, length, offset=self.bar.offset + offset)

    # --- interrupts and resets

    def listen(self) -> None:
        """Puts an eventfd in the place of each vector."""
        self.events = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(VECTORS)]
        self.set_irqs(DATA_EVENTFD, 0, self.events)

    def silence(self) -> None:
        """Takes all vectors back."""
        self.set_irqs(DATA_NONE, 0, [])

    def set_irqs(self, data: int, start: int, fds: list[int]) -> None:
        """VFIO_DEVICE_SET_IRQS for MSI-X."""
        head = struct.pack("=IIIII", 20 + 4 * len(fds), data | ACTION_TRIGGER, MSIX, start, len(fds))
        fcntl.ioctl(self.device, SET_IRQS, head + struct.pack(f"={len(fds)}i", *fds))

    def fired(self, vector: int, limit: float = 0) -> int:
        """How often a vector fired since it was asked last; waits until it has, up to `limit`."""
        event = self.events[vector]
        if not select.select([event], [], [], limit)[0]:
            return 0
        return os.eventfd_read(event)

    def route(self, vector: int | None) -> None:
        """Gives a vector to the mailbox, or none."""
        self.write(VTIVAR_MISC, 0 if vector is None else vector | VTIVAR_VALID)

    def function_reset(self) -> None:
        """VFIO_DEVICE_RESET: what a VMM does when its guest reboots."""
        fcntl.ioctl(self.device, RESET)
        self.set_memory(True)
