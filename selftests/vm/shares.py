# SPDX-License-Identifier: GPL-2.0
"""Folders of the host that a VM sees at their own paths."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from .settings import Settings


@dataclass(frozen=True)
class Share:
    """A folder, and whether what the VM writes there reaches the host."""

    tag: str
    path: str
    writable: bool = False

    @property
    def mount(self) -> Path:
        """Where virtme-ng finds it here and mounts it in the VM, see `publish`."""
        return Path("/run", f"share.{self.tag}")

    def inside(self, path: Path) -> Path:
        """The name, below `mount`, of something in this folder."""
        return self.mount / path.relative_to(self.path)

    def publish(self) -> None:
        """Makes `mount` here a link to the folder.

        virtme-ng takes few characters in a path, and makes no mount point whose parent is missing;
        guest/session.sh brings the folder to its own path.
        """
        # Runs side by side share the same.
        with contextlib.suppress(FileExistsError):
            self.mount.symlink_to(self.path)


def wanted(root: Path, settings: Settings, nested: bool) -> list[Share]:
    """The checkout first, and what commands need besides it."""
    shares = [Share("project", str(root), True), Share("ksrc", os.environ["KSRC"])]
    if nested:
        # Its guests boot from what it boots from itself.
        shares.append(Share("boot", os.environ["VM_DIR"]))
    if settings.mount:
        shares.append(Share("mount", os.path.realpath(settings.mount), True))
    return shares
