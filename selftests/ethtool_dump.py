#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What ethtool shows of the card itself: registers (-d), EEPROM (-e), and the spreading of
flows over queues (-x), which it sets as well (-X).
"""

import ctypes
import fcntl
import re
import socket
import struct
import threading
from collections.abc import Callable

from rigbtest import regs, rss, traffic
from rigbtest.attack import in_quarantine, until_quarantined
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, ROOT, VF_DRIVERS, CommandError
from rigbtest.kselftest import KsftSkipEx, case, ksft_eq, ksft_ge, ksft_in, ksft_ne, ksft_raises
from rigbtest.kselftest import ksft_run, ksft_true
from rigbtest.mailbox import Mailbox
from rigbtest.port import IFNAMSIZ, SIOCETHTOOL, Port
from rigbtest.regs import Registers
from rigbtest.text import found

BENCH = Bench.find()

LAYOUT = ROOT / "Documentation/register-dump.rst"
LAYOUT_LINE = re.compile(r"^(\d+)\s+([A-Z][A-Z0-9_]*)(?:\s+(\d+))?$", re.M)
DUMP_LINE = re.compile(r"^0x[0-9a-f]+:?((?:\s+[0-9a-f]{2})+)\s*$", re.M)
STATUS_LINK = 1 << 1
QUEUE_ENABLE = 1 << 25
RING_BYTES = 16

ETHTOOL_GEEPROM = 0xB
# As much as the core reads at once, and the C drivers' number for writing.
PAGE = 4096
MAGIC = 0x10C98086

KEYS = [":".join(f"{byte * factor & 0xFF:02x}" for byte in range(rss.KEY_BYTES))
        for factor in (7, 11)]
# A function level reset, which a driver's probe causes, lets a VF out of quarantine a few times.
QUARANTINES = 20


def use(vfs: int = 0, vf_driver: str = "") -> Port:
    """Our PF driver, with VFs."""
    wanted = [PF_DRIVERS["rigb"], *([VF_DRIVERS[vf_driver]] if vf_driver else [])]
    if not all(driver.available() for driver in wanted):
        raise KsftSkipEx("not built: run make")
    BENCH.use("rigb", vf_driver, vfs)
    return BENCH.pf


# --- registers


def layout(section: str) -> dict[str, tuple[int, int]]:
    """The words of a dump by their register: the first, and how many; as documented."""
    text = LAYOUT.read_text(encoding="ascii").partition(f"\n{section}\n")[2].partition("\nThe ")[0]
    return {name: (int(first), int(count or 1)) for first, name, count in LAYOUT_LINE.findall(text)}


def dumped(text: str) -> bytes:
    """The bytes of a hexadecimal dump by ethtool."""
    return b"".join(bytes.fromhex(line) for line in DUMP_LINE.findall(text))


def registers(port: Port, section: str) -> dict[str, list[int]]:
    """All registers that `ethtool -d` shows, by name."""
    places = layout(section)
    data = dumped(port.ethtool("-d"))
    words = struct.unpack(f"<{len(data) // 4}I", data)
    ksft_eq(len(words), sum(count for _, count in places.values()), "words of the dump")
    return {name: list(words[first:first + count]) for name, (first, count) in places.items()}


def addresses(shown: dict[str, list[int]]) -> list[str]:
    """The receive addresses that are in force."""
    pairs = zip(shown["RAL"] + shown["RAL2"], shown["RAH"] + shown["RAH2"], strict=True)
    return [struct.pack("<IH", low, high & 0xFFFF).hex(":")
            for low, high in pairs if high & regs.RAH_VALID]


def check_pf(port: Port, running: list[int]) -> None:
    """A dump agrees with the card, and says that these receive queues run."""
    shown, card = registers(port, "PF"), Registers(port.function)
    ksft_in(port.mac, addresses(shown))
    ksft_eq(shown["VFRE"][0], card.read(regs.VFRE), "VFRE")
    ksft_eq(shown["DTXSWC"][0], card.read(regs.DTXSWC), "DTXSWC")
    ksft_eq(shown["VMOLR"], [card.read(regs.vmolr(pool)) for pool in range(8)], "VMOLR")
    ksft_eq(shown["VLVF"], [card.read(regs.vlvf(index)) for index in range(32)], "VLVF")
    enabled = [queue for queue, value in enumerate(shown["RXDCTL"]) if value & QUEUE_ENABLE]
    ksft_eq(enabled, running, "receive queues that run")
    if running:
        ksft_true(shown["STATUS"][0] & STATUS_LINK, "link")
        ksft_eq(shown["RDLEN"][running[0]] % RING_BYTES, 0)
        ksft_ne(shown["RDLEN"][running[0]], 0, "length of a ring")


def pf_registers() -> None:
    """The PF's registers: up, down, in pools, with a VF that has a driver."""
    port = use()
    check_pf(port, list(range(rss.queues(port)[1])))
    port.ip("link set {dev} down")
    check_pf(port, [])
    port.ip("link set {dev} up")
    port.wait_running()
    port = use(1, "rigbvf")
    check_pf(port, [0, 7])
    # Nothing of the dump has disturbed the mailbox, or the queues.
    traffic.reach(BENCH.wire, port, BENCH.vfs[0])
    BENCH.pf.ip("link set {dev} vf 0 trust on", "link set {dev} vf 0 trust off")
    BENCH.vfs[0].ip("link set {dev} mtu 1400", "link set {dev} mtu 1500")


