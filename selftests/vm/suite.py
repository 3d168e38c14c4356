# SPDX-License-Identifier: GPL-2.0
"""Runs the kselftests of selftests/, each program in a VM of its own.

A boot costs a few seconds and gives each program a fresh machine, its own kernel log, and a
report that names it. As many VMs run at one time as runner.SLOTS allows. What comes
out is TAP, one document per program, in the order of the programs.
"""

import io
import os
import shlex
import subprocess
import sys
from collections.abc import Buffer
from concurrent.futures import ThreadPoolExecutor

from . import runner
from .settings import Settings, project_root
from .topology import IOMMU, QUEUES, WIRE, Topology

# How often a program is run anew since the emulation below its VM has failed.
MAX_FAULTS = 2


def programs(topology: Topology) -> list[str]:
    """The programs to run: $TESTS, else what selftests/Makefile names in TEST_PROGS.

    A machine that has guests has its own list, named for it (TEST_PROGS_KVM_AMD). On the
    debug kernel TEST_PROGS_DEBUG takes its place, where the Makefile has it.
    """
    if os.environ.get("TESTS"):
        return os.environ["TESTS"].split()
    wanted = "$(TEST_PROGS)"
    if topology.nested:
        wanted = f"$(TEST_PROGS_{topology.name.upper().replace('-', '_')})"
    if os.environ.get("VM_KERNEL"):
        wanted = "$(or $(TEST_PROGS_DEBUG),$(TEST_PROGS))"
    return _listed(wanted)


def _listed(words: str) -> list[str]:
    """What selftests/Makefile makes of `words`."""
    rule = f"vm-list-programs: ; @echo {words}"
    command = ["make", "-s", "-C", str(project_root() / "selftests"), "--eval", rule]
    command += [f"KSRC={os.environ['KSRC']}", "vm-list-programs"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def _machine(name: str, topology: Topology) -> Topology:
    """The machine that a program needs, where the user has not chosen another."""
    if topology is WIRE and name in _listed("$(TEST_PROGS_IOMMU)"):
        return IOMMU
    if topology is WIRE and name in _listed("$(TEST_PROGS_QUEUES)"):
        return QUEUES
    return topology


def run_all(topology: Topology, settings: Settings) -> int:
    """Runs all programs; 0 only if each passed and no kernel reported anything."""
    names = programs(topology)
    if not names:
        print("rigb: selftests/Makefile names no program", file=sys.stderr)
        return 1
    failed = 0
    with ThreadPoolExecutor(max_workers=runner.SLOTS) as pool:
        jobs = [(name, pool.submit(_run_one, name, topology, settings)) for name in names]
        for name, job in jobs:
            result, output = job.result()
            print(f"# {name} in {result.seconds:.0f} s, logs in {result.folder}")
            sys.stdout.write(output)
            failed += _judge(name, result, output)
            sys.stdout.flush()
    return 1 if failed else 0


class _Progress(io.BytesIO):
    """Keeps a program's output, and shows its results to a person as they come.

    Programs run side by side; their documents come out one after the other, at the end.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._line = b""

    def write(self, data: Buffer, /) -> int:
        *lines, self._line = (self._line + bytes(data)).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").lstrip("# ")
            if text.startswith(("ok ", "not ok ")):
                # Not at the start of the line: these are no results for who counts them.
                print(f"  {self._name}: {text}", file=sys.stderr, flush=True)
        return super().write(data)


def _run_one(name: str, topology: Topology, settings: Settings) -> tuple[runner.Result, str]:
    """Runs a program, and again if the emulation below it has failed."""
    said = ""
    for faults in range(1, MAX_FAULTS + 1):
        result, output = _run_once(name, topology, settings)
        if not result.fault:
            return result, said + output
        line = f"# {name}: {result.fault}; started anew, {faults}\n"
        said += line + "".join(f"#   | {text}\n" for text in output.splitlines()[-5:])
        print(f"  {line}", end="", file=sys.stderr, flush=True)
    result, output = _run_once(name, topology, settings)
    return result, said + output


def _run_once(name: str, topology: Topology, settings: Settings) -> tuple[runner.Result, str]:
    out = _Progress(name)
    # Python holds back what it writes to a pipe.
    command = "PYTHONUNBUFFERED=1 make -s -C selftests KSRC=$KSRC "
    command += f"TEST_PROGS={shlex.quote(name)} run_tests"
    result = runner.run(_machine(name, topology), settings, command, out)
    return result, out.getvalue().decode(errors="replace")


def _judge(name: str, result: runner.Result, output: str) -> int:
    """Adds what the program cannot say of itself; 1 if it failed."""
    failed = 0
    if result.findings:
        for finding in result.findings:
            print(f"# kernel: {finding.text}")
            for line in finding.excerpt:
                print(f"#   | {line}")
        print(f"not ok 1 kernel log of {name}")
        failed = 1
    if result.status == runner.STATUS_TIMEOUT or not _has_result(output):
        print(f"not ok 1 {name} ended with status {result.status} and no result")
        failed = 1
    bad = any(line.startswith("not ok") for line in output.splitlines())
    return 1 if failed or bad or result.status else 0


def _has_result(output: str) -> bool:
    return any(line.startswith(("ok ", "not ok ")) for line in output.splitlines())
