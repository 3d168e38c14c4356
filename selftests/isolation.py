#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""More attacks by a VF, beside those that C igb is known for; quarantine, and the way out of it.

On rigb each attack must fail. With C igb the same steps only say what comes of them.
$RIGB_PF_DRIVERS takes the place of the list of PF drivers.
"""

import threading
import time

from rigbtest import mailbox as mb
from rigbtest import regs, wait
from rigbtest.attack import BAD_MESSAGES, RING_PAUSE, repeat_until_quarantined, ring
from rigbtest.attack import in_quarantine, until_quarantined
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, chosen
from rigbtest.kselftest import case, ksft_eq, ksft_ge, ksft_pr, ksft_run, ksft_true
from rigbtest.leftovers import leave, left
from rigbtest.mailbox import Mailbox
from rigbtest.regs import Registers

BENCH = Bench.find()

PORT_VLAN, VLAN, OTHER_VLAN = 82, 57, 58
MAC, ADMIN_MAC, RACE_MAC = "02:82:57:71:00:01", "02:82:57:71:00:02", "02:82:57:71:00:03"
BROADCAST, GROUP, ZERO = "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00"
RACES = 20
STORM = 1000
# More than a VF can have by misbehaving without a pause.
RELEASES = 10
RESETS_MORE = 50
# Twice as many requests: more than offences are borne.
PERSISTENCE = 800
OTHER_VECTOR = 0
# Requests without a pause, of which a fast PF lets far more wait than it bears.
SERVED = 100_000


def setup(driver: str) -> tuple[Mailbox, Mailbox, Registers]:
    """Two VFs without a driver, as if new, and the PF's registers."""
    if not BENCH.dirty and BENCH.drivers == (driver, "") and BENCH.vfs:
        BENCH.stop_vfs()
        BENCH.start_vfs(2)
        BENCH.pf.wait_running()
    BENCH.use(driver, "", 2)
    one, two = (Mailbox(vf.function) for vf in BENCH.vfs)
    return one, two, Registers(BENCH.pf.function)


def verdict(driver: str, worked: bool, what: str) -> None:
    """On rigb the attack must not have worked; of C igb the result is printed."""
    if PF_DRIVERS[driver].ours:
        ksft_true(not worked, f"a VF can {what}")
    else:
        ksft_pr(f"{driver}: a VF {'can' if worked else 'cannot'} {what}")


def setting(words: str) -> None:
    """`ip link set DEV vf ...`"""
    BENCH.pf.ip("link set {dev} vf " + words)


def rule_registers(registers: Registers, pool: int) -> tuple[object, ...]:
    """All that says what a pool receives and sends."""
    rules = [registers.read(register) for register in (regs.vmolr(pool), regs.vmvir(pool))]
    return (*rules, registers.addresses(pool), registers.vlans(pool))


def request_before_reset(driver: str) -> None:
    """A request that rings before a function level reset does nothing after it."""
    one, _, registers = setup(driver)
    one.reset()
    for _ in range(RACES):
        one.post(mb.JOIN_VLAN, VLAN)
        one.write(mb.VTCTRL, mb.CTRL_RST)
        one.take(mb.PFSTS)
        answered = one.reset()
        ksft_true(answered or not PF_DRIVERS[driver].ours, "the handshake is answered")
        verdict(driver, VLAN in registers.vlans(0), "have a request carried out after its reset")


def replay(driver: str) -> None:
    """A granted request that is sent again after a reset, without the handshake, does nothing."""
    one, _, registers = setup(driver)
    one.reset()
    ksft_true(one.granted(mb.JOIN_VLAN, VLAN))
    one.write(mb.VTCTRL, mb.CTRL_RST)
    if PF_DRIVERS[driver].ours:
        wait.register(lambda: VLAN not in registers.vlans(0), "end of the VLAN")
    one.post(mb.JOIN_VLAN, VLAN)
    wait.register(lambda: one.take(mb.PFACK) or one.take(mb.PFSTS), "notice by the PF")
    if PF_DRIVERS[driver].ours:
        ksft_eq(registers.vlans(0), {0})


