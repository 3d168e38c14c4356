#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A VF as a plain network card, beside C igb on the other end of the wire.

$RIGB_PAIRS takes the place of the list of drivers, PF+VF.
"""

import os
from collections.abc import Callable

from rigbtest import nic, traffic
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, VF_DRIVERS, CommandError
from rigbtest.kselftest import KsftSkipEx, case, ksft_raises, ksft_run
from rigbtest.port import Port
from rigbtest.regs import Registers, vf_vector

PAIRS = os.environ.get("RIGB_PAIRS", "rigb+rigbvf").split()
BENCH = Bench.find()
RX_VECTOR = 1


def setup(pair: str) -> tuple[Port, Port]:
    """One VF, and the wire."""
    pf_driver, vf_driver = pair.split("+")
    if not (PF_DRIVERS[pf_driver].available() and VF_DRIVERS[vf_driver].available()):
        raise KsftSkipEx("not built: run make")
    BENCH.use(pf_driver, vf_driver, 1)
    # A VF receives no more than the PF's port does.
    if BENCH.pf.mtu != nic.MAX_MTU:
        BENCH.pf.ip(f"link set {{dev}} mtu {nic.MAX_MTU}")
        BENCH.pf.wait_running()
        traffic.reach(BENCH.vfs[0], BENCH.wire)
    return BENCH.vfs[0], BENCH.wire


def identity(pair: str) -> None:
    """ethtool names driver and device, and the link as it is."""
    port, _ = setup(pair)
    nic.identity(port, pair.split("+")[1])
    nic.link_settings(port)


def moderation(pair: str) -> None:
    """`ethtool -C`, adaptive and not, by the register of the receive vector."""
    port, peer = setup(pair)
    if pair.endswith("igbvf") and not pair.endswith("rigbvf"):
        with ksft_raises(CommandError):
            port.ethtool("-C", "adaptive-rx", "on")
        return
    registers = Registers(BENCH.pf.function)
    nic.moderation(port, peer, lambda: registers.interval(vf_vector(0, RX_VECTOR)))


def shared(function: Callable[[Port, Port], None]) -> Callable[[str], None]:
    """A case of rigbtest.nic on the VF."""

    def run_it(pair: str) -> None:
        function(*setup(pair))

    run_it.__name__ = function.__name__
    run_it.__doc__ = function.__doc__
    return run_it


CASES = [
    identity,
    *map(shared, (nic.raw_frames, nic.counters, nic.carrier, nic.multicast, nic.own_address,
                  nic.vlans, nic.rings, nic.offloads, nic.bad_checksums, nic.many_fragments,
                  nic.stacked_vlans, nic.longer_than_mtu, nic.mtu, nic.jumbo_streams)),
    moderation,
]


def main() -> None:
    """All cases of a pair before the next."""
    ksft_run([case(p, BENCH.case(function), function.__name__, p) for p in PAIRS
              for function in CASES])
    finish(BENCH)


if __name__ == "__main__":
    main()
