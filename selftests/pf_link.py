#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The link of the PF as ethtool sets it: speed, duplex, what is offered, pause frames.

C igb runs where it does the same. It takes most of what is refused here, and of the rest believes
that autonegotiation is off. Its forced speeds are not compared: after the reset that it does then,
QEMU's card receives nothing. $RIGB_PF_DRIVERS takes the place of the list of drivers.
"""

import os
import re
from collections.abc import Callable

from rigbtest import traffic, wait
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, CommandError
from rigbtest.kmsg import KernelLog
from rigbtest.kselftest import KsftSkipEx, case, ksft_eq, ksft_in, ksft_raises, ksft_run, ksft_true
from rigbtest.port import Port
from rigbtest.regs import Registers
from rigbtest.text import found

DRIVERS = os.environ.get("RIGB_PF_DRIVERS", "rigb igb").split()
BENCH = Bench.find()

CTRL = 0x0000
CTRL_RFCE = 1 << 27
MDIC = 0x0020
MDIC_READ = 1 << 21 | 2 << 26
MDIC_READY = 1 << 28
BMCR, BMCR_PDOWN = 0, 1 << 11
# A controller on the board's SMBus receives frames; IDE redirection has a session.
MANC = 0x5820
MANC_SMBUS_EN, MANC_RCV_TCO_EN, MANC_BLK_PHY_RST = 1 << 0, 1 << 17, 1 << 18
CTRL_TFCE = 1 << 28
DROP_EN = 1 << 31

# The bits that ethtool(8) has for what a port may offer.
MODES = {
    0x001: "10baseT/Half", 0x002: "10baseT/Full", 0x004: "100baseT/Half", 0x008: "100baseT/Full",
    0x020: "1000baseT/Full",
}
ALL_MODES = 0x02F
HALF_1000, FULL_10000 = 0x010, 0x1000
FORCED = [(speed, duplex) for speed in (10, 100) for duplex in ("half", "full")]
# rx and tx as they are asked for, how ethtool(8) calls what is offered then, and what comes of it
# with the partner that QEMU feigns, which offers symmetric pause only.
PAUSES = {
    ("on", "off"): ("Symmetric Receive-only", ("on", "off")),
    ("off", "on"): ("Transmit-only", ("off", "off")),
    ("off", "off"): ("No", ("off", "off")),
    ("on", "on"): ("Symmetric Receive-only", ("on", "on")),
}


def setup(driver: str, vf_driver: str = "", vfs: int = 0) -> tuple[Port, Port]:
    """The PF, and the wire."""
    if not PF_DRIVERS[driver].available():
        raise KsftSkipEx("not built: run make")
    BENCH.use(driver, vf_driver, vfs)
    return BENCH.pf, BENCH.wire


def shown(port: Port) -> dict[str, str]:
    """What `ethtool DEV` says, continued lines joined."""
    fields, name = {}, ""
    for line in port.run("ethtool", port.name).splitlines()[1:]:
        if ":" in line:
            name, _, value = line.partition(":")
            fields[name := name.strip()] = value.strip()
        else:
            fields[name] += " " + line.strip()
    return fields


def offered(port: Port) -> set[str]:
    """The link modes that are offered."""
    return set(shown(port)["Advertised link modes"].split())


def names(mask: int) -> set[str]:
    """The link modes of a mask."""
    return {name for bit, name in MODES.items() if mask & bit}


def set_link(port: Port, *words: str) -> None:
    """ethtool -s, until the link is back."""
    port.ethtool("-s", *words)
    port.wait_running()


def pause(port: Port) -> tuple[str, str, str]:
    """autoneg, rx and tx of ethtool -a."""
    text = port.ethtool("-a")
    autoneg, rx, tx = (
        found(rf"^{name}:\s+(\w+)", text, re.M)[1] for name in ("Autonegotiate", "RX", "TX")
    )
    return autoneg, rx, tx


def in_force(port: Port) -> tuple[str, str]:
    """Whether the card obeys and sends pause frames."""
    control = Registers(port.function).read(CTRL)
    rx, tx = ("on" if control & bit else "off" for bit in (CTRL_RFCE, CTRL_TFCE))
    return rx, tx


def dropping(port: Port) -> set[bool]:
    """Whether the receive queues drop a frame for which they have no descriptor."""
    registers = Registers(port.function)
    queues = int(re.findall(r"Combined:\s+(\d+)", port.ethtool("-l"))[-1])
    ksft_true(queues > 1, "several queues")
    return {bool(registers.read(0xC00C + 0x40 * queue) & DROP_EN) for queue in range(queues)}


def close_and_open(port: Port) -> None:
    """The interface goes down and up."""
    port.ip("link set {dev} down")
    port.wait_not_running()
    port.ip("link set {dev} up")


def offline_test(port: Port) -> None:
    """A reset of the port by its driver."""
    port.ethtool("-t", "offline", check=False)


def other_mtu(port: Port) -> None:
    """Another MTU, and back."""
    port.ip("link set {dev} mtu 9000", "link set {dev} mtu 1500")


def function_reset(port: Port) -> None:
    """A reset of the function, with its PHY."""
    port.function.reset()


RESETS = (close_and_open, other_mtu, offline_test, function_reset)
# C igb does not come back from a reset of the function.
RESETS_OF_C = RESETS[:2]


def outlives(port: Port, peer: Port, state: Callable[[Port], object]) -> None:
    """`state(port)` is the same after whatever happens to the port, and traffic flows."""
    before = state(port)
    for event in RESETS if BENCH.pf_driver.ours else RESETS_OF_C:
        event(port)
        port.wait_running()
        ksft_eq(state(port), before, f"after {event.__name__}")
        traffic.reach(port, peer)


def offers(driver: str) -> None:
    """What is offered is what was asked for, also after resets."""
    port, peer = setup(driver)
    ksft_eq(offered(port), names(ALL_MODES))
    for mask in (0x020, 0x00F, 0x028, 0x001):
        set_link(port, "autoneg", "on", "advertise", f"{mask:#05x}")
        ksft_eq(offered(port), names(mask))
        ksft_eq(shown(port)["Auto-negotiation"], "on")
        traffic.reach(port, peer)
    outlives(port, peer, offered)
    set_link(port, "speed", "1000", "duplex", "full", "autoneg", "off")
    ksft_eq(offered(port), names(0x020), "1000 Mbit/s takes negotiation")
    set_link(port, "autoneg", "on")
    ksft_eq(offered(port), names(ALL_MODES))
    traffic.reach(port, peer)


def the_same(driver: str) -> None:
    """What is so already does not take the link down."""
    port, _ = setup(driver)
    set_pause(port, "on")
    changes = port.carrier_changes()
    port.ethtool("-s", "autoneg", "on", "advertise", f"{ALL_MODES:#05x}")
    port.ethtool("-A", "autoneg", "on", "rx", "on", "tx", "on")
    # The same offer, of which less is used.
    port.ethtool("-A", "tx", "off")
    ksft_eq(in_force(port), ("on", "off"))
    port.ethtool("-A", "tx", "on")
    ksft_eq(in_force(port), ("on", "on"))
    ksft_eq(port.carrier_changes(), changes)
    set_pause(port, "off")


def set_pause(port: Port, value: str) -> None:
    """ethtool -A for both ways, until the link is back."""
    port.ethtool("-A", "autoneg", "on", "rx", value, "tx", value)
    port.wait_running()


def forced(driver: str) -> None:
    """10 and 100 Mbit/s without negotiation, also after resets."""
    port, peer = setup(driver)
    for speed, duplex in FORCED:
        set_link(port, "speed", str(speed), "duplex", duplex, "autoneg", "off")
        is_forced(port, speed, duplex)
        traffic.reach(port, peer)
        ksft_eq(in_force(port), ("off", "off"), "nobody was asked for pause frames")
    with ksft_raises(CommandError):
        port.ethtool("-r")
    outlives(port, peer, lambda port: is_forced(port, *FORCED[-1]))
    set_link(port, "autoneg", "on")
    ksft_eq(offered(port), names(ALL_MODES))
    ksft_eq(shown(port)["Speed"], "1000Mb/s")
    traffic.reach(port, peer)


def is_forced(port: Port, speed: int, duplex: str) -> None:
    """ethtool shows so, and nothing is offered."""
    fields = shown(port)
    ksft_eq(fields["Speed"], f"{speed}Mb/s")
    ksft_eq(fields["Duplex"].lower(), duplex)
    ksft_eq(fields["Auto-negotiation"], "off")
    ksft_in("Not reported", fields["Advertised link modes"])


def refusals(driver: str) -> None:
    """What a port cannot do is refused, and nothing changes."""
    port, peer = setup(driver)
    wrong = (
        "speed 1000 duplex half autoneg off", "speed 2500 duplex full autoneg off",
        f"autoneg on advertise {HALF_1000:#x}", f"autoneg on advertise {FULL_10000:#x}",
        f"autoneg on advertise {FULL_10000 | 0x020:#x}", "speed 1000 duplex half",
        "port fibre", "phyad 2", "mdix on",
    )
    before, changes = shown(port), port.carrier_changes()
    for words in wrong:
        with ksft_raises(CommandError):
            port.ethtool("-s", *words.split())
        ksft_eq(shown(port), before, words)
    ksft_eq(port.carrier_changes(), changes)
    traffic.reach(port, peer)


def pause_negotiated(driver: str) -> None:
    """Each wish for pause frames is offered, and what the partner grants of it is in force."""
    port, peer = setup(driver)
    for (rx, tx), (offer, result) in PAUSES.items():
        port.ethtool("-A", "autoneg", "on", "rx", rx, "tx", tx)
        port.wait_running()

        def state(port: Port) -> tuple[object, ...]:
            return pause(port), shown(port)["Advertised pause frame use"], in_force(port)

        ksft_eq(state(port), (("on", rx, tx), offer, result))
        outlives(port, peer, state)
    port.ethtool("-r")
    port.wait_running()
    ksft_eq(in_force(port), result, "after ethtool -r")
    set_pause(port, "off")


def pause_forced(driver: str) -> None:
    """Each way of pause frames without the partner's consent."""
    port, peer = setup(driver)
    for rx, tx in PAUSES:
        port.ethtool("-A", "autoneg", "off", "rx", rx, "tx", tx)
        port.wait_running()
        ksft_eq(pause(port), ("off", rx, tx))
        ksft_eq(in_force(port), (rx, tx))
        # C igb forgets it with the next link, and goes by what it obeys.
        if PF_DRIVERS[driver].ours:
            ksft_eq(dropping(port), {tx == "off"}, "no queue blocks others while no partner waits")
            outlives(port, peer, lambda port: (pause(port), in_force(port), dropping(port)))
    port.ethtool("-A", "autoneg", "on")
    port.wait_running()
    ksft_eq(pause(port), ("on", "on", "on"))
    traffic.reach(port, peer)
    set_pause(port, "off")


