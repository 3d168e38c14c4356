#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What happens in the life of a guest that holds a VF, and what its host does meanwhile.

Two guests under KVM; most cases do something to the first while the second must not notice.
$RIGB_PAIRS takes the place of the list of driver pairs.
"""

import os

from rigbtest import ends, held
from rigbtest.bench import finish
from rigbtest.kselftest import case, ksft_eq, ksft_in, ksft_run, ksft_true
from rigbtest.kvm import Kvm, KvmGuest
from rigbtest.scene import Scene

PAIRS = os.environ.get("RIGB_PAIRS", "rigb+rigbvf").split()
ROUNDS = 2

SCENE = Scene.find(Kvm())


def setup(pair: str) -> tuple[KvmGuest, KvmGuest]:
    """Two guests with a VF each."""
    SCENE.use_pair(pair)
    return SCENE.guests[0], SCENE.guests[1]


# --- what a guest does


def reboot(pair: str) -> None:
    """The guest starts anew, without giving the VF back first."""
    one, two = setup(pair)
    with held.Watch(SCENE, two):
        one.anew("busybox reboot -f")
        one.up(one.driver)
        held.talk(SCENE, one)
    ends.tcp(two, one)


def crash(pair: str) -> None:
    """The guest's kernel panics with frames in flight."""
    one, two = setup(pair)
    with held.Watch(SCENE, two):
        wire = SCENE.ends()["wire"]
        one.sh(
            'rx="/sys/class/net/$(vf_netdev)/statistics/rx_packets"; seen=$(cat $rx);'
            ' more() { [ $(cat $rx) -gt $((seen + 10)) ]; };'
            f" ping -q -i 0.01 {wire.v4} >/dev/null 2>&1 & until_true more"
        )
        one.anew("echo c > /proc/sysrq-trigger")
        ksft_in("sysrq triggered crash", one.console_text())
        one.up(one.driver)
        held.talk(SCENE, one)
    ends.tcp(two, one)


def kill(pair: str) -> None:
    """The host kills the guest; another gets its VF."""
    one, two = setup(pair)
    mac = one.sh("cat /sys/class/net/$(vf_netdev)/address")
    with held.Watch(SCENE, two):
        one.kill()
        new = SCENE.new_guest(0, one.functions)
        SCENE.guests[0] = new
        SCENE.boot(new)
        new.up(pair.split("+")[1])
        ksft_eq(new.sh("cat /sys/class/net/$(vf_netdev)/address"), mac)
        held.talk(SCENE, new)
    ends.tcp(two, new)


def unplug(pair: str) -> None:
    """The VF is taken from the running guest, with its consent, and given back, under traffic."""
    one, two = setup(pair)
    wire = SCENE.ends()["wire"]
    with held.Watch(SCENE, two):
        for _ in range(ROUNDS):
            one.sh(f"ping -q -i 0.01 {wire.v4} >/dev/null 2>&1 &")
            one.unplug("vf0")
            one.sh("until_true no_vf_netdev; ! pidof -q ping || kill $(pidof ping)")
            one.plug(one.functions[0], "vf0", "slot0")
            one.up(one.driver)
            held.talk(SCENE, one)
    ends.tcp(one, two)


def move(pair: str) -> None:
    """A VF goes from one guest to the other; nothing of the old tenant's goes with it."""
    setup(pair)
    held.move(SCENE)


# --- what the host does


def pf_reset(pair: str) -> None:
    """The PF is reset, by its own driver and as a function: the guests' VFs recover."""
    setup(pair)
    held.pf_reset(SCENE)


def pf_down(pair: str) -> None:
    """The PF's interface goes down: the guests work on; and up again."""
    setup(pair)
    held.pf_down(SCENE)


def pf_late(pair: str) -> None:
    """The guest boots, and loads its driver, before the PF's interface has ever been up."""
    held.pf_late(SCENE, pair)


def numvfs_zero(pair: str) -> None:
    """sriov_numvfs=0 while guests hold VFs: they are asked for them, nobody hangs."""
    guests = setup(pair)
    held.taken_away(lambda: SCENE.bench.pf.function.set_numvfs(0), "sriov_numvfs=0")
    if not SCENE.bench.pf.function.numvfs:
        for guest in guests:
            guest.sh("until_true no_vf_netdev")
            ksft_true(guest.running(), "the guest lives on")
        SCENE.bench.vfs = []
        SCENE.vacate()
    else:
        SCENE.dirty = True
    ends.ping(SCENE.ends()["pf"], SCENE.ends()["wire"])


def rmmod(pair: str) -> None:
    """The PF's driver is unloaded while guests hold VFs."""
    guests = setup(pair)
    driver = SCENE.bench.pf_driver
    held.taken_away(driver.unload, f"rmmod {driver.name}")
    if not driver.loaded():
        for guest in guests:
            guest.sh("until_true no_vf_netdev")
            ksft_true(guest.running(), "the guest lives on")
        SCENE.bench.vfs = []
        SCENE.vacate()
    else:
        SCENE.dirty = True
    SCENE.bench.dirty = True


# A guest boots for long: the one that pf_late needs is the last.
CASES = (reboot, crash, kill, unplug, move, pf_reset, pf_down, numvfs_zero, rmmod, pf_late)


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
    SCENE.report()
    SCENE.down()
    finish(SCENE.bench)


if __name__ == "__main__":
    main()
