#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A guest under KVM with a virtio-net standby: its TCP stream outlives the VF.

The VF is the primary of a failover pair, as `failover=on` of QEMU's virtio-net makes one. The
wire's port and the standby's other end are ports of one bridge, so both ways lead to the same peer.
"""

import subprocess
from pathlib import Path
from typing import Self

from rigbtest import wait
from rigbtest.bench import finish
from rigbtest.driver import run
from rigbtest.ends import LIMIT
from rigbtest.guest import RUN
from rigbtest.kselftest import case, ksft_eq, ksft_pr, ksft_run
from rigbtest.kvm import Kvm, KvmGuest
from rigbtest.scene import FIRST_NUMBER, Scene

MAC = "02:82:57:63:00:02"
PEER, SELF = "10.84.0.1", "10.84.0.2"
TAP, BRIDGE = "standby", "br0"
PORT = 8400
ROUNDS = 2
# What must arrive for a way to count as working.
STEP = 64 << 10
# Seconds.
RESENT = 300.0
VF = {"device": "vf0", "slot": "slot0", "failover_pair_id": "sb"}

SCENE = Scene.find(Kvm())


def start(pair: str) -> KvmGuest:
    """A guest with the pair, both drivers loaded, and the address on the pair's master."""
    pf_driver, vf_driver = pair.split("+")
    SCENE.down()
    SCENE.host(pf_driver, 1)
    run("modprobe", "tun")
    SCENE.bench.pf.ip(f"link set {{dev}} vf 0 mac {MAC}")
    address = SCENE.vf(0).address
    extra = ["-netdev", f"tap,id=tap,ifname={TAP},script=no,downscript=no"]
    extra += ["-device", f"virtio-net-pci,netdev=tap,id=sb,mac={MAC},failover=on"]
    extra += ["-device", f"vfio-pci,host={address},id=vf0,bus=slot0,failover_pair_id=sb"]
    guest = KvmGuest("guest0", FIRST_NUMBER, [], extra)
    SCENE.guests = [guest]
    guest.start()
    bridge()
    guest.wait_boot_patiently()
    guest.sh(f"vf_load {vf_driver}; modprobe virtio_net; until_true vf_master")
    guest.sh(
        f"dev=$(vf_master); ip addr add {SELF}/24 dev $dev; ip link set $dev up;"
        f" until_true has_carrier $(vf_netdev); reach {PEER}"
    )
    return guest


def bridge() -> None:
    """The wire's port and the standby's other end become one network."""
    run("ip", "link", "set", TAP, "netns", SCENE.bench.wire.ns)
    SCENE.bench.wire.ip(
        f"link add {BRIDGE} type bridge",
        f"link set {{dev}} master {BRIDGE}",
        f"link set {TAP} master {BRIDGE} up",
        f"addr add {PEER}/24 dev {BRIDGE}",
        f"link set {BRIDGE} up",
    )


class Stream:
    """One TCP connection from the guest to the bridge, until it is told to end."""

    def __init__(self, guest: KvmGuest):
        self.guest = guest
        self.path = Path(RUN, "stream")
        with SCENE.bench.wire.inside(), self.path.open("wb") as file:
            self.sink = subprocess.Popen(
                ["nc", "-l", "-N", str(PORT)], stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.DEVNULL,
            )
        # Refused until the other side listens; -z would be a connection of its own.
        listens = ["ss", "-Hltn", f"sport = :{PORT}"]
        wait.until(lambda: SCENE.bench.wire.run(*listens), "listener of the stream")
        guest.sh(
            "rm -f /run/vm/enough; { while [ ! -e /run/vm/enough ]; do"
            " head -c 16384 /dev/urandom; sleep 0.05; done | tee /run/vm/stream |"
            f" nc -N {PEER} {PORT}; echo $? > /run/vm/stream.status; }} >/dev/null 2>&1 3>&- &"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sink.kill()
        self.sink.wait()

    def advances(self, what: str) -> None:
        """Waits until more has arrived."""
        before = self.path.stat().st_size
        # What was sent while there was no way is sent again when TCP finds it is time for that.
        wait.until(lambda: self.path.stat().st_size >= before + STEP, f"data by the {what}",
                   limit=RESENT)
        ksft_pr(f"{what}: {self.path.stat().st_size} bytes")

    def finish(self) -> None:
        """Ends the connection; all that was sent has arrived."""
        self.guest.sh("touch /run/vm/enough; until_true test -s /run/vm/stream.status")
        ksft_eq(self.sink.wait(LIMIT), 0)
        sent = self.guest.sh("sha256sum < /run/vm/stream").split()[0]
        got = subprocess.run(["sha256sum", self.path], capture_output=True, text=True, check=True)
        ksft_eq(got.stdout.split()[0], sent, "what arrived is not what was sent")


def carried(guest: KvmGuest) -> int:
    """Frames that the VF has sent."""
    return int(guest.sh("cat /sys/class/net/$(vf_netdev)/statistics/tx_packets"))


def wait_carried(guest: KvmGuest, before: int) -> None:
    """Waits until the VF has sent more. What has arrived may have been on its way by the standby."""
    wait.until(lambda: carried(guest) > before, "data by the VF")


def failover(pair: str) -> None:
    """The VF is unplugged and plugged again under one connection."""
    guest = start(pair)
    function = SCENE.vf(0)
    with Stream(guest) as stream:
        stream.advances("VF")
        for _ in range(ROUNDS):
            guest.unplug("vf0")
            guest.sh("until_true no_vf_netdev")
            stream.advances("standby")
            guest.plug(function, **VF)
            guest.sh("until_true vf_master && until_true has_carrier $(vf_netdev)")
            before = carried(guest)
            stream.advances("VF")
            wait_carried(guest, before)
        stream.finish()
    SCENE.dirty = SCENE.bench.dirty = True


def main() -> None:
    """One pair."""
    pair = "rigb+rigbvf"
    ksft_run([case("failover", SCENE.case(failover), f"{Kvm.name}.{pair}", pair)])
    SCENE.down()
    finish(SCENE.bench)


if __name__ == "__main__":
    main()
