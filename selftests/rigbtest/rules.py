# SPDX-License-Identifier: GPL-2.0
"""Rules of the silicon that QEMU's model does not mind: cases of control_plane.py.

What can be seen of them is what is written to the card, in its order.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from . import flr, regs, wait
from .attack import until_quarantined
from .bench import Bench
from .calls import Calls
from .kselftest import KsftSkipEx, ksft_eq, ksft_in, ksft_not_in, ksft_pr, ksft_true
from .mailbox import Mailbox
from .mmio import WriteTrace
from .regs import Registers
from .text import found

RATE = 250
POOL_QUEUES = 8
RATE_ENABLE = 1 << 31
CTRL = 0x0000
CTRL_RST = 1 << 26
CTRL_EXT = 0x0018
DRV_LOAD = 1 << 28
RCTL = 0x0100
RCTL_RXEN = 1 << 1
TCTL = 0x0400
MBVFIMR = 0x0C84
EIAC, EIAM = 0x152C, 0x1530
MRQC = 0x5818
WUC = 0x5800
IOVCTL = 0x5BBC
# Direct cache access of the second queue of VF 0, ring address of the PF's first queue beside VFs.
DCA_TXCTRL_8, TDBAL_7 = 0xE014 + 0x40 * 8, 0xE000 + 0x40 * 7
# Words of the NVM that say how the host is woken: of each port, and of both.
WAKE_UP, WAKE_UP_BOTH = (0x24, 0x14), 0x0F
# Device Control 2 of the PCIe capability: 16 to 55 ms for an answer.
DEVCTL2, TIMEOUT_FIELD, TIMEOUT = 0x28, 0xF, 0x5
SLOWEST = 1000 << 14


@contextmanager
def traced(bench: Bench) -> Iterator[WriteTrace]:
    """What is written to the PF, whose driver is to be bound within."""
    if not WriteTrace.available():
        raise KsftSkipEx("this kernel has no mmiotrace")
    bench.down()
    with WriteTrace(bench.pf.function) as trace:
        yield trace
    bench.dirty = True


def rate_registers(bench: Bench) -> None:
    """A rate limit is a factor of the link's speed, on both transmit queues of the VF.

    QEMU has no such registers, so the writes are traced on their way to it.
    """
    with traced(bench) as trace:
        bench.use("rigb", "", 2)
        for vf, rate in ((0, RATE), (1, 3), (0, 1000), (1, 0)):
            trace.clear()
            bench.pf.ip(f"link set {{dev}} vf {vf} max_tx_rate {rate}")
            chosen, limits = None, {}
            for register, value in trace.writes():
                if register == regs.RTTDQSEL:
                    chosen = value
                elif register == regs.RTTBCNRC:
                    limits[chosen] = value
            first = RATE_ENABLE | -(-1000 * 16384 // rate) if 0 < rate < 1000 else 0
            second = RATE_ENABLE | SLOWEST if first else 0
            ksft_pr(f"VF {vf}, {rate} Mbit/s: {limits}")
            ksft_eq(limits, {vf: first, vf + POOL_QUEUES: second})
        bench.pf.ip(f"link set {{dev}} vf 0 max_tx_rate {RATE}")
        trace.clear()
        bench.pf.ethtool("-t", "offline", check=False)
        bench.pf.wait_running()
        values = [value for register, value in trace.writes() if register == regs.RTTBCNRC]
        ksft_in(RATE_ENABLE | 1000 * 16384 // RATE, values, "after a reset of the PF")


def silicon_rules(bench: Bench) -> None:
    """What the card demands of the order of writes, where QEMU's does not."""
    with traced(bench) as trace:
        bench.use("rigb")
        trace.clear()
        bench.start_vfs(2)
        bench.pf.wait_running()
        writes = trace.writes()
        # How queues are chosen changes while the receive engine stands still, and not otherwise.
        running = True
        for register, value in writes:
            if register == RCTL:
                running = bool(value & RCTL_RXEN)
            elif register == MRQC:
                ksft_true(not running, f"MRQC {value:#x} while the receive engine runs")
        ksft_true(running, "the receive engine runs again")
        order = [register for register, _ in writes]
        ksft_true(order.index(DCA_TXCTRL_8) < order.index(TDBAL_7),
                  "a VF's queue is emptied before the PF's begins anew")
        # A vector of the PF masks itself; its bits end below those of VFs.
        masks = [value for register, value in writes if register in (EIAC, EIAM)]
        ksft_eq(set(masks), {0b11}, "one queue pair, and the other vector")
        trace.clear()
        bench.stop_vfs()
        bench.pf.wait_running()
        order = [register for register, _ in trace.writes()]
        ksft_in(IOVCTL, order, "the queues of VFs are taken back")
        used = [i for i, register in enumerate(order) if register in range(0xC000, 0x10000)]
        ksft_true(order.index(IOVCTL) < used[-1], "before they are used")
        # QEMU's VFs are reset as they go, upon which their queues are emptied as well.
        ksft_in(DCA_TXCTRL_8, order[order.index(IOVCTL):], "a VF's queue is emptied when it is gone")
        wake_up = nvm_wake_up(bench)
        trace.clear()
        bench.pf.function.unbind()
        writes = trace.writes()
        values = [value for register, value in writes if register == CTRL_EXT]
        ksft_true(values and not values[-1] & DRV_LOAD, "firmware hears that the driver leaves")
        values = [value for register, value in writes if register == WUC]
        ksft_eq(values[-1:], [wake_up], "the host is woken as the NVM says")


