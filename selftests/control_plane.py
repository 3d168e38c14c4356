#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What an administrator sets of VFs: by the tools, and read back from the registers.

Each setting has to be in the card, has to be what `ip link show` says, and has to survive
whatever happens to the VF and to the PF.
"""

import re
from typing import Any

from rigbtest import mailbox as mb
from rigbtest import flr, regs, rules, traffic, wait
from rigbtest.bench import Bench, finish
from rigbtest.driver import CommandError
from rigbtest.kmsg import KernelLog
from rigbtest.kselftest import case, ksft_eq, ksft_ge, ksft_in, ksft_lt, ksft_raises, ksft_run
from rigbtest.kselftest import ksft_true
from rigbtest.mailbox import Mailbox
from rigbtest.regs import Registers

BENCH = Bench.find()

MAC = "02:82:57:70:00:01"
OTHER = "02:82:57:70:00:02"
VLAN, QOS = 82, 5
OWN_VLAN, OTHER_VLAN = 57, 58
ZERO = "00:00:00:00:00:00"
RATE = 250
PINGS = 20
# Frames of the stacks' own that may come meanwhile.
NOISE = 20


def raw_vfs() -> tuple[Mailbox, Mailbox, Registers]:
    """Two VFs without a driver, as if new, and the PF's registers."""
    BENCH.use("rigb", "", 2)
    BENCH.stop_vfs()
    BENCH.start_vfs(2)
    one, two = (Mailbox(vf.function) for vf in BENCH.vfs)
    return one, two, Registers(BENCH.pf.function)


def setting(*words: str) -> None:
    """`ip link set DEV vf ...`"""
    BENCH.pf.ip("link set {dev} vf " + " ".join(words))


def shown(vf: int) -> dict[str, Any]:
    """What `ip link show` says of a VF."""
    vfs: list[dict[str, Any]] = BENCH.pf.link()["vfinfo_list"]
    return vfs[vf]


def configure() -> None:
    """Gives VF 0 something of everything."""
    setting("0", "mac", MAC)
    setting("0", "vlan", str(VLAN), "qos", str(QOS))
    setting("0", "spoofchk", "off")
    setting("0", "trust", "on")
    setting("0", "max_tx_rate", str(RATE))


def check(registers: Registers, when: str) -> None:
    """VF 0 is as `configure` wants it, in the tool and in the card; VF 1 is as new."""
    info = shown(0)
    ksft_eq(info["address"], MAC, when)
    ksft_eq(info["vlan_list"][0], {"vlan": VLAN, "qos": QOS}, when)
    ksft_eq((info["spoofchk"], info["trust"]), (False, True), when)
    ksft_eq((info["rate"]["max_tx"], info["link_state"]), (RATE, "auto"), when)
    ksft_eq(registers.addresses(0), {MAC}, when)
    ksft_eq(registers.vlans(0), {VLAN}, when)
    ksft_eq(registers.read(regs.vmvir(0)), 1 << 30 | QOS << 13 | VLAN, when)
    ksft_eq(registers.read(regs.vmolr(0)) & regs.VMOLR_AUPE, 0, when)
    # The port VLAN confines it whatever addresses it sends with.
    ksft_eq(registers.read(regs.DTXSWC) & 0x0303, 0x0302, when)
    other = shown(1)
    ksft_eq((other["vlan_list"], other["spoofchk"], other["trust"]), ([{}], True, False), when)
    ksft_eq(registers.addresses(1), {other["address"]}, when)
    ksft_eq(registers.read(regs.vmvir(1)), 0, when)


def shown_is_held() -> None:
    """Every setting is in the registers as soon as the tool returns, and taken back as well."""
    one, _, registers = raw_vfs()
    before = shown(0), registers.addresses(0), registers.vlans(0)
    configure()
    check(registers, "at once")
    ksft_eq(one.reset(), MAC, "the address that the VF is told")
    check(registers, "after the VF's handshake")
    ksft_true(one.granted(mb.PROMISC_MULTICAST), "what trust is for")
    ksft_true(registers.read(regs.vmolr(0)) & regs.VMOLR_MPME)
    setting("0", "trust", "off")
    ksft_eq(registers.read(regs.vmolr(0)) & regs.VMOLR_MPME, 0, "trust taken back")
    for words in (("mac", ZERO), ("vlan", "0"), ("spoofchk", "on"), ("rate", "0")):
        setting("0", *words)
    ksft_eq((shown(0), registers.addresses(0), registers.vlans(0)), before)


