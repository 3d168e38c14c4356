# SPDX-License-Identifier: GPL-2.0
"""Registers of an 82576 that has a driver, beside that driver.

They are reached through the card's I/O ports (IOADDR and IODATA in the BAR of 32 bytes): the
kernel lets nobody map the memory that a driver has claimed, and no driver uses the ports.
"""

import os

from .kselftest import KsftSkipEx
from .pci import COMMAND_IO, Function

IORESOURCE_IO = 0x100
IO_SIZE = 32

ICR = 0x00C0
ICS = 0x00C8
IMS = 0x00D0
# Of a cause register: a pool sent what it must not.
MDDET = 1 << 28
VFRE = 0x0C8C
VFTE = 0x0C90
DTXSWC = 0x3500
LVMMC = 0x3548
WVBR = 0x3554
DTXCTL = 0x3590
DTXCTL_MDP_EN = 1 << 5
RTTDQSEL = 0x3604
RTTBCNRC = 0x36B0

VMOLR_RLPML = 0x3FFF
VMOLR_LPE = 1 << 16
VMOLR_AUPE = 1 << 24
VMOLR_ROMPE = 1 << 25
VMOLR_ROPE = 1 << 26
VMOLR_BAM = 1 << 27
VMOLR_MPME = 1 << 28
VMOLR_STRVLAN = 1 << 30

UTAS = 128
VLVF_ENABLE = 1 << 31
RAH_VALID = 1 << 31
RAH_POOL_SHIFT = 18
RARS = 24


def eitr(vector: int) -> int:
    """How often a vector interrupts: of the PF's own from 0 on, VFs' at the end."""
    return 0x1680 + 4 * vector


def vf_vector(vf: int, vector: int) -> int:
    """What a VF calls `vector`, as the card counts."""
    return 22 - 3 * vf + vector


def vmolr(pool: int) -> int:
    """Receive rules of a pool."""
    return 0x5AD0 + 4 * pool


def vmvir(pool: int) -> int:
    """The VLAN tag that a pool's frames get."""
    return 0x3700 + 4 * pool


def uta(index: int) -> int:
    """A part of the unicast hash table."""
    return 0xA000 + 4 * index


def vlvf(index: int) -> int:
    """A VLAN and its pools."""
    return 0x5D00 + 4 * index


def rar(index: int) -> tuple[int, int]:
    """Low and high word of a receive address."""
    low = 0x5400 + 8 * index if index < 16 else 0x54E0 + 8 * (index - 16)
    return low, low + 4


def mta(mac: str) -> tuple[int, int]:
    """Register of the multicast table and bit of a group."""
    octets = bytes.fromhex(mac.replace(":", ""))
    value = (octets[4] >> 4 | octets[5] << 4) & 0xFFF
    return 0x5200 + 4 * (value >> 5), 1 << (value & 31)


class Registers:
    """A PF's registers."""

    def __init__(self, function: Function):
        for number, line in enumerate(function.read("resource").splitlines()[:6]):
            start, end, flags = (int(field, 16) for field in line.split())
            if flags & IORESOURCE_IO and end - start + 1 == IO_SIZE:
                self._path = function.path / f"resource{number}"
                break
        else:
            raise KsftSkipEx(f"{function.address} has no I/O ports to read registers by")
        function.enable(COMMAND_IO)

    def _access(self, register: int, value: int | None = None) -> int:
        file = os.open(self._path, os.O_RDWR)
        try:
            os.pwrite(file, register.to_bytes(4, "little"), 0)
            if value is None:
                return int.from_bytes(os.pread(file, 4, 4), "little")
            os.pwrite(file, value.to_bytes(4, "little"), 4)
            return value
        finally:
            os.close(file)

    def read(self, register: int) -> int:
        """One register."""
        return self._access(register)

    def write(self, register: int, value: int) -> None:
        """Writes one register."""
        self._access(register, value)

    def interval(self, vector: int) -> int:
        """Least time between two interrupts of a vector, in microseconds."""
        return self.read(eitr(vector)) >> 2 & 0x1FFF

    def addresses(self, pool: int) -> set[str]:
        """The MAC addresses that `pool` receives."""
        found = set()
        for index in range(RARS):
            low, high = (self.read(register) for register in rar(index))
            if high & RAH_VALID and high >> RAH_POOL_SHIFT & 1 << pool:
                octets = low.to_bytes(4, "little") + (high & 0xFFFF).to_bytes(2, "little")
                found.add(octets.hex(":"))
        return found

    def has_group(self, mac: str) -> bool:
        """Whether frames for a group pass the multicast table."""
        register, bit = mta(mac)
        return bool(self.read(register) & bit)

    def vlans(self, pool: int) -> set[int]:
        """The VLANs that `pool` receives."""
        entries = [self.read(vlvf(index)) for index in range(32)]
        return {e & 0xFFF for e in entries if e & VLVF_ENABLE and e >> 12 & 1 << pool}
