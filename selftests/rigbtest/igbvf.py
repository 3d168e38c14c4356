# SPDX-License-Identifier: GPL-2.0
"""What C igbvf needs where its PF was too slow for it.

It waits for an answer for a second, without sleeping, and then takes its PF for gone. What it has asked
for it asks for again by itself, ten seconds after its last reset. A handshake it does not: a VF that had
none at its probe has an address of its own making, and one that had none later has no link, until its
interface is closed and opened. A user does that, and a test on a busy machine as well. Each time is
counted and printed, and there may be few.
"""

import itertools
import os
from collections.abc import Callable
from contextlib import suppress

from . import wait
from .driver import run
from .kselftest import ksft_pr
from .pci import Function

NAME = "igbvf"
# What it says of a handshake that it had not.
NO_HANDSHAKE = "PF still"
# Seconds in which it has helped itself if it can.
PATIENCE = 30.0
# Times in a program, of several hundred requests each.
MOST = 24
NET_ADDR_RANDOM = "1"
_times = itertools.count(1)
# Handshakes of each VF that have failed, as far as it was asked.
_failed: dict[str, int] = {}


class GivenUpError(Exception):
    """It has given its PF up more often than a slow machine can be blamed for."""


def helped(what: str) -> None:
    """Counts that it was helped."""
    number = next(_times)
    ksft_pr(f"{NAME} has given its PF up: {what}, {number}")
    if number > MOST:
        raise GivenUpError(f"{NAME} had to be helped {number} times")


def gave_up(function: Function) -> bool:
    """Whether a handshake of the VF has failed since this was asked last."""
    lines = [line for line in run("dmesg").splitlines() if NO_HANDSHAKE in line]
    failed = sum(function.address in line for line in lines)
    before, _failed[function.address] = _failed.get(function.address, 0), failed
    return failed > before


def wait_helped(
    function: Function, condition: Callable[[], object], what: str, again: Callable[[], object],
    ns: str = "",
) -> None:
    """Waits for what a VF has by its PF. If C igbvf had no handshake, `again` closes and opens it."""
    while function.driver == NAME:
        with suppress(wait.Timeout):
            wait.until(condition, what, ns, PATIENCE)
            return
        if not gave_up(function):
            break
        helped(f"{function.address} goes down and up, for {what}")
        again()
    wait.until(condition, what, ns)


def _without_address(function: Function) -> bool:
    """Whether the VF's interface has no address of its PF's. C igb gives none."""
    pf = function.path / "physfn/driver"
    if function.driver != NAME or not pf.exists() or os.path.basename(os.readlink(pf)) == "igb":
        return False
    kind = function.path / "net" / function.netdev() / "addr_assign_type"
    return kind.read_text(encoding="ascii").strip() == NET_ADDR_RANDOM


def probe_again(function: Function) -> None:
    """Gives a VF that had no handshake at its probe to its driver again."""
    while _without_address(function):
        helped(f"{function.address} is probed again")
        function.unbind()
        function.bind(NAME)
        function.wait_netdev()
