# SPDX-License-Identifier: GPL-2.0
"""The initramfs writer, the commands of virtme-ng and QEMU, and what ends a VM."""

import io
import os
import shlex
import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

from vm import qemu, runner, vng
from vm.cpio import Cpio
from vm.kernels import Kernel
from vm.settings import Settings, project_root
from vm.shares import Share
from vm.topology import KVM_AMD, KVM_INTEL, WIRE, XEN, Topology

KERNEL = Kernel(Path("/k/vmlinux"), Path("/lib/modules/7.3"))
PROJECT = Share("project", "/p", True)


def command(
    settings: Settings,
    shares: tuple[Share, ...] = (),
    shell: bool = False,
    topology: Topology = WIRE,
) -> list[str]:
    """The command of virtme-ng."""
    shared = [PROJECT, *shares]
    return vng.command(settings, topology, KERNEL, shared, Path("/i"), Path("/p/run"), shell)


def qemu_args(settings: Settings, topology: Topology = WIRE) -> str:
    """What QEMU is given by it."""
    words = command(settings, topology=topology)
    return next(word for word in words if word.startswith("--qemu-opts="))


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


class VngCommand(unittest.TestCase):
    """vng.command"""

    def test_two_cards_share_a_wire(self) -> None:
        line = qemu_args(Settings())
        self.assertEqual(line.count("-device igb,"), 2)
        self.assertEqual(line.count("hubid=0"), 2)
        self.assertIn("-accel tcg,thread=multi", line)

    def test_counting_instructions_takes_one_thread(self) -> None:
        settings = Settings(qemu=["-icount", "shift=0,sleep=off"], cpus="1")
        self.assertIn("-accel tcg,thread=single", qemu_args(settings))
        self.assertIn("--cpus 1", " ".join(command(settings)))

    def test_the_users_choice_replaces_ours(self) -> None:
        line = qemu_args(Settings(qemu=["-accel", "kvm", "-M", "pc"]))
        self.assertNotIn("tcg", line)
        self.assertNotIn("q35", line)
        self.assertTrue(line.endswith("-accel kvm -M pc"))
        words = command(Settings(accel="kvm"))
        self.assertNotIn("--disable-kvm", words)
        self.assertNotIn("-cpu", qemu_args(Settings(accel="kvm")))

    def test_a_word_for_qemu_stays_one(self) -> None:
        line = qemu_args(Settings(qemu=["-name", "a 'b' $c"]))
        self.assertEqual(shlex.split(line)[-2:], ["-name", "a 'b' $c"])

    def test_a_folder_is_written_to_by_choice(self) -> None:
        words = command(Settings(), (Share("a", "/a"), Share("b", "/b, c", True)))
        for option, folder in (
            ("--rwdir", "/run/share.project"),
            ("--rodir", "/run/share.a"),
            ("--rwdir", "/run/share.b"),
        ):
            self.assertEqual(words[words.index(folder) - 1], option)

    def test_the_session_is_in_the_checkout(self) -> None:
        self.assertEqual(command(Settings())[-1], "exec /run/share.project/run/session")
        words = command(Settings(), shell=True)
        self.assertEqual(words[words.index("--shell") + 1], "/run/share.project/run/session")
        self.assertNotIn("--exec", words)

    def test_the_first_tool_of_its_name_is_ours(self) -> None:
        path = next(word for word in command(Settings()) if word.startswith("--append=PATH="))
        folder = path.removeprefix("--append=PATH=/run/share.project/").partition(":")[0]
        self.assertTrue(os.access(project_root() / folder / "udevadm", os.X_OK))

    def test_a_host_of_guests_has_an_iommu(self) -> None:
        for topology, device in ((KVM_AMD, "amd-iommu,"), (KVM_INTEL, "intel-iommu,intremap=on")):
            line = qemu_args(Settings(), topology)
            self.assertIn(f"-device {device}", line)
            self.assertIn("+svm", line)
            self.assertIn("virtio-blk-pci,drive=guests", line)
            self.assertIn(topology.memory, command(Settings(), topology=topology))
        self.assertIn("8192", command(Settings(memory="8192"), topology=KVM_AMD))


