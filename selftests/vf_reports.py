#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What an operator is told of VFs: rtnetlink messages, counters, and state in words."""

import select
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Self

from rigbtest import mailbox as mb
from rigbtest import traffic, wait
from rigbtest.attack import until_quarantined
from rigbtest.bench import Bench, finish
from rigbtest.kselftest import case, ksft_eq, ksft_ge, ksft_in, ksft_not_in, ksft_pr, ksft_run
from rigbtest.kselftest import ksft_true
from rigbtest.mailbox import Mailbox

BENCH = Bench.find()

RTMGRP_LINK = 1
RTM_NEWLINK = 16
MAC = "02:82:57:72:00:01"
COUNTERS = (
    "mbx_requests", "mbx_refused", "mbx_ignored", "mbx_offences", "mbx_notices",
    "resets", "function_resets", "spoof_events", "card_blocks", "quarantines",
)
SHUT_OUT = "it is in quarantine"


class LinkEvents:
    """RTM_NEWLINK of the PF's interface."""

    def __enter__(self) -> Self:
        with BENCH.pf.inside():
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self._index = socket.if_nametoindex(BENCH.pf.name)
        self._socket.bind((0, RTMGRP_LINK))
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def forget(self) -> None:
        """Drops what has come so far."""
        while select.select([self._socket], [], [], 0)[0]:
            self._socket.recv(1 << 16)

    def comes(self) -> bool:
        """Waits for a message about the PF."""
        while select.select([self._socket], [], [], wait.LIMIT)[0]:
            data = self._socket.recv(1 << 16)
            kind, index = struct.unpack_from("4xH10x4xi", data)
            if (kind, index) == (RTM_NEWLINK, self._index):
                return True
        return False


def raw_vfs() -> tuple[Mailbox, Mailbox]:
    """Two VFs without a driver, as if new."""
    BENCH.use("rigb", "", 2)
    BENCH.stop_vfs()
    BENCH.start_vfs(2)
    one, two = (Mailbox(vf.function) for vf in BENCH.vfs)
    return one, two


def words(vf: int) -> str:
    """The VF's file in debugfs."""
    folder = Path("/sys/kernel/debug", f"rigb-{BENCH.pf.function.address}")
    return (folder / f"vf{vf}").read_text()


def state(vf: int) -> dict[str, list[str]]:
    """The lines of that file that are for programs. What there are several of has several lines."""
    found: dict[str, list[str]] = {}
    for line in words(vf).splitlines():
        if not line.startswith("- "):
            key, value = line.split(": ", 1)
            found.setdefault(key, []).append(value)
    return found


def counters(vf: int) -> dict[str, int]:
    """The VF's counters in `ethtool -S`."""
    stats = BENCH.pf.ethtool_stats()
    return {name: stats[f"vf{vf}_{name}"] for name in COUNTERS}


def notifications() -> None:
    """Whatever changes a VF, a manager that listens hears of it."""
    one, _ = raw_vfs()
    pf = BENCH.pf
    deeds: dict[str, Callable[[], object]] = {
        "a VF's reset": one.reset,
        "an address that the VF chose": lambda: one.granted(mb.SET_MAC, *mb.mac_words(MAC)),
        "a VLAN that the VF joined": lambda: one.granted(mb.JOIN_VLAN, 57),
        "a function level reset": lambda: one.write(mb.VTCTRL, mb.CTRL_RST),
        "the administrator's address": lambda: pf.ip(f"link set {{dev}} vf 1 mac {MAC}"),
        "the administrator's VLAN": lambda: pf.ip("link set {dev} vf 0 vlan 82"),
        "a VF without link": lambda: pf.ip("link set {dev} vf 0 state disable"),
    }
    for what, deed in deeds.items():
        with LinkEvents() as events:
            deed()
            ksft_true(events.comes(), what)
    pf.ip("link set {dev} down")
    for what, deed in (("a VF's reset", one.reset),
                       ("trust", lambda: pf.ip("link set {dev} vf 0 trust on"))):
        with LinkEvents() as events:
            deed()
            ksft_true(events.comes(), f"{what} while the PF is down")
    pf.ip("link set {dev} up")
    pf.wait_running()


