#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""`make kvm` and `make xen`: the user's commands on a host and in its guests, with VFs.

run_guests.py kvm|pv|hvm, in a VM that can have such guests:

  RIGB_HOST      runs on the host when all guests are up
  RIGB_GUEST     runs at the same time in each guest
  RIGB_GUESTS    how many guests (1), each with a VF
  RIGB_PF_DRIVER, RIGB_VF_DRIVER   rigb or igb; rigbvf, igbvf, or none to load it oneself

The status is 0 if all commands' is, else the host's if not 0, else that of the first guest
whose is not.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from rigbtest import platforms
from rigbtest.bench import Bench
from rigbtest.driver import ROOT, run
from rigbtest.ends import LIB
from rigbtest.scene import Scene

PF_DRIVER = os.environ.get("RIGB_PF_DRIVER", "rigb")
VF_DRIVER = os.environ.get("RIGB_VF_DRIVER", "rigbvf")
COUNT = int(os.environ.get("RIGB_GUESTS", "1"))
COMMAND_LIMIT = float(os.environ.get("RIGB_LIMIT", "1800"))
# The PF's interface, where every other program of the host finds it.
PF_NAME = "eth0"


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
        ["bash", "-c", f". {LIB}; until_true has_carrier {PF_NAME}"], check=True, timeout=120
    )


def variables(scene: Scene) -> dict[str, str]:
    """What the commands may want to know."""
    known = {"PF_DEV": PF_NAME, "PF_V4": scene.bench.pf.v4, "PF_V6": scene.bench.pf.v6}
    known["WIRE_V4"] = scene.bench.wire.v4
    for number, guest in enumerate(scene.guests):
        known |= {f"GUEST{number}_V4": guest.v4, f"GUEST{number}_V6": guest.v6}
    return known


def on_host(known: dict[str, str]) -> tuple[int, str]:
    """Runs the host's command."""
    command = os.environ.get("RIGB_HOST", "")
    result = subprocess.run(
        ["bash", "-c", f". {LIB}\n{command}"],
        cwd=ROOT,
        env=os.environ | known,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=COMMAND_LIMIT,
        check=False,
    )
    return result.returncode, result.stdout


def in_guest(guest, number: int, known: dict[str, str]) -> tuple[int, str]:
    """Runs the guests' command in one of them."""
    names = known | {"GUEST_NUMBER": str(number), "VF_V4": guest.v4, "VF_V6": guest.v6}
    exports = "".join(f"export {name}={value}\n" for name, value in names.items())
    answer = guest.run(f"{exports}{os.environ.get('RIGB_GUEST', '')}", COMMAND_LIMIT)
    return answer.status, answer.text


def main() -> int:
    """Sets the scene, runs the commands, prints what each said."""
    kind = sys.argv[1]
    start = time.monotonic()
    scene = Scene.find(platforms.by_name(kind))
    try:
        scene.start(PF_DRIVER, "" if VF_DRIVER == "none" else VF_DRIVER, COUNT)
        pf_to_host(scene.bench)
        print(
            f"# {kind}: {PF_DRIVER}, {COUNT} guest(s) with {VF_DRIVER},"
            f" ready after {time.monotonic() - start:.0f} s",
            flush=True,
        )
        known = variables(scene)
        with ThreadPoolExecutor() as pool:
            jobs = [("host", pool.submit(on_host, known))]
            for number, guest in enumerate(scene.guests):
                jobs.append((guest.label, pool.submit(in_guest, guest, number, known)))
            statuses = []
            for name, job in jobs:
                status, text = job.result()
                print(f"--- {name}: status {status}\n{text}", end="", flush=True)
                print("" if not text or text.endswith("\n") else "\n", end="")
                statuses.append(status)
    finally:
        scene.down()
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main())