def nvm_wake_up(bench: Bench) -> int:
    """WUC as the NVM of a card has it."""
    port = int(bench.pf.function.address[-1]) & 1

    def word(place: int) -> int:
        text = bench.pf.ethtool("-e", "offset", str(2 * place), "length", "2")
        return int.from_bytes(bytes.fromhex(found(r":\s+([0-9a-f]{2} [0-9a-f]{2})", text)[1]), "little")

    return (word(WAKE_UP[port]) >> 10 & 1) | (word(WAKE_UP_BOTH) >> 15) << 3


def answer_time(bench: Bench) -> None:
    """A card whose time for answers on PCIe is in the configuration space gets more of it."""
    if not Calls.available():
        raise KsftSkipEx("this kernel has no kprobes")
    bench.down()
    with Calls("pcie_capability_clear_and_set_word_unlocked") as calls:
        bench.use("rigb")
        ours = [call.arguments[1:] for call in calls.seen()]
    ksft_in((DEVCTL2, TIMEOUT_FIELD, TIMEOUT), ours)


def quiet_in_reset(bench: Bench) -> None:
    """What the administrator says of a VF while the PF is reset is written when that is over."""
    with traced(bench) as trace:
        bench.use("rigb", "", 1)
        pf = bench.pf
        with Mailbox(bench.vfs[0].function) as vf:
            vf.reset()
            until_quarantined(vf, 0x77)
        trace.clear()
        with flr.held(pf.function):
            # Lets the VF out.
            pf.ip("link set {dev} vf 0 state auto")
        pf.wait_running()
        writes = trace.writes()
        order = [register for register, _ in writes]
        begin = order.index(TCTL)
        end = writes.index(next(w for w in writes[begin:] if w[0] == CTRL and w[1] & CTRL_RST), begin)
        ksft_not_in(MBVFIMR, order[begin:end], "the mailboxes' mask, while the PF is reset")
        masks = [value for register, value in writes[end:] if register == MBVFIMR]
        ksft_true(masks and masks[-1] & 1, "the VF is heard when it is over")


def misconduct_is_read_at_once(bench: Bench) -> None:
    """The handler reads what the card saw VFs do, in its order; before that, nothing is old."""
    look = [("R", regs.LVMMC), ("R", regs.WVBR)]
    with traced(bench) as trace:
        bench.use("rigb")
        seen = [access for access in trace.accesses() if access[1] in (
            regs.LVMMC, regs.WVBR, regs.ICR, regs.IMS)]
        armed = next(i for i, (kind, register, value) in enumerate(seen)
                     if (kind, register) == ("W", regs.IMS) and value & regs.MDDET)
        before = [access[:2] for access in seen[:armed]]
        ksft_eq(before[-3:], [*look, ("R", regs.ICR)], "drained before it is armed")
        trace.clear()
        bench.start_vfs(2)
        order = trace.writes()
        protected = next(i for i, (register, value) in enumerate(order)
                         if register == regs.DTXCTL and value & regs.DTXCTL_MDP_EN)
        ksft_in(regs.VFTE, [register for register, _ in order[protected:]], "before pools open")
        trace.clear()
        Registers(bench.pf.function).write(regs.ICS, regs.MDDET)

        def reads() -> list[tuple[str, int]]:
            wanted = (regs.ICR, regs.LVMMC, regs.WVBR)
            return [(kind, register) for kind, register, _ in trace.accesses()
                    if kind == "R" and register in wanted]

        wait.until(lambda: ("R", regs.WVBR) in reads(), "the handler")
        first = reads().index(look[0])
        ksft_eq(reads()[first - 1:first + 2], [("R", regs.ICR), *look])


CASES = [
    rate_registers, silicon_rules, quiet_in_reset, answer_time, misconduct_is_read_at_once,
]
