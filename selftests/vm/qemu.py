# SPDX-License-Identifier: GPL-2.0
"""From a topology, a kernel and settings to the QEMU command line of Xen's machine.

virtme-ng boots no multiboot kernel, and Xen takes Linux and its initramfs as modules of one.
"""

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
    """The whole command; what the user gives in VM_QEMU takes the place of our choice."""
    args = ["qemu-system-x86_64", "-no-user-config", "-nodefaults", "-no-reboot"]
    args += ["-display", "none", "-pidfile", str(run / "pid")]
    if not settings.gives("-M", "-machine"):
        args += ["-M", "q35"]
    if not settings.gives("-accel"):
        args += ["-accel", "tcg,thread=single" if settings.gives("-icount") else settings.accel]
    args += ["-cpu", "host" if settings.accel.startswith("kvm") else topology.cpu]
    args += ["-smp", settings.cpus or topology.cpus, "-m", settings.memory or topology.memory]
    words = ("console=ttyS0", KERNEL_ARGS, topology.append, settings.append)
    args += _boot_args(topology, kernel, run / "initrd", " ".join(filter(None, words)))

    args += ["-chardev", "file,id=console,path=/proc/self/fd/2"]
    args += ["-serial", "chardev:console"]
    # The command's output has its own way out, apart from the kernel's console.
    args += ["-device", "virtio-serial-pci"]
    if interactive:
        args += ["-chardev", "stdio,id=out,signal=off", "-device", "virtconsole,chardev=out"]
    else:
        # Not "stdio": at the end of its input that would hang up on the guest.
        args += ["-chardev", "file,id=out,path=/proc/self/fd/1"]
        args += ["-device", "virtserialport,chardev=out,name=rigb.out"]
    args += ["-drive", f"if=none,id=root,file={root_image},format=raw,readonly=on"]
    args += ["-device", "virtio-blk-pci,drive=root"]
    for share in shares:
        args += _share_args(share)
    return args + topology.qemu_args() + settings.qemu


def _boot_args(topology: Topology, kernel: Kernel, initrd: Path, line: str) -> list[str]:
    """Xen's kernel, and the modules of its multiboot."""
    module = f"{kernel.image} {line}".replace(",", ",,")
    modules = f"{module},{str(initrd).replace(',', ',,')}"
    return ["-kernel", str(kernel.xen), "-initrd", modules, "-append", topology.xen]


def _share_args(share: Share) -> list[str]:
    readonly = "" if share.writable else ",readonly=on"
    path = share.path.replace(",", ",,")
    return [
        "-fsdev",
        f"local,id={share.tag},path={path},security_model=none,multidevs=remap{readonly}",
        "-device",
        f"virtio-9p-pci,fsdev={share.tag},mount_tag={share.tag}",
    ]
