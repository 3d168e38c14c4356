# SPDX-License-Identifier: GPL-2.0
"""The kernels that a VM can boot, and the modules its initramfs needs for them."""

import lzma
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kernel:
    """An image to boot, and the folder that is to be its /lib/modules/RELEASE.

    virtme-ng finds modules for its initramfs in lib/modules beside the image.
    """

    image: Path
    modules: Path
    # The stock kernel's modules are in the root image, all of them; virtme-ng mounts others.
    in_image: bool = True

    @property
    def xen(self) -> Path:
        """Debian's Xen, decompressed, for a kernel of the image that is to be dom0."""
        return Path(os.environ["VM_DIR"]) / "xen"

    @property
    def release(self) -> str:
        """The kernel's release, `uname -r`."""
        return self.modules.name

    def boot_modules(self, wanted: tuple[str, ...]) -> list[tuple[str, bytes]]:
        """Name and content of these modules, each after what it depends on."""
        depends = self._dependencies()
        order: list[str] = []
        for name in wanted:
            path = next((p for p in depends if _stem(p) == name), None)
            # A module that is missing is built in.
            if path:
                order += [p for p in [*reversed(depends[path]), path] if p not in order]
        return [(_stem(path) + ".ko", self._read(path)) for path in order]

    def _dependencies(self) -> dict[str, list[str]]:
        result = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, _, rest = line.partition(":")
            result[path] = rest.split()
        return result

    def _read(self, path: str) -> bytes:
        data = (self.modules / path).read_bytes()
        return lzma.decompress(data) if path.endswith(".xz") else data


def _stem(path: str) -> str:
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def stock() -> Kernel:
    """Debian's kernel, unmodified but for being decompressed."""
    return Kernel(
        image=Path(os.environ["VM_DIR"]) / "vmlinux",
        modules=Path("/usr/lib/modules") / os.environ["KREL"],
    )


def debug() -> Kernel:
    """The kernel that scripts/debug-kernel.sh built; $VM_KERNEL is its folder."""
    folder = Path(os.environ["VM_KERNEL"])
    return Kernel(
        image=folder / "modules/vmlinux",
        modules=next((folder / "modules/lib/modules").iterdir()),
        in_image=False,
    )


def selected() -> Kernel:
    """The kernel that the environment asks for."""
    return debug() if os.environ.get("VM_KERNEL") else stock()
