# SPDX-License-Identifier: GPL-2.0
"""From a topology, a kernel and settings to the QEMU command line."""

from pathlib import Path

from .initrd import Share
from .kernels import Kernel
from .settings import Settings
from .topology import Topology

# The console shows warnings and worse; the whole log is fetched at the end. The stall
# detectors get more time, for the host's own load stalls an emulated processor.
KERNEL_ARGS = (
    "console=ttyS0 loglevel=5 panic=-1 log_buf_len=4M net.ifnames=0 modprobe.blacklist=igb,igbvf "
    "rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60 tsc=reliable cryptomgr.notests"
)


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
    args += ["-display", "none"]
    # With a PIT Linux counts processor cycles against it at boot. On a busy host that can go wrong
    # by a factor of seven, and time in the VM with it; against the HPET it cannot.
    # Xen wants one.
    machine = "q35" if topology.xen else "q35,pit=off"
    args += _unless_given(settings, ("-M", "-machine"), ["-M", machine])
    # Counting instructions needs a single thread.
    accel = "tcg,thread=single" if "-icount" in settings.qemu else settings.accel
    args += _unless_given(settings, ("-accel",), ["-accel", accel])
    args += ["-cpu", "host" if accel.startswith("kvm") else topology.cpu]
    args += ["-smp", settings.cpus or topology.cpus, "-m", settings.memory or topology.memory]
    line = " ".join(filter(None, (KERNEL_ARGS, topology.append, settings.append)))
    args += _boot_args(topology, kernel, run / "initrd", line)

    args += ["-chardev", f"file,id=console,path={run / 'console.log'}"]
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
    """The kernel as such, or as dom0: Xen takes it and its initramfs as multiboot modules."""
    if not topology.xen:
        return ["-kernel", str(kernel.image), "-initrd", str(initrd), "-append", line]
    module = f"{kernel.image} {line}".replace(",", ",,")
    modules = f"{module},{str(initrd).replace(',', ',,')}"
    return ["-kernel", str(kernel.xen), "-initrd", modules, "-append", topology.xen]


def _share_args(share: Share) -> list[str]:
    readonly = "" if share.mode == "rw" else ",readonly=on"
    path = share.source.replace(",", ",,")
    return [
        "-fsdev",
        f"local,id={share.tag},path={path},security_model=none,multidevs=remap{readonly}",
        "-device",
        f"virtio-9p-pci,fsdev={share.tag},mount_tag={share.tag}",
    ]


def _unless_given(settings: Settings, options: tuple[str, ...], ours: list[str]) -> list[str]:
    return [] if any(option in settings.qemu for option in options) else ours
