# SPDX-License-Identifier: GPL-2.0
"""A hostile VF that does not stop: scripted attacks and random words on its mailbox."""

import random
import threading
import time
from collections.abc import Callable
from typing import Self

from . import mailbox as mb
from .kmsg import KernelLog
from .mailbox import Mailbox
from .port import Port

# Between two accesses: the attacker is to load the PF, not to take the machine from the victims.
PAUSE = 0.0005
ROUND = 50
# More than any guest in good order sends, and than rigb bears at once. The PF of a slow machine may see
# less than it forgives meanwhile: after so many, all follow each other without a pause.
BAD_MESSAGES = 2000
RING_PAUSE = 0.002
# Seconds for a VF to be shut out, at the most.
LIMIT = 300.0


def ring(vf: Mailbox, *words: int) -> None:
    """Sends without waiting for an answer."""
    for number, word in enumerate(words):
        vf.write(mb.VMBMEM + 4 * number, word)
    vf.write(mb.V2PMAILBOX, mb.REQ)


def repeat_until_quarantined(deed: Callable[[], None], pauses: int = BAD_MESSAGES) -> int:
    """Repeats what rings until its VF is shut out, or longer than that can take; how often.

    The first `pauses` times there is a pause after it: as fast as the PF may be asked.
    """
    end = time.monotonic() + LIMIT
    count = 0
    with KernelLog() as log:
        while time.monotonic() < end:
            deed()
            if count < pauses:
                time.sleep(RING_PAUSE)
            if count % 50 == 0 and any("is quarantined" in line for line in log.lines()):
                break
            count += 1
    return count


def in_quarantine(pf: Port, vf: int) -> bool:
    """Whether a PF has shut a VF out."""
    return str(pf.link()["vfinfo_list"][vf]["link_state"]) == "disable"


def until_quarantined(vf: Mailbox, *words: int) -> int:
    """Repeats a message until the VF is shut out, or longer than that can take; how often."""
    return repeat_until_quarantined(lambda: ring(vf, *words))


class Attack:
    """Attacks while it is used with `with`, from a thread; `counts` says how often by what."""

    def __init__(self, vf: Mailbox, victims: list[str], seed: int = 82576):
        self.counts: dict[str, int] = {}
        self.error: Exception | None = None
        self._vf = vf
        self._victims = victims
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._vf.write(mb.V2PMAILBOX, 0)

    def _run(self) -> None:
        means: list[Callable[[], None]] = [
            self.bad_messages, self.resets, self.register_resets, self.theft, self.vlans,
            self.held_buffer, self.bells, self.frame_sizes, self.multicast, self.noise,
        ]
        try:
            while not self._stop.is_set():
                mean = self._chance.choice(means)
                for _ in range(ROUND):
                    mean()
                    time.sleep(PAUSE)
                self.counts[mean.__name__] = self.counts.get(mean.__name__, 0) + ROUND
        except Exception as error:  # noqa: BLE001 (for who ends the attack)
            self.error = error

    def _ring(self, *words: int, bell: int = mb.REQ) -> None:
        for number, word in enumerate(words):
            self._vf.write(mb.VMBMEM + 4 * number, word & 0xFFFFFFFF)
        self._vf.write(mb.V2PMAILBOX, bell)

    def bad_messages(self) -> None:
        """A type that does not exist."""
        self._ring(self._chance.choice((0, 0x77, 0xFF, 0x7F)), self._chance.getrandbits(32))

    def resets(self) -> None:
        """RESET without end."""
        self._ring(mb.RESET)

    def register_resets(self) -> None:
        """The VF's reset bit."""
        self._vf.write(mb.VTCTRL, mb.CTRL_RST)

    def theft(self) -> None:
        """The addresses of others, as its own or in addition."""
        mac = self._chance.choice(self._victims)
        self._ring(self._chance.choice((mb.SET_MAC, mb.ADD_FILTER)), *mb.mac_words(mac))

    def vlans(self) -> None:
        """Every VLAN, joined and left, of others as well."""
        vid = self._chance.randrange(1 << 13)
        self._ring(self._chance.choice((mb.JOIN_VLAN, mb.SET_VLAN)), vid)

    def held_buffer(self) -> None:
        """A doorbell with a buffer that is not let go."""
        self._ring(mb.SET_LPE, 1518, bell=mb.REQ | mb.VFU)

    def bells(self) -> None:
        """Doorbells over what is there."""
        self._vf.write(mb.V2PMAILBOX, self._chance.choice((mb.REQ, mb.ACK, mb.REQ | mb.ACK)))

    def frame_sizes(self) -> None:
        """Frame sizes with other bits of the register."""
        self._ring(mb.SET_LPE, self._chance.getrandbits(32))

    def multicast(self) -> None:
        """Lists of any length, promiscuous modes."""
        words = [self._chance.getrandbits(32) for _ in range(15)]
        opcode = self._chance.choice((mb.SET_MULTICAST, mb.SET_PROMISC))
        self._ring(opcode | self._chance.getrandbits(8) << 16, *words)

    def noise(self) -> None:
        """Random words."""
        self._ring(*[self._chance.getrandbits(32) for _ in range(self._chance.randrange(1, 16))])
