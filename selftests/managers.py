#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Programs that manage VFs: systemd-networkd itself, and what libvirt asks of the kernel."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rigbtest import igbvf, regs, traffic, wait
from rigbtest import mailbox as mb
from rigbtest.bench import Bench, finish
from rigbtest.driver import CommandError, run
from rigbtest.kselftest import KsftSkipEx, NetNSEnter, case, ksft_eq, ksft_not_in, ksft_pr
from rigbtest.kselftest import ksft_raises, ksft_run, ksft_true
from rigbtest.mailbox import Mailbox
from rigbtest.port import Port
from rigbtest.regs import Registers
from rigbtest.rtnl import Manager

BENCH = Bench.find()

SYSTEMD = Path("/usr/lib/systemd")
NETWORK = Path("/run/systemd/network/10-rigb.network")
MACS = ("02:82:57:74:00:01", "02:82:57:74:00:02")
VLAN, QOS = 82, 5
# What a container makes of its VF, and the name of its namespace while that has one.
GROUP, POD = "01:00:5e:52:57:74", "rigb-pod"
REOPEN = ("link set eth9 down", "link set eth9 up")
UNICAST, ZERO = "02:00:00:00:00:00", "00:00:00:00:00:00"

SETTINGS = f"""\
[Match]
Name={{name}}

[Network]
LinkLocalAddressing=no
KeepConfiguration=yes

[SR-IOV]
VirtualFunction=0
MACAddress={MACS[0]}
VLANId={VLAN}
QualityOfService={QOS}
MACSpoofCheck=no
QueryReceiveSideScaling=no
Trust=yes
LinkState=auto

[SR-IOV]
VirtualFunction=1
MACAddress={MACS[1]}
MACSpoofCheck=yes
Trust=no
LinkState=no
"""


def raw_vfs() -> Registers:
    """Two VFs without a driver, as if new; the PF's registers."""
    BENCH.use("rigb", "", 2)
    BENCH.stop_vfs()
    BENCH.start_vfs(2)
    return Registers(BENCH.pf.function)


def libvirt() -> None:
    """A guest with `<interface type='hostdev'>` is started, and stopped again."""
    registers = raw_vfs()
    with Manager(BENCH.pf) as manager:
        found = manager.get(0)
        ksft_eq((found.vlan, found.qos), (0, 0))
        manager.set_vlan(0, VLAN, QOS)
        manager.set_mac(0, MACS[0])
        ksft_eq(manager.get(0).mac, MACS[0])
        ksft_eq((manager.get(0).vlan, manager.get(0).qos), (VLAN, QOS))
        BENCH.vfs[0].function.reset()
        with Mailbox(BENCH.vfs[0].function) as guest:
            ksft_eq(guest.reset(), MACS[0])
            ksft_true(not guest.granted(mb.SET_MAC, *mb.mac_words(MACS[1])))
            ksft_eq(registers.addresses(0), {MACS[0]})
            ksft_eq(registers.vlans(0), {VLAN})
        manager.set_vlan(0, found.vlan, found.qos)
        manager.set_mac(0, found.mac)
        ksft_eq(manager.get(0), found)
        ksft_eq(registers.vlans(0), {0})
        # What it falls back to where no address was set before.
        for mac in (UNICAST, ZERO):
            manager.set_mac(0, mac)
        ksft_eq(manager.get(0), found)
        with ksft_raises(FileExistsError):
            manager.set_mac(0, BENCH.pf.mac)


