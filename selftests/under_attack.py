#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Two VFs and the PF carry traffic while a third VF attacks its PF without a pause.

Prints the loss and the latency of the innocent without and with the attack. On rigb nothing
may be lost, and nothing of what the others are set up to be may change. Each phase takes
$RIGB_ATTACK_SECONDS, 10 by default; 180 shows more. $RIGB_PF_DRIVERS as in hostile_vf.py.
"""

import os
import re
import statistics
import threading
import time
from contextlib import suppress
from pathlib import Path

from rigbtest import regs, traffic, wait
from rigbtest.attack import Attack
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, chosen
from rigbtest.echo import Echo
from rigbtest.kselftest import case, ksft_eq, ksft_gt, ksft_pr, ksft_run, ksft_true
from rigbtest.mailbox import Mailbox
from rigbtest.port import Port
from rigbtest.regs import Registers

BENCH = Bench.find()
SECONDS = float(os.environ.get("RIGB_ATTACK_SECONDS", "10"))
HOSTILE, PF_POOL = 2, 7
# How long an answer may take before it counts as lost. Only where there may be losses it is short: on
# a busy machine answers come late.
PATIENCE, LITTLE_PATIENCE = wait.LIMIT, 5.0
# Requests of each of the innocent at the least, however long they take.
FEWEST = 10
BREAK = 0.01
SIZE = 500
# An operator who lets a VF out of quarantine each time, so that the attack goes on.
PARDON = 1.0
# Of a thread that goes before all others but those of real time.
HIGHEST = -20


class Meter(threading.Thread):
    """One innocent that asks another for an echo, again and again."""

    def __init__(self, source: Port, target: Port, patience: float):
        super().__init__()
        self._patience = patience
        self.name = f"{source.label} -> {target.label}"
        self.sent = 0
        self.times: list[float] = []
        self._ends = source, target.v4
        self._end = time.monotonic() + SECONDS

    def run(self) -> None:
        with Echo(*self._ends) as echo:
            while time.monotonic() < self._end or self.sent < FEWEST:
                start = time.monotonic()
                self.sent += 1
                if echo.ask(SIZE, self._patience):
                    self.times.append(time.monotonic() - start)
                time.sleep(BREAK)

    @property
    def lost(self) -> int:
        """Requests without an answer."""
        return self.sent - len(self.times)

    def __str__(self) -> str:
        if len(self.times) < 2:
            return f"{self.name}: {self.sent} sent, {self.lost} lost"
        times = sorted(1000 * value for value in self.times)
        return (
            f"{self.name}: {self.sent} sent, {self.lost} lost, latency in ms: median "
            f"{statistics.median(times):.1f}, 99 % {times[int(0.99 * len(times))]:.1f}, "
            f"most {times[-1]:.1f}"
        )


def measure(what: str, patience: float = PATIENCE) -> list[Meter]:
    """Traffic between the innocent for a while."""
    one, two = BENCH.vfs[:2]
    pf = BENCH.pf
    pairs = [(one, two), (two, pf), (pf, one)]
    if BENCH.wire_port:
        pairs.append((BENCH.wire, two))
    meters = [Meter(*pair, patience) for pair in pairs]
    for meter in meters:
        meter.start()
    while any(meter.is_alive() for meter in meters):
        meters[0].join(PARDON)
        if BENCH.pf_driver.ours:
            pf.ip(f"link set {{dev}} vf {HOSTILE} state auto")
        for meter in meters[1:]:
            meter.join(0)
        if not meters[0].is_alive():
            for meter in meters:
                meter.join()
    for meter in meters:
        ksft_pr(f"{BENCH.drivers[0]}, {what}: {meter}")
    return meters


def rules(registers: Registers) -> list[object]:
    """What the innocent receive and send by."""
    found: list[object] = []
    for pool in (0, 1, PF_POOL):
        found.append([registers.read(register(pool)) for register in (regs.vmolr, regs.vmvir)])
        found.append((registers.addresses(pool), registers.vlans(pool)))
    return [*found, registers.read(regs.VFTE) & 0x83, registers.read(regs.DTXSWC)]


def under_attack(driver: str) -> None:
    """The innocent notice nothing."""
    BENCH.use(driver, "rigbvf", 3)
    BENCH.vfs[HOSTILE].detach()
    BENCH.vfs[HOSTILE].function.unbind()
    one, two = BENCH.vfs[:2]
    traffic.reach(one, two)
    traffic.reach(two, BENCH.pf)
    BENCH.dirty = True
    registers = Registers(BENCH.pf.function)
    calm = measure("calm")
    before = rules(registers)
    with Mailbox(BENCH.vfs[HOSTILE].function) as hostile:
        hostile.reset()
        with Attack(hostile, [BENCH.pf.mac, one.mac, two.mac]) as attack:
            attacked = measure("attacked", PATIENCE if PF_DRIVERS[driver].ours else LITTLE_PATIENCE)
        ksft_eq(attack.error, None)
        ksft_pr(f"attacks: {attack.counts}")
        ksft_gt(sum(attack.counts.values()), 0)
    for meter in calm:
        ksft_eq(meter.lost, 0, f"calm: {meter}")
    if not PF_DRIVERS[driver].ours:
        return
    for meter in attacked:
        ksft_eq(meter.lost, 0, f"attacked: {meter}")
    ksft_eq(rules(registers), before, "what the others are set up to be")
    stats = BENCH.pf.ethtool_stats()
    own = {key: value for key, value in stats.items() if key.startswith(f"vf{HOSTILE}_")}
    ksft_pr(f"{own}")
    ksft_gt(own[f"vf{HOSTILE}_mbx_offences"], 0)
    for vf in (0, 1):
        ksft_true(stats[f"vf{vf}_mbx_offences"] == 0, f"VF {vf} is blamed for another's offence")


def urgency() -> set[int]:
    """How nice the threads are that have just served a mailbox, or serve one. They have that in their
    names until they do something else. One more thread is there for want of memory."""
    found = set()
    for thread in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if re.match(r"kworker/u.*[+-]rigb_mailbox$", (thread / "comm").read_text().strip()):
                found.add(os.getpriority(os.PRIO_PROCESS, int(thread.name)))
    return found


def served_first(driver: str) -> None:
    """A mailbox is served before what else a busy host has to do."""
    BENCH.use(driver, "", 1)

    def served_by() -> set[int]:
        one.reset()
        return urgency()

    with Mailbox(BENCH.vfs[0].function) as one:
        ksft_eq(wait.register(served_by, "thread that serves"), {HIGHEST})


def main() -> None:
    """Attacks for each PF driver, and what is rigb's alone."""
    drivers = chosen("RIGB_PF_DRIVERS", "rigb igb")
    ksft_run([
        *(case(d, BENCH.case(under_attack), "under_attack", d) for d in drivers),
        *(case(d, BENCH.case(served_first), "served_first", d) for d in drivers if PF_DRIVERS[d].ours),
    ])
    finish(BENCH)


if __name__ == "__main__":
    main()
