# SPDX-License-Identifier: GPL-2.0
"""Traffic between ends of which some are in guests: by the scripts of vm/guest/lib.sh.

An end has a label, addresses `v4` and `v6`, and `sh`, which runs a script on it and gives
what it printed; a script that fails is an error. Ports of the host get theirs by `Local`.
"""

import itertools
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from . import igbvf
from .agent import GuestError
from .port import Port

LIB = Path(__file__).resolve().parents[1] / "vm/guest/lib.sh"
# Longer than any bounded wait in the scripts but for a transfer.
LIMIT = 300.0
TRANSFER = 600.0
TCP_BYTES = 1 << 20
_ports = itertools.count(8300)


class End(Protocol):
    """Where traffic begins or ends."""

    label: str
    v4: str
    v6: str

    def sh(self, script: str, limit: float = LIMIT) -> str:
        """Runs a script there, and returns what it printed; it may not fail."""

    def link_changes(self) -> int:
        """How often the link was lost and found by a driver that may do so by itself: C igbvf."""

    def wait_link(self) -> None:
        """Waits until such a driver has its link."""


class Local:
    """A port of the host, in its namespace."""

    def __init__(self, port: Port):
        self.port = port
        self.label, self.v4, self.v6 = port.label, port.v4, port.v6

    def link_changes(self) -> int:
        """None: no port of the host has C igbvf while there are guests."""
        return 0

    def wait_link(self) -> None:
        """There is nothing to wait for."""

    def sh(self, script: str, limit: float = LIMIT) -> str:
        """Runs a script in the port's namespace."""
        with self.port.inside():
            result = subprocess.run(
                ["bash", "-c", f". {LIB}; {script}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=limit,
                check=False,
            )
        if result.returncode:
            raise GuestError(f"{self.label}: {script}: {result.returncode}: {result.stdout}")
        return result.stdout


def ping(source: End, target: End) -> None:
    """Pings over both families: an answer within the limit, then no loss, but of what C igbvf loses when
    it has given its PF up: then once more."""
    while True:
        changes = [end.link_changes() for end in (source, target)]
        try:
            source.sh(f"reach {target.v4} && reach {target.v6}", 2 * LIMIT)
            return
        except GuestError as error:
            for end in (source, target):
                end.wait_link()
            if changes == [end.link_changes() for end in (source, target)]:
                raise
            said = str(error)
        igbvf.helped(f"{source.label} pings {target.label} again: {said}")


def silent(source: End, target: End) -> None:
    """No ping of the target is answered."""
    source.sh(f"silent {target.v4}")


def tcp(source: End, target: End, size: int = TCP_BYTES) -> None:
    """One connection from source to target, whose content is compared by checksum."""
    port = next(_ports)
    with ThreadPoolExecutor(1) as pool:
        sink = pool.submit(target.sh, f"tcp_sink {port}", TRANSFER)
        sent = source.sh(f"tcp_source {target.v4} {port} {size}", TRANSFER).split()
        got = sink.result().split()
    if not sent or sent[0] != got[0]:
        raise GuestError(f"TCP {source.label} -> {target.label}: sent {sent}, got {got}")
