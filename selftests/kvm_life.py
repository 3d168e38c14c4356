#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What happens in the life of a guest that holds a VF, and what its host does meanwhile.

Two guests under KVM; most cases do something to the first while the second must not notice.
$RIGB_PAIRS takes the place of the list of driver pairs.
"""

import os
import threading

from rigbtest import ends
from rigbtest.bench import finish
from rigbtest.driver import CommandError
from rigbtest.kmsg import KernelLog
from rigbtest.kselftest import case, ksft_eq, ksft_in, ksft_ne, ksft_pr, ksft_run, ksft_true
from rigbtest.kvm import Kvm, KvmGuest
from rigbtest.scene import Scene
from rigbtest.tenant import Tenant

PAIRS = os.environ.get("RIGB_PAIRS", "rigb+rigbvf").split()
ROUNDS = 2
# The host's own commands end in this time or hang.
HOST_LIMIT = 60.0

SCENE = Scene.find(Kvm())


def setup(pair: str) -> tuple[KvmGuest, KvmGuest]:
    """Two guests with a VF each."""
    SCENE.use(*pair.split("+"))
    return SCENE.guests[0], SCENE.guests[1]


def talk(*guests: KvmGuest) -> None:
    """Each guest reaches PF and wire; the first sends data to the wire and gets some."""
    far = SCENE.ends()
    for guest in guests:
        for name in ("pf", "wire"):
            ends.ping(guest, far[name])
    ends.tcp(guests[0], far["wire"])
    ends.tcp(far["wire"], guests[0])


class Watch:
    """The other guest pings the wire all the while; it may lose nothing."""

    def __init__(self, guest: KvmGuest):
        self.guest = guest

    def __enter__(self) -> None:
        wire = SCENE.ends()["wire"]
        ends.ping(self.guest, wire)
        script = f"exec ping -i 0.2 {wire.v4} > /run/vm/watch 2>&1 & echo $! > /run/vm/watch.pid"
        self.guest.sh(script)

    def __exit__(self, kind, *_) -> None:
        if kind:
            return
        self.guest.sh("kill -INT $(cat /run/vm/watch.pid); until_true grep -q rtt /run/vm/watch")
        counts = self.guest.sh("sed -n 's/ packets transmitted.*//p' /run/vm/watch")
        said = self.guest.sh("grep 'packet loss' /run/vm/watch")
        ksft_true(int(counts) > 0, said)
        # The last may be on its way when ping(8) ends.
        received = int(said.split(",")[1].split()[0])
        ksft_true(received >= int(counts) - 1, f"{self.guest.label} lost packets: {said}")


# --- what a guest does


def reboot(pair: str) -> None:
    """The guest starts anew, without giving the VF back first."""
    one, two = setup(pair)
    with Watch(two):
        one.anew("busybox reboot -f")
        one.up(one.driver)
        talk(one)
    ends.tcp(two, one)


def crash(pair: str) -> None:
    """The guest's kernel panics with frames in flight."""
    one, two = setup(pair)
    with Watch(two):
        wire = SCENE.ends()["wire"]
        one.sh(f"ping -q -i 0.01 {wire.v4} >/dev/null 2>&1 & sleep 0.5")
        one.anew("echo c > /proc/sysrq-trigger")
        ksft_in("sysrq triggered crash", one.console_text())
        one.up(one.driver)
        talk(one)
    ends.tcp(two, one)


def kill(pair: str) -> None:
    """The host kills the guest; another gets its VF."""
    one, two = setup(pair)
    mac = one.sh("cat /sys/class/net/$(vf_netdev)/address")
    with Watch(two):
        one.kill()
        new = SCENE.new_guest(0, one.functions)
        SCENE.guests[0] = new
        SCENE.boot(new)
        new.up(pair.split("+")[1])
        ksft_eq(new.sh("cat /sys/class/net/$(vf_netdev)/address"), mac)
        talk(new)
    ends.tcp(two, new)


def unplug(pair: str) -> None:
    """The VF is taken from the running guest, with its consent, and given back, under traffic."""
    one, two = setup(pair)
    wire = SCENE.ends()["wire"]
    with Watch(two):
        for _ in range(ROUNDS):
            one.sh(f"ping -q -i 0.01 {wire.v4} >/dev/null 2>&1 &")
            one.unplug("vf0")
            one.sh("until_true no_vf_netdev; ! pidof -q ping || kill $(pidof ping)")
            one.plug(one.functions[0], "vf0", "slot0")
            one.up(one.driver)
            talk(one)
    ends.tcp(one, two)