def answer_as_request(driver: str) -> None:
    """Words that look like the PF's own answers, rung as a request, do nothing."""
    one, _, registers = setup(driver)
    one.reset()
    before = rule_registers(registers, 0)
    for bits in (mb.MSG_ACK, mb.MSG_NACK, mb.MSG_ACK | mb.MSG_NACK, mb.MSG_ACK | mb.MSG_CTS):
        one.post(mb.JOIN_VLAN | bits, VLAN)
        wait.register(lambda: one.take(mb.PFACK) or one.take(mb.PFSTS), "notice by the PF")
    verdict(driver, rule_registers(registers, 0) != before, "send the PF an answer as a request")


def bell_without_message(driver: str) -> None:
    """Doorbells over old words: acknowledged, at most, and carried out no second time."""
    one, two, registers = setup(driver)
    one.reset()
    two.reset()
    before = rule_registers(registers, 0)
    for _ in range(100):
        one.write(mb.V2PMAILBOX, mb.REQ)
        one.write(mb.V2PMAILBOX, mb.ACK)
    ksft_true(two.granted(mb.SET_LPE, 1518), "another VF is served")
    ksft_eq(rule_registers(registers, 0), before)


def vlan_out_of_range(driver: str) -> None:
    """VLAN 4095 and numbers beyond twelve bits."""
    one, _, registers = setup(driver)
    one.reset()
    before = [registers.read(regs.vlvf(index)) for index in range(32)]
    for vid in (4095, 4096, 0xFFFF, 1 << 31 | 5, 0xFFFFFFFF):
        granted = one.granted(mb.JOIN_VLAN, vid)
        verdict(driver, granted, f"join VLAN {vid:#x}")
    now = [registers.read(regs.vlvf(index)) for index in range(32)]
    verdict(driver, now != before, "write a VLAN that does not exist into the table")


def multicast_lengths(driver: str) -> None:
    """Every length of a multicast list; no answer is missing, no rule of reception widens."""
    one, _, registers = setup(driver)
    one.reset()
    wide = 0
    for count in range(0, 256, 5):
        one.request(mb.SET_MULTICAST | count << 16, *[0xFFFFFFFF] * 15)
        one.request(mb.SET_MULTICAST | count << 16, *[0x0FFF0FFF] * 15)
        wide |= registers.read(regs.vmolr(0)) & (regs.VMOLR_MPME | regs.VMOLR_ROPE)
    verdict(driver, bool(wide), "widen what it receives by the length of a list")


def strange_addresses(driver: str) -> None:
    """Broadcast, a group and zero, as the address and in addition."""
    one, _, registers = setup(driver)
    one.reset()
    before = registers.addresses(0)
    for mac in (BROADCAST, GROUP, ZERO):
        for opcode in (mb.SET_MAC, mb.ADD_FILTER):
            one.request(opcode, *mb.mac_words(mac))
            gained = registers.addresses(0) - before
            verdict(driver, mac in gained, f"have {mac} as its address ({opcode:#x})")


def promiscuous(driver: str) -> None:
    """Other VFs' unicast frames are for nobody else who is not trusted, and no longer than that."""
    one, two, registers = setup(driver)
    two.reset()
    # On QEMU's card it would get by a group what another gets by the unicast table.
    ksft_true(two.granted(mb.SET_MULTICAST | 1 << 16, 0x123))
    others = rule_registers(registers, 1)
    for trust in ("off", "on", "off"):
        setting(f"0 trust {trust}")
        one.reset()
        for modes in (1, 3, 0xFF):
            answer = one.request(mb.SET_PROMISC | modes << 16)[0]
            granted = registers.read(regs.vmolr(0)) & regs.VMOLR_ROPE
            if PF_DRIVERS[driver].ours and trust == "on" and modes == 3:
                ksft_true(answer & mb.MSG_ACK and granted, "a trusted VF gets all unicast frames")
            elif trust == "off":
                verdict(driver, bool(granted), f"get all unicast frames, modes {modes:#x}")
        ksft_eq(rule_registers(registers, 1), others, "what another VF receives")
    setting("0 trust on")
    one.reset()
    one.request(mb.SET_PROMISC | 3 << 16)
    setting("0 trust off")
    verdict(driver, bool(registers.read(regs.vmolr(0)) & regs.VMOLR_ROPE), "keep what trust gave")


