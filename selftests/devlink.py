#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What `devlink` shows and does: what the device is, and the health reporter of VFs."""

import json
import os
import select
import socket
import subprocess
from collections.abc import Callable
from typing import Any, Self

from rigbtest import mailbox as mb
from rigbtest import wait
from rigbtest.attack import until_quarantined
from rigbtest.bench import Bench, finish
from rigbtest.kselftest import case, ksft_eq, ksft_ge, ksft_in, ksft_ne, ksft_run, ksft_true
from rigbtest.mailbox import Mailbox

BENCH = Bench.find()
DEVICE = f"pci/{BENCH.pf.function.address}"
NETLINK_KOBJECT_UEVENT = 15
REPORTER = (DEVICE, "reporter", "vf")


def devlink(*words: str) -> dict[str, Any]:
    """What a command of devlink says."""
    text = subprocess.run(["devlink", "-j", *words], check=True, capture_output=True,
                          text=True).stdout
    said: dict[str, Any] = json.loads(text) if text.strip() else {}
    return said


def health() -> dict[str, Any]:
    """The reporter."""
    reporters: list[dict[str, Any]] = devlink("health", "show", *REPORTER)["health"][DEVICE]
    return reporters[0]


def diagnosis(what: str = "diagnose") -> list[dict[str, Any]]:
    """What the reporter says of each VF."""
    words = ("diagnose",) if what == "diagnose" else ("dump", "show")
    found: list[dict[str, Any]] = devlink("health", *words, *REPORTER)["VFs"]
    return found


class Monitor:
    """What `devlink monitor health` prints while this is used with `with`."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(["stdbuf", "-oL", "devlink", "monitor", "health"],
                                         stdout=subprocess.PIPE)
        assert self._process.stdout
        self._output = self._process.stdout
        wait.until(self._listens, "devlink's socket")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()

    def _listens(self) -> bool:
        with open("/proc/net/netlink", encoding="ascii") as file:
            # Protocol 16 is generic netlink; the third column is the process, the fourth its groups.
            sockets = [line.split() for line in file][1:]
        return any(s[1] == "16" and s[2] == str(self._process.pid) and int(s[3], 16) for s in sockets)

    def comes(self, state: str) -> bool:
        """Waits for a message that has this word."""
        seen = b""
        while select.select([self._output], [], [], wait.LIMIT)[0]:
            data = os.read(self._output.fileno(), 4096)
            if not data:
                return False
            seen += data
            if state.encode() in seen:
                return True
        return False


class Uevents:
    """The kernel's events for udev while this is used with `with`."""

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT)
        self._socket.bind((0, 1))
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def comes(self, *variables: str) -> bool:
        """Waits for a change of the PF with these variables."""
        wanted = {"ACTION=change", f"PCI_SLOT_NAME={BENCH.pf.function.address}", *variables}
        while select.select([self._socket], [], [], wait.LIMIT)[0]:
            if wanted <= set(self._socket.recv(1 << 16).decode(errors="replace").split("\0")):
                return True
        return False


def raw_vfs() -> tuple[Mailbox, Mailbox]:
    """Two VFs without a driver, as if new."""
    BENCH.use("rigb", "", 2)
    BENCH.stop_vfs()
    BENCH.start_vfs(2)
    one, two = (Mailbox(vf.function) for vf in BENCH.vfs)
    return one, two


def info() -> None:
    """The device says what it is, as ethtool has it."""
    BENCH.use("rigb", "", 0)
    what = devlink("dev", "info", DEVICE)["info"][DEVICE]
    ksft_eq(what["driver"], "rigb")
    sysfs = BENCH.pf.function.path
    ksft_eq(what["versions"]["fixed"]["asic.id"], (sysfs / "device").read_text().strip()[2:])
    ksft_eq(what["versions"]["fixed"]["asic.rev"], (sysfs / "revision").read_text().strip()[2:])
    firmware = what["versions"]["running"]["fw"]
    shown = BENCH.pf.ethtool("-i")
    ksft_in(f"firmware-version: {firmware}", shown)
    mac = BENCH.pf.mac.replace(":", "-")
    # A serial number is the address with two bytes in its middle.
    if serial := what.get("serial_number"):
        ksft_eq((serial[:8], serial[-8:]), (mac[:8], mac[-8:]))


