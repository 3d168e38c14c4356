# SPDX-License-Identifier: GPL-2.0
"""A network port in a namespace of its own, so that no two ports of a test share a stack."""

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from . import igbvf, wait
from .driver import CommandError, run
from .kselftest import NetNSEnter
from .pci import Function

SIOCGIFFLAGS = 0x8913
SIOCGIFMTU = 0x8921
SIOCGIFHWADDR = 0x8927
SIOCETHTOOL = 0x8946
ETHTOOL_GLINK = 0xA
IFF_UP = 0x1
IFF_RUNNING = 0x40
IFNAMSIZ = 16

# What a new interface of a namespace starts with. QEMU's card hands a multicast frame back
# to the pool that sent it, so duplicate address detection would find itself.
SYSCTLS = {
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/keep_addr_on_down": "1",
    "ipv6/conf/default/router_solicitations": "0",
    "ipv4/ping_group_range": "0 2147483647",
}


@dataclass
class Port:
    """A PF's, a VF's or the wire's network device; `number` makes its addresses."""

    function: Function
    label: str
    number: int

    @property
    def ns(self) -> str:
        """Its namespace."""
        return f"rigb-{self.label}"

    @property
    def name(self) -> str:
        """Its interface's name there."""
        return f"r{self.label}"

    @property
    def v4(self) -> str:
        """Its IPv4 address."""
        return f"10.82.0.{self.number}"

    @property
    def v6(self) -> str:
        """Its IPv6 address."""
        return f"fd82::{self.number:x}"

    # --- namespace and addresses

    def attach(self, up: bool = True) -> None:
        """Takes the function's new network device into the namespace, and configures it."""
        self.function.wait_netdev()
        igbvf.probe_again(self.function)
        found = self.function.wait_netdev()
        if not os.path.exists(f"/run/netns/{self.ns}"):
            run("ip", "netns", "add", self.ns)
            with self.inside():
                for key, value in SYSCTLS.items():
                    with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as file:
                        file.write(value)
        run("ip", "link", "set", "dev", found, "netns", self.ns, "name", self.name)
        self.ip("link set lo up", *self._addresses(), *(["link set {dev} up"] if up else []))

    def _addresses(self) -> list[str]:
        return [f"addr add {self.v4}/24 dev {{dev}}", f"addr add {self.v6}/64 dev {{dev}} nodad"]

    def detach(self) -> None:
        """Removes the namespace; a network device that is in it returns to the initial one."""
        if not os.path.exists(f"/run/netns/{self.ns}"):
            return
        if self.present():
            self.ip("link set {dev} down", "link set {dev} netns 1")
        run("ip", "netns", "del", self.ns)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets, files and processes opened here belong to the port's namespace."""
        with NetNSEnter(self.ns):
            yield

    # --- commands

    def run(self, *command: str, check: bool = True) -> str:
        """Runs a command in the namespace."""
        with self.inside():
            return run(*command, check=check)

    def ip(self, *lines: str) -> None:
        """Runs lines of ip(8) in one go; `{dev}` stands for the interface."""
        with self.inside():
            run("ip", "-batch", "-",
                stdin="".join(line.format(dev=self.name) + "\n" for line in lines))

    def ask(self, *lines: str) -> None:
        """The same with lines for which the driver asks the PF, and which may be repeated.

        C igbvf refuses a VLAN while it takes its PF for gone. It has its PF again when it is closed and
        opened, and is asked once more.
        """
        while True:
            try:
                self.ip(*lines)
                return
            except CommandError as error:
                if self.function.driver != igbvf.NAME:
                    raise
                said = str(error)
            igbvf.helped(f"{self.label} goes down and up: {said}")
            self._close_and_open()
            self.wait_running()

    def up_and_down(self) -> None:
        """Sets the interface up, and down again.

        Between the two its address gets its local route. The work that adds it (addrconf_dad_work()
        of the kernel) may still wait for the RTNL when the interface goes down, and then leaves the
        address in a state in which no later start adds it.
        """
        self.ip("link set {dev} up")
        wait.until(lambda: "local" in self.run("ip", "-6", "route", "get", self.v6).split(),
                   f"local route of {self.label}", self.ns)
        self.ip("link set {dev} down")

    def ethtool(self, *arguments: str, check: bool = True) -> str:
        """Runs `ethtool OPTION INTERFACE REST...`."""
        option, *rest = arguments
        return self.run("ethtool", option, self.name, *rest, check=check)

    def link(self, *more: str) -> dict[str, Any]:
        """What `ip -details -statistics link show` says, as a structure."""
        shown = self.run("ip", "-j", "-d", "-s", "link", "show", self.name, *more)
        links: list[dict[str, Any]] = json.loads(shown)
        return links[0]

    # --- state

    def _ioctl(self, request: int, name: str = "") -> bytes:
        """The union of struct ifreq after a request for the interface, or for another one there."""
        with self.inside():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            asked = struct.pack(f"{IFNAMSIZ}s24x", (name or self.name).encode())
            return fcntl.ioctl(sock, request, asked)[IFNAMSIZ:]

    def _flags(self, name: str = "") -> int:
        return int.from_bytes(self._ioctl(SIOCGIFFLAGS, name)[:2], sys.byteorder)

    def upper(self, name: str) -> bool | None:
        """Whether another interface of the namespace is open; None if there is none of this name."""
        try:
            return bool(self._flags(name) & IFF_UP)
        except OSError:
            return None

    def present(self) -> bool:
        """Whether the interface exists."""
        try:
            self._flags()
        except OSError:
            return False
        return True

    def running(self) -> bool:
        """Whether the interface is up and has its carrier."""
        # IFF_RUNNING follows the carrier late, after a loss by up to a second.
        up = IFF_UP | IFF_RUNNING
        return self.present() and self._carrier() and self._flags() & up == up

    def _carrier(self) -> bool:
        """What `ethtool DEV` says of the link; none while the interface is going."""
        try:
            return self.glink()
        except OSError:
            return False

    def glink(self) -> bool:
        """The carrier as ethtool has it; OSError of a device that its driver has detached."""
        value = ctypes.create_string_buffer(struct.pack("=II", ETHTOOL_GLINK, 0), 8)
        request = struct.pack(f"{IFNAMSIZ}sN16x", self.name.encode(), ctypes.addressof(value))
        with self.inside():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            fcntl.ioctl(sock, SIOCETHTOOL, request)
        return any(value.raw[4:])

    @property
    def mac(self) -> str:
        """The MAC address in use."""
        return self._ioctl(SIOCGIFHWADDR)[2:8].hex(":")

    @property
    def mtu(self) -> int:
        """The MTU."""
        return int.from_bytes(self._ioctl(SIOCGIFMTU)[:4], sys.byteorder)

    def carrier_changes(self) -> int:
        """How often the carrier has come or gone since the interface was made."""
        # "ip netns exec" shows the namespace's own interfaces in /sys.
        path = f"/sys/class/net/{self.name}/carrier_changes"
        return int(run("ip", "netns", "exec", self.ns, "cat", path))

    def wait_running(self) -> None:
        """Waits until the interface is up and has its carrier. C igbvf may need help for that."""
        self.wait_helped(self.running, f"carrier of {self.label}")

    def wait_helped(self, condition: Callable[[], object], what: str) -> None:
        """Waits for what a VF has by its PF. C igbvf may need help for that."""
        igbvf.wait_helped(self.function, condition, what, self._close_and_open, self.ns)

    def _close_and_open(self) -> None:
        self.ip("link set {dev} down", "link set {dev} up")

    def wait_not_running(self) -> None:
        """Waits until the interface has lost its carrier."""
        wait.until(lambda: not self.running(), f"loss of carrier of {self.label}", self.ns)

    def wait_gone(self) -> None:
        """Waits until the interface does not exist any more."""
        wait.until(lambda: not self.present(), f"end of {self.label}'s interface", self.ns)

    def stats(self) -> dict[str, dict[str, int]]:
        """64-bit counters: `rx` and `tx`, each with `packets`, `bytes`, `errors`, ..."""
        counters: dict[str, dict[str, int]] = self.link()["stats64"]
        return counters

    def ethtool_stats(self) -> dict[str, int]:
        """The counters of `ethtool -S`."""
        pairs = [line.split(":") for line in self.ethtool("-S").splitlines()[1:] if ":" in line]
        return {name.strip(): int(value) for name, value in pairs}

    # --- VLAN interfaces

    def add_vlan(self, vid: int) -> "Vlan":
        """A VLAN interface on the port, up and with addresses."""
        vlan = Vlan(self, vid)
        self.ask(f"link add link {{dev}} name {vlan.name} type vlan id {vid}")
        self.ip(
            f"addr add {vlan.v4}/24 dev {vlan.name}",
            f"addr add {vlan.v6}/64 dev {vlan.name} nodad",
            f"link set {vlan.name} up",
        )
        return vlan


@dataclass
class Vlan:
    """A VLAN interface; traffic functions take it like a port."""

    port: Port
    vid: int

    @property
    def label(self) -> str:
        """For messages."""
        return f"{self.port.label}.{self.vid}"

    @property
    def name(self) -> str:
        """Its interface's name."""
        return f"{self.port.name}.{self.vid}"

    @property
    def v4(self) -> str:
        """Its IPv4 address."""
        return f"10.83.{self.vid % 251}.{self.port.number}"

    @property
    def v6(self) -> str:
        """Its IPv6 address."""
        return f"fd83:{self.vid:x}::{self.port.number:x}"

    @property
    def ns(self) -> str:
        """Its namespace."""
        return self.port.ns

    def inside(self) -> AbstractContextManager[None]:
        """As for a port."""
        return self.port.inside()

    def run(self, *command: str, check: bool = True) -> str:
        """As for a port."""
        return self.port.run(*command, check=check)

    def delete(self) -> None:
        """Removes the interface."""
        self.port.ip(f"link del {self.name}")