def others_filters(driver: str) -> None:
    """A VF gives back VLANs and addresses that are another's, or the PF's."""
    one, two, registers = setup(driver)
    one.reset()
    two.reset()
    ksft_true(two.granted(mb.JOIN_VLAN, VLAN))
    ksft_true(two.granted(mb.ADD_FILTER, *mb.mac_words(MAC)))
    before = rule_registers(registers, 1)
    own = rule_registers(registers, 7)
    for words in ((mb.SET_VLAN, VLAN), (mb.SET_VLAN, 0), (mb.CLEAR_FILTERS, 0, 0), (mb.RESET,)):
        one.request(*words)
    verdict(driver, rule_registers(registers, 1) != before, "remove another VF's filters")
    verdict(driver, rule_registers(registers, 7) != own, "remove the PF's filters")


def port_vlan_escape(driver: str) -> None:
    """No sequence of requests leaves the administrator's VLAN."""
    one, _, registers = setup(driver)
    setting(f"0 vlan {PORT_VLAN} qos 3")
    one.reset()
    tag = registers.read(regs.vmvir(0))
    ksft_eq(registers.vlans(0), {PORT_VLAN})
    for words in (
        (mb.JOIN_VLAN, VLAN), (mb.JOIN_VLAN, PORT_VLAN), (mb.SET_VLAN, PORT_VLAN),
        (mb.JOIN_VLAN, 0), (mb.SET_VLAN, 0), (mb.SET_LPE, 9000), (mb.SET_PROMISC | 3 << 16,),
        (mb.RESET,), (mb.SET_VLAN, PORT_VLAN), (mb.JOIN_VLAN, OTHER_VLAN),
    ):
        one.request(*words)
        out = registers.vlans(0) != {PORT_VLAN} or registers.read(regs.vmvir(0)) != tag
        untagged = registers.read(regs.vmolr(0)) & regs.VMOLR_AUPE
        verdict(driver, out or bool(untagged), f"leave its port VLAN by {words[0]:#x} {words[1:]}")


def administrators_address(driver: str) -> None:
    """An address that the administrator gave cannot be changed or added to, until trusted."""
    one, _, registers = setup(driver)
    setting(f"0 mac {ADMIN_MAC}")
    one.reset()
    for opcode in (mb.SET_MAC, mb.ADD_FILTER):
        one.request(opcode, *mb.mac_words(MAC))
        verdict(driver, MAC in registers.addresses(0), f"change its address ({opcode:#x})")
    ksft_true(ADMIN_MAC in registers.addresses(0))
    if PF_DRIVERS[driver].ours:
        setting("0 trust on")
        ksft_true(one.granted(mb.ADD_FILTER, *mb.mac_words(MAC)), "a trusted one may")
        setting("0 trust off")
        one.reset()
        ksft_eq(registers.addresses(0), {ADMIN_MAC}, "trust taken back")


def race_for_an_address(driver: str) -> None:
    """Two VFs ask for one address at the same time: one gets it."""
    one, two, registers = setup(driver)
    both = 0
    for _ in range(RACES):
        one.reset()
        two.reset()
        for vf in (one, two):
            vf.post(mb.SET_MAC, *mb.mac_words(RACE_MAC))
        for vf in (one, two):
            vf.answer()
        both += all(RACE_MAC in registers.addresses(pool) for pool in (0, 1))
        for vf, mac in ((one, MAC), (two, ADMIN_MAC)):
            vf.request(mb.SET_MAC, *mb.mac_words(mac))
    verdict(driver, bool(both), "share an address with another")


def buffer_held_from_the_administrator(driver: str) -> None:
    """A VF that keeps its buffer does not hold up the administrator, nor other VFs."""
    one, two, registers = setup(driver)
    one.reset()
    two.reset()
    one.lock()
    for number in range(RACES):
        setting(f"0 vlan {PORT_VLAN + number}")
        ksft_true(PORT_VLAN + number in registers.vlans(0))
        ksft_true(two.granted(mb.SET_LPE, 1518))
    one.write(mb.V2PMAILBOX, 0)