def container() -> None:
    """A VF goes into a container and comes back, by the requests of sriov-cni.

    Its interface shows the address that the host gives back without being opened.
    """
    BENCH.use("rigb", "rigbvf", 1)
    BENCH.dirty = True
    pf, vf, registers = BENCH.pf, BENCH.vfs[0], Registers(BENCH.pf.function)
    old = vf.mac

    def host(*words: str) -> None:
        pf.ip(*[f"link set {{dev}} vf 0 {line}" for line in words])

    def set_inside(*words: str) -> None:
        run("ip", "-n", POD, "link", "set", "dev", "eth9", *words)

    host(f"mac {MACS[0]}", f"vlan {VLAN} qos {QOS}", "spoofchk off", "trust off")
    vf.ip("link set {dev} down")
    wait.until(lambda: vf.mac == MACS[0], "address of the VF's interface, closed", vf.ns)
    run("ip", "netns", "add", POD)
    try:
        vf.ip(f"link set {{dev}} netns {POD} name eth9")
        set_inside("address", MACS[0])
        set_inside("mtu", "1400")
        set_inside("up")
        wait.register(lambda: registers.addresses(0) == {MACS[0]}, "address of VF 0")
        ksft_eq(registers.vlans(0), {VLAN})
        set_inside("down")
        # The administrator's address holds.
        with ksft_raises(CommandError):
            set_inside("address", old)
        set_inside("mtu", "1500")
        set_inside("netns", vf.ns, "name", vf.name)
    finally:
        run("ip", "netns", "del", POD)
    host(f"mac {old}", "vlan 0", "spoofchk on", "max_tx_rate 0", "state auto")
    wait.until(lambda: vf.mac == old, "old address of the VF's interface, closed", vf.ns)
    vf.ip(f"addr add {vf.v4}/24 dev {{dev}}", f"addr add {vf.v6}/64 dev {{dev}} nodad",
          "link set {dev} up")
    vf.wait_running()
    ksft_eq(registers.addresses(0), {old})
    ksft_eq(registers.vlans(0), {0})
    traffic.reach(vf, pf, BENCH.wire)


@contextmanager
def pod(vf: Port) -> Iterator[subprocess.Popen[bytes]]:
    """A container that has the VF's interface, as eth9: a process in a namespace without a name.

    When the process ends the kernel closes the interface, and brings it back.
    """
    run("ip", "netns", "add", POD)
    try:
        with NetNSEnter(POD):
            process = subprocess.Popen(("sleep", "infinity"))
        vf.ip(f"link set {{dev}} netns {POD} name eth9")
    finally:
        run("ip", "netns", "del", POD)
    with process:
        try:
            yield process
        finally:
            process.kill()
    vf.function.wait_netdev()


def inside(process: subprocess.Popen[bytes], *lines: str) -> None:
    """Runs lines of ip(8) in the container."""
    batch = "".join(f"{line}\n" for line in lines)
    run("nsenter", "-n", "-t", str(process.pid), "ip", "-batch", "-", stdin=batch)


def ask_inside(vf: Port, process: subprocess.Popen[bytes], *lines: str) -> None:
    """Runs lines in the container for which the VF's driver asks the PF. C igbvf may need help for that,
    see `Port.ask`; only a line that it has refused is run again."""
    for line in lines:
        while True:
            try:
                inside(process, line)
                break
            except CommandError as error:
                if vf.function.driver != igbvf.NAME:
                    raise
                said = str(error)
            igbvf.helped(f"{vf.label} goes down and up: {said}")
            inside(process, *REOPEN)


def wait_inside(
    vf: Port, process: subprocess.Popen[bytes], condition: Callable[[], object], what: str
) -> None:
    """Waits for what the PF does for the container. C igbvf may need help for that."""
    igbvf.wait_helped(vf.function, condition, what, lambda: inside(process, *REOPEN))


def refused_inside(vf: Port, process: subprocess.Popen[bytes], line: str) -> None:
    """Runs a line that the PF must refuse. C igbvf takes an answer that comes late for none, and none
    for consent; it is closed and opened then, and asks again."""
    while True:
        try:
            inside(process, line)
        except CommandError:
            return
        if vf.function.driver != igbvf.NAME:
            break
        igbvf.helped(f"{vf.label} had no answer: {line}")
        inside(process, *REOPEN)
    ksft_true(False, f"{line} is not refused")


def shown(vf: int) -> dict[str, Any]:
    """What ip(8) shows of a VF's settings."""
    found: dict[str, Any] = BENCH.pf.link()["vfinfo_list"][vf]
    found.pop("stats", None)
    return found


def wait_address(vf: Port, mac: str) -> None:
    """Waits for the address of a VF's interface, which comes late if its PF was late at its probe."""
    wait.until(lambda: vf.mac == mac, "address of the VF's interface", vf.ns)


