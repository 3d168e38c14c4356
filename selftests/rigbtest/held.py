# SPDX-License-Identifier: GPL-2.0
"""What hosts do to VFs that guests hold, on any platform: `scene` has two guests with a VF each."""

import re
import threading
from collections.abc import Callable

from . import ends
from .driver import CommandError
from .guest import Guest
from .kmsg import KernelLog
from .kselftest import ksft_eq, ksft_ne, ksft_pr, ksft_true
from .scene import G, Scene
from .tenant import Tenant
from .wait import Timeout

ROUNDS = 2
# The host's own commands end in this time or hang.
LIMIT = 600.0


def talk(scene: Scene[G], *guests: Guest) -> None:
    """Each guest reaches PF and wire; the first sends data to the wire and gets some."""
    far = scene.ends()
    for guest in guests:
        for name in ("pf", "wire"):
            ends.ping(guest, far[name])
    ends.tcp(guests[0], far["wire"])
    ends.tcp(far["wire"], guests[0])


class Watch:
    """The other guest pings the wire all the while; it may lose nothing."""

    def __init__(self, scene: Scene[G], guest: Guest):
        self.guest = guest
        self.far = scene.ends()["wire"]

    def __enter__(self) -> None:
        ends.ping(self.guest, self.far)
        script = f"exec ping -i 0.2 {self.far.v4} > /run/vm/watch 2>&1 & echo $! > /run/vm/watch.pid"
        self.guest.sh(script)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            return
        # What was sent before this has its answer when this has.
        ends.ping(self.guest, self.far)
        self.guest.sh("kill -INT $(cat /run/vm/watch.pid); until_true grep -q rtt /run/vm/watch")
        text = self.guest.sh("cat /run/vm/watch")
        heard = {int(number) for number in re.findall(r"bytes from .*icmp_seq=(\d+)", text)}
        ksft_true(heard, f"{self.guest.label} heard nothing: {text[-500:]}")
        # Those after the last answer may be on their way when ping(8) ends.
        lost = sorted(set(range(1, max(heard, default=0) + 1)) - heard)
        ksft_eq(lost, [], f"{self.guest.label} lost packets")


def move(scene: Scene[G]) -> None:
    """A VF goes from one guest to the other; nothing of the old tenant's goes with it."""
    one, two = scene.guests
    wire = scene.ends()["wire"]
    default = one.sh("cat /sys/class/net/$(vf_netdev)/address").strip()
    with Tenant(one, scene.bench.wire) as tenant:
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
    talk(scene, one, two)


def pf_reset(scene: Scene[G], revive: Callable[[G], None] | None = None) -> None:
    """The PF is reset, by its own driver and as a function: the guests' VFs recover.

    `revive` is what a guest needs after the latter, which wipes the configuration space of VFs as
    well, where the host cannot restore that.
    """
    one, two = scene.guests
    pf = scene.bench.pf
    pf.ethtool("-t", "offline", check=False)
    for port in (pf, scene.bench.wire):
        port.wait_running()
    talk(scene, one, two)
    pf.function.reset()
    pf.wait_running()
    if revive:
        for guest in scene.guests:
            revive(guest)
    talk(scene, one, two)
    ends.tcp(one, two)


def pf_down(scene: Scene[G]) -> None:
    """The PF's interface goes down: the guests work on; and up again."""
    one, two = scene.guests
    pf, wire = scene.bench.pf, scene.ends()["wire"]
    with Watch(scene, two):
        for _ in range(ROUNDS):
            pf.ip("link set {dev} down")
            ends.ping(one, wire)
            ends.tcp(one, two)
            pf.ip("link set {dev} up")
            pf.wait_running()
    talk(scene, one, two)


def pf_late(scene: Scene[G], pair: str) -> None:
    """The guest boots, and loads its driver, before the PF's interface has ever been up."""
    pf_driver, vf_driver = pair.split("+")
    scene.down()
    scene.bench.down()
    scene.bench.use(pf_driver)
    pf = scene.bench.pf
    pf.function.unbind()
    pf.wait_gone()
    pf.function.bind(pf_driver)
    pf.attach(up=False)
    scene.bench.start_vfs(1)
    scene.platform.assign(scene.vf(0), 0)
    guest = scene.new_guest(0, [scene.vf(0)])
    scene.guests = [guest]
    scene.boot(guest)
    guest.up(vf_driver)
    ends.ping(guest, scene.ends()["wire"])
    pf.ip("link set {dev} up")
    pf.wait_running()
    talk(scene, guest)
    scene.dirty = scene.bench.dirty = True


def taken_away(action: Callable[[], None], what: str) -> None:
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
        thread.join(LIMIT)
        lines = log.lines()
    if not result:
        # Not a mere failure of the case: what it would ask next waits for the same lock.
        raise Timeout(f"{what} does not end within {LIMIT:.0f} s")
    ksft_pr(what, result)
    said = [line for line in lines if "vfio" in line or "rigb" in line]
    for line in said:
        ksft_pr(line, line_pfx="kernel|")
    ksft_ne(said, [], f"the kernel says nothing about {what}")
