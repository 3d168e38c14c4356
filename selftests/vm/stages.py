# SPDX-License-Identifier: GPL-2.0
"""What a stage of `make check` runs in VMs: machines, and programs by the lists of the Makefile."""

import functools
import os
import subprocess
from dataclasses import dataclass

from .settings import project_root
from .topology import IOMMU, KVM_AMD, KVM_INTEL, QUEUES, TOPOLOGIES, WIRE, XEN, Topology

# By name, with the machines that each takes in turn. Without a name it is $VM_TOPOLOGY's.
STAGES: dict[str, tuple[Topology, ...]] = {
    "vm": (WIRE,),
    "kvm": (KVM_AMD, KVM_INTEL),
    "xen": (XEN,),
}
# Jobs without guests that start before those with.
FIRST = 4


@dataclass(frozen=True)
class Job:
    """What one VM runs: programs one after the other."""

    stage: str
    topology: Topology
    programs: tuple[str, ...]

    def title(self, program: str) -> str:
        """What a program of the job is called in reports, where others may run it as well."""
        return f"{program} on {self.topology.name}" if self.topology.nested else program


def jobs(names: list[str]) -> list[Job]:
    """The jobs of stages, in the order in which their results are shown."""
    found = []
    for name in names:
        for topology in _machines(name):
            found += _of_machine(name, topology)
    return found


def start_order(wanted: list[Job]) -> list[Job]:
    """The order in which jobs start, so that those which end last are short.

    Machines with guests are slow: theirs come first, those of the last stage before others. But for
    the first few of the others: crates and lint run beside these, and guests would suffer. In
    each stage the Makefile names the longest program first.
    """
    names = list(dict.fromkeys(job.stage for job in wanted))
    plain = [job for job in wanted if not job.topology.nested]
    nested = [job for job in wanted if job.topology.nested]
    nested.sort(key=lambda job: -names.index(job.stage))
    return plain[:FIRST] + nested + plain[FIRST:]


def _machines(stage: str) -> tuple[Topology, ...]:
    if chosen := os.environ.get("VM_TOPOLOGY"):
        return (TOPOLOGIES[chosen],)
    return STAGES[stage]


def _of_machine(stage: str, topology: Topology) -> list[Job]:
    """One job for each program; those that may share a VM are one job, where the first stands."""
    found: dict[tuple[object, Topology], list[str]] = {}
    for number, name in enumerate(programs(topology)):
        key = (_shared_vm(name) or number, _machine(name, topology))
        found.setdefault(key, []).append(name)
    return [Job(stage, machine, tuple(names)) for (_, machine), names in found.items()]


def _shared_vm(name: str) -> str:
    """Names the VM that a program shares with others; empty if it has one alone."""
    if os.environ.get("TESTS"):
        return ""
    debug = "_DEBUG" if os.environ.get("VM_KERNEL") else ""
    words = _listed(f"$(TEST_PROGS{debug}_TOGETHER)")
    return next((word for word in words if name in word.split("+")), "")


def programs(topology: Topology) -> tuple[str, ...]:
    """The programs to run: $TESTS, else what selftests/Makefile names in TEST_PROGS.

    A machine that has guests has its own list, named for it (TEST_PROGS_KVM_AMD). On the
    debug kernel TEST_PROGS_DEBUG takes its place, where the Makefile has it.
    """
    if os.environ.get("TESTS"):
        return tuple(os.environ["TESTS"].split())
    wanted = "$(TEST_PROGS)"
    if topology.nested:
        wanted = f"$(TEST_PROGS_{topology.name.upper().replace('-', '_')})"
    if os.environ.get("VM_KERNEL"):
        wanted = "$(or $(TEST_PROGS_DEBUG),$(TEST_PROGS))"
    return _listed(wanted)


def _machine(name: str, topology: Topology) -> Topology:
    """The machine that a program needs, where the user has not chosen another."""
    if topology is WIRE and name in _listed("$(TEST_PROGS_IOMMU)"):
        return IOMMU
    if topology is WIRE and name in _listed("$(TEST_PROGS_QUEUES)"):
        return QUEUES
    return topology


@functools.cache
def _listed(words: str) -> tuple[str, ...]:
    """What selftests/Makefile makes of `words`."""
    rule = f"vm-list-programs: ; @echo {words}"
    command = ["make", "-s", "-C", str(project_root() / "selftests"), "--eval", rule]
    command += [f"KSRC={os.environ['KSRC']}", "vm-list-programs"]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return tuple(result.stdout.split())