def survives() -> None:
    """Nothing that happens to VF or PF changes what the administrator set."""
    one, two, registers = raw_vfs()
    pf = BENCH.pf
    configure()
    one.reset()
    two.reset()
    check(registers, "at first")
    BENCH.vfs[0].function.reset()
    check(registers, "after a function level reset of the VF")
    pf.ip("link set {dev} down", "link set {dev} up")
    pf.wait_running()
    check(registers, "after down and up of the PF")
    pf.ethtool("-r")
    pf.wait_running()
    check(registers, "after the link was negotiated anew")
    pf.ethtool("-t", "offline", check=False)
    pf.wait_running()
    check(registers, "after a reset of the PF")
    ksft_eq(registers.read(regs.VFTE) & 3, 0, "no VF sends before its driver has come back")
    pf.function.reset()
    pf.wait_running()
    registers = Registers(pf.function)
    check(registers, "after a function level reset of the PF")
    changes = pf.carrier_changes()
    pf.function.set_numvfs(0)
    ksft_eq(registers.read(regs.vmvir(0)), 0, "without VFs")
    ksft_true(MAC not in registers.addresses(0), "without VFs")
    pf.function.set_numvfs(2)
    check(registers, "after all VFs went and came")
    ksft_eq(pf.carrier_changes(), changes, "changes of the PF's carrier")
    with Mailbox(pf.function.vf(0)) as again:
        ksft_eq(again.reset(), MAC)
        check(registers, "after the new VF's handshake")


def address_taken_meanwhile() -> None:
    """A VF whose address the PF took while there were no VFs gets its default, and a line."""
    raw_vfs()
    pf = BENCH.pf
    default, own = shown(0)["address"], pf.mac
    setting("0", "mac", MAC)
    pf.function.set_numvfs(0)
    pf.ip(f"link set {{dev}} address {MAC}")
    with KernelLog() as log:
        pf.function.set_numvfs(2)
        ksft_true(any("VF 0" in line and "is in use" in line for line in log.lines()))
    ksft_eq(shown(0)["address"], default)
    setting("0", "mac", ZERO)
    # The same with an address that nobody gave it.
    pf.function.set_numvfs(0)
    pf.ip(f"link set {{dev}} address {default}")
    with KernelLog() as log:
        pf.function.set_numvfs(2)
        ksft_true(any(f"{default} is the default address of VF 0" in line for line in log.lines()))
    others = {default, own, shown(1)["address"]}
    ksft_true(shown(0)["address"] not in others | {ZERO}, "an address of its own")
    pf.ip(f"link set {{dev}} address {own}")
    # What the administrator gave is above what another VF has by default.
    pf.function.set_numvfs(0)
    pf.function.set_numvfs(2)
    ksft_eq(shown(0)["address"], default)
    second = shown(1)["address"]
    pf.function.set_numvfs(0)
    pf.function.set_numvfs(1)
    setting("0", "mac", second)
    pf.function.set_numvfs(0)
    pf.function.set_numvfs(2)
    ksft_eq(shown(0)["address"], second)
    ksft_true(shown(1)["address"] not in {second, own, default, ZERO}, "an address of its own")
    setting("0", "mac", ZERO)


