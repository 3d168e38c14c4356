# SPDX-License-Identifier: GPL-2.0
"""Runs one VM from start to end and says how it went."""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from . import impossible, initrd, kernels, klog, qemu, shares, vng
from .settings import Settings, guest_environment, project_root
from .shares import Share
from .topology import Topology

# Like timeout(1) and a shell that cannot run its command.
STATUS_TIMEOUT = 124
STATUS_VM = 125
STATUS_FROZEN = 126
# A VM with guests shows that it lives each so many seconds; after how many without that it is
# taken for frozen. One that only has too much to do is late by seconds.
BEAT = 10
FROZEN = 240.0
# The same for its first one, which comes when it has booted: some ten seconds on an idle machine.
BOOT = 900.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Runs whose logs are kept.
KEPT_RUNS = 30
# Emulated machines with guests at one time on this host. Each keeps a processor busy, and its guests
# suffer when it has to wait for one. A machine without guests waits more than half of its time, for
# links and answers: two such run in the place of one.
SLOTS = int(os.environ.get("RIGB_VM_SLOTS", "2"))
PLACES = 2 * SLOTS
PLACES_NESTED = 2
# Who waits for several places holds this, so that who has asked first, which is whose program is
# longest, does not lose each place that comes free to a later one.
_TURN = threading.Lock()


@dataclass
class Result:
    """What came of a run. `status` is the command's own, or one of the three above."""

    status: int
    seconds: float
    folder: Path
    # Of a processor, that the VM took.
    cpu_seconds: float = 0.0
    findings: list[klog.Finding] = field(default_factory=list)
    # How the emulation has failed below a VM with guests, if it has.
    fault: str = ""


def run(topology: Topology, settings: Settings, cmd: str, out: IO[bytes]) -> Result:
    """Boots a VM, runs `cmd` as root in the project's root, copies its output to `out`."""
    return _run(topology, settings, cmd, out)


def shell(topology: Topology, settings: Settings) -> Result:
    """Boots a VM with a prompt on this terminal."""
    return _run(topology, settings, "", None)


def _run(topology: Topology, settings: Settings, cmd: str, out: IO[bytes] | None) -> Result:
    root = project_root()
    folder = new_folder(root / "build/vm")
    (folder / "cmd").write_text(cmd, errors="surrogateescape")
    command = _prepare(topology, settings, root, folder, not out)
    with _slot(PLACES_NESTED if topology.nested else 1):
        if topology.nested:
            (folder / "beat").write_text("boots\n")
        start = time.monotonic()
        stopped, cpu_seconds = _execute(command, settings.timeout, out, folder)
        seconds = time.monotonic() - start
    (folder / "initrd").unlink(missing_ok=True)
    findings = klog.scan_run(folder) if settings.scan_klog else []
    fault = ""
    if stopped == STATUS_FROZEN:
        fault = f"the VM gave no sign of life for {FROZEN:.0f} s, or none in {BOOT:.0f} s"
    elif topology.nested:
        fault = impossible.in_log((folder / "console.log").read_text(errors="replace"))
    return Result(stopped or _status(folder), seconds, folder, cpu_seconds, findings, fault)


def _prepare(
    topology: Topology, settings: Settings, root: Path, folder: Path, interactive: bool
) -> list[str]:
    """Writes what the VM is to do, and returns the command that boots it."""
    kernel = kernels.selected()
    shared = shares.wanted(root, settings, topology.nested)
    image = Path(os.environ["VM_DIR"]) / "root.img"
    variables = {
        "PATH": f"{os.environ['PYTHON_ENV']}/bin:{PATH}",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        # Where the modules for this kernel are: build/debug has those for the debug kernel.
        "RIGB_MODULES": str(root if kernel.in_image else root / "build/debug"),
        **guest_environment(),
        "VM_RUN": str(folder),
        "VM_CWD": str(root),
        "VM_MODE": "shell" if interactive else "run",
        "KSRC": os.environ["KSRC"],
    }
    if topology.nested:
        variables |= {name: os.environ[name] for name in ("VM_DIR", "KREL", "PYTHON_ENV")}
        variables |= {"VM_TOPOLOGY": topology.name, "VM_BEAT": str(BEAT)}
    if topology.xen:
        if interactive:
            size = shutil.get_terminal_size()
            variables |= {"VM_ROWS": str(size.lines), "VM_COLUMNS": str(size.columns)}
        _write_session(folder / "session", variables, [], root)
        (folder / "initrd").write_bytes(initrd.build(kernel, shared, variables))
        return qemu.command(settings, topology, kernel, shared, image, folder, interactive)
    if kernel.in_image:
        variables["VM_IMAGE_MODULES"] = "yes"
    for share in shared:
        share.publish()
    _write_session(folder / "session", variables, shared, shared[0].mount)
    return vng.command(settings, topology, kernel, shared, image, folder, interactive)


