#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""`make kvm` and `make xen`: the user's commands on a host and in its guests, with VFs.

run_guests.py kvm|pv|hvm, in a VM that can have such guests:

  RIGB_HOST      runs on the host when all guests are up
  RIGB_GUEST     runs at the same time in each guest
  RIGB_GUESTS    how many guests (1), each with a VF
  RIGB_LIMIT     seconds for each command (1800)
  RIGB_PF_DRIVER, RIGB_VF_DRIVER   rigb or igb; rigbvf, igbvf, or none to load it oneself

The status is 0 if all commands' is, else the host's if not 0, else that of the first guest
whose is not. As with timeout(1), 124 is a command that ran too long; 125 a side that could not
run it to its end.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec

from rigbtest import platforms
from rigbtest.agent import Answer, GuestError
from rigbtest.bench import Bench
from rigbtest.driver import ROOT, CommandError, run
from rigbtest.ends import LIB, LIMIT
from rigbtest.guest import Guest
from rigbtest.scene import MAX_RETRIES, Scene
from rigbtest.traffic import TrafficError
from rigbtest.wait import Timeout

P = ParamSpec("P")

PF_DRIVER = os.environ.get("RIGB_PF_DRIVER") or "rigb"
VF_DRIVER = os.environ.get("RIGB_VF_DRIVER") or "rigbvf"
COUNT = int(os.environ.get("RIGB_GUESTS") or "1")
COMMAND_LIMIT = float(os.environ.get("RIGB_LIMIT") or "1800")
# Seconds for a guest to send what there is of a command that was ended.
GRACE = 120.0
# The PF's interface, where every other program of the host finds it.
PF_NAME = "eth0"
STATUS_TIMEOUT = 124
STATUS_NOT_RUN = 125
# Of the host's output, as of a guest's (vm/guest/agent): its last bytes are printed, and a
# command that writes without end fails before the host's memory is full.
KEPT = 4 << 20
ROOM = "64m"
OUTPUT = Path("/run/guests-output")
# What may go wrong with one side, and is not to hide what the others have said.
FAILURES = (GuestError, Timeout, CommandError, TrafficError, subprocess.SubprocessError, OSError)


def pf_to_host(bench: Bench) -> None:
    """Brings the PF's interface from the bench's namespace to where users look for it."""
    pf = bench.pf
    pf.ip("link set {dev} down", f"link set {{dev}} netns 1 name {PF_NAME}")
    commands = [
        f"addr flush dev {PF_NAME}",
        f"addr add {pf.v4}/24 dev {PF_NAME}",
        f"link set {PF_NAME} up",
        f"addr add {pf.v6}/64 dev {PF_NAME} nodad",
    ]
    run("ip", "-batch", "-", stdin="".join(f"{line}\n" for line in commands))
    subprocess.run(
        ["bash", "-c", f". {LIB}; until_true has_carrier {PF_NAME}"], check=True, timeout=LIMIT
    )


def start(scene: Scene[Guest]) -> None:
    """Guests with their VFs, and the PF where the user looks for it.

    The guests' drivers come last: the C driver drops the links of VFs when the PF goes down.
    """
    scene.start(PF_DRIVER, "", COUNT)
    pf_to_host(scene.bench)
    for guest in scene.guests:
        if VF_DRIVER != "none":
            guest.up(VF_DRIVER)


def show_guests(scene: Scene[Guest]) -> None:
    """What may say why guests did not come up: their consoles' ends, and where they are."""
    for guest in scene.guests:
        for line in guest.console_text().splitlines()[-15:] + guest.stuck().splitlines():
            print(f"# {guest.label}| {line}")


def start_in_spite(scene: Scene[Guest]) -> None:
    """Starts, and again where the emulation below the guests has failed."""
    for retry in range(1, MAX_RETRIES + 2):
        try:
            start(scene)
            return
        except (GuestError, Timeout) as error:
            fault = max((guest.emulator_fault() for guest in scene.guests), default="")
            if not fault or retry > MAX_RETRIES:
                show_guests(scene)
                raise
            print(f"# {error}\n# the emulation has failed ({fault}): retry {retry}", flush=True)
            scene.down()
            scene.bench.dirty = True


def variables(scene: Scene[Guest]) -> dict[str, str]:
    """What the commands may want to know."""
    known = {"PF_DEV": PF_NAME, "PF_V4": scene.bench.pf.v4, "PF_V6": scene.bench.pf.v6}
    known["WIRE_V4"] = scene.bench.wire.v4
    for number, guest in enumerate(scene.guests):
        known |= {f"GUEST{number}_V4": guest.v4, f"GUEST{number}_V6": guest.v6}
    return known