def host_claims() -> None:
    """What a guest has chosen is the PF's as soon as the host's own stack wants it."""
    one, two, registers = raw_vfs()
    pf, own = BENCH.pf, BENCH.pf.mac
    with one, two:
        one.reset()
        two.reset()
        ksft_true(one.granted(mb.ADD_FILTER, *mb.mac_words(MAC)))
        with KernelLog() as log:
            pf.ip(f"link add link {{dev}} name mv0 address {MAC} type macvlan", "link set mv0 up")
            # The core sets the receive mode by a work of its own.
            claimed = f"VF 0 had chosen {MAC} and loses it: it is given to the PF"
            wait.until(lambda: any(claimed in line for line in log.lines()), "a warning")
        wait.until(lambda: MAC in registers.addresses(7), "the PF to receive it")
        ksft_eq(registers.addresses(0), {shown(0)["address"]}, "the guest overhears the host")
        one.reset()
        ksft_true(not one.granted(mb.ADD_FILTER, *mb.mac_words(MAC)))
        ksft_true(two.granted(mb.SET_MAC, *mb.mac_words(OTHER)))
        pf.ip(f"link set {{dev}} address {OTHER}")
        ksft_eq(pf.mac, OTHER, "a guest's choice is no veto")
        ksft_eq(registers.addresses(1), {shown(1)["address"]})
        pf.ip(f"link set {{dev}} address {own}", "link del mv0")
        # What the administrator has given a VF is another matter.
        setting("1", "mac", OTHER)
        with ksft_raises(CommandError):
            pf.ip(f"link set {{dev}} address {OTHER}")
        setting("1", "mac", ZERO)


def during_reset(vf: str, mac: str) -> None:
    """Gives a VF an address while the PF goes through a function level reset."""
    with flr.held(BENCH.pf.function):
        setting(vf, "mac", mac)
    BENCH.pf.wait_running()


def decides_during_reset() -> None:
    """What the administrator says of addresses while the PF is reset is in force after it."""
    one, two, _ = raw_vfs()
    default = shown(0)["address"]
    with one, two:
        one.reset()
        ksft_true(one.granted(mb.SET_MAC, *mb.mac_words(MAC)))
        during_reset("1", MAC)
        registers = Registers(BENCH.pf.function)
        ksft_eq(registers.addresses(1), {MAC})
        ksft_eq(registers.addresses(0), {default}, "two VFs have one address")
        setting("1", "mac", ZERO)
        setting("0", "mac", MAC)
        one.reset()
        during_reset("0", ZERO)
        ksft_eq(Registers(BENCH.pf.function).addresses(0), {default}, "what was given is taken back")


def decides() -> None:
    """Whoever has which address, the administrator's word is above what a guest has chosen."""
    one, two, registers = raw_vfs()
    default = shown(0)["address"]
    with one, two:
        one.reset()
        two.reset()
        # An address that is free is any guest's. It is another's as soon as that is decided.
        ksft_true(two.granted(mb.SET_MAC, *mb.mac_words(MAC)))
        setting("0", "mac", MAC)
        ksft_eq(registers.addresses(0), {MAC})
        ksft_eq(registers.addresses(1) & {MAC}, set(), "two VFs have one address")
        ksft_true(not two.granted(mb.SET_MAC, *mb.mac_words(MAC)))
        # What a trusted guest has put in its place, it has for as long as it is trusted.
        setting("0", "trust", "on")
        one.reset()
        ksft_true(one.granted(mb.SET_MAC, *mb.mac_words(OTHER)))
        ksft_eq(registers.addresses(0), {OTHER})
        setting("0", "trust", "off")
        ksft_eq(registers.addresses(0), {MAC}, "trust taken back")
        # The port's own address stays its own while it uses another.
        own = BENCH.pf.mac
        BENCH.pf.ip(f"link set {{dev}} address {OTHER}")
        two.reset()
        ksft_true(not two.granted(mb.SET_MAC, *mb.mac_words(own)))
        BENCH.pf.ip(f"link set {{dev}} address {own}")
        setting("0", "mac", ZERO)
        ksft_eq(shown(0)["address"], default)


