# SPDX-License-Identifier: GPL-2.0
"""From a topology, a kernel and settings to the command of virtme-ng.

virtme-ng makes the initramfs, boots the root image, mounts folders of the host, starts udev and
runs a script (`vng --help`). Added here are the cards, and in the script (guest/session.sh) what a
run needs: folders at their own paths, one stream of output, the kernel's log.
"""

import shlex
from pathlib import Path

from .kernels import Kernel
from .settings import Settings
from .shares import Share
from .topology import KERNEL_ARGS, Topology


def command(
    settings: Settings,
    topology: Topology,
    kernel: Kernel,
    shares: list[Share],
    root_image: Path,
    run: Path,
    interactive: bool,
) -> list[str]:
    """The whole command; the kernel's console comes out of its standard error.

    vng hands it to a shell without quotes of its own, so those that may be needed are here.
    """
    args = ["vng", "--run", str(kernel.image), "--name", "rigb", "--user", "root"]
    # What a run writes to its root goes to a temporary file (-snapshot below).
    args += ["--root-disk", str(root_image), "--root-fstype", "ext4", "--rw"]
    # SR-IOV needs PCIe, which microvm has not. 9p needs no server beside QEMU.
    args += ["--disable-microvm", "--force-9p"]
    if not settings.accel.startswith("kvm"):
        args += ["--disable-kvm"]
    args += ["--cpus", settings.cpus or topology.cpus]
    args += ["--memory", settings.memory or topology.memory]
    for share in shares:
        args += ["--rwdir" if share.writable else "--rodir", str(share.mount)]
    # Linux hands this to its init as a variable of the environment.
    tools = f"PATH={shares[0].mount}/selftests/vm/guest/boot:/usr/sbin:/usr/bin:/sbin:/bin"
    for line in filter(None, (KERNEL_ARGS, tools, topology.append, settings.append)):
        args += [f"--append={line}"]
    args += ["--qemu-opts=" + shlex.join(_qemu_args(settings, topology, root_image, run))]
    session = str(shares[0].inside(run / "session"))
    if interactive:
        return [*args, "--disable-monitor", "--shell", session]
    # Without --verbose the console is thrown away.
    return [*args, "--verbose", "--exec", f"exec {session}"]


def _qemu_args(settings: Settings, topology: Topology, root_image: Path, run: Path) -> list[str]:
    """What QEMU gets beside virtme-ng's arguments; a later one wins."""
    args = ["-no-user-config", "-nodefaults", "-no-reboot", "-snapshot"]
    args += ["-pidfile", str(run / "pid")]
    # With a PIT Linux counts processor cycles against it at boot. On a busy host that can go wrong
    # by a factor of seven, and time in the VM with it; against the HPET it cannot.
    if not settings.gives("-M", "-machine"):
        args += ["-M", "q35,pit=off"]
    if not settings.accel.startswith("kvm"):
        args += ["-cpu", topology.cpu]
        if not settings.gives("-accel"):
            # Counting instructions needs a single thread.
            args += ["-accel", "tcg,thread=single" if settings.gives("-icount") else settings.accel]
    if topology.nested:
        # Of its own root the VM alone knows what is written.
        args += ["-drive", f"if=none,id=guests,file={root_image},format=raw,readonly=on,snapshot=off"]
        args += ["-device", "virtio-blk-pci,drive=guests"]
    return args + topology.qemu_args() + settings.qemu
