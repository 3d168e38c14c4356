# SPDX-License-Identifier: GPL-2.0
"""What the kernel logs meanwhile."""

import os
from typing import Self


class KernelLog:
    """Reads the log from where it stood when the `with` began."""

    def __enter__(self) -> Self:
        self._file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._file, 0, os.SEEK_END)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def lines(self) -> list[str]:
        """All lines since the last call, without their stamps."""
        found: list[str] = []
        while True:
            try:
                record = os.read(self._file, 8192)
            except BlockingIOError:
                return found
            except BrokenPipeError:
                # The oldest records were overwritten; the next read goes on behind them.
                continue
            found.append(record.decode(errors="replace").partition(";")[2].splitlines()[0])
