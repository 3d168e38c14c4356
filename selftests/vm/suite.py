# SPDX-License-Identifier: GPL-2.0
"""Runs the kselftests of selftests/ in VMs, those of several stages from one queue.

A boot costs a few seconds and gives a program a fresh machine and its own kernel log; short ones
share one. As many VMs run at one time as there are places for (runner.PLACES). What comes out is
TAP, one document per VM, in the order of the stages and of their programs.
"""

import compileall
import io
import os
import re
import shlex
import sys
import time
from collections.abc import Buffer
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import runner, stages
from .settings import Settings, project_root
from .stages import Job

# How often a program is run anew since the emulation below its VM has failed.
MAX_FAULTS = 2
# Seconds for a VM with guests, and for a program in it, where $VM_TIMEOUT and $RIGB_TIMEOUT do not
# say otherwise: one that hangs must not take what is left of the 90 minutes that CI has, of which
# xen_guests.py was seen to take thirty.
NESTED_TIMEOUT = 3900.0
NESTED_PROGRAM_TIMEOUT = 3600
# What vm/guest/agent says once at each start of a guest's system, and may repeat.
GUEST_START = re.compile(r"@@ready ([0-9a-f-]{36})")


@dataclass
class Outcome:
    """What came of a job in the end."""

    result: runner.Result
    output: str
    # Seconds by program, all attempts together.
    seconds: dict[str, float] = field(default_factory=dict)
    # Of a processor, all programs and attempts together.
    cpu_seconds: float = 0.0
    # Machines that were started, guests in the VM included.
    boots: int = 0


def run_stages(names: list[str], settings: Settings) -> int:
    """Runs all programs of stages; 0 only if each passed and no kernel reported anything."""
    jobs = stages.jobs(names)
    _compile_libraries()
    if empty := [name for name in names if name not in {job.stage for job in jobs}]:
        print(f"rigb: selftests/Makefile names no program for {empty[0]}", file=sys.stderr)
        return 1
    failed = 0
    with ThreadPoolExecutor(runner.PLACES) as pool:
        started: dict[int, Future[Outcome]] = {}
        for job in stages.start_order(jobs):
            started[id(job)] = pool.submit(_run, job, settings)
        shown = ""
        for job in jobs:
            if job.stage != shown and len(names) > 1:
                print(f"\n=== {job.stage}")
            shown = job.stage
            failed += report(job, started[id(job)].result())
            sys.stdout.flush()
    return 1 if failed else 0


def _compile_libraries() -> None:
    """Compiles what every program imports. A VM has the kernel's libraries from a folder that it
    cannot write to, and would compile them at each boot; ours it would write over 9p."""
    source = Path(os.environ["KSRC"], "tools")
    libraries = ("testing/selftests/net/lib/py", "net/ynl/pyynl")
    for folder in [*(source / name for name in libraries), project_root() / "selftests"]:
        compileall.compile_dir(folder, quiet=2)


def report(job: Job, outcome: Outcome) -> int:
    """Prints what a job has printed, and how long it took; how many failures it has."""
    boots, cpu_seconds = outcome.boots, outcome.cpu_seconds
    for program in job.programs:
        seconds = outcome.seconds.get(program, 0.0)
        where = f"logs in {outcome.result.folder}"
        # scripts/times.awk reads this line.
        spent = f"{seconds:.0f} s, {cpu_seconds:.0f} s of a processor, {boots} boots"
        print(f"# {job.title(program)} in {spent}, {where}")
        boots, cpu_seconds = 0, 0.0
    sys.stdout.write(outcome.output)
    return _judge(job, outcome.result, outcome.output)