def pf_registers_in_reset() -> None:
    """Dumps while the PF is reset in either way: each is whole, or refused."""
    port = use()
    words = sum(count for _, count in layout("PF").values())
    stop, sizes, refused = threading.Event(), set(), []

    def dump() -> None:
        while not stop.is_set():
            try:
                sizes.add(len(dumped(port.ethtool("-d"))))
            except CommandError as error:
                refused.append(str(error))

    thread = threading.Thread(target=dump)
    thread.start()
    try:
        for _ in range(3):
            port.function.reset()
            port.ethtool("-t", "offline", check=False)
    finally:
        stop.set()
        thread.join()
    ksft_eq(sizes, {4 * words})
    ksft_true(all("No such device" in text for text in refused), refused[:3])
    port.wait_running()
    check_pf(port, list(range(rss.queues(port)[1])))


def vf_registers() -> None:
    """The VF's registers, up and down."""
    use(1, "rigbvf")
    port = BENCH.vfs[0]
    shown = registers(port, "VF")
    ksft_true(shown["STATUS"][0] & STATUS_LINK, "link")
    ksft_true(shown["RXDCTL"][0] & QUEUE_ENABLE, "receive queue runs")
    ksft_ne(shown["RDLEN"][0], 0, "length of the ring")
    # Nothing of it has disturbed the mailbox.
    port.ip("link set {dev} mtu 1400", "link set {dev} mtu 1500", "link set {dev} down")
    shown = registers(port, "VF")
    ksft_true(not shown["RXDCTL"][0] & QUEUE_ENABLE, "receive queue is off")
    port.ip("link set {dev} up")
    port.wait_running()


def vf_registers_without_pf() -> None:
    """The VF's registers while no PF answers: it is shut out from before its driver came."""
    use(1)
    function = BENCH.pf.function.vf(0)
    VF_DRIVERS["rigbvf"].load()
    BENCH.dirty = True
    port = Port(function, "vf0", 10)
    running = stays = False
    shown: dict[str, list[int]] = {}
    for _ in range(QUARANTINES):
        function.unbind()
        with Mailbox(function) as vf:
            until_quarantined(vf, 0x77)
        function.bind("rigbvf")
        port.attach()
        running, shown = port.running(), registers(port, "VF")
        # It may be let out at any time: late by a busy PF, or when it has been in for a minute.
        if stays := in_quarantine(BENCH.pf, 0):
            break
    ksft_true(stays, "quarantine")
    ksft_true(not running, "no carrier without a PF")
    ksft_true(shown["STATUS"][0] & STATUS_LINK, "link of the port")
    ksft_true(not shown["RXDCTL"][0] & QUEUE_ENABLE, "receive queue is off")


# --- EEPROM


def geeprom(port: Port, offset: int, length: int) -> tuple[int, bytes]:
    """Magic number and bytes, as the kernel gives them; OSError if it does not."""
    head = struct.pack("=IIII", ETHTOOL_GEEPROM, 0, offset, length)
    value = ctypes.create_string_buffer(head, len(head) + length)
    request = struct.pack(f"{IFNAMSIZ}sN16x", port.name.encode(), ctypes.addressof(value))
    with port.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request)
    return struct.unpack_from("=I", value.raw, 4)[0], value.raw[len(head):]


