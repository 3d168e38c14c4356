# SPDX-License-Identifier: GPL-2.0
"""A VF's mailbox from user space: what a guest with a driver of its own can do.

The VF must have no driver: the kernel does not let user space map what a driver has claimed.
Bits and opcodes are those of the 82576's mailbox, as in mbox/src/wire.rs.
"""

import ctypes
import mmap
import os
from typing import Self

from . import wait
from .pci import COMMAND_MEMORY, Function

VMBMEM = 0x0800
V2PMAILBOX = 0x0C40
VTCTRL = 0x0000
CTRL_RST = 1 << 26
WORDS = 16

REQ = 0x01
ACK = 0x02
VFU = 0x04
PFU = 0x08
PFSTS = 0x10
PFACK = 0x20
RSTI = 0x40
RSTD = 0x80
READ_TO_CLEAR = PFSTS | PFACK | RSTD

# In word 0 of a message.
MSG_ACK = 1 << 31
MSG_NACK = 1 << 30
MSG_CTS = 1 << 29
RESET = 0x01
SET_MAC = 0x02
SET_MULTICAST = 0x03
SET_VLAN = 0x04
SET_LPE = 0x05
SET_PROMISC = 0x06
ADD_FILTER = SET_MAC | 2 << 16
CLEAR_FILTERS = SET_MAC | 1 << 16
JOIN_VLAN = SET_VLAN | 1 << 16
PROMISC_MULTICAST = SET_PROMISC | 2 << 16


def mac_words(mac: str) -> list[int]:
    """A MAC address as the two words of a message."""
    octets = bytes.fromhex(mac.replace(":", "")) + bytes(2)
    return [int.from_bytes(octets[i : i + 4], "little") for i in (0, 4)]


def words_mac(words: list[int]) -> str:
    """The MAC address in two words of a message."""
    octets = b"".join(word.to_bytes(4, "little") for word in words[:2])
    return octets[:6].hex(":")


class Mailbox:
    """The VF's end of its mailbox. Use it with `with`, which unmaps the registers."""

    def __init__(self, function: Function):
        self.function = function
        self._status = 0
        # The card's VFs have this bit hardwired to 0 and do without; QEMU's need it.
        function.enable(COMMAND_MEMORY)
        file = os.open(function.path / "resource0", os.O_RDWR | os.O_SYNC)
        try:
            self._map = mmap.mmap(file, os.fstat(file).st_size)
        finally:
            os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._map.close()

    # --- registers

    def read(self, register: int) -> int:
        """One 32-bit read of the VF's BAR."""
        cell = ctypes.c_uint32.from_buffer(self._map, register)
        value = cell.value
        # An exported buffer would keep the map from being closed.
        del cell
        return value

    def write(self, register: int, value: int) -> None:
        """One 32-bit write to the VF's BAR."""
        cell = ctypes.c_uint32.from_buffer(self._map, register)
        cell.value = value
        del cell

    def status(self) -> int:
        """V2PMAILBOX, with the bits that reading clears kept until `take`."""
        now = self.read(V2PMAILBOX)
        self._status |= now & READ_TO_CLEAR
        return now | self._status

    def take(self, bit: int) -> bool:
        """Whether `bit` was set since it was last taken."""
        found = bool(self.status() & bit)
        self._status &= ~bit
        return found

    # --- the protocol

    def lock(self) -> None:
        """Takes the buffer, as a well behaved VF does before it writes."""

        def taken() -> bool:
            self.write(V2PMAILBOX, VFU)
            return bool(self.status() & VFU)

        wait.register(taken, f"mailbox of {self.function.address} for the VF")

    def post(self, *words: int) -> None:
        """Writes a message and rings; does not wait for anything."""
        self.lock()
        for bit in (PFSTS, PFACK):
            self.take(bit)
        for number, word in enumerate(words):
            self.write(VMBMEM + 4 * number, word)
        self.write(V2PMAILBOX, REQ)

    def answer(self, limit: float = wait.LIMIT) -> list[int] | None:
        """The next message of the PF, all words of the buffer; None if there comes none."""
        try:
            wait.register(lambda: self.take(PFSTS), "answer", limit)
        except wait.Timeout:
            return None
        self.lock()
        words = [self.read(VMBMEM + 4 * number) for number in range(WORDS)]
        self.write(V2PMAILBOX, ACK)
        return words

    def request(self, *words: int, limit: float = wait.LIMIT) -> list[int]:
        """Sends a request and returns the answer; wait.Timeout if it was lost."""
        self.post(*words)
        answer = self.answer(limit)
        if answer is None:
            raise wait.Timeout(f"the PF answers no {words[0]:#x} of {self.function.address}")
        return answer

    def granted(self, *words: int) -> bool:
        """Sends a request; whether the PF agreed."""
        return bool(self.request(*words)[0] & MSG_ACK)

    def reset(self) -> str:
        """The reset handshake; returns the address the PF assigned, empty if it did not."""
        self.write(VTCTRL, CTRL_RST)
        wait.register(
            lambda: self.take(RSTD) or not self.status() & RSTI,
            f"PF of {self.function.address} after its reset",
        )
        answer = self.request(RESET)
        return words_mac(answer[1:]) if answer[0] & MSG_ACK else ""