def pause_on_forced_link(driver: str) -> None:
    """A link without negotiation has pause frames if these are forced, too, and full duplex."""
    port, _ = setup(driver)
    set_pause(port, "on")
    set_link(port, "speed", "100", "duplex", "full", "autoneg", "off")
    with ksft_raises(CommandError):
        port.ethtool("-A", "rx", "off")
    ksft_eq(pause(port), ("on", "on", "on"))
    port.ethtool("-A", "autoneg", "off")
    ksft_eq(in_force(port), ("on", "on"))
    set_link(port, "duplex", "half")
    ksft_eq(in_force(port), ("off", "off"))
    set_link(port, "autoneg", "on")
    ksft_eq(in_force(port), ("on", "on"))
    set_pause(port, "off")


def pause_with_vfs(driver: str) -> None:
    """Pause frames are not offered unless the operator wants them: the partner of a port that
    offers them obeys those of its VFs as well. With VFs they are there on request, with a warning."""
    port, peer = setup(driver, "rigbvf", 1)
    ksft_eq(pause(port), ("on", "off", "off"))
    ksft_eq(shown(port)["Advertised pause frame use"], "No")
    ksft_eq(in_force(port), ("off", "off"))
    with KernelLog() as log:
        set_pause(port, "on")
        ksft_true(any("pause frames are on: " in line for line in log.lines()), "a warning")
    ksft_eq(in_force(port), ("on", "on"))
    traffic.reach(BENCH.vfs[0], port, peer)
    set_pause(port, "off")
    ksft_eq(in_force(port), ("off", "off"))