def mailbox_counters() -> None:
    """Each event counts once, for its VF."""
    one, two = raw_vfs()
    zero = dict.fromkeys(COUNTERS, 0)
    ksft_eq(counters(6), zero, "a VF that is not there")
    ksft_eq(counters(0)["mbx_requests"], 0, "a new VF")
    two.reset()
    one.reset()
    other, start = counters(1), counters(0)
    ksft_eq((start["mbx_requests"], start["resets"]), (1, 1))
    ksft_ge(start["function_resets"], 1)
    for _ in range(3):
        ksft_true(one.granted(mb.SET_LPE, 1518))
    for _ in range(5):
        ksft_true(not one.granted(0x77))
    now = counters(0)
    gained = {name: now[name] - start[name] for name in COUNTERS}
    ksft_eq(gained, {**zero, "mbx_requests": 8, "mbx_refused": 5, "mbx_offences": 5})
    ksft_eq(counters(1), other)


def state_in_words() -> None:
    """The file of a VF says why it does not pass traffic, for each reason there can be: to programs, and
    to people with what helps."""
    one, _ = raw_vfs()
    pf = BENCH.pf
    ksft_eq(state(0)["passes traffic"], ["no"])
    ksft_in("no_handshake", state(0)["reason"])
    ksft_in("driver has not reset it", words(0))
    ksft_eq(state(5), {"passes traffic": ["no"], "reason": ["not_enabled"]})
    ksft_in("sriov_numvfs", words(5))
    one.reset()
    ksft_not_in("no_handshake", state(0)["reason"])
    ksft_in("no_rx_queue", state(0)["reason"])
    ksft_in("has not enabled its receive queue", words(0))
    ksft_eq(state(0)["address chosen by"], ["default"])
    pf.ip("link set {dev} vf 0 state disable", f"link set {{dev}} vf 0 mac {MAC} vlan 82 qos 5")
    ksft_in("took its link", words(0))
    found = state(0)
    ksft_in("link_disabled", found["reason"])
    for key, value in (("address", MAC), ("address chosen by", "administrator"), ("port VLAN", "82"),
                       ("port VLAN priority", "5"), ("mailbox", "the card's"), ("mbx_requests", "1")):
        ksft_eq(found[key], [value], key)
    pf.ip("link set {dev} vf 0 state auto", "link set {dev} vf 0 max_tx_rate 100")
    ksft_eq(state(0)["rate limit"], ["100 Mbit/s"])

    with LinkEvents() as events:
        one.reset()
        ksft_pr(f"in quarantine after {until_quarantined(one, 0x77)} bad messages")
        ksft_in(SHUT_OUT, words(0))
        events.forget()
        pf.ip("link set {dev} vf 0 state auto")
        ksft_true(events.comes(), "the end of a quarantine")
        ksft_not_in(SHUT_OUT, words(0))
    ksft_ge(counters(0)["quarantines"], 1)


def state_of_a_good_vf() -> None:
    """With traffic the file says so, and the counters have no offence."""
    BENCH.use("rigb", "rigbvf", 2)
    BENCH.stop_vfs()
    BENCH.start_vfs(2)
    for vf in BENCH.vfs:
        vf.wait_running()
    traffic.reach(BENCH.vfs[0], BENCH.vfs[1])
    for number in range(2):
        ksft_in("passes traffic: yes", words(number))
        ksft_eq(counters(number)["mbx_offences"], 0)
    BENCH.vfs[0].ip("link set {dev} down")
    wait.until(lambda: "passes traffic: no" in words(0), "state of an interface that is down")
    ksft_in("is its interface up?", words(0))
    BENCH.vfs[0].ip("link set {dev} up")
    BENCH.vfs[0].wait_running()
    ksft_in("passes traffic: yes", words(0))


CASES = [notifications, mailbox_counters, state_in_words, state_of_a_good_vf]


def main() -> None:
    """All cases."""
    if not Path("/sys/kernel/debug").is_mount():
        ksft_pr("debugfs is not mounted")
    ksft_run([case(f.__name__, BENCH.case(f), "rigb") for f in CASES])
    finish(BENCH)


if __name__ == "__main__":
    main()
