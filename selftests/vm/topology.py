# SPDX-License-Identifier: GPL-2.0
"""What a virtual machine is made of, as data, and the QEMU arguments it stands for.

A topology holds only what tests care about: network ports and the wires between them.
How QEMU runs (memory, processors, acceleration) is the business of qemu.py.
"""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Port:
    """One 82576 port behind a PCIe root port of its own, as SR-IOV needs it.

    Root ports are numbered in the order of the topology, so that the first card is always
    0000:01:00.0 and the second 0000:02:00.0. Ports with the same `wire` hear each other.
    """

    mac: str
    wire: int = 0


@dataclass(frozen=True)
class Topology:
    """A machine's network ports, and arguments that go to QEMU as they are."""

    name: str
    ports: tuple[Port, ...]
    extra: tuple[str, ...] = field(default=())
    # Appended to the kernel's command line.
    append: str = ""

    def qemu_args(self) -> list[str]:
        """The arguments for the ports: a root port, a card, and its plug in the hub."""
        args = []
        for number, port in enumerate(self.ports):
            args += [
                "-device",
                f"pcie-root-port,id=rp{number},chassis={number + 1},addr={16 + number:#x}",
                "-netdev",
                f"hubport,id=n{number},hubid={port.wire}",
                "-device",
                f"igb,bus=rp{number},netdev=n{number},mac={port.mac}",
            ]
        return args + list(self.extra)


# The standard bench: two cards on one wire.
WIRE = Topology(
    name="wire",
    ports=(Port("52:54:00:aa:00:01"), Port("52:54:00:aa:00:02")),
)

# The same with an IOMMU, as VFIO needs it. The machine's own devices do without.
IOMMU = replace(
    WIRE,
    name="iommu",
    extra=("-device", "amd-iommu,dma-remap=on,xtsup=on"),
    append="iommu=pt",
)

TOPOLOGIES = {topology.name: topology for topology in (WIRE, IOMMU)}
