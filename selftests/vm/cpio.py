# SPDX-License-Identifier: GPL-2.0
"""A writer for the "newc" cpio format, which is what an initramfs is.

Documented in Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
"""

import stat


class Cpio:
    """Collects files in memory; `data()` is the archive."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def directory(self, name: str) -> None:
        """Adds a directory; parents must have been added before."""
        self._entry(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Adds a regular file."""
        self._entry(name, stat.S_IFREG | mode, data)

    def device(self, name: str, major: int, minor: int) -> None:
        """Adds a character device."""
        self._entry(name, stat.S_IFCHR | 0o600, b"", major, minor)

    def data(self) -> bytes:
        """The complete archive."""
        self._inode = -1
        self._entry("TRAILER!!!", 0, b"")
        return b"".join(self._parts)

    def _entry(self, name: str, mode: int, data: bytes, major: int = 0, minor: int = 0) -> None:
        self._inode += 1
        raw = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % value for value in fields) + raw
        for part in (head, data):
            self._parts += [part, b"\0" * (-len(part) % 4)]