def pause_counters(driver: str) -> None:
    """The counters of pause frames are those of ethtool -S."""
    port, _ = setup(driver)
    text = port.run("ethtool", "-I", "-a", port.name)
    counted = {way: int(n) for way, n in re.findall(r"([rt]x)_pause_frames: (\d+)", text)}
    stats = port.ethtool_stats()
    expected = {
        way: stats[f"{way}_flow_control_xon"] + stats[f"{way}_flow_control_xoff"]
        for way in ("rx", "tx")
    }
    ksft_eq(counted, expected)


def wait_speed(vf: Port, speed: str) -> None:
    """Waits until a VF has a link of that speed. It may hear late that the one before has gone."""
    wait.until(lambda: vf.running() and shown(vf)["Speed"] == speed, f"link with {speed}", vf.ns)


def vfs_hear(driver: str) -> None:
    """A VF follows the link, and knows its speed."""
    port, peer = setup(driver, "rigbvf", 1)
    vf = BENCH.vfs[0]
    for words, speed in (("speed 100 duplex full autoneg off", "100Mb/s"),
                         ("autoneg on", "1000Mb/s")):
        set_link(port, *words.split())
        wait_speed(vf, speed)
        traffic.reach(vf, port, peer)
    changes = vf.carrier_changes()

    def goes() -> bool:
        # For half a second, in which a VF on a busy machine may not look.
        port.ethtool("-r")
        port.wait_running()
        wait_speed(vf, "1000Mb/s")
        return vf.carrier_changes() > changes

    wait.until(goes, "loss of the VF's carrier", vf.ns)
    traffic.reach(vf, port, peer)


