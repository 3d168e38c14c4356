# SPDX-License-Identifier: GPL-2.0
"""The initramfs of what virtme-ng does not boot: Xen's dom0, and the guests of a VM.

It is made anew for each, and carries its orders.
"""

import shlex
from pathlib import Path

from .cpio import Cpio
from .kernels import Kernel
from .shares import Share

HERE = Path(__file__).resolve().parent
BUSYBOX = Path("/usr/bin/busybox")
# What stands between the initramfs and the root: a disk, its filesystem, shared folders.
HOST_MODULES = ("virtio_blk", "ext4", "overlay", "9pnet_virtio", "9p")
# The same for guests that share no folder with anyone.
KVM_GUEST_MODULES = ("virtio_blk", "ext4", "overlay", "virtio_console")
XEN_GUEST_MODULES = ("xen_blkfront", "ext4", "overlay")


def build(
    kernel: Kernel,
    shares: list[Share],
    variables: dict[str, str],
    modules: tuple[str, ...] = HOST_MODULES,
    files: list[Path] | None = None,
) -> bytes:
    """The archive: busybox, the first modules, init, and what it is to do.

    `files` are there in the guest's /run/vm, without their folders.
    """
    archive = Cpio()
    for name in ("bin", "dev", "proc", "sys", "modules", "lower", "rw", "root", "mnt", "run"):
        archive.directory(name)
    # The kernel opens it for init before devtmpfs is mounted.
    archive.device("dev/console", 5, 1)
    archive.file("bin/busybox", BUSYBOX.read_bytes(), 0o755)
    archive.file("init", (HERE / "guest/init").read_bytes(), 0o755)
    for path in [HERE / "guest/stage2", *(files or [])]:
        archive.file(f"run/{path.name}", path.read_bytes(), path.stat().st_mode & 0o777)

    loaded = kernel.boot_modules(modules)
    for name, data in loaded:
        archive.file(f"modules/{name}", data)
    archive.file("modules/order", "".join(f"{name}\n" for name, _ in loaded).encode())

    modes = {True: "rw", False: "overlay"}
    lines = [f"{share.tag} {modes[share.writable]} {share.path}\n" for share in shares]
    archive.file("shares", "".join(lines).encode())
    orders = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    # A variable of the environment may hold any bytes.
    archive.file("run/orders", "".join(orders).encode(errors="surrogateescape"))
    return archive.data()
