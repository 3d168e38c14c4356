#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Resets, and what must not be lost by them: frames on the rings, and the port itself
if a reset fails.

C igb runs where the machine allows. $RIGB_PF_DRIVERS takes the place of the list of PF drivers.
"""

import fcntl
import os
import socket
import termios
import threading
from contextlib import contextmanager
from typing import Iterable, Iterator

from rigbtest import traffic, wait
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, CommandError
from rigbtest.kselftest import KsftSkipEx, case, ksft_eq, ksft_in, ksft_raises, ksft_run, ksft_true
from rigbtest.pci import COMMAND_MEMORY, Function
from rigbtest.port import Port
from rigbtest.regs import Registers

DRIVERS = os.environ.get("RIGB_PF_DRIVERS", "rigb").split()
BENCH = Bench.find()

SWSM = 0x5B50
SW_FW_SYNC = 0x5B5C
QUEUE_ENABLE = 1 << 25


def setup(driver: str, vf_driver: str = "", vfs: int = 0) -> tuple[Port, Port]:
    """The PF, and the wire."""
    if not PF_DRIVERS[driver].available():
        raise KsftSkipEx("not built: run make")
    BENCH.use(driver, vf_driver, vfs)
    return BENCH.pf, BENCH.wire


@contextmanager
def unsent(
    source: Port, to: Port, registers: Registers, queues: Iterable[int]
) -> Iterator[socket.socket]:
    """A socket whose datagrams wait on a ring of `source`: its queues are stopped below its driver.

    A card without a link does the same. QEMU's sends whatever its link is.
    """
    with source.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.connect((to.v4, 9))
        for queue in queues:
            registers.write(txdctl(queue), registers.read(txdctl(queue)) & ~QUEUE_ENABLE)
        sock.send(bytes(100))
        ksft_true(waiting(sock), "a datagram that waits on the ring")
        yield sock


def txdctl(queue: int) -> int:
    """TXDCTL of a queue."""
    return 0xE028 + 0x40 * queue


def waiting(sock: socket.socket) -> int:
    """Bytes that the stack still keeps of what was sent."""
    return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), "little")


def link_loss(driver: str) -> None:
    """Frames that wait for a link when it goes are given back to their senders."""
    port, peer = setup(driver)
    traffic.reach(port, peer)
    timeouts = port.ethtool_stats()["tx_timeout_count"]
    with unsent(port, peer, Registers(port.function), range(16)) as sock:
        # The link goes for half a second.
        port.ethtool("-r")
        wait.until(lambda: not waiting(sock), "release of the datagram", port.ns)
    # A queue that stands still while there is a link gives up as well, but seconds later.
    ksft_eq(port.ethtool_stats()["tx_timeout_count"], timeouts)
    port.wait_running()
    traffic.reach(port, peer)
    traffic.tcp(port, peer)


def link_loss_vf(driver: str) -> None:
    """The same on a VF, and the VF goes on with the link."""
    pf, peer = setup(driver, "rigbvf", 1)
    vf, registers = BENCH.vfs[0], Registers(pf.function)
    traffic.reach(vf, peer)
    with unsent(vf, peer, registers, (0, 8)) as sock:
        pf.ip("link set {dev} vf 0 state disable")
        wait.until(lambda: not waiting(sock), "release of the datagram", vf.ns)
        ksft_true(not vf.running(), "no carrier")
        pf.ip("link set {dev} vf 0 state auto")
    vf.wait_running()
    traffic.reach(vf, peer)
    traffic.tcp(vf, peer)


@contextmanager
def kept(registers: Registers, register: int, value: int) -> Iterator[None]:
    """Firmware keeps a semaphore: it is written again and again, as a reset clears it."""
    over = threading.Event()

    def keep() -> None:
        while not over.is_set():
            registers.write(register, value)

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        registers.write(register, 0)


def is_up(port: Port) -> bool:
    """Whether the interface is open."""
    return "UP" in port.link()["flags"]


def phy_kept(driver: str) -> None:
    """A PHY that firmware keeps over a reset delays the link, and nothing else."""
    port, peer = setup(driver, "rigbvf", 1)
    vf, registers = BENCH.vfs[0], Registers(port.function)
    for register, value in ((SW_FW_SYNC, 2), (SWSM, 1)):
        for reset in (lambda: port.ethtool("-t", "offline", check=False), port.function.reset):
            with kept(registers, register, value):
                reset()
                ksft_true(is_up(port), "the interface stays open")
            port.wait_running()
            vf.wait_running()
            traffic.reach(port, vf, peer)
    port.ip("link set {dev} down", "link set {dev} up")
    port.wait_running()
    traffic.reach(port, vf, peer)


def failed_reset(driver: str) -> None:
    """A device that does not answer during a reset is tried again until it does."""
    port, peer = setup(driver, "rigbvf", 1)
    vf = BENCH.vfs[0]
    for reopen in (False, True):
        with without_memory(port.function):
            port.ethtool("-t", "offline", check=False)
            ksft_true(is_up(port), "the interface stays open")
            if reopen:
                port.ip("link set {dev} down")
                with ksft_raises(CommandError) as said:
                    port.ip("link set {dev} up")
                ksft_in("Input/output error", str(said.exception))
        if reopen:
            port.ip("link set {dev} up")
        port.wait_running()
        vf.wait_running()
        traffic.reach(port, vf, peer)


@contextmanager
def without_memory(function: Function) -> Iterator[None]:
    """The function's registers do not answer: reading them gives ones."""
    function.disable(COMMAND_MEMORY)
    try:
        yield
    finally:
        function.enable(COMMAND_MEMORY)


CASES = [link_loss, link_loss_vf, phy_kept, failed_reset]


def main() -> None:
    """All cases of a driver before the next."""
    ksft_run(
        [case(d, BENCH.case(function), function.__name__, d) for d in DRIVERS for function in CASES]
    )
    finish(BENCH)


if __name__ == "__main__":
    main()