def port_vlans() -> None:
    """What a VF has joined rests behind a port VLAN; a priority alone is a port VLAN, too."""
    one, _, registers = raw_vfs()
    with one:
        one.reset()
        ksft_true(one.granted(mb.JOIN_VLAN, OWN_VLAN))
        ksft_true(one.granted(mb.JOIN_VLAN, OTHER_VLAN))
        setting("0", "vlan", str(VLAN))
        ksft_eq(registers.vlans(0), {VLAN})
        ksft_true(one.granted(mb.SET_VLAN, OWN_VLAN), "a VLAN is left while it rests")
        setting("0", "vlan", "0")
        ksft_eq(registers.vlans(0), {0, OTHER_VLAN}, "what was left has come back")
        setting("0", "vlan", "0", "qos", str(QOS))
        ksft_eq(shown(0)["vlan_list"][0], {"qos": QOS})
        ksft_eq(registers.vlans(0), {0}, "its own VLANs would leave with this tag")
        ksft_true(not one.granted(mb.JOIN_VLAN, OWN_VLAN))
        ksft_true(registers.read(regs.vmolr(0)) & regs.VMOLR_AUPE, "frames without a tag")
        ksft_eq(registers.read(regs.vmvir(0)), 1 << 30 | QOS << 13)
        setting("0", "spoofchk", "off")
        ksft_eq(registers.read(regs.DTXSWC) & 0x0101, 0x0100)
        setting("0", "vlan", "0")
        ksft_eq(registers.read(regs.DTXSWC) & 0x0101, 0)
        ksft_eq(registers.vlans(0), {0, OTHER_VLAN})


def vlan_filter() -> None:
    """With VFs the table of VLANs is how tagged frames come to the PF: the filter stays on."""
    BENCH.use("rigb", "", 0)
    BENCH.dirty = True
    pf, wire = BENCH.pf, BENCH.wire
    pf.ethtool("-K", "rx-vlan-filter", "off")
    mine, far = pf.add_vlan(VLAN), wire.add_vlan(VLAN)
    traffic.reach(mine, far)
    BENCH.start_vfs(2)
    ksft_in("rx-vlan-filter: on", pf.ethtool("-k"))
    traffic.reach(mine, far)
    # The card has one bit for taking tags out of frames and putting them in, everybody's.
    pf.ethtool("-K", "rxvlan", "off")
    traffic.reach(mine, far)
    BENCH.stop_vfs()
    ksft_in("rx-vlan-filter: off", pf.ethtool("-k"))
    ksft_in("tx-vlan-offload: off", pf.ethtool("-k"))
    traffic.reach(mine, far)


def refusals() -> None:
    """What cannot be is refused, changes nothing, and the log says what and what to do."""
    _, _, registers = raw_vfs()
    pf, before = BENCH.pf, (shown(0), shown(1))
    wrong = {
        f"0 mac {pf.mac}": "choose another",
        f"0 mac {shown(1)['address']}": "choose another",
        "0 mac 01:00:5e:00:00:01": "unicast",
        "0 mac ff:ff:ff:ff:ff:ff": "unicast",
        "0 vlan 4095": "0 to 4094",
        "0 vlan 5 qos 8": "0 to 7",
        "0 vlan 5 proto 802.1ad": "802.1Q only",
        "0 min_tx_rate 10": "upper limits only",
        "0 max_tx_rate 1001": "has 1000",
        "0 query_rss on": "query_rss off",
        "2 trust on": "sriov_numvfs",
        "2 state disable": "sriov_numvfs",
        "7 mac 02:82:57:70:00:09": "sriov_numvfs",
    }
    for words, remedy in wrong.items():
        with KernelLog() as log:
            with ksft_raises(CommandError):
                setting(*words.split())
            said = [line for line in log.lines() if re.search(rf"VF {words[0]}\b", line)]
        # iproute2 itself refuses some of them.
        if said or ("vlan 4095" not in words and "qos 8" not in words):
            ksft_true(any(remedy in line for line in said), f"{words}: {said}")
    setting("0", "query_rss", "off")
    ksft_eq((shown(0), shown(1)), before)
    ksft_eq(registers.vlans(0), {0})


def link_state() -> None:
    """`state disable` closes a VF under its running driver, `enable` and `auto` open it."""
    BENCH.use("rigb", "rigbvf", 2)
    registers, (one, two) = Registers(BENCH.pf.function), BENCH.vfs
    traffic.reach(one, two)
    for state in ("auto", "enable", "auto"):
        setting("0", "state", "disable")
        ksft_eq(shown(0)["link_state"], "disable")
        for register in (regs.VFTE, regs.VFRE):
            ksft_eq(registers.read(register) & 3, 2, "pools that run")
        traffic.silent(two, one.v4, BENCH.pf.v4)
        setting("0", "state", state)
        ksft_eq(shown(0)["link_state"], state)
        traffic.reach(two, one)
    setting("0", "state", "disable")
    BENCH.pf.ethtool("-t", "offline", check=False)
    BENCH.pf.wait_running()
    traffic.reach(two, BENCH.pf)
    ksft_eq(registers.read(regs.VFTE) & 1, 0, "still closed after a reset of the PF")
    ksft_eq(shown(0)["link_state"], "disable")
    setting("0", "state", "auto")
    traffic.reach(two, one)