def eeprom() -> None:
    """The EEPROM: the address in it, any part of it, nothing beyond; the same as by C igb."""
    BENCH.use("igb")
    theirs = dumped(BENCH.pf.ethtool("-e"))
    port = use()
    ours = dumped(port.ethtool("-e"))
    ksft_eq(len(ours), len(theirs), "size")
    ksft_true(ours == theirs, "the same bytes as by C igb")
    permanent = found(r"[0-9a-f:]{17}", port.ethtool("-P"))[0]
    ksft_eq(ours[:6].hex(":"), permanent)
    total = len(ours)
    for offset, length in ((0, 1), (1, 1), (1, 2), (5, 130), (127, 129), (total - 3, 3)):
        magic, got = geeprom(port, offset, length)
        ksft_eq(magic, MAGIC)
        ksft_true(got == ours[offset:offset + length], f"{length} bytes from {offset}")
    for offset, length in ((total, 1), (total - 1, 2), (0, total + 1), (0xFFFFFFFF, 1), (0, 0)):
        with ksft_raises(OSError):
            geeprom(port, offset, length)
    port.ip("link set {dev} down")
    ksft_true(dumped(port.ethtool("-e")) == ours, "while down")
    port.ip("link set {dev} up")
    port.wait_running()


# --- spreading of flows


def check_spread(port: Port, entries: list[int], pool: bool = False) -> None:
    """This is the table that ethtool and the card have, and by it flows go."""
    ksft_eq(rss.table(port), entries)
    # The two queues of a pool are told apart by bits 0 and 3.
    words = struct.pack("<32I", *registers(port, "PF")["RETA"])
    ksft_eq(list(words), [9 * entry if pool else entry for entry in entries], "RETA")
    got, due = rss.spread(BENCH.wire, port, pool=pool)
    ksft_ge(rss.NOISE, sum(got) - sum(due), f"{got} instead of {due}")


def even(queues: int) -> list[int]:
    """The default table."""
    return [index % queues for index in range(rss.ENTRIES)]


def rss_table() -> None:
    """The default table, and others; flows go where they say."""
    port = use()
    port.wait_running()
    most, now = rss.queues(port)
    check_spread(port, even(now))
    if now < 2:
        raise KsftSkipEx("one queue only")
    for arguments, entries in (
        (("equal", "1"), [0] * rss.ENTRIES),
        (("start", "1", "equal", "1"), [1] * rss.ENTRIES),
        (("equal", str(now)), even(now)),
        (("weight", "1", "3"), [0] * 32 + [1] * 96),
    ):
        port.ethtool("-X", *arguments)
        check_spread(port, entries)
    for wrong in (("equal", str(most + 1)), ("start", str(now), "equal", "1"), ("hfunc", "xor")):
        with ksft_raises(CommandError):
            port.ethtool("-X", *wrong)
    check_spread(port, [0] * 32 + [1] * 96)
    port.ethtool("-X", "default")
    check_spread(port, even(now))


def rss_key() -> None:
    """Another key: flows go by it, and it lives as long as the driver."""
    port = use()
    now = rss.queues(port)[1]
    for number, key in enumerate(KEYS):
        port.ethtool("-X", "hkey", key)
        ksft_eq(rss.key(port), key)
        check_spread(port, even(now))
        if number:
            port.ethtool("-t", "offline", check=False)
        else:
            port.ip("link set {dev} down", "link set {dev} up")
        port.wait_running()
        ksft_eq(rss.key(port), key)
        check_spread(port, even(now))
    port.ip("link set {dev} down")
    port.ethtool("-X", "hkey", KEYS[0])
    port.ip("link set {dev} up")
    port.wait_running()
    ksft_eq(rss.key(port), KEYS[0])
    check_spread(port, even(now))