def powered(port: Port) -> bool:
    """Whether the PHY has power, by its control register."""
    registers = Registers(port.function)
    registers.write(MDIC, MDIC_READ | BMCR << 16)
    wait.register(lambda: registers.read(MDIC) & MDIC_READY, "an answer of the PHY")
    return not registers.read(MDIC) & BMCR_PDOWN


def power(driver: str) -> None:
    """The partner sees the link go when the interface goes down, and come when it goes up."""
    port, peer = setup(driver)
    ksft_true(powered(port), "at first")
    port.ip("link set {dev} down")
    ksft_true(not powered(port), "power of a PHY that nobody needs")
    port.ip("link set {dev} up")
    port.wait_running()
    ksft_true(powered(port), "up again")
    traffic.reach(port, peer)


def power_at_rest(driver: str) -> None:
    """What is set while the PHY has no power is offered when it has; a reset does not wake it."""
    port, peer = setup(driver)
    port.ip("link set {dev} down")
    port.ethtool("-s", "autoneg", "on", "advertise", "0x020")
    ksft_eq(offered(port), names(0x020))
    port.ethtool("-t", "offline")
    port.function.reset()
    ksft_true(not powered(port), "after resets")
    port.ip("link set {dev} up")
    port.wait_running()
    ksft_eq(offered(port), names(0x020))
    set_link(port, "autoneg", "on", "advertise", f"{ALL_MODES:#05x}")
    traffic.reach(port, peer)
    port.function.unbind()
    ksft_true(not powered(port), "without a driver")
    BENCH.dirty = True


def power_for_vfs(driver: str) -> None:
    """VFs need the link, whatever the PF's interface is."""
    port, peer = setup(driver, "rigbvf")
    port.ip("link set {dev} down")
    BENCH.start_vfs(1)
    vf = BENCH.vfs[0]
    vf.wait_running()
    traffic.reach(vf, peer)
    port.up_and_down()
    port.function.reset()
    vf.wait_running()
    traffic.reach(vf, peer)
    ksft_true(powered(port), "with a VF")
    BENCH.stop_vfs()
    ksft_true(not powered(port), "the VF is gone")
    port.ip("link set {dev} up")
    port.wait_running()
    traffic.reach(port, peer)


def power_for_management(driver: str) -> None:
    """The board's management has the link for itself as well."""
    port, peer = setup(driver)
    registers = Registers(port.function)
    before = registers.read(MANC)
    registers.write(MANC, MANC_SMBUS_EN | MANC_RCV_TCO_EN)
    port.ip("link set {dev} down")
    ksft_true(powered(port), "management has its frames by this port")
    port.ip("link set {dev} up")
    port.wait_running()
    registers.write(MANC, MANC_BLK_PHY_RST)
    with ksft_raises(CommandError) as said:
        port.ethtool("-s", "autoneg", "on", "advertise", "0x020")
    ksft_in("busy", str(said.exception).lower())
    port.ip("link set {dev} down")
    ksft_true(powered(port), "management has a session")
    registers.write(MANC, before)
    port.up_and_down()
    ksft_true(not powered(port), "management is gone")
    port.ip("link set {dev} up")
    port.wait_running()
    traffic.reach(port, peer)


OURS = [offers, the_same, forced, refusals, pause_negotiated, pause_forced, pause_on_forced_link,
        pause_with_vfs, pause_counters, vfs_hear, power, power_at_rest, power_for_vfs,
        power_for_management]
CASES = {"rigb": OURS, "igb": [offers, pause_forced, power]}


def main() -> None:
    """All cases of a driver before the next."""
    ksft_run(
        [case(d, BENCH.case(function), function.__name__, d) for d in DRIVERS
         for function in CASES[d]]
    )
    finish(BENCH)


if __name__ == "__main__":
    main()