class XenCommand(unittest.TestCase):
    """qemu.command"""

    def words(self, shell: bool = False, shares: tuple[Share, ...] = ()) -> list[str]:
        """The command of QEMU."""
        with patch.dict(os.environ, VM_DIR="/v"):
            return qemu.command(
                Settings(), XEN, KERNEL, [*shares], Path("/i"), Path("/r"), shell
            )

    def test_xen_takes_the_kernel_as_a_module(self) -> None:
        words = self.words()
        self.assertEqual(words[words.index("-kernel") + 1], "/v/xen")
        self.assertIn("dom0_mem=", words[words.index("-append") + 1])
        # Commas separate modules; one in a command line is doubled.
        kernel, initrd = words[words.index("-initrd") + 1].replace(",,", "").split(",")
        self.assertTrue(kernel.startswith("/k/vmlinux console=ttyS0 "))
        self.assertEqual(initrd, "/r/initrd")

    def test_overlays_cannot_write_to_the_host(self) -> None:
        line = " ".join(self.words(shares=(Share("a", "/a", True), Share("b", "/b,c"))))
        self.assertIn("local,id=a,path=/a,security_model=none,multidevs=remap -device", line)
        self.assertIn("path=/b,,c,security_model=none,multidevs=remap,readonly=on", line)

    def test_a_shell_has_a_console(self) -> None:
        self.assertIn("virtconsole,chardev=out", self.words(shell=True))
        self.assertNotIn("virtconsole,chardev=out", self.words())


class ExecuteTest(unittest.TestCase):
    """What ends a VM"""

    def run_it(
        self, *command: str, timeout: float = 60.0, silence: float = 0.0, beat_text: str = ""
    ) -> int:
        """Runs a command in QEMU's place whose last sign of life is some time ago."""
        with tempfile.TemporaryDirectory() as name, patch.object(runner, "BEAT", 0.05):
            beat = Path(name, "beat")
            beat.write_text(beat_text)
            then = time.time() - silence
            os.utime(beat, (then, then))
            return runner._execute(list(command), timeout, io.BytesIO(), Path(name))[0]

    def test_a_command_ends_by_itself(self) -> None:
        self.assertEqual(self.run_it("true"), 0)

    def test_what_it_takes_of_a_processor_counts(self) -> None:
        """Also what a process takes that it has started and waited for."""
        command = ["bash", "-c", "(for ((n = 0; n < 100000; n++)); do :; done); :"]
        with tempfile.TemporaryDirectory() as name:
            _, seconds = runner._execute(command, 60.0, io.BytesIO(), Path(name))
        self.assertGreater(seconds, 0.0)

    def test_time_is_up(self) -> None:
        status = self.run_it("sleep", "60", timeout=0.2)
        self.assertEqual(status, runner.STATUS_TIMEOUT)

    def test_qemu_is_ended_where_it_runs(self) -> None:
        """vng starts others that start it, and would leave it running."""
        script = "sleep 60 & echo $! > pid; wait"
        with tempfile.TemporaryDirectory() as name:
            status, _ = runner._execute(
                ["env", "-C", name, "sh", "-c", script], 1.0, io.BytesIO(), Path(name)
            )
        self.assertEqual(status, runner.STATUS_TIMEOUT)

    def test_a_machine_without_a_sign_of_life_is_frozen(self) -> None:
        status = self.run_it("sleep", "60", silence=2 * runner.FROZEN)
        self.assertEqual(status, runner.STATUS_FROZEN)

    def test_a_boot_may_take_longer(self) -> None:
        status = self.run_it("sleep", "0.5", silence=2 * runner.FROZEN, beat_text="boots")
        self.assertEqual(status, 0)
        status = self.run_it("sleep", "60", silence=2 * runner.BOOT, beat_text="boots")
        self.assertEqual(status, runner.STATUS_FROZEN)


class PlacesTest(unittest.TestCase):
    """runner._take_places"""

    def test_two_plain_machines_run_in_the_place_of_one_with_guests(self) -> None:
        for wanted, count in ((1, 4), (runner.PLACES_NESTED, 2)):
            with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, CACHE=cache), \
                    patch("vm.runner.PLACES", 4):
                taken = [runner._take_places(wanted) for _ in range(count + 1)]
                self.assertEqual([len(files) for files in taken], [wanted] * count + [0])
                for file in taken[0]:
                    file.close()
                taken[0] = runner._take_places(wanted)
                self.assertEqual(len(taken[0]), wanted)
                for file in (file for files in taken for file in files):
                    file.close()


class FolderTest(unittest.TestCase):
    """runner.new_folder"""

    def test_runs_that_begin_at_once_have_their_own(self) -> None:
        runs = runner.KEPT_RUNS
        with tempfile.TemporaryDirectory() as parent, ThreadPoolExecutor(runs) as pool:
            made = list(pool.map(runner.new_folder, [Path(parent, "vm")] * runs))
            self.assertEqual(len(set(made)), runs)
            self.assertTrue(all(folder.is_dir() for folder in made))
            self.assertIn(Path(parent, "vm/latest").resolve(), [f.resolve() for f in made])