def counted(vf: int) -> dict[str, int]:
    """The statistics that `ip -s` shows of a VF."""
    stats = shown(vf)["stats"]
    return {
        "rx": stats["rx"]["packets"],
        "rx_bytes": stats["rx"]["bytes"],
        "tx": stats["tx"]["tx_packets"],
        "tx_bytes": stats["tx"]["tx_bytes"],
    }


def statistics() -> None:
    """The PF counts what the VF's own driver counts, and never less than before."""
    BENCH.use("rigb", "rigbvf", 2)
    pf, (one, _) = BENCH.pf, BENCH.vfs
    traffic.reach(one, pf)
    start, own_start = counted(0), one.stats()
    traffic.ping(one, pf, 1000, PINGS)
    end, own_end = counted(0), one.stats()
    ksft_ge(end["tx"] - start["tx"], 2 * PINGS)
    ksft_ge(end["rx"] - start["rx"], 2 * PINGS)
    for way in ("rx", "tx"):
        own = own_end[way]["packets"] - own_start[way]["packets"]
        seen = end[way] - start[way]
        # The stack may have said something between the four readings.
        ksft_true(abs(own - seen) <= NOISE, f"{way}: the PF counts {seen}, the VF {own}")
        volume = end[f"{way}_bytes"] - start[f"{way}_bytes"]
        ksft_true(2 * PINGS * 1000 <= volume <= seen * 1100, f"{way}: {volume} bytes")
    last = counted(0)
    pf.ethtool("-t", "offline", check=False)
    pf.wait_running()
    traffic.reach(one, pf)
    now = counted(0)
    ksft_true(all(now[name] >= last[name] for name in now), f"{last}, then {now}")
    BENCH.stop_vfs()
    BENCH.start_vfs(2)
    ksft_lt(counted(0)["tx"], last["tx"], "a new VF begins at zero")


def stable_addresses() -> None:
    """A VF has the same address whatever the number of VFs; it is local and nobody else's."""
    BENCH.use("rigb", "", 2)
    BENCH.stop_vfs()
    found = []
    for count in (1, 7, 2):
        BENCH.start_vfs(count)
        found.append([shown(vf)["address"] for vf in range(count)])
        BENCH.stop_vfs()
    one, seven, two = found
    ksft_eq((one, two), (seven[:1], seven[:2]))
    ksft_eq(len({*seven, BENCH.pf.mac}), 8)
    ksft_true(all(int(mac[:2], 16) & 3 == 2 for mac in seven), f"{seven}")
    BENCH.start_vfs(2)


def autoprobe() -> None:
    """sriov_drivers_autoprobe decides whether VFs get a driver by themselves."""
    BENCH.use("rigb", "rigbvf", 1)
    function = BENCH.pf.function
    BENCH.stop_vfs()
    for wanted in (0, 1):
        function.write("sriov_drivers_autoprobe", wanted)
        function.set_numvfs(1)
        ksft_eq(function.vf(0).driver, "rigbvf" if wanted else "")
        function.set_numvfs(0)
    BENCH.dirty = True


CASES = [
    shown_is_held, survives, address_taken_meanwhile, decides, host_claims,
    decides_during_reset, port_vlans, vlan_filter, refusals, link_state, statistics,
    stable_addresses, autoprobe,
]


def main() -> None:
    """All cases."""
    cases = [case(f.__name__, BENCH.case(f), "rigb") for f in CASES]
    ksft_run(cases + [case(f.__name__, BENCH.case(f), "rigb", BENCH) for f in rules.CASES])
    finish(BENCH)


if __name__ == "__main__":
    main()
