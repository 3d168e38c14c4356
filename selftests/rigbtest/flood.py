# SPDX-License-Identifier: GPL-2.0
"""Frames without pause, for what must work while there is traffic."""

import os
import socket
import threading
from typing import Self

from .port import Port

ETHERTYPE = b"\x88\xb5"
SIZES = (46, 200, 1500)
# Frames between two looks at whether to stop, and the pause then: the flood is to keep
# rings busy, and not to take the processors from the drivers that are tested.
BURST = 16
PAUSE = 0.005


class Flood:
    """Sends to some MAC addresses in turn while it is used with `with`.

    The sender's interface may go away meanwhile: then the flood ends by itself.
    """

    def __init__(self, port: Port, *macs: str):
        self.sent = 0
        self._stop = threading.Event()
        with port.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((port.name, 0))
        self._socket.settimeout(1)
        source = bytes.fromhex(port.mac.replace(":", ""))
        self._frames = [
            bytes.fromhex(mac.replace(":", "")) + source + ETHERTYPE + os.urandom(size)
            for mac in macs
            for size in SIZES
        ]
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            for number in range(BURST):
                try:
                    self._socket.send(self._frames[number % len(self._frames)])
                    self.sent += 1
                except (BlockingIOError, TimeoutError):
                    break
                except OSError:
                    return
