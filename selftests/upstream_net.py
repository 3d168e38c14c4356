#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Linux's own tools/testing/selftests/drivers/net on our drivers.

What passes on the C driver of the same function must not fail on ours. How the C drivers do
is in upstream_net.expected, as measured on this bench; `upstream_net.py --measure [PROGRAM...]`
measures again, with igb and igbvf, and prints the lines of that file. `--build` only compiles
the helpers of the programs into build/upstream, which is slow in an emulated machine.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, ROOT, VF_DRIVERS, run
from rigbtest.kselftest import KSRC, LIBRARY, KsftSkipEx, case, ksft_eq, ksft_pr, ksft_run
from rigbtest.kselftest import ksft_true

FOLDER = KSRC / LIBRARY / "drivers/net"
HELPERS = KSRC / LIBRARY / "net/lib"
PROGRAMS = (
    "ping.py", "stats.py", "queues.py", "xdp.py", "hw/csum.py", "hw/tso.py", "hw/xsk_reconfig.py",
)
# A function of the card, and the C drivers and ours that may have it.
FUNCTIONS = {"pf": ("igb", "rigb"), "vf": ("igb+igbvf", "rigb+rigbvf")}
EXPECTED = Path(__file__).with_suffix(".expected")
BUILD = ROOT / "build/upstream"
LIMIT = 600.0
RESULT = re.compile(r"(not ok|ok) \d+ (\S+)(?: # (SKIP|XFAIL).*)?")
# In place of the cases of a program that ends before its first.
NO_CASES = {"-": "crash"}
BENCH: Bench


@dataclass
class Outcome:
    """How the cases of one program went: pass, fail, skip, xfail or crash by name."""

    cases: dict[str, str]
    output: str


def build_helpers() -> None:
    """Compiles what the programs run, unless that has been done."""
    BUILD.mkdir(parents=True, exist_ok=True)
    c = ("gcc", "-O2", "-D_GNU_SOURCE=", "-I", str(KSRC / LIBRARY), "-Wl,--no-as-needed")
    include = f"/usr/include/{os.uname().machine}-linux-gnu"
    bpf = ("clang", "--target=bpf", "-O2", "-g", "-c", "-idirafter", include)
    for compiler, source, product in (
        (c, "csum.c", "csum"),
        (c, "xdp_helper.c", "xdp_helper"),
        (bpf, "xdp_dummy.bpf.c", "xdp_dummy.bpf.o"),
        (bpf, "xdp_native.bpf.c", "xdp_native.bpf.o"),
    ):
        if not (BUILD / product).exists():
            run(*compiler, "-o", str(BUILD / product), str(HELPERS / source))


def install_helpers() -> None:
    """Puts the helpers where the programs look for them."""
    build_helpers()
    for file in BUILD.iterdir():
        if not (HELPERS / file.name).exists():
            (HELPERS / file.name).symlink_to(file)


def run_program(program: str, function: str) -> Outcome:
    """Runs one program on the function, whose drivers are loaded; the wire is the remote."""
    port = BENCH.pf if function == "pf" else BENCH.vfs[0]
    wire = BENCH.wire
    environment = {
        **os.environ,
        "NETIF": port.name, "LOCAL_V4": port.v4, "LOCAL_V6": port.v6,
        "REMOTE_V4": wire.v4, "REMOTE_V6": wire.v6,
        "REMOTE_TYPE": "netns", "REMOTE_ARGS": wire.ns,
    }
    path = FOLDER / program
    result = subprocess.run(
        ["ip", "netns", "exec", port.ns, sys.executable, f"./{path.name}"],
        cwd=path.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=LIMIT, check=False,
    )
    cases = {}
    for line in result.stdout.splitlines():
        if found := RESULT.match(line):
            verdict, name, note = found.groups()
            state = note.lower() if note else ("pass" if verdict == "ok" else "fail")
            cases[name.split(".", 1)[-1]] = state
    return Outcome(cases or dict(NO_CASES), result.stdout)


def use(drivers: str) -> None:
    """Loads the drivers, PF or PF+VF."""
    pf_driver, _, vf_driver = drivers.partition("+")
    known = [PF_DRIVERS[pf_driver], *([VF_DRIVERS[vf_driver]] if vf_driver else [])]
    if not all(driver.available() for driver in known):
        raise KsftSkipEx("not built: run make")
    BENCH.use(pf_driver, vf_driver, 1 if vf_driver else 0)


def expected(function: str, program: str) -> dict[str, str]:
    """How the C driver does."""
    lines = [line.split() for line in EXPECTED.read_text(encoding="ascii").splitlines()]
    return {w[2]: w[3] for w in lines if w[:2] == [function, program] and len(w) == 4}


def compare(function: str, program: str) -> None:
    """Runs a program on our driver; no case may fail that passes on the C driver."""
    use(FUNCTIONS[function][1])
    install_helpers()
    outcome = run_program(program, function)
    reference = expected(function, program)
    ksft_true(reference, "the C driver's results are known")
    for name, state in reference.items():
        ours = outcome.cases.get(name, "absent")
        if ours != state:
            ksft_pr(f"{name}: {state} with C, {ours} here")
        if state == "pass":
            ksft_true(ours in ("pass", "skip", "xfail"), f"{name}: {ours}")
    failed = {name for name, state in outcome.cases.items() if state == "fail"}
    known = {name for name, state in reference.items() if state == "fail"}
    ksft_eq(failed - known, set())
    if failed - known:
        ksft_pr(outcome.output, line_pfx="upstream|")
    # The programs change features, queues and MTU, and put them back as well as they can.
    BENCH.dirty = True


def measure(programs: list[str]) -> None:
    """Prints lines of upstream_net.expected, with the output of what fails on stderr."""
    install_helpers()
    for function, (drivers, _) in FUNCTIONS.items():
        use(drivers)
        for program in programs:
            outcome = run_program(program, function)
            for name, state in outcome.cases.items():
                print(function, program, name, state, flush=True)
            if {"fail", "crash"} & set(outcome.cases.values()):
                print(outcome.output, file=sys.stderr, flush=True)
    BENCH.close()


def main() -> None:
    """All programs on the PF, then on a VF."""
    global BENCH  # noqa: PLW0603 (--build needs no card)
    if "--build" in sys.argv:
        build_helpers()
        return
    BENCH = Bench.find()
    if "--measure" in sys.argv:
        measure(sys.argv[sys.argv.index("--measure") + 1 :] or list(PROGRAMS))
        return
    ksft_run([
        case(function, BENCH.case(compare), program.removesuffix(".py").replace("/", "_"),
             function, program)
        for function in FUNCTIONS
        for program in PROGRAMS
    ])
    finish(BENCH)


if __name__ == "__main__":
    main()
