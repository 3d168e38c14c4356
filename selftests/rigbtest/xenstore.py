# SPDX-License-Identifier: GPL-2.0
"""Xenstore, the tree in which Xen's toolstack and domains find each other, as dom0 reads it.

The messages are those of Linux's xen/interface/io/xs_wire.h. A process of xl takes a second of an
emulated processor, which what it waits for then lacks; a message here takes some milliseconds.
"""

import socket
import struct
from pathlib import Path
from typing import Self

SOCKET = Path("/run/xenstored/socket")
# Type, request, transaction, length of what follows.
HEADER = struct.Struct("=IIII")
DIRECTORY, READ, ERROR = 1, 2, 16
MISSING = b"ENOENT"
# Seconds for an answer.
LIMIT = 180.0


class Xenstore:
    """A connection to xenstored. Use it with `with`."""

    def __init__(self, path: Path = SOCKET):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(LIMIT)
        self._socket.connect(str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def read(self, path: str) -> str:
        """What is at a path, empty if there is nothing."""
        return self._ask(READ, path).decode()

    def names(self, path: str) -> list[str]:
        """What is below a path."""
        return [name.decode() for name in self._ask(DIRECTORY, path).split(b"\0") if name]

    def domains(self, name: str) -> list[int]:
        """The numbers of the domains of this name: two, while one takes the other's place."""
        numbers = self.names("/local/domain")
        found = [number for number in numbers if self.read(f"/local/domain/{number}/name") == name]
        return sorted(int(number) for number in found)

    def _ask(self, kind: int, path: str) -> bytes:
        text = path.encode() + b"\0"
        self._socket.sendall(HEADER.pack(kind, 0, 0, len(text)) + text)
        kind, _, _, length = HEADER.unpack(self._receive(HEADER.size))
        answer = self._receive(length)
        if kind != ERROR:
            return answer
        if answer.rstrip(b"\0") != MISSING:
            raise OSError(f"xenstored says {answer!r} of {path}")
        return b""

    def _receive(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            chunk = self._socket.recv(length - len(data))
            if not chunk:
                raise OSError("xenstored has ended the connection")
            data += chunk
        return data
