# SPDX-License-Identifier: GPL-2.0
"""The initramfs writer and the QEMU command line."""

import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vm import qemu, runner
from vm.cpio import Cpio
from vm.initrd import Share
from vm.kernels import Kernel
from vm.settings import Settings
from vm.topology import WIRE

KERNEL = Kernel(Path("/k/vmlinux"), Path("/lib/modules/7.3"))


def command(settings: Settings, shares: list[Share] | None = None, shell: bool = False) -> str:
    """The command line of the standard bench as one string."""
    words = qemu.command(settings, WIRE, KERNEL, shares or [], Path("/i"), Path("/r"), shell)
    return " ".join(words)


class CpioTest(unittest.TestCase):
    """cpio.Cpio, read back by cpio(1)"""

    def test_what_is_written_is_read_back(self) -> None:
        archive = Cpio()
        archive.directory("d")
        contents = {"d/empty": b"", "d/a": b"x", "d/b": b"yz" * 1001, "init": b"#!/bin/sh\n"}
        for name, data in contents.items():
            archive.file(name, data, 0o755)
        with tempfile.TemporaryDirectory() as folder:
            extract = ["cpio", "-id", "--quiet"]
            subprocess.run(extract, input=archive.data(), cwd=folder, check=True)
            for name, data in contents.items():
                path = Path(folder, name)
                self.assertEqual(path.read_bytes(), data)
                self.assertEqual(path.stat().st_mode & 0o777, 0o755)


class QemuCommand(unittest.TestCase):
    """qemu.command"""

    def test_two_cards_share_a_wire(self) -> None:
        line = command(Settings())
        self.assertEqual(line.count("-device igb,"), 2)
        self.assertEqual(line.count("hubid=0"), 2)
        self.assertIn("-accel tcg,thread=multi", line)

    def test_counting_instructions_takes_one_thread(self) -> None:
        line = command(Settings(qemu=["-icount", "shift=0,sleep=off"], cpus="1"))
        self.assertIn("-accel tcg,thread=single", line)
        self.assertIn("-smp 1", line)

    def test_the_users_choice_replaces_ours(self) -> None:
        line = command(Settings(qemu=["-accel", "kvm", "-M", "pc"]))
        self.assertNotIn("tcg", line)
        self.assertNotIn("q35", line)

    def test_overlays_cannot_write_to_the_host(self) -> None:
        shares = [Share("a", "/a", "/a"), Share("b", "/b,c", "/b,c", "overlay")]
        line = command(Settings(), shares)
        self.assertIn("local,id=a,path=/a,security_model=none,multidevs=remap -device", line)
        self.assertIn("path=/b,,c,security_model=none,multidevs=remap,readonly=on", line)

    def test_a_shell_has_a_console(self) -> None:
        self.assertIn("virtconsole", command(Settings(), shell=True))
        self.assertNotIn("virtconsole", command(Settings()))


class FolderTest(unittest.TestCase):
    """runner.new_folder"""

    def test_runs_that_begin_at_once_have_their_own(self) -> None:
        runs = runner.KEPT_RUNS
        with tempfile.TemporaryDirectory() as parent, ThreadPoolExecutor(runs) as pool:
            made = list(pool.map(runner.new_folder, [Path(parent, "vm")] * runs))
            self.assertEqual(len(set(made)), runs)
            self.assertTrue(all(folder.is_dir() for folder in made))
            self.assertIn(Path(parent, "vm/latest").resolve(), [f.resolve() for f in made])