class _Progress(io.BytesIO):
    """Keeps a job's output, and shows its results to a person as they come.

    Programs run side by side; their documents come out one after the other, at the end.
    """

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._program = 0
        self._line = b""
        # When each program had its result, in order.
        self.ends: dict[str, float] = {}

    def write(self, data: Buffer, /) -> int:
        *lines, self._line = (self._line + bytes(data)).split(b"\n")
        for line in lines:
            self._take(line.decode(errors="replace"))
        return super().write(data)

    def _take(self, line: str) -> None:
        name = self._job.programs[min(self._program, len(self._job.programs) - 1)]
        text = line.lstrip("# ")
        if text.startswith(("ok ", "not ok ")):
            # Not at the start of the line: these are no results for who counts them.
            title = self._job.title(name)
            print(f"  {title}: {text}", file=sys.stderr, flush=True)
        if line.startswith(("ok ", "not ok ")):
            self.ends[name] = time.monotonic()
            self._program += 1


def _run(job: Job, settings: Settings) -> Outcome:
    """Runs a job, and again if the emulation below it has failed."""
    said = ""
    seconds = dict.fromkeys(job.programs, 0.0)
    boots, cpu_seconds = 0, 0.0
    attempt = 0
    while True:
        attempt += 1
        result, output, took = _run_once(job, settings)
        boots += boots_in(result.folder)
        cpu_seconds += result.cpu_seconds
        for program in job.programs:
            seconds[program] += took[program]
        if not result.fault or attempt > MAX_FAULTS:
            break
        line = f"# {' '.join(job.programs)}: {result.fault}; started anew, {attempt}\n"
        said += line + "".join(f"#   | {text}\n" for text in output.splitlines()[-5:])
        print(f"  {line}", end="", file=sys.stderr, flush=True)
    return Outcome(result, said + output, seconds, cpu_seconds, boots)


def _run_once(job: Job, settings: Settings) -> tuple[runner.Result, str, dict[str, float]]:
    out = _Progress(job)
    # Python holds back what it writes to a pipe.
    command = "PYTHONUNBUFFERED=1 make -s -C selftests KSRC=$KSRC "
    command += f"TEST_PROGS={shlex.quote(' '.join(job.programs))} run_tests"
    if job.topology.nested:
        command = f"RIGB_TIMEOUT=${{RIGB_TIMEOUT:-{NESTED_PROGRAM_TIMEOUT}}} {command}"
        if not os.environ.get("VM_TIMEOUT"):
            settings = replace(settings, timeout=NESTED_TIMEOUT)
    result = runner.run(job.topology, settings, command, out)
    end = time.monotonic()
    took = _split(job, out.ends, end - result.seconds, end)
    return result, out.getvalue().decode(errors="replace"), took


def _split(job: Job, ends: dict[str, float], start: float, end: float) -> dict[str, float]:
    """Seconds by program: the boot is the first one's, and what follows the last result its own."""
    took = {}
    for program in job.programs:
        until = end if program == job.programs[-1] else ends.get(program, end)
        took[program] = until - start
        start = until
    return took


def boots_in(folder: Path) -> int:
    """How many machines a run started: the VM, and each start of a guest's system in it."""
    logs = (path.read_text(errors="replace") for path in folder.glob("*/agent.log"))
    return 1 + sum(len(set(GUEST_START.findall(log))) for log in logs)


def _judge(job: Job, result: runner.Result, output: str) -> int:
    """Adds what the programs cannot say of themselves; 1 if the job failed."""
    failed = 0
    names = " ".join(job.programs)
    if result.findings:
        for finding in result.findings:
            print(f"# kernel: {finding.text}")
            for line in finding.excerpt:
                print(f"#   | {line}")
        print(f"not ok 1 kernel log of {names}")
        failed = 1
    results = sum(line.startswith(("ok ", "not ok ")) for line in output.splitlines())
    if result.status == runner.STATUS_TIMEOUT or results < len(job.programs):
        for name in job.programs[results:] or job.programs[-1:]:
            print(f"not ok 1 {name} ended with status {result.status} and no result")
        failed = 1
    bad = any(line.startswith("not ok") for line in output.splitlines())
    if result.status and not bad and not failed:
        print(f"not ok 1 {names} ended with status {result.status}")
        failed = 1
    return 1 if failed or bad else 0