def abandoned(driver: str) -> None:
    """A container dies with all that it has made of its VF: nothing of that is left but what any
    network device keeps, the host's settings stay, and another VF can have the addresses."""
    BENCH.use("rigb", driver, 2)
    BENCH.dirty = True
    pf, (vf, other), registers = BENCH.pf, BENCH.vfs, Registers(BENCH.pf.function)
    old = vf.mac

    def all_multicast() -> bool:
        return bool(registers.read(regs.vmolr(0)) & regs.VMOLR_MPME)

    pf.ip("link set {dev} vf 0 max_tx_rate 100", "link set {dev} vf 0 spoofchk off",
          "link set {dev} vf 0 trust on")
    before = shown(0) | {"address": MACS[0]}
    with pod(vf) as process:
        ask_inside(
            vf, process, f"link set eth9 address {MACS[0]} mtu 1400", "link set eth9 up",
            f"link add link eth9 name v9 type vlan id {VLAN}", "link set v9 up",
            f"link add link eth9 name m9 address {MACS[1]} type macvlan", "link set m9 up",
            "link set eth9 allmulticast on", f"maddr add {GROUP} dev eth9")
        for what, asked in (
            ("addresses", lambda: registers.addresses(0) == set(MACS)),
            ("VLAN", lambda: registers.vlans(0) == {0, VLAN}),
            ("group", lambda: registers.has_group(GROUP)),
            # C igbvf never asks for it.
            ("all multicast", lambda: all_multicast() == (driver == "rigbvf")),
        ):
            wait_inside(vf, process, asked, f"{what} of the container")
    wait.register(lambda: registers.addresses(0) == {MACS[0]}, "end of further addresses")
    wait.register(lambda: registers.vlans(0) == {0}, "end of the VLAN")
    wait.register(lambda: not registers.has_group(GROUP), "end of the group")
    wait.register(lambda: not all_multicast(), "end of all multicast")
    ksft_eq(shown(0), before)
    # The container comes back with the other VF.
    other.ip(f"link add link {{dev}} name m9 address {MACS[1]} type macvlan", "link set m9 up")
    wait.register(lambda: MACS[1] in registers.addresses(1), "address of the new container")
    # The next user of the VF.
    vf.attach(up=False)
    ksft_eq((vf.mac, vf.mtu), (MACS[0], 1400))
    vf.ip(f"link set {{dev}} address {old} mtu 1500", "link set {dev} up")
    vf.wait_running()
    ksft_eq(vf.link()["promiscuity"], 0)
    pf.ip("neigh flush dev {dev}")
    traffic.reach(vf, pf, BENCH.wire, other)
    ksft_eq(registers.addresses(0), {old})


def incus(driver: str) -> None:
    """A VF goes into a container and comes back, by the requests of Incus, which takes the driver
    away while it changes what the host sets; with `security.mac_filtering` and without."""
    BENCH.use("rigb", driver, 1)
    BENCH.dirty = True
    pf, vf, registers = BENCH.pf, BENCH.vfs[0], Registers(BENCH.pf.function)

    @contextmanager
    def without_driver() -> Iterator[None]:
        vf.function.unbind()
        yield
        vf.function.bind(BENCH.vf_driver.name)
        vf.attach(up=False)

    def check_spoofing(on: bool) -> None:
        pf.ip(f"link set {{dev}} vf 0 spoofchk {'on' if on else 'off'}")

    with Manager(pf) as manager:
        for filtering in (True, False):
            found, before = manager.get(0), shown(0)
            with without_driver():
                manager.set_vlan(0, VLAN)
                manager.set_mac(0, MACS[0] if filtering else ZERO)
                check_spoofing(filtering)
            with pod(vf) as process:
                inside(process, f"link set eth9 address {MACS[0]} mtu 1400", "link set eth9 up")
                wait_inside(vf, process, lambda: registers.addresses(0) == {MACS[0]}, "its address")
                ksft_eq(registers.vlans(0), {VLAN})
                # The VLAN confines it, whatever is checked beside.
                ksft_eq(registers.read(regs.DTXSWC) & 0x101, 0x101 if filtering else 0x100)
                line = f"link set eth9 address {MACS[1]}"
                if filtering:
                    refused_inside(vf, process, line)
                else:
                    inside(process, line)
            with without_driver():
                manager.set_vlan(0, found.vlan)
                check_spoofing(before["spoofchk"])
                manager.set_mac(0, found.mac)
            ksft_eq(shown(0), before)
            ksft_eq(registers.addresses(0), {found.mac})
            wait_address(vf, found.mac)
            ksft_eq(vf.mtu, 1500)
            vf.ip("link set {dev} up")
            vf.wait_running()
            traffic.reach(vf, pf, BENCH.wire)


