# SPDX-License-Identifier: GPL-2.0
"""Waits that end with an event, have a bound, and say what was waited for.

The kernel announces most of what tests wait for over rtnetlink; state that it does not
announce (registers, files of sysfs) is looked at again at short intervals.
"""

import select
import socket
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from .kselftest import NetNSEnter

T = TypeVar("T")

# RTMGRP_LINK, _NEIGH, _IPV4_IFADDR, _IPV6_IFADDR
GROUPS = 0x1 | 0x4 | 0x10 | 0x100
# How long a test waits for anything, at the most. Only a test that fails waits so long, so
# the figure may be generous: emulated and loaded machines are slow.
LIMIT = 120.0
# When unannounced state is looked at again.
RECHECK = 0.2
RECHECK_REGISTER = 0.005


class Timeout(Exception):
    """What was waited for did not come."""


def until(condition: Callable[[], T], what: str, ns: str = "", limit: float = LIMIT) -> T:
    """Returns the first true value of `condition`, tried at each link event in `ns`."""
    with NetNSEnter(ns) if ns else nullcontext():
        events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with events:
        events.bind((0, GROUPS))
        events.setblocking(False)
        end = time.monotonic() + limit
        while True:
            if value := condition():
                return value
            if time.monotonic() > end:
                raise Timeout(f"no {what} within {limit:.0f} s")
            select.select([events], [], [], RECHECK)
            _drain(events)


def _drain(events: socket.socket) -> None:
    try:
        while events.recv(65536):
            pass
    except BlockingIOError:
        pass
    except OSError:
        # ENOBUFS: events were lost, so there were some.
        pass


def register(condition: Callable[[], T], what: str, limit: float = LIMIT) -> T:
    """Returns the first true value of `condition`, which reads a register: no event tells."""
    end = time.monotonic() + limit
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise Timeout(f"no {what} within {limit:.0f} s")
        time.sleep(RECHECK_REGISTER)
