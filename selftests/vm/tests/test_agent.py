# SPDX-License-Identifier: GPL-2.0
"""Both ends of a guest's second console: rigbtest/agent.py, and vm/guest/agent on a pty."""

import base64
import gzip
import os
import shutil
import socket
import subprocess
import tempfile
import time
import tty
import unittest
import warnings
from pathlib import Path

from rigbtest import agent
from rigbtest.agent import Agent, GuestError, Lines
from rigbtest.wait import Timeout

PROGRAM = Path(__file__).resolve().parents[1] / "guest/agent"
READY = b"@@ready 01234567-89ab-cdef-0123-456789abcdef\n"
# What the program needs to start, and to run a command.
PROGRAMS = ("bash", "mkdir", "mount", "setsid", "stty")
LIMIT = 60.0


def part(number: int, data: bytes, request: int = 1) -> bytes:
    """The line of a part of what gzip has made."""
    return b"@@%d %d %s\n" % (request, number, base64.b64encode(data))


def new_agent(test: unittest.TestCase) -> Agent:
    """An agent's host side, whose log ends with the test. The file stays open, as in use."""
    warnings.simplefilter("ignore", ResourceWarning)
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    return Agent("guest", Path(folder.name, "log"))


class LinesTest(unittest.TestCase):
    """agent.Lines"""

    def test_pieces_make_lines(self) -> None:
        lines = Lines()
        self.assertEqual(lines.add(b"a"), [])
        self.assertEqual(lines.add(b"b\nc\nd"), [b"ab", b"c"])
        self.assertEqual(lines.add(b"\n"), [b"d"])

    def test_what_never_ends_is_not_kept(self) -> None:
        lines = Lines()
        for _ in range(4):
            lines.add(b"x" * agent.LINE_LIMIT)
        self.assertEqual(lines.add(b"\n")[0].strip(b"x"), b"")
        self.assertEqual(lines.add(b"y\n"), [b"y"])

    def test_a_long_line_takes_no_longer(self) -> None:
        # With the whole line copied for each piece this took minutes.
        lines = Lines()
        begin = time.monotonic()
        for _ in range(100000):
            lines.add(b"x" * 64)
        self.assertLess(time.monotonic() - begin, LIMIT)


