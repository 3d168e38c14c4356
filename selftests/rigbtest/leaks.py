# SPDX-License-Identifier: GPL-2.0
"""What a debug kernel knows of lost memory and of wrong DMA mappings."""

import time
from pathlib import Path

DEBUGFS = Path("/sys/kernel/debug")
KMEMLEAK = DEBUGFS / "kmemleak"
DMA_ERRORS = DEBUGFS / "dma-api/error_count"
# kmemleak reports a block from the second scan on that finds no pointer to it; a third scan
# settles what moved meanwhile. It leaves out what is younger than this.
SCANS = 3
MIN_AGE = 5.0


class Leaks:
    """Counts from when it was made: what was there before is not this test's."""

    def __init__(self) -> None:
        if self.available():
            KMEMLEAK.write_text("clear", encoding="ascii")
            self._dma_before = int(DMA_ERRORS.read_text(encoding="ascii"))

    @staticmethod
    def available() -> bool:
        """Whether this kernel looks for both kinds of leaks."""
        return KMEMLEAK.exists() and DMA_ERRORS.exists()

    def memory(self) -> str:
        """kmemleak's report, empty if nothing is lost."""
        # The age is all that is waited for, and no event tells it.
        time.sleep(MIN_AGE + 1)
        for _ in range(SCANS):
            KMEMLEAK.write_text("scan", encoding="ascii")
        return KMEMLEAK.read_text(encoding="ascii").strip()

    def dma_errors(self) -> int:
        """Errors in the use of the DMA API."""
        return int(DMA_ERRORS.read_text(encoding="ascii")) - self._dma_before
