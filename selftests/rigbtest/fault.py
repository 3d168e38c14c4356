# SPDX-License-Identifier: GPL-2.0
"""Allocations that fail on purpose, one at a time (fault-injection.rst, fail-nth)."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DEBUGFS = Path("/sys/kernel/debug")
# Kinds of allocations.
KINDS = ("failslab", "fail_page_alloc")
# From the allocator up to the driver. Deeper down it is the core of Linux that allocates for
# itself, and not all of that survives a failure: ACPI's namespace does not on 7.3.
DEPTH = 8
# Of the memory of a ring's descriptors, of which nobody else asks for so much; from there up to the
# driver it is further.
RING_ORDER, RING_DEPTH = 2, 24
# What a page pool does that has no page left.
POOLS = ("page_pool_alloc_netmems", "__page_pool_alloc_netmems_slow")
# What must not fail nearer by, as the first and the last function of a range; there can be one at a
# time. The debugging of DMA switches itself off when its own bookkeeping finds no memory.
DMA_DEBUG = ("debug_dma_map_single", "debug_dma_free_coherent")
# sriov_numvfs calls this by way of a driver: it takes a device from the bus that was never added to it.
NEW_VF = ("pci_iov_add_virtfn", "pci_iov_add_virtfn")


def available() -> bool:
    """Whether this kernel can inject faults."""
    return all((DEBUGFS / kind).exists() for kind in KINDS)


def prepare() -> None:
    """Lets allocations fail that may wait, and those of single pages."""
    for kind in KINDS:
        (DEBUGFS / kind / "ignore-gfp-wait").write_text("0")
        (DEBUGFS / kind / "verbose").write_text("0")
    (DEBUGFS / "fail_page_alloc/min-order").write_text("0")


def only_in(module: str, never_in: tuple[str, str] = DMA_DEBUG) -> None:
    """Lets only those allocations fail that this module makes, or a function that it calls, and
    none of the functions from one to another."""
    symbols = _functions()
    ours = [number for number, (_, _, owner) in enumerate(symbols) if owner == f"[{module}]"]
    if not ours:
        raise ValueError(f"{module} is not loaded")
    start, end = _span(symbols, never_in)
    limits = {
        "stacktrace-depth": str(DEPTH),
        "require-start": hex(symbols[ours[0]][0]),
        "require-end": hex(symbols[ours[-1]][0] + 1),
        "reject-start": hex(start),
        "reject-end": hex(end),
    }
    for kind in KINDS:
        for name, value in limits.items():
            (DEBUGFS / kind / name).write_text(value)


def _functions() -> list[tuple[int, str, str]]:
    """All functions of the kernel and its modules by their addresses, with names and modules."""
    found = []
    for line in Path("/proc/kallsyms").read_text(encoding="ascii").splitlines():
        address, kind, name, *owner = line.split()
        if kind in "tT":
            found.append((int(address, 16), name, "".join(owner)))
    return sorted(found)


def _span(symbols: list[tuple[int, str, str]], functions: tuple[str, str]) -> tuple[int, int]:
    """Where the first of two functions begins, and where the last one ends."""
    names = [name for _, name, _ in symbols]
    first, last = (names.index(name) for name in functions)
    return symbols[first][0], symbols[last + 1][0]


@contextmanager
def _set(settings: dict[str, object]) -> Iterator[None]:
    """Settings of the pages that cannot be had; what was before comes back."""
    folder = DEBUGFS / "fail_page_alloc"
    before = {name: (folder / name).read_text() for name in settings}
    try:
        for name, value in settings.items():
            (folder / name).write_text(str(value))
        yield
    finally:
        for name, text in reversed(before.items()):
            (folder / name).write_text(text)


@contextmanager
def no_pages() -> Iterator[None]:
    """No page pool gets a page meanwhile. Those that one has in its cache are left to it."""
    start, end = _span(_functions(), POOLS)
    with _set({"min-order": 0, "stacktrace-depth": RING_DEPTH, "task-filter": "N", "interval": 1,
               "reject-start": 0, "reject-end": 0, "require-start": hex(start),
               "require-end": hex(end), "verbose": 0, "times": -1, "probability": 100}):
        yield


@contextmanager
def short_of_rings(count: int) -> Iterator[Callable[[], bool]]:
    """The next `count` allocations that a ring needs fail, of those that `only_in` lets fail.

    Yields whether any are left.
    """
    with _set({"min-order": RING_ORDER, "stacktrace-depth": RING_DEPTH, "task-filter": "N",
               "interval": 1, "times": count, "probability": 100}):
        yield lambda: int((DEBUGFS / "fail_page_alloc/times").read_text()) > 0


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
