#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Resets, and what must not be lost by them: changes that come in the midst of one, frames on the
rings, and the port itself if a reset fails.

C igb runs where the machine allows. $RIGB_PF_DRIVERS takes the place of the list of PF drivers.
"""

import fcntl
import os
import socket
import termios
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rigbtest import flr, traffic, wait
from rigbtest.bench import Bench, finish
from rigbtest.calls import Calls
from rigbtest.driver import PF_DRIVERS, CommandError
from rigbtest.frames import PACKET_MR_MULTICAST, Sniffer
from rigbtest.kselftest import KsftSkipEx, case, ksft_eq, ksft_in, ksft_raises, ksft_run, ksft_true
from rigbtest.pci import COMMAND_MEMORY, Function
from rigbtest.port import Port
from rigbtest.regs import Registers

DRIVERS = os.environ.get("RIGB_PF_DRIVERS", "rigb").split()
BENCH = Bench.find()

RCTL = 0x0100
RCTL_UPE = 1 << 3
RCTL_MPE = 1 << 4
VFTA = 0x5600
SWSM = 0x5B50
SW_FW_SYNC = 0x5B5C
QUEUE_ENABLE = 1 << 25
VID = 57
FOREIGN_MAC = "02:82:57:63:b4:7d"


def setup(driver: str, vf_driver: str = "", vfs: int = 0) -> tuple[Port, Port]:
    """The PF, and the wire."""
    if not PF_DRIVERS[driver].available():
        raise KsftSkipEx("not built: run make")
    BENCH.use(driver, vf_driver, vfs)
    return BENCH.pf, BENCH.wire


def amid_reset(port: Port, change: Callable[[], object]) -> None:
    """Does `change` while the port's function is being reset."""
    with flr.held(port.function):
        change()
    port.wait_running()


class Group:
    """A multicast group that a socket joins."""

    def __init__(self, port: Port, mac: str):
        self.port, self.mac = port, mac
        self._sniffer = Sniffer(port)

    def join(self) -> None:
        """Joins it."""
        self._sniffer.socket.close()
        self._sniffer = Sniffer(self.port)
        self._sniffer.join(PACKET_MR_MULTICAST, self.mac)

    def leave(self) -> None:
        """Leaves it."""
        self._sniffer.socket.close()


def changes_amid_reset(driver: str) -> None:
    """What the stack changes while the PF is being reset is in force afterwards."""
    port, peer = setup(driver)
    registers = Registers(port.function)
    group = Group(port, "01:00:5e:52:57:77")

    def has_mode(bits: int) -> bool:
        return registers.read(RCTL) & bits == bits

    def mode(setting: str) -> Callable[[], None]:
        return lambda: port.ip(f"link set {{dev}} {setting}")

    rows: tuple[tuple[str, Callable[[], object], Callable[[], object], Callable[[], bool]], ...] = (
        ("promiscuous mode", mode("promisc on"), mode("promisc off"),
         lambda: has_mode(RCTL_UPE | RCTL_MPE)),
        ("all multicast", mode("allmulticast on"), mode("allmulticast off"),
         lambda: has_mode(RCTL_MPE)),
        ("a group", group.join, group.leave, lambda: registers.has_group(group.mac)),
    )
    for what, change, back, holds in rows:
        ksft_true(not holds(), f"{what}: not before")
        amid_reset(port, change)
        ksft_true(holds(), f"{what}, set while the port was reset")
        amid_reset(port, back)
        ksft_true(not holds(), f"{what}, taken back while the port was reset")
    # The core refuses to make a VLAN meanwhile, but not to remove one. If its interface is closed, it is
    # gone when the VLAN is.
    place, bit = VFTA + 4 * (VID >> 5), 1 << (VID & 31)
    name = port.add_vlan(VID).name
    port.ip(f"link set {name} down")
    ksft_true(registers.read(place) & bit, "VLAN")
    amid_reset(port, lambda: port.ip(f"link del {name}"))
    ksft_true(not registers.read(place) & bit, "a VLAN removed while the port was reset")
    traffic.reach(port, peer)


@dataclass
class VfChange:
    """What is changed of a VF by lines of ip(8): when the stack has it, and when the card has."""

    what: str
    lines: tuple[str, ...]
    made: Callable[[], bool]
    held: Callable[[], bool]

    def amid_reset(self, vf: Port, peer: Port) -> None:
        """Makes it while the VF is reset. It is in force when that is over."""

        def change() -> None:
            vf.ip(*self.lines)
            ksft_true(self.made(), f"{self.what}: the stack has it")

        amid_reset(vf, change)
        wait.register(self.held, f"{self.what} of VF 0")
        traffic.reach(vf, peer)


