# SPDX-License-Identifier: GPL-2.0
"""Function level resets that last for as long as a test has something to do in them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from . import wait
from .driver import Driver
from .kselftest import KsftSkipEx, ksft_true
from .pci import Function

MODULE = Driver("slow_flr", "selftests/modules/slow_flr.ko")
STATE = Path("/sys/module/slow_flr/parameters/state")
READY, ARMED, HELD = "0\n", "1\n", "2\n"


@contextmanager
def held(function: Function) -> Iterator[None]:
    """A function level reset, under way within `with`: the function's driver has stopped it, and begins
    again after that. The kernel waits for a minute."""
    if not MODULE.available():
        raise KsftSkipEx("not built: run make")
    MODULE.load(f"function={function.address}")
    try:
        STATE.write_text(ARMED, encoding="ascii")
        with ThreadPoolExecutor(1) as pool:
            reset = pool.submit(function.reset)
            try:
                wait.register(lambda: reset.done() or STATE.read_text() == HELD, "reset")
                yield
                ksft_true(not reset.done(), "the reset lasts")
            finally:
                STATE.write_text(READY, encoding="ascii")
            reset.result()
    finally:
        MODULE.unload()
