# SPDX-License-Identifier: GPL-2.0
"""A tenant of a VF who asks for all that can be asked for, and what is heard of it later."""

import struct
from typing import Self

from .agent import GuestError
from .frames import BROADCAST, ETH_P_8021Q, EXPERIMENT, Sniffer
from .guest import Guest
from .port import Port

MAC = "02:82:57:63:00:01"
GROUP = "01:00:5e:52:57:03"
VID = 57
JUMBO = 9000
# A filter takes its way through the mailbox, and nothing tells that it has arrived.
TRIES = 20
END = "rigb-tenant-end"
# Seconds that a frame may take.
SOON = 10


class Unheard(GuestError):
    """Not even a broadcast arrives."""


class Tenant:
    """Frames by the name of what lets them in; they come from `wire`, with long ones allowed."""

    frames = ("group", "jumbo", "mac", "vlan")

    def __init__(self, guest: Guest, wire: Port):
        self.guest = guest
        self.wire = wire

    def __enter__(self) -> Self:
        self._wire_mtu(JUMBO)
        return self

    def __exit__(self, *_: object) -> None:
        self._wire_mtu(1500)

    def _wire_mtu(self, mtu: int) -> None:
        """C igb takes its link down for that; it is back when the guest has an answer."""
        self.wire.ip(f"link set {{dev}} mtu {mtu}")
        self.guest.sh(f"reach {self.wire.v4}")

    def settle(self) -> None:
        """Another address, a group, a VLAN and long frames; waits until all have arrived."""
        self.guest.sh(
            "dev=$(vf_netdev)"
            f" && ip link set $dev mtu {JUMBO}"
            f" && ip link set $dev address {MAC}"
            f" && ip maddr add {GROUP} dev $dev"
            f" && vlan_add $dev tenant {VID}"
            " && ip link set tenant up"
        )
        for _ in range(TRIES):
            try:
                if set(self.heard(self.guest, SOON)) == set(self.frames):
                    return
            except Unheard:
                # The VF was not back yet from the change of its MTU.
                pass
        raise GuestError(f"{self.guest.label} never hears all that it asked for")

    def heard(self, guest: Guest, limit: int = 60) -> list[str]:
        """Sends one frame of each kind, and returns which of them `guest` hears.

        After them goes a broadcast; without it within `limit` seconds, `Unheard` is raised.
        """
        guest.sh(
            "rm -f /run/vm/heard;"
            " tcpdump -p -n -A -l -s 200 -i $(vf_netdev) > /run/vm/heard 2>&1 3>&- &"
            " echo $! > /run/vm/heard.pid; until_true grep -q 'listening on' /run/vm/heard"
        )
        with Sniffer(self.wire) as wire:
            wire.send(MAC, _text("mac"))
            wire.send(GROUP, _text("group"))
            tag = struct.pack("!HH", VID, EXPERIMENT)
            wire.send(BROADCAST, tag + _text("vlan"), ETH_P_8021Q)
            wire.send(BROADCAST, _text("jumbo", 4000))
            wire.send(BROADCAST, END.encode() + bytes(60))
        text = guest.sh(
            f"LIMIT={limit}; until_true grep -q {END} /run/vm/heard;"
            " kill $(cat /run/vm/heard.pid); cat /run/vm/heard"
        )
        if END not in text:
            raise Unheard(f"{guest.label} does not hear a broadcast: {text}")
        return sorted(name for name in self.frames if f"rigb-tenant-{name}" in text)


def _text(name: str, size: int = 60) -> bytes:
    return f"rigb-tenant-{name}".encode().ljust(size, b".")