def changes_amid_vf_reset(driver: str) -> None:
    """The same on a VF: all that can be set is in force when its reset is over."""
    pf, peer = setup(driver, "rigbvf", 1)
    vf, registers = BENCH.vfs[0], Registers(pf.function)
    old, new = vf.mac, "02:82:57:64:00:07"
    vlan = f"{vf.name}.{VID}"
    for change in (
        VfChange("MTU and address", ("link set {dev} mtu 1400", f"link set {{dev}} address {new}"),
                 lambda: vf.mac == new, lambda: registers.addresses(0) == {new}),
        VfChange("VLAN", (
                     f"link add link {{dev}} name {vlan} type vlan id {VID}", f"link set {vlan} up"),
                 lambda: bool(vf.upper(vlan)), lambda: VID in registers.vlans(0)),
        VfChange("further address", (
                     f"link add link {{dev}} name mv0 address {FOREIGN_MAC} type macvlan",
                     "link set mv0 up"),
                 lambda: bool(vf.upper("mv0")),
                 lambda: registers.addresses(0) == {new, FOREIGN_MAC}),
    ):
        change.amid_reset(vf, peer)
        ksft_eq(vf.mtu, 1400)
    ksft_true(VID in registers.vlans(0), "the VLAN is still there")
    amid_reset(vf, lambda: vf.ip(
        f"link del {vf.name}.{VID}", "link del mv0", f"link set {{dev}} address {old}",
        "link set {dev} mtu 1500"))
    wait.register(lambda: registers.addresses(0) == {old}, "addresses of VF 0")
    wait.register(lambda: VID not in registers.vlans(0), "no VLAN of VF 0")
    traffic.reach(vf, peer)


def closed_amid_vf_reset(driver: str) -> None:
    """An interface that is closed while its VF is reset asks for no filters until it is opened."""
    pf, peer = setup(driver, "rigbvf", 1)
    vf, registers = BENCH.vfs[0], Registers(pf.function)
    old, news = vf.mac, ("02:82:57:64:00:08", "02:82:57:64:00:09")

    def receives(mac: str) -> Callable[[], bool]:
        return lambda: mac in registers.addresses(0)

    vf.ip(f"link add link {{dev}} name mv0 address {FOREIGN_MAC} type macvlan", "link set mv0 up")
    wait.register(lambda: registers.addresses(0) == {old, FOREIGN_MAC}, "addresses of VF 0")
    with flr.held(vf.function):
        vf.ip("link set {dev} down")
    # The second change has to wait until what the driver asks for after a reset is asked for.
    for mac in news:
        vf.ip(f"link set {{dev}} address {mac}")
        wait.register(receives(mac), "address of VF 0")
    ksft_eq(registers.addresses(0), {news[1]}, "a closed interface's addresses")
    vf.ip(f"link set {{dev}} address {old}", "link set {dev} up")
    vf.wait_running()
    wait.register(lambda: registers.addresses(0) == {old, FOREIGN_MAC}, "addresses of VF 0")
    vf.ip("link del mv0")
    traffic.reach(vf, peer)


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


def rings_first(driver: str) -> None:
    """The rings for the time after a reset are made before those that run go, on PF and VF."""
    if not Calls.available():
        raise KsftSkipEx("this kernel has no kprobes")
    port, peer = setup(driver, "rigbvf", 1)
    vf = BENCH.vfs[0]
    for each in (port, vf):
        with Calls("dma_alloc_attrs", "dma_free_attrs") as calls:
            each.function.reset()
            each.wait_running()
            seen = calls.seen()
        # Of each device, the first argument.
        order: dict[int, list[str]] = {}
        for call in seen:
            order.setdefault(call.arguments[0], []).append(call.function)
        both = [names for names in order.values() if len(set(names)) == 2]
        ksft_true(both, f"{each.label}: rings come and go")
        ksft_eq([names[0] for names in both], ["dma_alloc_attrs"] * len(both), each.label)
        vf.wait_running()
    traffic.reach(port, vf, peer)


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


CASES = [changes_amid_reset, changes_amid_vf_reset, closed_amid_vf_reset, link_loss, link_loss_vf,
         rings_first, phy_kept, failed_reset]


def main() -> None:
    """All cases of a driver before the next."""
    ksft_run(
        [case(d, BENCH.case(function), function.__name__, d) for d in DRIVERS for function in CASES]
    )
    finish(BENCH)


if __name__ == "__main__":
    main()