# --- what the former tenant leaves behind


def buffer(vf: Mailbox) -> list[int]:
    """The words in the mailbox."""
    return [vf.read(mb.VMBMEM + 4 * number) for number in range(mb.WORDS)]


def words_of_the_former_tenant(driver: str) -> None:
    """After a function level reset the mailbox holds nothing of what was said before."""
    one, _, _ = setup(driver)
    one.reset()
    ksft_true(one.granted(mb.SET_MULTICAST | 4 << 16, 0x01230456, 0x07890ABC))
    ksft_true(0x07890ABC in buffer(one), "the groups are in the buffer")
    BENCH.vfs[0].function.reset()
    with Mailbox(BENCH.vfs[0].function) as tenant:
        if PF_DRIVERS[driver].ours:
            wait.register(lambda: not any(buffer(tenant)), "empty mailbox")
        verdict(driver, any(buffer(tenant)), "read the words of its former tenant")
        # Who is faster than the PF sees no more of it than the answer.
        tenant.write(mb.VMBMEM + 60, 0x1234)
        tenant.reset()
        verdict(driver, bool(buffer(tenant)[-1]), "read what was there before its handshake")


def queues_of_the_former_tenant(driver: str) -> None:
    """Head write-back, DCA and rings of both queues end with a reset of the VF, by any way."""
    one, _, registers = setup(driver)
    ways = (
        ("its own reset", lambda: one.write(mb.VTCTRL, mb.CTRL_RST)),
        ("the RESET message", lambda: one.request(mb.RESET)),
    )
    for what, way in ways:
        one.reset()
        leave(one)
        ksft_ge(len(left(registers, 0)), 2 * 9, "registers that the VF has set")
        way()
        if PF_DRIVERS[driver].ours:
            wait.register(lambda: not left(registers, 0), f"empty queues after {what}")
        verdict(driver, bool(left(registers, 0)), f"leave its queues to the next tenant by {what}")


def queues_of_the_removed(driver: str) -> None:
    """VFs that are removed leave nothing for whom the queues are next, and the PF nothing for VFs.

    QEMU's card resets a VF that is removed, and rigb hears of it; what rigb does without that is seen by
    control_plane.py.
    """
    one, _, registers = setup(driver)
    one.reset()
    leave(one)
    ksft_ge(len(left(registers, 0)), 2 * 9, "registers that the VF has set")
    BENCH.pf.function.set_numvfs(0)
    BENCH.pf.wait_running()
    # The first queue of the pool has a ring of the PF's now.
    found = left(registers, 0, (1,))
    verdict(driver, bool(found), f"leave its queues to the next owner: {found}")
    BENCH.pf.function.set_numvfs(2)
    found = left(registers, 0)
    verdict(driver, bool(found), f"see in its queues where the PF had its rings: {found}")
    BENCH.dirty = True


# --- rigb alone: quarantine


def gained(before: dict[str, int], name: str) -> int:
    """By how much a counter of VF 0 has grown."""
    return BENCH.pf.ethtool_stats()[f"vf0_{name}"] - before[f"vf0_{name}"]


def forbidden_requests(driver: str) -> None:
    """What policy refuses a guest in good order asks for again and again: it is not shut out."""
    one, _, registers = setup(driver)
    setting(f"0 mac {ADMIN_MAC}")
    setting(f"0 vlan {PORT_VLAN}")
    one.reset()
    before = BENCH.pf.ethtool_stats()
    for _ in range(PERSISTENCE):
        # Each answer is waited for: words that are written over it would be an offence.
        one.request(mb.ADD_FILTER, *mb.mac_words(MAC))
        one.request(mb.JOIN_VLAN, VLAN)
    ksft_eq(registers.read(regs.VFTE) & 1, 1, "it may send as before")
    one.write(mb.V2PMAILBOX, 0)
    ksft_true(one.granted(mb.SET_LPE, 1518), "and is served")
    ksft_ge(gained(before, "mbx_denials"), PERSISTENCE)
    ksft_eq(gained(before, "mbx_offences"), 0)