def errors() -> None:
    """A quarantine is an error, told at once, which does not mend itself."""
    one, two = raw_vfs()
    ksft_eq((health()["state"], health()["error"]), ("healthy", 0))
    ksft_eq([vf["quarantined"] for vf in diagnosis()], [False, False])
    one.reset()
    two.reset()
    with Monitor() as monitor:
        count = until_quarantined(one, 0x77)
        ksft_true(monitor.comes("error"), "the manager hears of it")
    now = health()
    ksft_eq((now["state"], now["error"], now["recover"]), ("error", 1, 0))
    bad, good = diagnosis()
    ksft_eq((bad["vf"], bad["quarantined"], good["quarantined"]), (0, True, False))
    ksft_in("too many bad requests", bad["cause"])
    ksft_ge(bad["mbx_offences"], 500)
    ksft_ge(count + 100, bad["mbx_offences"])
    ksft_eq(good["mbx_offences"], 0)
    ksft_eq([vf["quarantined"] for vf in diagnosis("dump")], [True, False], "kept of the moment")
    until_quarantined(two, 0x77)
    wait.until(lambda: health()["error"] == 2, "a second error")


def ways_out() -> None:
    """Whatever lets the last VF out of quarantine makes the reporter healthy again."""
    one, two = raw_vfs()

    def recover() -> None:
        devlink("health", "recover", *REPORTER)

    def state_auto() -> None:
        BENCH.pf.ip("link set {dev} vf 0 state auto", "link set {dev} vf 1 state auto")

    def function_reset() -> None:
        for vf in (one, two):
            vf.write(mb.VTCTRL, mb.CTRL_RST)

    ways: list[Callable[[], None]] = [recover, state_auto, function_reset]
    for way in ways:
        for vf in (one, two):
            vf.reset()
            until_quarantined(vf, 0x77)
        wait.until(lambda: all(vf["quarantined"] for vf in diagnosis()), "quarantine")
        wait.until(lambda: health()["state"] == "error", "an error")
        way()
        wait.until(lambda: health()["state"] == "healthy", f"health after {way.__name__}")
        ksft_eq([vf["quarantined"] for vf in diagnosis()], [False, False], way.__name__)
        for vf in (one, two):
            vf.write(mb.V2PMAILBOX, 0)
            ksft_true(vf.reset(), f"served after {way.__name__}")
    ksft_eq(health()["recover"], 1, "the operator's")
    until_quarantined(one, 0x77)
    wait.until(lambda: health()["state"] == "error", "an error")
    BENCH.pf.function.set_numvfs(0)
    wait.until(lambda: health()["state"] == "healthy", "health without VFs")
    ksft_eq(diagnosis(), [])


def uevents() -> None:
    """udev hears which VF was shut out, and when it is let out."""
    _, two = raw_vfs()
    two.reset()
    with Uevents() as events:
        until_quarantined(two, 0x77)
        ksft_true(events.comes("RIGB_VF=1", "RIGB_VF_STATE=quarantined"))
        devlink("health", "recover", *REPORTER)
        ksft_true(events.comes("RIGB_VF=1", "RIGB_VF_STATE=released"))


def driver_goes() -> None:
    """The driver leaves while a VF is in quarantine and somebody asks."""
    one, _ = raw_vfs()
    one.reset()
    until_quarantined(one, 0x77)
    with subprocess.Popen(
            ["sh", "-c", f"while devlink health diagnose {' '.join(REPORTER)}; do :; done"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asker:
        BENCH.use("igb", "", 0)
        ksft_ne(asker.wait(wait.LIMIT), None)
    BENCH.use("rigb", "", 0)
    ksft_eq(health()["state"], "healthy", "a new driver")


CASES = [info, errors, ways_out, uevents, driver_goes]


def main() -> None:
    """All cases."""
    ksft_run([case(f.__name__, BENCH.case(f), "rigb") for f in CASES])
    finish(BENCH)


if __name__ == "__main__":
    main()