@contextmanager
def daemon(name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a daemon of systemd; what it says goes to a file."""
    path = SYSTEMD / name
    if not path.exists():
        raise KsftSkipEx(f"no {path}: install systemd and udev")
    with (
        open(f"/run/{name}.log", "w", encoding="utf-8") as log,
        subprocess.Popen([path, *arguments], stdout=log, stderr=log,
                         env={"SYSTEMD_LOG_TARGET": "console"}) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def udevd_answers() -> bool:
    """Whether udevd is at work: an event that comes before is lost. Its socket is no sign of that, as
    it outlives the daemon that made it."""
    try:
        run("udevadm", "control", "--ping", "--timeout=10")
    except CommandError:
        return False
    return True


def networkd() -> None:
    """systemd-networkd applies its [SR-IOV] sections, without a word of complaint."""
    registers = raw_vfs()
    pf = BENCH.pf
    # It works in the namespace that it is in.
    BENCH.dirty = True
    name = pf.name
    pf.detach()
    NETWORK.parent.mkdir(parents=True, exist_ok=True)
    NETWORK.write_text(SETTINGS.format(name=name))
    try:
        with daemon("systemd-udevd"):
            wait.until(udevd_answers, "answer of udevd")
            run("udevadm", "trigger", "--action=add", "--settle", f"/sys/class/net/{name}")
            with daemon("systemd-networkd") as process:
                wait.until(
                    lambda: (registers.vlans(0) == {VLAN} and MACS[1] in registers.addresses(1))
                    or process.poll() is not None,
                    "settings by networkd",
                )
                check(registers, name)
    finally:
        NETWORK.unlink()
        said = Path("/run/systemd-networkd.log").read_text()
        for line in said.splitlines():
            ksft_pr(line, line_pfx="networkd|")
    for word in ("SR-IOV", "sr-iov", "Failed to configure", "VF"):
        ksft_not_in(word, said)


def check(registers: Registers, name: str) -> None:
    """The card holds what the file says. The last setting of a VF comes by itself."""

    def listed() -> list[dict[str, Any]]:
        links = json.loads(run("ip", "-j", "-d", "link", "show", name))
        found: list[dict[str, Any]] = links[0]["vfinfo_list"]
        return found

    wait.until(lambda: listed()[1]["link_state"] == "disable", "link state of VF 1")
    wait.until(lambda: listed()[0]["trust"], "trust of VF 0")
    one, two = listed()
    ksft_eq((one["address"], two["address"]), MACS)
    ksft_eq(one["vlan_list"][0], {"vlan": VLAN, "qos": QOS})
    ksft_eq((one["spoofchk"], one["trust"], one["link_state"]), (False, True, "auto"))
    ksft_eq((two["spoofchk"], two["trust"], two["link_state"]), (True, False, "disable"))
    ksft_eq(registers.addresses(0), {MACS[0]})
    ksft_eq(registers.vlans(0), {VLAN})
    ksft_eq(registers.read(regs.vmvir(0)), 1 << 30 | QOS << 13 | VLAN)


def main() -> None:
    """All cases."""
    cases = [case(f.__name__, BENCH.case(f), "rigb") for f in (libvirt, container, networkd)]
    cases += [case(f.__name__, BENCH.case(f), driver, driver)
              for driver in ("rigbvf", "igbvf") for f in (abandoned, incus)]
    ksft_run(cases)
    finish(BENCH)


if __name__ == "__main__":
    main()
