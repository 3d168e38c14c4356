# SPDX-License-Identifier: GPL-2.0
"""Guests of a VM: what they boot, and the QEMU command of those under KVM.

A guest has the same kernel and the same root as the VM that it runs in, and no network but
what it is given. Its orders come by vm/guest/agent.
"""

import functools
import os
from pathlib import Path

from . import initrd, kernels

HERE = Path(__file__).resolve().parent
# A guest's crash ends in a new start, as on a machine that is left alone.
KERNEL_ARGS = (
    "loglevel=5 panic=-1 net.ifnames=0 modprobe.blacklist=igb,igbvf tsc=reliable "
    "rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60 cryptomgr.notests mitigations=off "
    "init_on_alloc=0"
)
# The image of the VM's root, which every guest reads as well and nobody writes: the second disk of a
# host that virtme-ng has booted, the first of Xen's.
DISK = "/dev/vda" if os.environ.get("VM_TOPOLOGY") == "xen" else "/dev/vdb"
# QEMU's emulation of SVM leaves the type of an exception that the guest has taken in the
# exit's event information, and marks it invalid. KVM looks at the type alone: a guest that
# touches emulated memory right after such an exception ends with "KVM internal error.
# Suberror: 3". So what a guest uses all the time is reached by ports: virtio's older
# interface and PCI's first mechanism, and there is no HPET.
PORT_IO = "disable-modern=on"
PORT_ARGS = "pci=nommconf"
# Without KVM's own way to end an interrupt, each one's handler leaves the guest by writing to its APIC
# before it does anything else. That is the end of the time in which QEMU may let the same interrupt in
# again (vm/impossible.py); with it, that time was most of what a busy guest runs.
CPU = "host,kvm-pv-eoi=off"


def make_initrd(path: Path, files: list[Path], modules: tuple[str, ...]) -> None:
    """Writes the initramfs of a guest, with `files` in its /run/vm."""
    path.write_bytes(_initrd(tuple(files), modules))


@functools.cache
def _initrd(files: tuple[Path, ...], modules: tuple[str, ...]) -> bytes:
    """The archive. All guests of a program have the same, which takes a second to make."""
    variables = {
        "VM_CWD": "/run/vm",
        "VM_RUN": "/run/vm",
        "VM_MODE": "agent",
        "VM_CHANNEL": "/dev/hvc0",
    }
    return initrd.build(kernels.stock(), [], variables, modules, [HERE / "guest/agent", *files])


def kvm_command(
    folder: Path, memory: int, agent: int, qmp: int, extra: list[str]
) -> list[str]:
    """QEMU for a guest: `agent` and `qmp` are the file descriptors of its two channels.

    There are two free root ports, `slot0` and `slot1`, as PCIe hotplug needs one.
    """
    args = ["qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none"]
    args += ["-M", "q35,hpet=off", "-accel", "kvm", "-cpu", CPU, "-smp", "1", "-m", str(memory)]
    args += ["-kernel", os.environ["VM_DIR"] + "/vmlinux", "-initrd", str(folder / "initrd")]
    args += ["-append", f"console=ttyS0 {KERNEL_ARGS} {PORT_ARGS}"]
    args += ["-chardev", f"file,id=console,path={folder / 'console.log'},append=on"]
    args += ["-serial", "chardev:console"]
    args += ["-chardev", f"socket,id=agent,fd={agent}", "-device", f"virtio-serial-pci,{PORT_IO}"]
    args += ["-device", "virtconsole,chardev=agent"]
    args += ["-chardev", f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"]
    args += ["-drive", f"if=none,id=root,file={DISK},format=raw,readonly=on"]
    args += ["-device", f"virtio-blk-pci,{PORT_IO},drive=root"]
    for number in range(2):
        place = f"chassis={number + 1},addr={16 + number:#x}"
        args += ["-device", f"pcie-root-port,id=slot{number},{place}"]
    return args + extra