def on_host(command: str, known: dict[str, str], output: Path) -> Answer:
    """Runs the host's command.

    Into a file: what it leaves running may hold a pipe open for ever. In a session of its own:
    its signals to its group do not end the run, and what is too slow ends as a whole.
    """
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["bash", "-c", f". {LIB}\n{command}"],
            cwd=ROOT,
            env=os.environ | known,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        status = process.wait(COMMAND_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        status = STATUS_TIMEOUT
    # As a shell has it for a command that a signal has ended.
    status = status if status >= 0 else 128 - status
    with output.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - KEPT))
        return Answer(status, file.read(KEPT), size)


def in_guest(command: str, guest: Guest, number: int, known: dict[str, str]) -> Answer:
    """Runs the guests' command in one of them."""
    names = known | {"GUEST_NUMBER": str(number), "VF_V4": guest.v4, "VF_V6": guest.v6}
    exports = "".join(f"export {name}={value}\n" for name, value in names.items())
    request = guest.agent.start(f". /run/vm/lib.sh\n{exports}{command}")
    try:
        return guest.agent.finish(request, COMMAND_LIMIT)
    except Timeout:
        guest.agent.kill(request)
    answer = guest.agent.finish(request, GRACE)
    return Answer(STATUS_TIMEOUT, answer.output, answer.size)


def outcome(side: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
    """What became of a side, also where it could not do its part."""
    try:
        return side(*args, **kwargs)
    except FAILURES as error:
        status = STATUS_TIMEOUT if isinstance(error, Timeout) else STATUS_NOT_RUN
        said = f"# {error}\n".encode(errors="surrogateescape")
        return Answer(status, said, len(said))


def show(name: str, answer: Answer) -> None:
    """Prints a side's status and its output, whose bytes need not be text."""
    cut = len(answer.output) < answer.size
    more = f" (the last {len(answer.output)} of {answer.size} bytes)" if cut else ""
    out = sys.stdout.buffer
    out.write(f"--- {name}: status {answer.status}{more}\n".encode() + answer.output)
    out.write(b"\n" if answer.output and not answer.output.endswith(b"\n") else b"")
    out.flush()


def show_fault(guest: Guest) -> None:
    """Says if it was the emulation below a guest that has failed, and not what was run in it."""
    if fault := guest.emulator_fault():
        print(f"# {guest.label}: the emulation has failed ({fault})", flush=True)


def run_commands(scene: Scene[Guest]) -> int:
    """Runs the commands and prints what each said; the status of all."""
    known = variables(scene)
    OUTPUT.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"mode=700,size={ROOM}", "output", str(OUTPUT))
    host, inside = os.environ.get("RIGB_HOST", ""), os.environ.get("RIGB_GUEST", "")
    with ThreadPoolExecutor(len(scene.guests) + 1) as pool:
        jobs = []
        if host:
            jobs.append(("host", pool.submit(outcome, on_host, host, known, OUTPUT / "host")))
        for number, guest in enumerate(scene.guests if inside else []):
            jobs.append((guest.label, pool.submit(outcome, in_guest, inside, guest, number, known)))
        statuses = []
        guests = {guest.label: guest for guest in scene.guests}
        for name, job in jobs:
            answer = job.result()
            show(name, answer)
            if name in guests and answer.status in (STATUS_TIMEOUT, STATUS_NOT_RUN):
                show_fault(guests[name])
            statuses.append(answer.status)
    return next((status for status in statuses if status), 0)


def end(scene: Scene[Guest]) -> None:
    """Saves the guests' kernel logs and ends them. The VM ends next, so their VFs stay."""
    for guest in scene.guests:
        try:
            guest.stop()
        except FAILURES as error:
            # The user may have done anything to it, and has the status of the commands.
            print(f"# {guest.label} could not be ended: {error}", flush=True)


def main() -> int:
    """Sets the scene, runs the commands, prints what each said."""
    kind = sys.argv[1]
    begin = time.monotonic()
    scene = Scene.find(platforms.by_name(kind))
    try:
        start_in_spite(scene)
        print(
            f"# {kind}: {PF_DRIVER}, {COUNT} guest(s) with {VF_DRIVER},"
            f" ready after {time.monotonic() - begin:.0f} s",
            flush=True,
        )
        return run_commands(scene)
    except FAILURES as error:
        print(f"# {kind}: no commands were run: {error}", flush=True)
        return STATUS_NOT_RUN
    finally:
        end(scene)


if __name__ == "__main__":
    sys.exit(main())
