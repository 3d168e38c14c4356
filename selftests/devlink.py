#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What `devlink` shows and does: what the device is, the health reporter of VFs, and what the card
is to stop them for.

QEMU's card stops nobody. `devlink health test` does as if it had, from where the card's registers are
decoded; how these are read is seen by control_plane.py.
"""

import json
import os
import select
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from rigbtest import mailbox as mb
from rigbtest import regs, traffic, wait
from rigbtest.attack import until_quarantined
from rigbtest.bench import Bench, finish
from rigbtest.kselftest import case, ksft_eq, ksft_ge, ksft_in, ksft_ne, ksft_run, ksft_true
from rigbtest.mailbox import Mailbox
from rigbtest.regs import Registers

BENCH = Bench.find()
DEVICE = f"pci/{BENCH.pf.function.address}"
NETLINK_KOBJECT_UEVENT = 15
REPORTER = (DEVICE, "reporter", "vf")
PARAMETER = (DEVICE, "name", "malicious_driver_detection")
# The control message without "clear to send": start again.
START_AGAIN = 0x0100
# More often than a VF may be blocked, also if that takes minutes.
BLOCKS = 15


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
    # The PF of a slow machine sees it ring on for what waits.
    ksft_in(bad["cause"], ("too many bad requests", "too many doorbells for nothing"))
    ksft_ge(bad["mbx_offences"] + bad["mbx_extra_rings"], 500)
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


# --- VFs that the card stops


def detects() -> tuple[bool, bool]:
    """Whether the card is to stop malformed descriptors: what devlink says, and the register."""
    found = devlink("dev", "param", "show", *PARAMETER)["param"][DEVICE]
    said: bool = found[0]["values"][0]["value"]
    register = Registers(BENCH.pf.function).read(regs.DTXCTL)
    return said, bool(register & regs.DTXCTL_MDP_EN)


def detection() -> None:
    """The card is told to look while there are VFs, unless the operator does not want it."""
    BENCH.use("rigb", "", 0)
    ksft_eq(detects(), (True, False), "without VFs")
    BENCH.start_vfs(2)
    ksft_eq(detects(), (True, True), "with VFs")
    for word, value in (("false", False), ("true", True)):
        devlink("dev", "param", "set", *PARAMETER, "value", word, "cmode", "runtime")
        ksft_eq(detects(), (value, value), word)
        BENCH.pf.ethtool("-t", "offline", check=False)
        BENCH.pf.wait_running()
        ksft_eq(detects(), (value, value), f"{word}, after a reset of the PF")
    BENCH.stop_vfs()
    ksft_eq(detects(), (True, False), "without VFs again")
    ksft_ne(subprocess.run(["devlink", "health", "test", *REPORTER], check=False,
                           capture_output=True).returncode, 0)
    BENCH.dirty = True


def block() -> None:
    """As if the card had stopped all VFs."""
    devlink("health", "test", *REPORTER)


def blocked() -> None:
    """A VF that the card has stopped is closed and told; its handshake opens it, and all is seen."""
    one, two = raw_vfs()
    registers = Registers(BENCH.pf.function)
    one.reset()
    two.reset()
    ksft_eq(registers.read(regs.VFTE) & 3, 3)
    one.take(mb.PFSTS)
    with Monitor() as monitor:
        block()
        ksft_true(monitor.comes("error"), "the manager hears of it")
    ksft_eq((registers.read(regs.VFTE) & 3, registers.read(regs.VFRE) & 3), (0, 0))
    said = one.answer()
    ksft_eq(said and said[0], START_AGAIN)
    ksft_eq([vf["blocked"] for vf in diagnosis()], [True, True])
    file = Path("/sys/kernel/debug", f"rigb-{BENCH.pf.function.address}", "vf0")
    ksft_in("blocked by the card", file.read_text())
    # Upon its acknowledgement, which is what C igbvf starts again for.
    said = one.answer()
    ksft_eq(said and said[0], mb.MSG_NACK)
    block()
    ksft_eq(BENCH.pf.ethtool_stats()["vf0_card_blocks"], 1, "once until it starts again")
    ksft_true(one.reset(), "its handshake")
    ksft_true(one.granted(mb.SET_LPE, 1518))
    ksft_eq((registers.read(regs.VFTE) & 3, registers.read(regs.VFRE) & 3), (1, 1))
    ksft_eq([vf["blocked"] for vf in diagnosis()], [False, True])
    ksft_eq(health()["state"], "error", "there is another one")
    two.reset()
    wait.until(lambda: health()["state"] == "healthy", "health")
    ksft_true("blocked by the card" not in file.read_text())


def blocked_too_often() -> None:
    """Who does it again and again is shut out."""
    one, two = raw_vfs()
    one.reset()
    two.reset()
    for _ in range(BLOCKS):
        one.take(mb.PFSTS)
        block()
        # What it is told comes from the same look at it that may shut it out.
        wait.until(lambda: one.take(mb.PFSTS) or diagnosis()[0]["quarantined"], "an answer")
        if diagnosis()[0]["quarantined"]:
            break
        one.reset()
    ksft_ge(diagnosis()[0]["card_blocks"], 5, "a guest whose driver has a fault now and then goes on")
    ksft_true(diagnosis()[0]["quarantined"], "quarantine")
    ksft_in("blocked by the card", diagnosis()[0]["cause"])
    ksft_eq(diagnosis()[1]["card_blocks"], 1)
    devlink("health", "recover", *REPORTER)
    one.write(mb.V2PMAILBOX, 0)
    ksft_true(one.reset(), "served again")


def blocked_over_resets() -> None:
    """A reset of the PF ends what the card has blocked: VFs are closed as after any, and start again
    as after any. So does the end of the driver."""
    one, two = raw_vfs()
    pf = BENCH.pf

    def block_both() -> None:
        for vf in (one, two):
            ksft_true(vf.reset(), "its handshake")
        block()
        wait.until(lambda: health()["state"] == "error", "an error")
        ksft_eq([vf["blocked"] for vf in diagnosis()], [True, True])

    def port_reset() -> None:
        pf.ethtool("-t", "offline", check=False)

    resets: list[Callable[[], None]] = [pf.function.reset, port_reset]
    for number, reset in enumerate(resets, 1):
        block_both()
        reset()
        pf.wait_running()
        wait.until(lambda: health()["state"] == "healthy", "health after a reset")
        ksft_eq([vf["blocked"] for vf in diagnosis()], [False, False])
        ksft_eq([vf["card_blocks"] for vf in diagnosis()], [number, number], "it is not forgotten")
        registers = Registers(pf.function)
        ksft_eq((registers.read(regs.VFTE) & 3, registers.read(regs.VFRE) & 3), (0, 0))
        ksft_true(one.reset() and one.granted(mb.SET_LPE, 1518), "served again")
        ksft_eq((registers.read(regs.VFTE) & 3, registers.read(regs.VFRE) & 3), (1, 1))
    block_both()
    BENCH.use("igb", "", 0)
    BENCH.use("rigb", "", 2)
    ksft_eq((health()["state"], health()["error"]), ("healthy", 0), "a new driver")
    ksft_eq([vf["card_blocks"] for vf in diagnosis()], [0, 0])


def blocked_guests() -> None:
    """A VF's driver starts again by itself when the card has stopped it."""
    BENCH.use("rigb", "rigbvf", 2)
    one, two = BENCH.vfs
    traffic.reach(one, two)
    before = health()["error"]
    block()
    wait.until(lambda: health()["error"] == before + 2, "both are reported")
    wait.until(lambda: health()["state"] == "healthy", "both have started again")
    traffic.reach(one, two)
    traffic.reach(two, BENCH.pf)


CASES = [
    info, errors, ways_out, uevents, driver_goes, detection, blocked, blocked_too_often,
    blocked_over_resets, blocked_guests,
]


def main() -> None:
    """All cases."""
    ksft_run([case(f.__name__, BENCH.case(f), "rigb") for f in CASES])
    finish(BENCH)


if __name__ == "__main__":
    main()
