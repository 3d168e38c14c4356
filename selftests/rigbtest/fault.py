# SPDX-License-Identifier: GPL-2.0
"""Allocations that fail on purpose, one at a time (fault-injection.rst, fail-nth)."""

import os
import threading
from pathlib import Path
from typing import Callable

DEBUGFS = Path("/sys/kernel/debug")
# Kinds of allocations, with what to set so that also those that may wait fail.
KINDS = ("failslab", "fail_page_alloc")


def available() -> bool:
    """Whether this kernel can inject faults."""
    return all((DEBUGFS / kind).exists() for kind in KINDS)


def prepare() -> None:
    """Lets allocations fail that may wait, and those of single pages."""
    for kind in KINDS:
        (DEBUGFS / kind / "ignore-gfp-wait").write_text("0")
        (DEBUGFS / kind / "verbose").write_text("0")
    (DEBUGFS / "fail_page_alloc/min-order").write_text("0")


def inject(nth: int, action: Callable[[], None]) -> tuple[bool, OSError | None]:
    """Lets the `nth` allocation of `action` fail, which is a system call of this thread.

    Returns whether there were so many, and the error of the action.
    """
    path = f"/proc/self/task/{threading.get_native_id()}/fail-nth"
    file = os.open(path, os.O_RDWR)
    error = None
    try:
        os.write(file, str(nth).encode())
        try:
            action()
        except OSError as caught:
            error = caught
        left = int(os.pread(file, 32, 0))
        os.pwrite(file, b"0", 0)
    finally:
        os.close(file)
    return left == 0, error