def idle_doorbells(driver: str) -> None:
    """Rings without end, for nothing or for a request that waits already: the VF is shut out."""
    one, two, registers = setup(driver)
    two.reset()

    def acknowledge() -> None:
        one.write(mb.V2PMAILBOX, mb.ACK)

    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        # All of it: an answer may have been written over it.
        for register, word in enumerate((mb.SET_LPE, 1518)):
            one.write(mb.VMBMEM + 4 * register, word)
        # No request waits for a slow PF that has served the last one before it sees this. It has to wait
        # where the VF keeps the buffer.
        one.write(mb.V2PMAILBOX, mb.REQ | (mb.VFU if asked > SERVED else 0))

    # Of what comes without a pause the PF sees one of many.
    for bell, pauses, counter in ((acknowledge, BAD_MESSAGES, "stray_acks"), (ask, 0, "extra_rings")):
        one.reset()
        before = BENCH.pf.ethtool_stats()
        number = repeat_until_quarantined(bell, pauses)
        ksft_pr(f"{counter}: shut out after {number} rings")
        ksft_eq(registers.read(regs.VFTE) & 1, 0, "may send")
        ksft_ge(gained(before, f"mbx_{counter}"), 500, "a guest in good order comes nowhere near")
        ksft_true(two.granted(mb.SET_LPE, 1518), "another VF is served")
        setting("0 state auto")
        ksft_true(served(one))


def misbehave(vf: Mailbox, registers: Registers, *words: int) -> int:
    """Repeats a message until the VF is shut out; how often it took."""
    count = until_quarantined(vf, *words)
    ksft_eq(registers.read(regs.VFTE) & 1, 0, "may send")
    ksft_eq(registers.read(regs.VFRE) & 1, 0, "may receive")
    return count


def ignored(vf: Mailbox, other: Mailbox) -> bool:
    """Whether nothing comes back, not even for a reset. Another VF is served, so that the PF of a slow
    machine has looked as well."""
    vf.take(mb.PFACK)
    vf.take(mb.PFSTS)
    ring(vf, mb.RESET)
    for _ in range(2):
        ksft_true(other.granted(mb.SET_LPE, 1518), "another VF is served")
    try:
        wait.register(lambda: vf.take(mb.PFACK) or vf.take(mb.PFSTS), "answer", 1.0)
    except wait.Timeout:
        return True
    return False


def served(vf: Mailbox) -> bool:
    """Whether the handshake and a request work."""
    vf.write(mb.V2PMAILBOX, 0)
    return bool(vf.reset()) and vf.granted(mb.SET_LPE, 1518)


def quarantine(driver: str) -> None:
    """Bad messages without end shut a VF out; each way out works, and others notice nothing."""
    one, two, registers = setup(driver)
    two.reset()
    # As it is served with later, see `ignored`.
    ksft_true(two.granted(mb.SET_LPE, 1518), "another VF is served")
    others = rule_registers(registers, 1)
    for way in ("state auto", "trust on"):
        one.reset()
        count = misbehave(one, registers, 0x77, 1, 2, 3)
        ksft_pr(f"shut out after {count} bad messages, let out by {way}")
        ksft_ge(count, 500, "a guest in good order comes nowhere near")
        ksft_eq(BENCH.pf.link()["vfinfo_list"][0]["link_state"], "disable")
        ksft_true(ignored(one, two), "its mailbox is ignored")
        BENCH.pf.ethtool("-t", "offline", check=False)
        BENCH.pf.wait_running()
        two.reset()
        ksft_true(ignored(one, two), "also after a reset of the PF")
        setting(f"0 {way}")
        ksft_true(served(one), way)
        ksft_eq(registers.read(regs.VFTE) & 3, 3)
    ksft_eq(rule_registers(registers, 1), others)
    misbehave(one, registers, 0x77)
    BENCH.pf.function.set_numvfs(0)
    BENCH.pf.function.set_numvfs(2)
    with Mailbox(BENCH.pf.function.vf(0)) as again:
        ksft_true(served(again), "a new VF")


