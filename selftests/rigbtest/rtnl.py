# SPDX-License-Identifier: GPL-2.0
"""Requests to rtnetlink about VFs, word for word as libvirt sends them.

For `<interface type='hostdev'>` libvirt asks the PF for its VFs (RTM_GETLINK with the filter for
VFs), sets VLAN and address in two messages of their own (RTM_SETLINK, PF by index and by name),
and later puts back what it found.
"""

import os
import socket
import struct
from dataclasses import dataclass
from typing import Self

from .port import Port

RTM_NEWLINK, RTM_GETLINK, RTM_SETLINK = 16, 18, 19
NLMSG_ERROR = 2
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLA_F_NESTED = 1 << 15
NLA_TYPE_MASK = 0x3FFF
IFLA_IFNAME, IFLA_VFINFO_LIST, IFLA_EXT_MASK = 3, 22, 29
RTEXT_FILTER_VF = 1
IFLA_VF_INFO, IFLA_VF_MAC, IFLA_VF_VLAN = 1, 1, 2


@dataclass
class VfConfig:
    """What libvirt remembers of a VF."""

    mac: str
    vlan: int
    qos: int


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _attributes(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while len(data) >= 4:
        length, kind = struct.unpack_from("HH", data)
        found.append((kind & NLA_TYPE_MASK, data[4:length]))
        data = data[(length + 3) & ~3 :]
    return found


class Manager:
    """Asks and sets in a port's namespace. OSError carries what the kernel answers."""

    def __init__(self, port: Port):
        self._name = port.name
        with port.inside():
            self._index = socket.if_nametoindex(port.name)
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _ask(self, kind: int, flags: int, attributes: bytes) -> bytes:
        body = struct.pack("BxHiII", socket.AF_UNSPEC, 0, self._index, 0, 0) + attributes
        head = struct.pack("IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, 1, 0)
        self._socket.send(head + body)
        answer = self._socket.recv(1 << 17)
        if struct.unpack_from("H", answer, 4)[0] == NLMSG_ERROR:
            error = -struct.unpack_from("i", answer, 16)[0]
            if error:
                raise OSError(error, os.strerror(error))
        return answer[32:]

    def get(self, vf: int) -> VfConfig:
        """How a VF is set up."""
        mask = _attribute(IFLA_EXT_MASK, struct.pack("I", RTEXT_FILTER_VF))
        for kind, data in _attributes(self._ask(RTM_GETLINK, 0, mask)):
            if kind == IFLA_VFINFO_LIST:
                parts = dict(_attributes(_attributes(data)[vf][1]))
                vlan, qos = struct.unpack_from("4xII", parts[IFLA_VF_VLAN])
                return VfConfig(parts[IFLA_VF_MAC][4:10].hex(":"), vlan, qos)
        raise LookupError(f"{self._name} shows no VFs")

    def _set(self, info: bytes) -> None:
        entry = _attribute(IFLA_VF_INFO | NLA_F_NESTED, info)
        vfs = _attribute(IFLA_VFINFO_LIST | NLA_F_NESTED, entry)
        name = _attribute(IFLA_IFNAME, self._name.encode() + b"\0")
        self._ask(RTM_SETLINK, NLM_F_ACK, name + vfs)

    def set_mac(self, vf: int, mac: str) -> None:
        """Gives a VF an address."""
        octets = bytes.fromhex(mac.replace(":", ""))
        self._set(_attribute(IFLA_VF_MAC, struct.pack("I32s", vf, octets)))

    def set_vlan(self, vf: int, vlan: int, qos: int = 0) -> None:
        """Puts a VF into a VLAN."""
        self._set(_attribute(IFLA_VF_VLAN, struct.pack("III", vf, vlan, qos)))
