# SPDX-License-Identifier: GPL-2.0
"""Which VM runs what and when, and what a run reports of its time."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from vm import stages, suite
from vm.runner import Result
from vm.stages import Job
from vm.topology import IOMMU, KVM_AMD, KVM_INTEL, WIRE, XEN

TIMES = Path(__file__).resolve().parents[3] / "scripts/times.awk"
LISTS = {
    "$(TEST_PROGS)": ("long.py", "short.py", "vfio.py", "other.py", "dpdk.py"),
    "$(TEST_PROGS_KVM_AMD)": ("guests.py", "life.py"),
    "$(TEST_PROGS_KVM_INTEL)": ("guests.py",),
    "$(TEST_PROGS_XEN)": ("xen.py",),
    "$(TEST_PROGS_IOMMU)": ("vfio.py", "dpdk.py"),
    "$(TEST_PROGS_TOGETHER)": ("short.py+other.py", "vfio.py+dpdk.py"),
}


def listed(words: str) -> tuple[str, ...]:
    """In place of selftests/Makefile."""
    return LISTS.get(words, ())


@patch("vm.stages._listed", listed)
class Jobs(unittest.TestCase):
    """stages.jobs and stages.start_order"""

    def setUp(self) -> None:
        names = ("TESTS", "VM_TOPOLOGY", "VM_KERNEL")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        environment = patch.dict(os.environ, kept, clear=True)
        environment.start()
        self.addCleanup(environment.stop)

    def test_short_programs_share_a_vm_if_it_suits_them(self) -> None:
        self.assertEqual(stages.jobs(["vm"]), [
            Job("vm", WIRE, ("long.py",)),
            Job("vm", WIRE, ("short.py", "other.py")),
            Job("vm", IOMMU, ("vfio.py", "dpdk.py")),
        ])

    def test_a_stage_takes_its_machines_in_turn(self) -> None:
        found = [(job.topology, job.programs) for job in stages.jobs(["kvm"])]
        expected = [(KVM_AMD, ("guests.py",)), (KVM_AMD, ("life.py",))]
        self.assertEqual(found, [*expected, (KVM_INTEL, ("guests.py",))])

    def test_what_the_user_names_runs_as_often_and_alone(self) -> None:
        os.environ["TESTS"] = "short.py other.py short.py"
        found = [job.programs for job in stages.jobs(["vm"])]
        self.assertEqual(found, [("short.py",), ("other.py",), ("short.py",)])

    def test_the_users_machine_is_taken(self) -> None:
        os.environ["VM_TOPOLOGY"] = "iommu"
        self.assertEqual({job.topology for job in stages.jobs(["vm"])}, {IOMMU})

    def test_every_job_starts_and_those_with_guests_early(self) -> None:
        jobs = stages.jobs(["vm", "kvm", "xen"])
        with patch("vm.stages.FIRST", 1):
            order = stages.start_order(jobs)
        self.assertCountEqual(order, jobs)
        started = [job.stage for job in order]
        self.assertEqual(started, ["vm", "xen", "kvm", "kvm", "kvm", "vm", "vm"])

    def test_titles_tell_the_machines_of_guests_apart(self) -> None:
        titles = {job.title("guests.py") for job in stages.jobs(["kvm"])}
        self.assertEqual(titles, {"guests.py on kvm-amd", "guests.py on kvm-intel"})


class Report(unittest.TestCase):
    """What is said of a job"""

    def _run(self, job: Job, outcome: suite.Outcome) -> tuple[str, int]:
        with patch("builtins.print") as printed, patch("sys.stdout") as out:
            failed = suite.report(job, outcome)
        lines = [str(call.args[0]) for call in printed.call_args_list]
        return "\n".join(lines + [call.args[0] for call in out.write.call_args_list]), failed

    def outcome(self, output: str, status: int = 0) -> suite.Outcome:
        result = Result(status, 9.0, Path("/logs"))
        return suite.Outcome(result, output, {"a.py": 5.4, "b.py": 3.0}, 6.6, 4)

    def test_times_are_read_back(self) -> None:
        text, failed = self._run(Job("xen", XEN, ("a.py", "b.py")), self.outcome("ok 1\nok 2\n"))
        self.assertEqual(failed, 0)
        read = subprocess.run(
            ["awk", "-f", str(TIMES)], input=text, capture_output=True, text=True, check=True
        ).stdout
        self.assertEqual(read, "5 7 4 a.py on xen\n3 0 0 b.py on xen\n")

    def test_a_program_without_a_result_fails(self) -> None:
        text, failed = self._run(Job("vm", WIRE, ("a.py", "b.py")), self.outcome("ok 1\n"))
        self.assertEqual(failed, 1)
        self.assertIn("not ok 1 b.py ended with status 0 and no result", text)
        self.assertNotIn("a.py ended", text)

    def test_a_status_fails_a_job_of_good_results(self) -> None:
        job = Job("vm", WIRE, ("a.py", "b.py"))
        text, failed = self._run(job, self.outcome("ok 1\nok 2\n", 2))
        self.assertEqual(failed, 1)
        self.assertIn("not ok 1", text)

    def test_boots_count_each_start_of_a_guest_once(self) -> None:
        one, two = "@@ready " + "a" * 36, "@@ready " + "b" * 36
        with tempfile.TemporaryDirectory() as folder:
            for guest in ("guest0", "guest1"):
                Path(folder, guest).mkdir()
                Path(folder, guest, "agent.log").write_text(f"{one}\n{one}\nx {two}\n")
            self.assertEqual(suite.boots_in(Path(folder)), 5)


if __name__ == "__main__":
    unittest.main()