def reset_in_quarantine(vf: Mailbox, registers: Registers) -> int:
    """Goes on with resets, which interrupt whatever is masked: they are counted, and rare. The interval
    of the mailboxes then; the VF may be let out meanwhile."""
    before = BENCH.pf.ethtool_stats()
    for _ in range(RESETS_MORE):
        vf.write(mb.VTCTRL, mb.CTRL_RST)
        time.sleep(RING_PAUSE)
    wait.register(lambda: gained(before, "quarantine_resets") or not in_quarantine(BENCH.pf, 0),
                  "count of resets")
    return registers.interval(OTHER_VECTOR)


def quarantine_and_reset(driver: str) -> None:
    """A function level reset lets a VF out, for its next tenant; but not again and again."""
    one, two, registers = setup(driver)
    two.reset()
    for _ in range(2):
        one.reset()
        misbehave(one, registers, mb.JOIN_VLAN, 4095)
        BENCH.vfs[0].function.reset()
        one = Mailbox(BENCH.vfs[0].function)
        ksft_true(served(one), "after a function level reset")
    one.write(mb.VTCTRL, mb.CTRL_RST)
    misbehave(one, registers, 0x77)
    one.write(mb.VTCTRL, mb.CTRL_RST)
    ksft_true(served(one), "the third time")
    # One more is allowed in a minute, which may have passed on a slow machine, or may end at any time.
    shut_out = False
    interval = 0
    for _ in range(RELEASES):
        misbehave(one, registers, 0x77)
        one.write(mb.VTCTRL, mb.CTRL_RST)
        if ignored(one, two):
            interval = reset_in_quarantine(one, registers)
            if shut_out := in_quarantine(BENCH.pf, 0):
                break
        ksft_true(served(one), "it is let out again")
    ksft_true(shut_out, "its own reset no longer lets it out")
    ksft_eq(interval, 1000, "interval of the mailboxes")
    setting("0 state auto")
    ksft_true(served(one), "the administrator does")
    ksft_eq(registers.interval(OTHER_VECTOR), 50, "the interval as ever")
    ksft_true(two.granted(mb.SET_LPE, 1518))


def reset_storms(driver: str) -> None:
    """Resets without end, by message and by register: bounded work, then quarantine."""
    one, two, registers = setup(driver)
    two.reset()
    one.reset()
    count = misbehave(one, registers, mb.RESET)
    ksft_pr(f"shut out after {count} RESET messages")
    setting("0 state auto")
    for number in range(STORM):
        one.write(mb.VTCTRL, mb.CTRL_RST)
        if number % 100 == 0:
            ksft_true(two.granted(mb.SET_LPE, 1518), "another VF is served meanwhile")
    ksft_true(served(one), "a storm that is over is forgotten")


def settings_during_attack(driver: str) -> None:
    """Under a storm of messages every order of the administrator is carried out."""
    one, two, registers = setup(driver)
    two.reset()
    done = threading.Event()

    def attack() -> None:
        while not done.is_set():
            for words in ((mb.RESET,), (mb.JOIN_VLAN, VLAN), (0x77,)):
                ring(one, *words)
                time.sleep(RING_PAUSE)

    thread = threading.Thread(target=attack)
    thread.start()
    try:
        for number in range(RACES):
            setting(f"0 vlan {PORT_VLAN + number}")
            ksft_eq(registers.vlans(0), {PORT_VLAN + number})
            ksft_true(two.granted(mb.SET_LPE, 1518))
    finally:
        done.set()
        thread.join()


ATTACKS = [
    request_before_reset, replay, answer_as_request, bell_without_message, vlan_out_of_range,
    multicast_lengths, strange_addresses, promiscuous, others_filters, port_vlan_escape,
    administrators_address, race_for_an_address, buffer_held_from_the_administrator,
    words_of_the_former_tenant, queues_of_the_former_tenant, queues_of_the_removed,
]
OURS = [
    quarantine, quarantine_and_reset, forbidden_requests, idle_doorbells, reset_storms,
    settings_during_attack,
]


def main() -> None:
    """All attacks on a driver before the next driver."""
    ksft_run([case(driver, BENCH.case(function), function.__name__, driver)
              for driver in chosen("RIGB_PF_DRIVERS", "rigb igb")
              for function in ATTACKS + (OURS if PF_DRIVERS[driver].ours else [])])
    finish(BENCH)


if __name__ == "__main__":
    main()
