# SPDX-License-Identifier: GPL-2.0
"""`make kvm` and `make xen` up to the VM, and what run_guests.py does on the host."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

import run_guests
from rigbtest.agent import Answer

ROOT = Path(__file__).resolve().parents[3]
# Takes the place of the VM.
PRINTER = "printenv -0 VM_TOPOLOGY RIGB_HOST RIGB_GUEST RIGB_GUESTS #"
NASTY = b"""echo $HOME $(id -u) `a` "$(" $x ${y # \\ '\n b \xff"""


def make(target: str, *words: bytes, **environment: bytes) -> tuple[int, list[bytes], bytes]:
    """Runs make as a user does: its status, what the VM would be given, its complaints."""
    # What is built before is there.
    command = ["make", "-s", "-C", str(ROOT), "-o", "prepare", "-o", "vm-modules"]
    known = {"PATH": os.environ["PATH"].encode(), "CACHE": os.environ["CACHE"].encode()}
    result = subprocess.run(
        [*command, f"VM={PRINTER}", target, *words],
        env={os.fsencode(name): value for name, value in (known | environment).items()},
        capture_output=True,
        check=False,
    )
    return result.returncode, result.stdout.split(b"\0")[:-1], result.stderr


class MakeTest(unittest.TestCase):
    """The Makefile and check-guests.sh"""

    def test_commands_pass_as_they_are(self) -> None:
        given = [b"kvm-amd", NASTY, NASTY, b"1"]
        self.assertEqual(make("kvm", b"HOST=" + NASTY, b"GUEST=" + NASTY), (0, given, b""))
        given = [b"xen", NASTY, NASTY, b"2"]
        words = (b"DOM0=" + NASTY, b"DOMU=" + NASTY, b"GUESTS=2")
        self.assertEqual(make("xen", *words), (0, given, b""))
        self.assertEqual(make("xen", b"GUESTS=2", DOM0=NASTY, DOMU=NASTY), (0, given, b""))

    def test_two_dollars_are_one_as_make_has_it(self) -> None:
        given = [b"kvm-amd", b"echo $x", b"echo $(id)", b"1"]
        self.assertEqual(make("kvm", b"HOST=echo $$x", b"GUEST=echo $$(id)"), (0, given, b""))

    def test_name_of_the_machine_is_no_command(self) -> None:
        name = os.uname().nodename.encode()
        self.assertEqual(make("kvm", GUEST=NASTY, HOST=name)[1], [b"kvm-amd", b"", NASTY, b"1"])
        self.assertEqual(make("kvm", HOST=name)[0], 2)
        self.assertEqual(make("kvm", HOST=b"true")[1], [b"kvm-amd", b"true", b"", b"1"])

    def test_what_makes_no_sense_is_said_at_once(self) -> None:
        for target, words, complaint in (
            ("kvm", [], b"usage: make kvm"),
            ("xen", [b"HOST=a"], b"usage: make xen"),
            ("xen", [b"DOMU=a", b"TYPE=pvh"], b"TYPE is 'pvh'"),
            ("kvm", [b"GUEST=a", b"GUESTS=0"], b"GUESTS is '0'"),
            ("kvm", [b"GUEST=a", b"GUESTS=$(x"], b"GUESTS is '$(x'"),
            ("kvm", [b"GUEST=a", b"KVM_TOPOLOGY=xen"], b"KVM_TOPOLOGY is 'xen'"),
            ("kvm", [b"GUEST=a", b"RIGB_VF_DRIVER=igb"], b"RIGB_VF_DRIVER is 'igb'"),
            ("kvm", [b"GUEST=a", b"RIGB_LIMIT=-1"], b"RIGB_LIMIT is '-1'"),
        ):
            with self.subTest(complaint):
                status, given, said = make(target, *words)
                self.assertEqual((status, given), (2, []))
                self.assertIn(complaint, said)


class HostTest(unittest.TestCase):
    """run_guests.on_host"""

    def run_one(self, command: str) -> Answer:
        """Runs a command."""
        with tempfile.TemporaryDirectory() as folder:
            return run_guests.on_host(command, {"PF_V4": "here"}, Path(folder, "output"))

    def test_status_and_output(self) -> None:
        answer = self.run_one("echo $PF_V4; cat; printf '\\377'; exit 3")
        self.assertEqual((answer.status, answer.output), (3, b"here\n\xff"))

    def test_death_by_signal(self) -> None:
        self.assertEqual(self.run_one("kill -9 $$").status, 137)
        self.assertEqual(self.run_one("kill 0").status, 143)

    def test_what_is_left_running_holds_nothing_up(self) -> None:
        answer = self.run_one("echo $$; sleep 1000 &")
        self.assertEqual(answer.status, 0)
        os.killpg(int(answer.output), 9)

    def test_a_slow_command_is_ended(self) -> None:
        def run_it(limit: float) -> Answer:
            with patch.object(run_guests, "COMMAND_LIMIT", limit):
                return self.run_one("echo a; sleep 1000")

        answer = run_it(1.0)
        # A machine may be too slow to begin it in that time.
        answer = answer if answer.output else run_it(60.0)
        self.assertEqual((answer.status, answer.output), (124, b"a\n"))

    def test_of_much_output_the_end_is_kept(self) -> None:
        answer = self.run_one("yes | head -c 5000000")
        self.assertEqual((len(answer.output), answer.size), (4 << 20, 5000000))


if __name__ == "__main__":
    unittest.main()
