# SPDX-License-Identifier: GPL-2.0
"""Which functions a measurement spends its instructions in.

For a VM with the plugin of tcg_profile.c, as `make bench PROFILE=1` starts it. The plugin and this file
have a page of code in common: calling its first byte begins a measurement, calling its second ends it.
"""

import bisect
import ctypes
import mmap
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

MARKS = 0x7E5700000000
RETURN = b"\xc3"
MAP_FIXED_NOREPLACE = 0x100000
# Functions in a table.
SHOWN = 25


@dataclass
class Symbols:
    """The kernel's functions, those of modules included."""

    addresses: list[int] = field(default_factory=list)
    # Name and module of each; the module of the kernel itself is "".
    names: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls) -> "Symbols":
        """As they are now: modules come and go."""
        found = []
        for line in Path("/proc/kallsyms").read_text(encoding="ascii").splitlines():
            address, kind, name, *module = line.split()
            if kind in "tTwW":
                found.append((int(address, 16), name, module[0].strip("[]") if module else ""))
        found.sort()
        return cls([each[0] for each in found], [each[1:] for each in found])

    def at(self, address: int) -> tuple[str, str]:
        """The function that an instruction belongs to."""
        index = bisect.bisect_right(self.addresses, address) - 1
        return self.names[index] if index >= 0 else ("?", "")


def readable(name: str) -> str:
    """The last identifier of a mangled name of Rust, and any other name as it is."""
    if not name.startswith("_R"):
        return name
    rest = re.sub(r"Cs[0-9a-zA-Z]*_", "C", name[2:])
    last = name
    while found := re.search(r"[1-9][0-9]*", rest):
        end = found.end() + int(found[0])
        last = rest[found.end() : end].lstrip("_") or last
        rest = rest[end:]
    return last


class Profile:
    """The counters of the plugin. Does nothing in a VM without it."""

    def __init__(self) -> None:
        name = os.environ.get("RIGB_PROFILE")
        self.file = Path(name) if name else None
        self.symbols = Symbols()
        # What is measured, for the table.
        self.title = ""
        if not self.file:
            return
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        access = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED_NOREPLACE
        if libc.mmap(MARKS, mmap.PAGESIZE, access, flags, -1, 0) != MARKS:
            raise OSError(ctypes.get_errno(), "no page for the marks of the profile")
        ctypes.memmove(MARKS, RETURN * 2, 2)
        self.marks = [ctypes.CFUNCTYPE(None)(MARKS + mark) for mark in (0, 1)]

    def drivers_changed(self) -> None:
        """To be called when other modules are loaded than before."""
        if self.file:
            self.symbols = Symbols.read()

    def begin(self) -> None:
        """What runs from here on counts."""
        if self.file:
            self.marks[0]()

    def end(self, packets: float) -> None:
        """Nothing counts any more: prints where the instructions went, for each of `packets`."""
        if self.file:
            self.marks[1]()
            self.show(packets)

    def show(self, packets: float) -> None:
        """Prints what the plugin has written."""
        assert self.file
        functions: Counter[tuple[str, str]] = Counter()
        modules: Counter[str] = Counter()
        locked = registers = 0
        for line in self.file.read_text(encoding="ascii").splitlines():
            address, *numbers = line.split()
            executed, with_lock, accesses = map(int, numbers)
            function = self.symbols.at(int(address, 16))
            functions[function] += executed
            modules[function[1] or "kernel"] += executed
            locked += with_lock
            registers += accesses
        shares = ", ".join(f"{name} {n / packets:.0f}" for name, n in modules.most_common(6))
        print(
            f"# {self.title}: {shares}; {locked / packets:.2f} locked, "
            f"{registers / packets:.2f} accesses to registers"
        )
        for (name, module), executed in functions.most_common(SHOWN):
            print(f"#   {executed / packets:8.1f}  {module:8} {readable(name)}")
