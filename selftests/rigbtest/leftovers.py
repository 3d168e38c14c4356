# SPDX-License-Identifier: GPL-2.0
"""What a VF's driver can leave in the registers of its queues, as it and the PF see them."""

from .mailbox import Mailbox
from .regs import Registers

# Of each queue, as a VF sees it: ring, SRRCTL, DCA_RXCTRL, DCA_TXCTRL, head write-back.
QUEUE_REGISTERS = (
    0x2800, 0x2804, 0x2808, 0x280C, 0x2814, 0x3800, 0x3804, 0x3808, 0x3814, 0x3838, 0x383C,
)
ENABLES = (0x2828, 0x3828)
ENABLE = 1 << 25
PSRTYPE = 0x0F0C
# Bits that all of them have.
VALUE = 0x0001_0080


def pf_view(register: int, vf: int, queue: int) -> int:
    """Where the PF sees a register of a queue of a VF."""
    base = 0xC000 if register < 0x3000 else 0xE000
    return base + (register & 0xFF) + 0x40 * (vf + 8 * queue)


def leave(vf: Mailbox) -> None:
    """Writes to all registers of both queues, and enables the second."""
    for queue in (0, 1):
        for register in QUEUE_REGISTERS:
            vf.write(register + 0x100 * queue, VALUE)
    vf.write(PSRTYPE, VALUE)
    for register in ENABLES:
        vf.write(register + 0x100, ENABLE)


def left(registers: Registers, vf: int, queues: tuple[int, ...] = (0, 1)) -> list[str]:
    """What is set in a VF's queues now."""
    found = [f"{register:#x} of queue {queue}" for register in QUEUE_REGISTERS for queue in queues
             if registers.read(pf_view(register, vf, queue))]
    on = [f"{register:#x} enables queue {queue}" for register in ENABLES for queue in queues
          if registers.read(pf_view(register, vf, queue)) & ENABLE]
    return found + on + ["PSRTYPE"] * bool(registers.read(0x5480 + 4 * vf))
