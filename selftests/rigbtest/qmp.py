# SPDX-License-Identifier: GPL-2.0
"""QEMU's monitor by its own library, qemu.qmp, for programs that do not run an event loop."""

import asyncio
import contextlib
import functools
import logging
import socket
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from qemu.qmp import QMPClient, QMPError

# A command's answer, with VFIO in an emulated machine. In seconds.
LIMIT = 180.0
# QEMU's start, which maps the guest's memory for VFIO. If it fails, that is heard at once.
START_LIMIT = 600.0

T = TypeVar("T")

# Its log would repeat each error, and calls the end of a QEMU one.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())


class MonitorError(Exception):
    """QEMU refused a command, gave no answer in time, or has ended."""


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """The loop that all monitors live in. Any thread may ask: guests are used side by side."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


class Monitor:
    """The monitor of one QEMU process."""

    def __init__(self, name: str, sock: socket.socket):
        """`sock` leads to a chardev with `-mon mode=control`; waits for QEMU's greeting."""
        self._client = QMPClient(name)
        self._run("greeting", self._client.connect(sock), START_LIMIT)

    def execute(self, command: str, **arguments: object) -> Any:
        """Runs a command and gives its return value."""
        return self._run(command, self._client.execute(command, arguments))

    def unplug(self, device: str) -> None:
        """Takes a device away, with the guest's consent, and waits until it is gone."""
        self._run(f"consent of the guest to give back {device}", self._unplug(device))

    def close(self) -> None:
        """Lets go of the connection; QEMU may have ended."""
        with contextlib.suppress(MonitorError):
            self._run("disconnect", self._client.disconnect())

    async def _unplug(self, device: str) -> None:
        gone = self._client.listener("DEVICE_DELETED", lambda event: device == _device(event))
        with gone as events:
            await self._client.execute("device_del", {"id": device})
            await events.get()

    @staticmethod
    def _run(what: str, call: Coroutine[Any, Any, T], limit: float = LIMIT) -> T:
        future = asyncio.run_coroutine_threadsafe(call, _loop())
        try:
            return future.result(limit)
        except TimeoutError as error:
            future.cancel()
            raise MonitorError(f"{what}: nothing from QEMU") from error
        except (QMPError, OSError, EOFError) as error:
            raise MonitorError(f"{what}: {error}") from error


def _device(event: Any) -> str:
    return str(event["data"].get("device"))
