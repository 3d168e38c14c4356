# SPDX-License-Identifier: GPL-2.0
"""Errors on the bus, injected by the kernel's aer_inject as if a function had reported them."""

import struct
from pathlib import Path

from . import wait
from .driver import CommandError, run
from .kmsg import KernelLog
from .kselftest import KsftSkipEx
from .pci import Function

DEVICE = Path("/dev/aer_inject")
# Of an uncorrectable error: fatal and not, as functions have it by default.
MALFORMED_TLP = 1 << 18
COMPLETION_TIMEOUT = 1 << 14


def load() -> None:
    """Loads the module; the case is skipped without it."""
    try:
        run("modprobe", "aer_inject")
    except CommandError as error:
        raise KsftSkipEx("this kernel has no aer_inject") from error


def inject(function: Function, error: int) -> bool:
    """Has `function` report an uncorrectable error. Whether the bus has recovered from it."""
    domain, bus, device = function.address.split(":")
    slot, number = device.split(".")
    record = struct.pack("=BBBx7I", int(bus, 16), int(slot, 16), int(number), error, 0, 0, 0, 0, 0,
                         int(domain, 16))
    with KernelLog() as log:
        DEVICE.write_bytes(record)
        seen: list[str] = []

        def over() -> bool:
            seen.extend(line for line in log.lines() if "device recovery" in line)
            return bool(seen)

        wait.until(over, "end of the recovery")
    return "successful" in seen[0]
