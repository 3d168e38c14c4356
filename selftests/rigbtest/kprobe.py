# SPDX-License-Identifier: GPL-2.0
"""Counts calls of a kernel function, by a kprobe event of its own trace instance."""

from pathlib import Path

TRACEFS = Path("/sys/kernel/tracing")
NAME = "rigbtest"


class Probe:
    """Records the calls of `function` while it is used with `with`."""

    def __init__(self, function: str):
        self.function = function
        self.instance = TRACEFS / "instances" / NAME

    @staticmethod
    def available() -> bool:
        """Whether this kernel has kprobe events."""
        return (TRACEFS / "kprobe_events").exists()

    def __enter__(self) -> "Probe":
        with open(TRACEFS / "kprobe_events", "a", encoding="ascii") as events:
            events.write(f"p:{NAME}/called {self.function}\n")
        self.instance.mkdir()
        self._switch(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._switch(0)
        self.instance.rmdir()
        with open(TRACEFS / "kprobe_events", "a", encoding="ascii") as events:
            events.write(f"-:{NAME}/called\n")

    def _switch(self, on: int) -> None:
        (self.instance / "events" / NAME / "enable").write_text(str(on), encoding="ascii")

    def hits_in_interrupts(self) -> int:
        """Calls in a hard interrupt so far."""
        count = 0
        for line in (self.instance / "trace").read_text(encoding="ascii").splitlines():
            if line.startswith("#") or "called:" not in line:
                continue
            # "task-pid [cpu] flags time: event": the third flag is h or H in hard interrupts.
            flags = line.split("]", 1)[1].split()[0]
            count += flags[2] in "hH"
        return count
