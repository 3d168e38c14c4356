# SPDX-License-Identifier: GPL-2.0
"""rigbtest/xenstore.py, with a xenstored of a few lines."""

import socket
import tempfile
import threading
import unittest
from pathlib import Path

from rigbtest.xenstore import DIRECTORY, ERROR, HEADER, Xenstore

TREE = {
    "/local/domain": b"0\x0012\x003\x007\0",
    "/local/domain/0/name": b"Domain-0",
    "/local/domain/12/name": b"pv",
    "/local/domain/3/name": b"pv",
    "/local/domain/7/name": b"hvm",
}


def serve(listener: socket.socket) -> None:
    """Answers one connection to its end, in small pieces."""
    connection = listener.accept()[0]
    with connection:
        while head := connection.recv(HEADER.size, socket.MSG_WAITALL):
            kind, request, transaction, length = HEADER.unpack(head)
            path = connection.recv(length, socket.MSG_WAITALL).rstrip(b"\0").decode()
            answer = TREE.get(path)
            if (kind == DIRECTORY) != (path == "/local/domain") or path == "/refused":
                kind, answer = ERROR, b"EINVAL\0"
            elif answer is None:
                kind, answer = ERROR, b"ENOENT\0"
            data = HEADER.pack(kind, request, transaction, len(answer)) + answer
            for start in range(0, len(data), 5):
                connection.sendall(data[start:start + 5])


class XenstoreTest(unittest.TestCase):
    """xenstore.Xenstore"""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name, "socket")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        self.addCleanup(thread.join)
        self.store = self.enterContext(Xenstore(path))

    def test_what_is_there_and_what_is_not(self) -> None:
        self.assertEqual(self.store.read("/local/domain/7/name"), "hvm")
        self.assertEqual(self.store.read("/local/domain/8/name"), "")
        with self.assertRaises(OSError):
            self.store.read("/refused")

    def test_domains_by_name(self) -> None:
        self.assertEqual(self.store.domains("pv"), [3, 12])
        self.assertEqual(self.store.domains("hvm"), [7])
        self.assertEqual(self.store.domains("none"), [])


if __name__ == "__main__":
    unittest.main()
