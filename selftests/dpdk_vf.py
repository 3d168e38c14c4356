#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""DPDK's poll-mode driver for VFs of the 82576, in the host, on a VF of ours through vfio-pci.

testpmd echoes, the PF, the wire and another VF ping it. $RIGB_PF_DRIVERS takes the place of the
list of PF drivers.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rigbtest import testpmd, traffic, vfio, wait
from rigbtest.bench import Bench, finish
from rigbtest.driver import VF_DRIVERS, CommandError, chosen
from rigbtest.echo import first_answer
from rigbtest.kselftest import case, ksft_eq, ksft_pr, ksft_run, skip_all
from rigbtest.port import Port
from rigbtest.regs import Registers
from rigbtest.testpmd import Testpmd

BENCH = Bench.find()
DRIVERS = chosen("RIGB_PF_DRIVERS", "rigb")

# testpmd answers for any address of the network.
ADDRESS = "10.82.0.99"
MAC = "02:82:57:70:00:01"
VID = 82
JUMBO = 4000
# What its driver is told of the longest frame: JUMBO, the IP and ICMP headers, Ethernet's, a tag.
MAX_FRAME = 4100
# Starts of testpmd until its driver has had an answer of the PF in time.
TRIES = 5
# How often its port is started until it has a link.
STARTS = 3


def prepare(driver: str) -> None:
    """Two VFs: the first is for testpmd, the second has rigbvf and its link."""
    BENCH.down()
    BENCH.use(driver, "rigbvf", 2)
    BENCH.dirty = True
    port = BENCH.vfs[0]
    port.detach()
    port.function.bind(vfio.PLAIN.name)


def peers() -> list[Port]:
    """Who talks to testpmd."""
    return [BENCH.pf, BENCH.wire, BENCH.vfs[1]]


def echoes(size: int = 56) -> None:
    """All peers have their answers, from whatever address testpmd has now."""
    for port in peers():
        port.ip("neigh flush dev {dev}")
        first_answer(port, ADDRESS)
        traffic.ping(port, ADDRESS, size)


def probed(stack: ExitStack, *more: str) -> Testpmd:
    """testpmd, whose driver has found the first VF. It gives a PF a second to answer in, as C igbvf
    does, without which the program has no port: then it is started once more."""
    tries = 1
    while True:
        try:
            pmd = stack.enter_context(Testpmd(BENCH.vfs[0].function, *more))
            ksft_eq(pmd.info("Driver name"), "net_e1000_igb_vf")
            return pmd
        except CommandError as error:
            if tries == TRIES:
                raise
            stack.close()
            ksft_pr(f"started again: {str(error).splitlines()[0]}")
            tries += 1


@contextmanager
def started(*more: str) -> Iterator[Testpmd]:
    """testpmd on the first VF, forwarding."""
    with ExitStack() as stack:
        pmd = probed(stack, *more)
        pmd.do("start")
        linked(pmd)
        yield pmd


def linked(pmd: Testpmd) -> None:
    """Waits for its link. At each start of the port there is a handshake with a second for it, too,
    and no link without."""
    for more in reversed(range(STARTS)):
        try:
            pmd.wait_link()
            return
        except wait.Timeout:
            if not more:
                raise
        ksft_pr("no link: its port is started again")
        start_port(pmd)


def start_port(pmd: Testpmd) -> None:
    """Starts its port anew."""
    for command in ("stop", "port stop 0", "port start 0", "start"):
        pmd.do(command)


def ask(pmd: Testpmd, command: str, done: Callable[[], bool], what: str) -> None:
    """Gives a command upon which its driver asks the PF, until that has done it. The prompt is back
    after a second at the latest; without an answer the driver asks nothing more until its port is
    started again."""
    for more in reversed(range(STARTS)):
        pmd.do(command)
        try:
            wait.register(done, what)
            return
        except wait.Timeout:
            if not more:
                raise
        ksft_pr(f"no answer: its port is started again for {command}")
        start_port(pmd)
        linked(pmd)


def shown_mac() -> str:
    """What the PF says of the VF's address."""
    return str(BENCH.pf.link()["vfinfo_list"][0]["address"])


def echo(driver: str) -> None:
    """It has the address that the PF gave it, a link, and frames go both ways; also long ones."""
    prepare(driver)
    ports = (BENCH.pf, BENCH.wire, BENCH.vfs[1])
    with started(f"--max-pkt-len={MAX_FRAME}", "--enable-scatter") as pmd:
        ksft_eq(pmd.info("MAC address").lower(), shown_mac())
        echoes()
        for port in ports:
            port.ip(f"link set {{dev}} mtu {JUMBO + 28}")
            port.wait_running()
        echoes(JUMBO)
        ksft_pr(pmd.do("show port stats 0"))


def requests(driver: str) -> None:
    """What it asks of the PF by the mailbox is done: an address, a VLAN, a group."""
    prepare(driver)
    registers = Registers(BENCH.pf.function)
    with started("--enable-hw-vlan-filter") as pmd:
        default = shown_mac()
        ask(pmd, f"mac_addr set 0 {MAC}", lambda: registers.addresses(0) == {MAC}, "its address")
        # It sends with the address that its port had when it was started.
        _restart(pmd)
        ksft_eq(registers.addresses(0), {MAC})
        ask(pmd, f"rx_vlan add {VID} 0", lambda: registers.vlans(0) - {0} == {VID}, "its VLAN")
        ask(pmd, f"rx_vlan rm {VID} 0", lambda: not registers.vlans(0) - {0}, "end of its VLAN")
    # The kernel's driver gets a VF on which nothing of that is left.
    port = BENCH.vfs[0]
    VF_DRIVERS["rigbvf"].load()
    port.function.bind("rigbvf")
    port.attach()
    port.wait_running()
    ksft_eq(port.mac, default)
    ksft_eq(registers.addresses(0), {default})
    traffic.reach(port, BENCH.pf, BENCH.wire)


def pf_reset(driver: str) -> None:
    """The PF is reset, or its interface goes down and up: testpmd starts its port anew, and goes on."""
    prepare(driver)
    with started() as pmd:
        echoes()
        BENCH.pf.ethtool("-t", "offline", check=False)
        _restart(pmd)
        BENCH.pf.ip("link set {dev} down", "link set {dev} up")
        _restart(pmd)


def _restart(pmd: Testpmd) -> None:
    for port in peers():
        port.wait_running()
    start_port(pmd)
    linked(pmd)
    echoes()


def main() -> None:
    """All cases."""
    if not testpmd.available():
        skip_all(f"no {testpmd.PROGRAM}: install Debian's dpdk-dev")
    if why := vfio.available():
        skip_all(why)
    vfio.load()
    vfio.PLAIN.load()
    ksft_run([case(function.__name__, BENCH.case(function), driver, driver)
              for driver in DRIVERS for function in (echo, requests, pf_reset)])
    finish(BENCH)


if __name__ == "__main__":
    main()