class AnswerTest(unittest.TestCase):
    """agent.Agent, whose other end is here"""

    def setUp(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        # What the guest is asked goes nowhere: only what it says is of interest.
        self.say = theirs.sendall
        self.agent = new_agent(self)
        self.agent.connect(ours.detach())

    def answer(self, text: bytes) -> agent.Answer:
        """What becomes of a command when the guest says `text`."""
        number = self.agent.start("x")
        self.say(text)
        return self.agent.finish(number, LIMIT)

    def test_parts_come_in_any_order_and_repeat(self) -> None:
        end, data = b"@@1 end 3 2 9\n", gzip.compress(b"abcdef")
        first, second = part(1, data[:12]), part(2, data[12:])
        answer = self.answer(second + end + second + first)
        self.assertEqual((answer.status, answer.output, answer.size), (3, b"abcdef", 9))

    def test_a_short_answer_is_text(self) -> None:
        first, second = rb"@@1 1 8 a\n\\\@@", rb"@@1 2 3 \rb"
        text = b"\r\n".join([second, first, b"@@1 text 3 2 7", b""])
        self.assertEqual(self.answer(text), agent.Answer(3, b"a\n\\@@\rb", 7))

    def test_a_spoilt_text_is_made_up_for(self) -> None:
        line, end = b"@@1 1 6 abcdef", b"@@1 text 0 1 6"
        for noise in (b"[    1.0] noise\n", b"[    1.0] noise"):
            with self.subTest(noise):
                self.setUp()
                spoilt = line[:10] + noise + line[10:]
                text = b"\n".join([spoilt, end, line, end, b""])
                self.assertEqual(self.answer(text).output, b"abcdef")

    def test_a_spoilt_line_is_made_up_for(self) -> None:
        line = part(1, gzip.compress(b"abcdef"))
        spoilt = line[:9] + b"[    1.0] noise\r\n" + line[9:]
        end = b"@@1 end 0 1 6\n"
        cut = end[:9] + b"[    1.1] noise\r\n" + end[9:]
        for text in (spoilt + end + line + end, line + cut + line + end):
            with self.subTest(text):
                self.setUp()
                self.assertEqual(self.answer(text).output, b"abcdef")

    def test_a_repeat_is_no_answer_to_another(self) -> None:
        text = part(1, gzip.compress(b"a")) + b"@@1 end 0 1 1\n"
        self.answer(text)
        second = part(1, gzip.compress(b"b"), 2) + b"@@2 end 0 1 1\n"
        self.assertEqual(self.answer(text + second).output, b"b")

    def test_a_start_counts_once(self) -> None:
        self.say(READY[:20] + b"[   1.0] noise\n" + READY + READY)
        self.agent.wait_boot(1, LIMIT)
        self.answer(part(1, gzip.compress(b"a")) + b"@@1 end 0 1 1\n")
        self.assertEqual(len(self.agent.boots), 1)

    def test_a_new_start_ends_a_command(self) -> None:
        with self.assertRaises(GuestError):
            self.answer(READY)


class ProgramTest(unittest.TestCase):
    """vm/guest/agent"""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name, "agent.d")
        master, slave = os.openpty()
        tty.setraw(master)
        self.agent = new_agent(self)
        self.programs = Path(folder.name, "bin")
        self.programs.mkdir()
        for name in PROGRAMS:
            (self.programs / name).symlink_to(shutil.which(name) or name)
        process = subprocess.Popen(
            ["bash", str(PROGRAM), os.ttyname(slave), str(self.folder)],
            env=os.environ | {"PATH": f"{self.programs}:{self.programs}/more"},
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        # Killed, it leaves its two mounts, and commands with files there.
        unmount = ["umount", "-l", str(self.folder / "out"), str(self.folder)]
        self.addCleanup(subprocess.run, unmount, check=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.agent.connect(master)
        self.agent.wait_boot(1, LIMIT)
        os.close(slave)

    def all_programs(self) -> None:
        """What is on this machine the agent has as well."""
        (self.programs / "more").symlink_to("/usr/bin")

    def test_a_short_answer_needs_no_program(self) -> None:
        command = "printf ';a\\\\\\n @@1 1 b@\\r\\n\\n\\303\\377 '; exit 3"
        output = b";a\\\n @@1 1 b@\r\n\n\xc3\xff "
        self.assertEqual(self.agent.run(command, LIMIT), agent.Answer(3, output, len(output)))
        self.assertEqual(self.agent.run("", LIMIT), agent.Answer(0, b"", 0))
        long = b"".join(b"%d\\\n" % number for number in range(700))
        command = "for ((n = 0; n < 700; n++)); do echo $n\\\\; done"
        self.assertEqual(self.agent.run(command, LIMIT), agent.Answer(0, long, len(long)))

    def test_answers_mix_by_lines(self) -> None:
        self.all_programs()
        long = "head -c 300000 /dev/urandom"
        numbers = [self.agent.start(command) for command in [long, *["seq 500"] * 8, long]]
        sizes = [self.agent.finish(number, LIMIT).size for number in numbers]
        self.assertEqual(sizes, [300000, *[1892] * 8, 300000])

    def test_any_bytes_pass_both_ways(self) -> None:
        self.all_programs()
        answer = self.agent.run("printf 'a\udcff'; printf '\\377\\0\\r\\n'; cat; exit 3", LIMIT)
        self.assertEqual((answer.status, answer.output), (3, b"a\xff\xff\0\r\n"))
        self.assertEqual(self.agent.run("", LIMIT), agent.Answer(0, b"", 0))

    def test_of_much_output_the_end_comes(self) -> None:
        self.all_programs()
        answer = self.agent.run("echo first; yes | head -c 5000000; echo last", LIMIT)
        self.assertEqual((len(answer.output), answer.size), (4 << 20, 5000011))
        self.assertTrue(answer.output.endswith(b"y\nlast\n"))

    def test_output_without_end_ends(self) -> None:
        self.all_programs()
        answer = self.agent.run("yes", LIMIT)
        self.assertEqual((answer.status, len(answer.output)), (1, 4 << 20))

    def test_death_by_signal_and_what_is_left_running(self) -> None:
        self.all_programs()
        answer = self.agent.run("sleep 1000 & echo $!; kill -9 $$", LIMIT)
        self.assertEqual(answer.status, 137)
        os.kill(int(answer.output), 9)
        self.assertEqual(self.agent.run("kill 0", LIMIT).status, 143)

    def test_a_slow_command_is_ended(self) -> None:
        self.all_programs()
        begun = self.folder / "begun"
        number = self.agent.start(f"echo a; : > {begun}; sleep 1000; echo b")
        end = time.monotonic() + LIMIT
        while not begun.exists() and time.monotonic() < end:
            time.sleep(0.01)
        with self.assertRaises(Timeout):
            self.agent.finish(number, 0.1)
        folder, agent.FOLDER = agent.FOLDER, str(self.folder)
        self.addCleanup(setattr, agent, "FOLDER", folder)
        self.agent.kill(number)
        answer = self.agent.finish(number, LIMIT)
        self.assertEqual((answer.status, answer.output), (137, b"a\n"))


class LibTest(unittest.TestCase):
    """vm/guest/lib.sh, without any program"""

    def _run(self, script: str) -> subprocess.CompletedProcess[str]:
        bash = shutil.which("bash") or "bash"
        command = [bash, "-c", f". {PROGRAM.with_name('lib.sh')}; {script}"]
        return subprocess.run(command, env={}, capture_output=True, text=True, check=False)

    def test_a_wait_ends_with_its_event(self) -> None:
        result = self._run("third() { ((++tries == 3)); }; until_true third && echo $tries")
        self.assertEqual((result.stdout, result.stderr), ("3\n", ""))

    def test_a_wait_has_an_end(self) -> None:
        result = self._run("LIMIT=1; until_true false; echo $?")
        self.assertEqual(result.stdout, "1\n")
        self.assertEqual(result.stderr, "within 1 s never true: false\n")


if __name__ == "__main__":
    unittest.main()
