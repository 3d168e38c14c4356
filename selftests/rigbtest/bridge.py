# SPDX-License-Identifier: GPL-2.0
"""A bridge that a port is in, and containers behind it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from .driver import run
from .kselftest import NetNSEnter
from .port import SYSCTLS, Port


class Container:
    """A namespace whose only way out is a bridge. Traffic functions take it like a port."""

    def __init__(self, bridge: "Bridge", number: int, vid: int = 0):
        self.number = number
        self.label = f"ct{number}"
        self.ns = f"rigb-{self.label}"
        self.name = "eth0"
        # In the subnet of ports, or in that of their interface in a VLAN.
        self.v4 = f"10.83.{vid % 251}.{number}" if vid else f"10.82.0.{number}"
        self.v6 = f"fd83:{vid:x}::{number:x}" if vid else f"fd82::{number:x}"
        run("ip", "netns", "add", self.ns)
        with self.inside():
            for key, value in SYSCTLS.items():
                with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as file:
                    file.write(value)
        veth = f"v{self.label}"
        bridge.port.ip(
            f"link add {veth} type veth peer name {self.name} netns {self.ns}",
            f"link set {veth} master {bridge.name} up",
        )
        if vid:
            for words in (("del", "1"), ("add", str(vid), "pvid", "untagged")):
                bridge.vlan(words[0], "vid", *words[1:], "dev", veth)
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "addr", "add", f"{self.v4}/24", "dev", self.name)
        self.run("ip", "addr", "add", f"{self.v6}/64", "dev", self.name, "nodad")
        self.run("ip", "link", "set", self.name, "up")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """As for a port."""
        with NetNSEnter(self.ns):
            yield

    def run(self, *command: str, check: bool = True) -> str:
        """As for a port."""
        with self.inside():
            return run(*command, check=check)

    @property
    def mac(self) -> str:
        """Its MAC address."""
        return str(json.loads(self.run("ip", "-j", "link", "show", self.name))[0]["address"])

    def delete(self) -> None:
        """Removes the namespace, and the interface with it."""
        if os.path.exists(f"/run/netns/{self.ns}"):
            run("ip", "netns", "del", self.ns)


class Bridge:
    """A bridge in the port's namespace, with the port in it. Ends with the `with`."""

    name = "br0"

    def __init__(self, port: Port, vlan_filtering: bool = False):
        self.port = port
        self._containers: list[Container] = []
        kind = f"type bridge vlan_filtering {int(vlan_filtering)} forward_delay 0"
        port.ip(f"link add {self.name} {kind}", f"link set {self.name} up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for container in self._containers:
            container.delete()
        self.port.ip(f"link del {self.name}")

    def take_port(self) -> None:
        """Takes the port in. Its addresses are then the bridge's."""
        self.port.ip(f"link set {{dev}} master {self.name}")
        self.port.ip(
            "addr flush dev {dev}",
            f"addr add {self.port.v4}/24 dev {self.name}",
            f"addr add {self.port.v6}/64 dev {self.name} nodad",
        )

    def release_port(self) -> None:
        """Lets the port go, with its addresses."""
        self.port.ip("link set {dev} nomaster", f"addr flush dev {self.name}")
        self.port.ip(f"addr add {self.port.v4}/24 dev {{dev}}",
                     f"addr add {self.port.v6}/64 dev {{dev}} nodad")

    def container(self, number: int, vid: int = 0) -> Container:
        """A container behind the bridge; with `vid` as an access port of that VLAN."""
        found = Container(self, number, vid)
        self._containers.append(found)
        return found

    def vlan(self, *words: str) -> None:
        """`bridge vlan ...`"""
        self.port.run("bridge", "vlan", *words)
