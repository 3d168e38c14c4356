# SPDX-License-Identifier: GPL-2.0
"""What no processor does, and QEMU's emulation of SVM does now and then: the marks of it.

QEMU's VMRUN that injects an interrupt leaves the vector in `exception_index` after it has delivered
it. If the processor is then called out of the guest for something that is no interrupt of its own, as
QEMU's RCU does after each change of the memory map (a command register written, a function reset), the
guest takes the same interrupt once more, with its interrupts off. From user space it has the wrong GS
then and panics in its first instructions; in the handler it waits for a lock that it holds itself. A
host's processor was seen to take one where GIF is clear as well.
"""

import re
from collections.abc import Iterable, Sequence

# An interrupt's entry in a backtrace, and what of the interrupted registers comes next.
ENTRY = re.compile(
    r"asm_(?:sysvec|common_interrupt)\w*\+.*\n.*RIP: \w+:(\S+).*\n(?:(?:.*Code: .*\n)?.*EFLAGS: (\w+))?"
)
NAME = re.compile(r"asm_(sysvec_\w+|common_interrupt)$")
FLAGS_IF = 1 << 9
KERNEL_CS = 0x10
# Bytes of an interrupt's entry, and where from its return address on the interrupted instruction's
# address is: asm/ptrace.h has fifteen registers and the error code before it. CS and flags follow.
ENTRY_SIZE = 0x20
FRAME_IP = 17


def in_log(text: str) -> str:
    """What a kernel's log says that cannot have been, or nothing."""
    for found in ENTRY.finditer(text):
        where, flags = found[1], found[2]
        if where.startswith("__svm_vcpu_run+"):
            return f"QEMU let an interrupt in at {where}, where GIF is clear"
        if flags and not int(flags, 16) & FLAGS_IF:
            return f"QEMU let an interrupt in at {where} with interrupts off"
    return ""


def entries(symbols: Iterable[str]) -> list[int]:
    """The addresses of interrupts' entries, of /proc/kallsyms."""
    lines = (line.split() for line in symbols)
    return [int(words[0], 16) for words in lines if NAME.match(words[2])]


def on_stack(stack: Sequence[int], starts: Sequence[int]) -> str:
    """The same of a kernel stack in use: its words from RSP upwards, and the entries' addresses."""
    for index, word in enumerate(stack[:-FRAME_IP - 2]):
        if any(start < word < start + ENTRY_SIZE for start in starts):
            where, segment, flags = stack[index + FRAME_IP:index + FRAME_IP + 3]
            if segment == KERNEL_CS and not flags & FLAGS_IF:
                return f"QEMU let an interrupt in at {where:x} with interrupts off"
    return ""