def _write_session(
    path: Path, variables: dict[str, str], shared: list[Share], project: Path
) -> None:
    """The script that the VM runs: the command's environment, then vm/guest/session.sh."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    words = " ".join(shlex.quote(f"{share.tag}={share.path}") for share in shared)
    lines.append(f"VM_SHARES=({words})\n")
    lines.append(f". {shlex.quote(str(project))}/selftests/vm/guest/session.sh\n")
    # A variable of the environment may hold any bytes.
    path.write_text("#!/bin/bash\n" + "".join(lines), errors="surrogateescape")
    path.chmod(0o755)


def new_folder(parent: Path) -> Path:
    """Makes a folder for a run's files, and removes those of the oldest runs."""
    parent.mkdir(parents=True, exist_ok=True)
    old = sorted(path for path in parent.iterdir() if path.name[:2].isdigit())
    for path in old[:-KEPT_RUNS]:
        shutil.rmtree(path, ignore_errors=True)
    folder = parent / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
    folder.mkdir()
    # Several runs may begin at once, so the link is replaced in one step.
    link = folder / "latest"
    link.symlink_to(folder.name)
    link.replace(parent / "latest")
    return folder


@contextmanager
def _slot(wanted: int) -> Iterator[None]:
    """Holds places for a running VM; waits while too many are taken."""
    said = False
    with _TURN if wanted > 1 else nullcontext():
        while not (files := _take_places(wanted)):
            if not said:
                print("rigb: as many VMs run as may, waiting for one to end", file=sys.stderr)
                said = True
            # flock() cannot wait for whichever of several comes free.
            time.sleep(0.5)
    try:
        yield
    finally:
        for file in files:
            file.close()


def _take_places(wanted: int) -> list[IO[str]]:
    """The locks of so many places, or none: who holds some and waits for more blocks others."""
    taken: list[IO[str]] = []
    for number in range(PLACES):
        file: IO[str] = (Path(os.environ["CACHE"]) / f"vm.place{number}").open("w")
        if len(taken) < wanted and _try_lock(file):
            taken.append(file)
        else:
            file.close()
    if len(taken) == wanted:
        return taken
    for held in taken:
        held.close()
    return []


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _execute(
    command: list[str], timeout: float, out: IO[bytes] | None, folder: Path
) -> tuple[int, float]:
    """Runs a VM to its end; the status if it had to be stopped for want of time or of life, and
    the seconds of a processor that it took."""
    (folder / "command").write_text(shlex.join(command) + "\n", errors="surrogateescape")
    ended = threading.Event()
    stopped: list[int] = []
    cpu_seconds = 0.0
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if out else None,
        stdout=subprocess.PIPE if out else None,
        stderr=subprocess.PIPE,
    )

    def watch() -> None:
        end = time.monotonic() + timeout
        while not ended.wait(min(BEAT, max(0.1, end - time.monotonic()))):
            if time.monotonic() >= end:
                stopped.append(STATUS_TIMEOUT)
            elif _frozen(folder / "beat"):
                stopped.append(STATUS_FROZEN)
            if stopped:
                _kill(process, folder)

    assert process.stderr
    console = threading.Thread(target=_relay, args=(process.stderr, folder / "console.log"))
    console.start()
    threading.Thread(target=watch, daemon=True).start()
    try:
        if out and process.stdout:
            _relay(process.stdout, folder / "output.log", out)
        cpu_seconds = _wait(process)
    finally:
        ended.set()
        if process.poll() is None:
            _kill(process, folder)
            process.wait()
        console.join()
    return (stopped[0] if stopped else 0), cpu_seconds


def _wait(process: subprocess.Popen[bytes]) -> float:
    """Waits for a process; the seconds of a processor that it took, and those it waited for."""
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except ChildProcessError:
        # Who stopped it has seen it end.
        process.wait()
        return 0.0
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _kill(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Ends a VM at once: QEMU, whose end is vng's, or what is about to start it."""
    try:
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        process.kill()


def _frozen(beat: Path) -> bool:
    """Whether a VM that shows that it lives, as not each does, has not done so for long. What is in the
    file is gone with its first sign."""
    if not beat.exists():
        return False
    shown = beat.stat()
    return time.time() - shown.st_mtime > (BOOT if shown.st_size else FROZEN)


def _relay(source: IO[bytes], copy: Path, out: IO[bytes] | None = None) -> None:
    with copy.open("wb") as log:
        while chunk := os.read(source.fileno(), 65536):
            log.write(chunk)
            log.flush()
            if out:
                out.write(chunk)
                out.flush()


def _status(folder: Path) -> int:
    try:
        return int((folder / "status").read_text())
    except (FileNotFoundError, ValueError):
        return STATUS_VM