def rss_survives() -> None:
    """The user's table stays over down and up, resets, and a change of channels."""
    port = use()
    most, now = rss.queues(port)
    if now < 2:
        raise KsftSkipEx("one queue only")
    mine = [0] * 64 + [1] * 64
    port.ethtool("-X", "weight", "1", "1")
    check_spread(port, mine)
    port.ip("link set {dev} down", "link set {dev} up")
    port.wait_running()
    check_spread(port, mine)
    port.ethtool("-t", "offline", check=False)
    port.wait_running()
    check_spread(port, mine)
    port.function.reset()
    port.wait_running()
    check_spread(port, mine)
    # The core refuses what would leave entries without their queue.
    with ksft_raises(CommandError):
        port.ethtool("-L", "combined", "1")
    for count in {2, most} - {now}:
        port.ethtool("-L", "combined", str(count))
        port.wait_running()
        check_spread(port, mine)
    # Set while down.
    port.ip("link set {dev} down")
    port.ethtool("-X", "start", "1", "equal", "1")
    port.ip("link set {dev} up")
    port.wait_running()
    check_spread(port, [1] * rss.ENTRIES)


def rss_default_follows() -> None:
    """The default table is that of the channels there are, in use or not."""
    port = use()
    most = rss.queues(port)[0]
    port.ethtool("-X", "default")
    for count in (1, most):
        if count != rss.queues(port)[1]:
            port.ethtool("-L", "combined", str(count))
        port.wait_running()
        check_spread(port, even(count))
    port.ip("link set {dev} down")
    if most > 1:
        port.ethtool("-L", "combined", "1")
        ksft_eq(rss.table(port), even(1), "while down")
        with ksft_raises(CommandError):
            port.ethtool("-X", "start", "1", "equal", "1")
        port.ethtool("-L", "combined", str(most))
    port.ip("link set {dev} up")
    port.wait_running()
    check_spread(port, even(most))


def rss_in_pools() -> None:
    """With VFs the PF may have two queues: entries go there, and are back when the VFs are gone.

    It has one until it is asked for two, and remembers that.
    """
    port = use()
    most, _ = rss.queues(port)
    if most < 2:
        raise KsftSkipEx("one queue only")
    port.ethtool("-L", "combined", str(most), check=False)
    port.wait_running()
    BENCH.start_vfs(2)
    port.wait_running()
    ksft_eq(rss.queues(port)[1], 1)
    port.ethtool("-L", "combined", "2")
    BENCH.stop_vfs()
    port.wait_running()
    ksft_eq(rss.queues(port)[1], most)
    for arguments, entries in (
        (("default",), even(most)),
        (("start", str(most - 1), "equal", "1"), [most - 1] * rss.ENTRIES),
        (("equal", str(most)), even(most)),
    ):
        port.ethtool("-X", *arguments)
        check_spread(port, entries)
        BENCH.start_vfs(2)
        port.wait_running()
        ksft_eq(rss.queues(port)[1], 2)
        check_spread(port, [entry % 2 for entry in entries], pool=True)
        BENCH.stop_vfs()
        port.wait_running()
        check_spread(port, entries)
    BENCH.start_vfs(2)
    port.ethtool("-X", "start", "1", "equal", "1")
    check_spread(port, [1] * rss.ENTRIES, pool=True)
    with ksft_raises(CommandError):
        port.ethtool("-X", "equal", "3")
    BENCH.stop_vfs()
    port.wait_running()
    check_spread(port, [1] * rss.ENTRIES)


def rss_fields() -> None:
    """What is hashed, the same as by C igb."""
    kinds = ("tcp4", "udp4", "sctp4", "ah4", "esp4", "tcp6", "udp6", "sctp6", "ah6", "esp6")
    BENCH.use("igb")
    theirs = [BENCH.pf.ethtool("-n", "rx-flow-hash", kind) for kind in kinds]
    port = use()
    for kind, wanted in zip(kinds, theirs, strict=True):
        ksft_eq(port.ethtool("-n", "rx-flow-hash", kind), wanted, kind)
    with ksft_raises(CommandError):
        port.ethtool("-n", "rx-flow-hash", "ether")


CASES = (
    pf_registers, pf_registers_in_reset, vf_registers, vf_registers_without_pf, eeprom,
    rss_fields, rss_table, rss_key, rss_survives, rss_default_follows, rss_in_pools,
)


def main() -> None:
    """All cases, each with a port whose table and key are new."""

    def alone(function: Callable[[], None]) -> Callable[[], None]:
        def run_it() -> None:
            BENCH.dirty = BENCH.dirty or function.__name__.startswith("rss")
            function()

        run_it.__name__ = function.__name__
        return run_it

    ksft_run([case(f.__name__, BENCH.case(alone(f)), "rigb") for f in CASES])
    finish(BENCH)


if __name__ == "__main__":
    main()
