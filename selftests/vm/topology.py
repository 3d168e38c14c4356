# SPDX-License-Identifier: GPL-2.0
"""What a virtual machine is made of, as data, and the QEMU arguments it stands for.

A topology holds only what tests care about: network ports and the wires between them, and
what a machine needs to have guests of its own. How QEMU runs (processors, acceleration) is
the business of vng.py, and of qemu.py for Xen.
"""

from dataclasses import dataclass, field, replace

# The console shows warnings and worse; the whole log is fetched at the end. The stall
# detectors get more time, for the host's own load stalls an emulated processor.
KERNEL_ARGS = (
    "loglevel=5 panic=-1 log_buf_len=4M net.ifnames=0 modprobe.blacklist=igb,igbvf "
    "rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60 tsc=reliable cryptomgr.notests "
    # On a busy host the interrupts that this counts may come too late: "IO-APIC + timer doesn't work!"
    "no_timer_check "
    # An emulated processor does not speculate; what the kernel does against it is a tenth of its time.
    # Nor is memory cleared for it to find on its way: who needs zeroes asks for them.
    "mitigations=off init_on_alloc=0"
)
# All that QEMU emulates, but for a fifth level of page tables, which no VM here fills, and for the
# promise that string instructions are fast: Linux and glibc then copy and clear memory by them, which
# QEMU does byte by byte.
CPU = "max,erms=off,fsrm=off,fsrs=off,fsrc=off,fzrm=off,la57=off"


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
    cpu: str = CPU
    # MiB, where VM_MEM does not say otherwise.
    memory: str = "2048"
    # Processors, where VM_CPUS does not say otherwise.
    cpus: str = "2"
    # Appended to the kernel's command line.
    append: str = ""
    # Whether it runs guests of its own, which boot from the same image as it does.
    nested: bool = False
    # Xen's command line, where the kernel boots as its dom0.
    xen: str = ""

    def qemu_args(self) -> list[str]:
        """The arguments for the ports: a root port, a card, and its plug in the hub."""
        args = []
        for number, port in enumerate(self.ports):
            place = f"chassis={number + 1},addr={16 + number:#x}"
            args += [
                "-device",
                # As fast as the card. Of a faster port Linux wants to see, after a reset of the
                # bus, that its link is active, which QEMU's then does not say.
                f"pcie-root-port,id=rp{number},{place},x-speed=2_5",
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

# The same with a PF that has more queues than a pool: the driver makes a pair for each processor.
QUEUES = replace(WIRE, name="queues", cpus="4")

# The same with an emulated IOMMU and nested virtualisation, for guests under KVM. AMD's
# needs no second translation of interrupts in the model, and so cannot offer it; Intel's
# works with an AMD processor as well, for the kernel goes by the ACPI table. One processor: one that
# runs a guest is then called out of it less often by what the other does (vm/impossible.py), and two
# such machines run side by side.
KVM_AMD = replace(
    WIRE,
    name="kvm-amd",
    cpu="EPYC,+svm",
    cpus="1",
    memory="4096",
    extra=("-device", "amd-iommu,dma-remap=on,xtsup=on"),
    nested=True,
)
KVM_INTEL = replace(
    KVM_AMD,
    name="kvm-intel",
    extra=("-device", "intel-iommu,intremap=on,caching-mode=on"),
    append="intel_iommu=on",
)

# Xen takes the Intel IOMMU with an AMD processor, whose virtualisation QEMU emulates. Without
# "monitor" since Xen faults in mwait on this model; without "rdtscp" since its emulation ends HVM
# guests; FPU registers are switched eagerly since under emulation lazy switching corrupts dom0.
# With two processors QEMU was seen to leave one halted that Xen had sent an interrupt to, so that the
# other waited for it for ever (flush_area_mask()).
XEN = replace(
    KVM_AMD,
    name="xen",
    cpu="EPYC-v1,+svm,+npt,+x2apic,-monitor,-rdtscp",
    extra=("-device", "intel-iommu,intremap=on,eim=on"),
    # The first is for a register of AMD's chipset that is not there.
    append="initcall_blacklist=print_s5_reset_status_mmio console=hvc0",
    xen="dom0_mem=1536M,max:1536M console=com1 com1=115200,8n1 loglvl=info iommu=no-sharept "
    "spec-ctrl=no,eager-fpu",
)

TOPOLOGIES = {
    topology.name: topology for topology in (WIRE, IOMMU, QUEUES, KVM_AMD, KVM_INTEL, XEN)
}