def move(pair: str) -> None:
    """A VF goes from one guest to the other; nothing of the old tenant's goes with it."""
    one, two = setup(pair)
    wire = SCENE.ends()["wire"]
    default = one.sh("cat /sys/class/net/$(vf_netdev)/address").strip()
    with Tenant(one, SCENE.bench.wire) as tenant:
        tenant.settle()
        one.unplug("vf0")
        # The other guest's own VF would hear the group as well: it goes first.
        two.unplug("vf0")
        two.plug(one.functions[0], "vf0", "slot0")
        two.up(two.driver)
        device = two.sh("vf_netdev").strip()
        ksft_eq(two.sh(f"cat /sys/class/net/{device}/address").strip(), default)
        ksft_eq(two.sh(f"cat /sys/class/net/{device}/mtu").strip(), "1500")
        ksft_eq(tenant.heard(two), [], "the next tenant hears what the first had asked for")
        tenant.guest = two
    ends.ping(two, wire)
    ends.tcp(wire, two)
    # Each VF back to its own guest.
    two.unplug("vf0")
    two.plug(two.functions[0], "vf0", "slot0")
    one.plug(one.functions[0], "vf0", "slot0")
    for guest in (one, two):
        guest.up(guest.driver)
    talk(one, two)


# --- what the host does


def pf_reset(pair: str) -> None:
    """The PF is reset, by its own driver and as a function: the guests' VFs recover."""
    one, two = setup(pair)
    pf = SCENE.bench.pf
    pf.ethtool("-t", "offline", check=False)
    for port in (pf, SCENE.bench.wire):
        port.wait_running()
    talk(one, two)
    pf.function.reset()
    pf.wait_running()
    talk(one, two)
    ends.tcp(one, two)


def pf_down(pair: str) -> None:
    """The PF's interface goes down: the guests work on; and up again."""
    one, two = setup(pair)
    pf, wire = SCENE.bench.pf, SCENE.ends()["wire"]
    with Watch(two):
        for _ in range(ROUNDS):
            pf.ip("link set {dev} down")
            ends.ping(one, wire)
            ends.tcp(one, two)
            pf.ip("link set {dev} up")
            pf.wait_running()
    talk(one, two)


def pf_late(pair: str) -> None:
    """The guest boots, and loads its driver, before the PF's interface has ever been up."""
    pf_driver, vf_driver = pair.split("+")
    SCENE.down()
    SCENE.bench.down()
    SCENE.bench.use(pf_driver)
    pf = SCENE.bench.pf
    pf.function.unbind()
    pf.wait_gone()
    pf.function.bind(pf_driver)
    pf.attach(up=False)
    SCENE.bench.start_vfs(1)
    SCENE.platform.assign(SCENE.vf(0))
    guest = SCENE.new_guest(0, [SCENE.vf(0)])
    SCENE.guests = [guest]
    SCENE.boot(guest)
    guest.up(vf_driver)
    ends.ping(guest, SCENE.ends()["wire"])
    pf.ip("link set {dev} up")
    pf.wait_running()
    talk(guest)
    SCENE.dirty = SCENE.bench.dirty = True


def numvfs_zero(pair: str) -> None:
    """sriov_numvfs=0 while guests hold VFs: they are asked for them, nobody hangs."""
    guests = setup(pair)
    taken_away(lambda: SCENE.bench.pf.function.set_numvfs(0), "sriov_numvfs=0")
    if not SCENE.bench.pf.function.numvfs:
        for guest in guests:
            guest.sh("until_true no_vf_netdev")
            ksft_true(guest.running(), "the guest lives on")
        SCENE.bench.vfs = []
    SCENE.dirty = True
    ends.ping(SCENE.ends()["pf"], SCENE.ends()["wire"])


def rmmod(pair: str) -> None:
    """The PF's driver is unloaded while guests hold VFs."""
    guests = setup(pair)
    driver = SCENE.bench.pf_driver
    taken_away(driver.unload, f"rmmod {driver.name}")
    if not driver.loaded():
        for guest in guests:
            guest.sh("until_true no_vf_netdev")
            ksft_true(guest.running(), "the guest lives on")
        SCENE.bench.vfs = []
    SCENE.dirty = SCENE.bench.dirty = True


def taken_away(action, what: str) -> None:
    """The action ends, well or refused; the log says something about it in either case."""
    result: list[str] = []

    def act() -> None:
        try:
            action()
            result.append("done")
        except (OSError, CommandError) as error:
            result.append(f"refused: {error}")

    with KernelLog() as log:
        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        thread.join(HOST_LIMIT)
        lines = log.lines()
    ksft_true(result, f"{what} does not end within {HOST_LIMIT:.0f} s")
    ksft_pr(what, result)
    said = [line for line in lines if "vfio-pci" in line or "rigb" in line]
    for line in said:
        ksft_pr(line, line_pfx="kernel|")
    ksft_ne(said, [], f"the kernel says nothing about {what}")


CASES = (reboot, crash, kill, unplug, move, pf_reset, pf_down, pf_late, numvfs_zero, rmmod)


def main() -> None:
    """Runs all cases with each pair."""
    wanted = os.environ.get("RIGB_CASES", "").split()
    cases = []
    for pair in PAIRS:
        for function in CASES:
            if not wanted or function.__name__ in wanted:
                name = f"{Kvm.name}.{pair}"
                cases.append(case(function.__name__, SCENE.case(function), name, pair))
    ksft_run(cases)
    ksft_pr(f"{SCENE.retries} boots were tried again")
    SCENE.down()
    finish(SCENE.bench)


if __name__ == "__main__":
    main()
