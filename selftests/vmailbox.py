#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The virtual mailbox, used through VFIO as a VMM and its guest do.

$RIGB_ACCESSES is how many random accesses a hostile guest makes; the rate at which they went and
the latencies of others are printed, and judged by nobody.
"""

import ctypes
import errno
import fcntl
import itertools
import mmap
import os
import random
import signal
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rigbtest import kselftest, traffic, vfio, wait
from rigbtest import mailbox as mb
from rigbtest.attack import until_quarantined
from rigbtest.bench import Bench, finish
from rigbtest.driver import PF_DRIVERS, VF_DRIVERS, CommandError, Driver
from rigbtest.kmsg import KernelLog
from rigbtest.kselftest import case, ksft_eq, ksft_ge, ksft_in, ksft_lt, ksft_ne, ksft_pr
from rigbtest.kselftest import ksft_raises, ksft_run, ksft_true
from rigbtest.mailbox import Mailbox
from rigbtest.vfio import VfioMailbox

BENCH = Bench.find()
HAMMER = Path(os.environ.get("RIGB_HAMMER") or Path(__file__).parents[1] / "build/hammer")

ACCESSES = int(os.environ.get("RIGB_ACCESSES", "200000"))
FOREVER = 1 << 40
ROUNDS = 200
PAGE = 0x1000
MAC = "02:82:57:76:00:01"
STATUS_FD, STATUS_LU, STATUS_SPEED = 1 << 0, 1 << 1, 3 << 6
LINK = STATUS_FD | STATUS_LU | STATUS_SPEED
MAILBOX_VECTOR = 2
# More than a VF can leave quarantine by resets of its own without a pause.
TENANTS = 6
OPENS = 20
# Seconds after which the driver may write one more line.
LINE_INTERVAL = 5
SHUT_OUT = "it is in quarantine"
# What of the page is there, by the table in Documentation/virtual-mailbox.rst.
COUNTERS = (0xF10, 0xF14, 0xF18, 0xF34, 0xF3C, 0xF40, 0xF44, 0xF48, 0xF50)
PRESENT = {0x0, 0x4, 0x8, mb.V2PMAILBOX, 0xF0C, *COUNTERS, *range(0x800, 0x840, 4)}


def prepare(vfs: int = 2) -> None:
    """New VFs, given to rigb_vfio."""
    vfio.load()
    BENCH.use("rigb", "", vfs)
    BENCH.stop_vfs()
    BENCH.start_vfs(vfs)
    for port in BENCH.vfs:
        port.function.bind(vfio.DRIVER.name)


def opened(vf: int = 0) -> VfioMailbox:
    """An open VF, as a VMM that has started no guest yet."""
    return VfioMailbox(BENCH.vfs[vf].function)


def stats(vf: int) -> dict[str, int]:
    """The counters of a VF in `ethtool -S`."""
    head = f"vf{vf}_"
    found = BENCH.pf.ethtool_stats()
    return {name[len(head):]: value for name, value in found.items() if name.startswith(head)}


def words(vf: int) -> str:
    """The VF's file in debugfs."""
    folder = Path("/sys/kernel/debug", f"rigb-{BENCH.pf.function.address}")
    return (folder / f"vf{vf}").read_text()


def hammer(box: VfioMailbox, how: str, count: int, *more: int) -> subprocess.Popen[str]:
    """Starts the hostile program on an open device."""
    command = [HAMMER, how, box.device, box.bar.offset, count, *more]
    process = subprocess.Popen([str(word) for word in command], pass_fds=[box.device],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout
    ksft_eq(process.stdout.readline(), "begins\n")
    return process


def ended(process: subprocess.Popen[str], what: str) -> tuple[int, int]:
    """Waits for it; accesses and failures. Prints the rate."""
    out, _ = process.communicate()
    ksft_eq(process.returncode, 0, what)
    done, failed, nanos = (int(word) for word in out.split())
    ksft_pr(f"{what}: {done} accesses, {failed} failed, {done * 1e9 / nanos:.0f} a second")
    return done, failed


def wait_function_reset(before: int) -> None:
    """Waits until the PF has counted a reset of VF 0 more than `before`."""
    wait.register(lambda: stats(0)["function_resets"] > before, "reset at the PF")


def wait_fired(box: VfioMailbox, vector: int) -> None:
    """Waits until a vector has fired, and leaves its count."""
    wait.register(lambda: vfio.readable(box.events[vector]), "interrupt")


# --- the registers


def short_access(box: VfioMailbox, register: int) -> int:
    """Writes 64 bytes, of which only the first four are in memory; returns how many were taken."""
    libc = ctypes.CDLL(None, use_errno=True)
    length = 2 * mmap.PAGESIZE
    memory = mmap.mmap(-1, length)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    end = start + mmap.PAGESIZE
    libc.mprotect(ctypes.c_void_p(end), mmap.PAGESIZE, 0)
    memory[mmap.PAGESIZE - 4:mmap.PAGESIZE] = b"Z" * 4
    offset = ctypes.c_longlong(box.bar.offset + register)
    done: int = libc.pwrite(box.device, ctypes.c_void_p(end - 4), ctypes.c_size_t(64), offset)
    libc.mprotect(ctypes.c_void_p(end), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE)
    return done


def registers() -> None:
    """Every register of the page, in every width."""
    prepare()
    with opened() as box:
        ksft_in("mailbox: virtual", words(0))
        before = stats(0)
        for offset in range(0, PAGE, 4):
            box.read(offset)
        after = stats(0)
        ksft_eq(after["mbx_traps"] - before["mbx_traps"], PAGE // 4)
        refused = after["mbx_traps_refused"] - before["mbx_traps_refused"]
        ksft_eq(refused, PAGE // 4 - len(PRESENT))
        for word in range(mb.WORDS):
            box.write(mb.VMBMEM + 4 * word, 0x01010101 * word)
        data = box.read_bytes(mb.VMBMEM, 4 * mb.WORDS)
        ksft_eq(data, b"".join(bytes([n] * 4) for n in range(mb.WORDS)), "one access of 64 bytes")
        ksft_eq(box.write_bytes(mb.VMBMEM + 1, b"abc"), 3)
        ksft_eq(box.read_bytes(mb.VMBMEM, 5), b"\0abc\1", "bytes")
        for offset in (0x0, 0x4, 0xC, 0x100, 0x83C + 4, 0xC44, 0xF04, 0xFFC):
            box.write(offset, 0xFFFFFFFF & ~mb.CTRL_RST)
            ksft_eq(box.read(offset), 0, f"{offset:#x}")
        ksft_eq(short_access(box, mb.VMBMEM + 8), 4, "bytes from a buffer that ends")
        ksft_eq(box.read(mb.VMBMEM + 8), 0x5A5A5A5A, "of which those that are there were written")
        across = box.read_bytes(PAGE - 8, 16)
        ksft_eq((len(across), across[:8]), (16, bytes(8)), "an access across the end of the page")
        for counter in COUNTERS:
            box.write(counter, 0x12345678)
            ksft_ne(box.read(counter), 0x12345678, f"{counter:#x} is the card's")


def ownership() -> None:
    """V2PMAILBOX as the card has it: what sticks, what reading clears."""
    prepare()
    with opened() as box:
        box.reset()
        box.write(mb.V2PMAILBOX, mb.VFU)
        ksft_eq(box.read(mb.V2PMAILBOX) & (mb.VFU | mb.PFU), mb.VFU)
        box.write(mb.V2PMAILBOX, 0)
        ksft_eq(box.read(mb.V2PMAILBOX) & (mb.VFU | mb.PFU), 0)
        box.post(mb.SET_LPE, 1518)
        bits = 0

        def replied() -> bool:
            nonlocal bits
            bits |= box.read(mb.V2PMAILBOX)
            return bool(bits & mb.PFSTS)

        wait.register(replied, "reply")
        ksft_eq(bits & (mb.PFSTS | mb.PFACK), mb.PFSTS | mb.PFACK)
        ksft_eq(box.read(mb.V2PMAILBOX) & mb.READ_TO_CLEAR, 0, "cleared by reading")
        ksft_eq(box.read(mb.VMBMEM) & 0xFFFF, mb.SET_LPE)


def mappings() -> None:
    """All but the first page can be mapped; nothing else reaches the device past the emulation."""
    prepare()
    with opened() as box:
        ksft_true(box.bar.flags & vfio.FLAG_MMAP)
        ksft_eq(box.bar.sparse, [(PAGE, box.bar.size - PAGE)])
        for offset, length in ((0, PAGE), (0, box.bar.size), (0, 2 * PAGE)):
            with ksft_raises(OSError) as raised:
                box.map(offset, length)
            ksft_eq(raised.exception.errno, errno.EINVAL)
        with box.map(PAGE, box.bar.size - PAGE) as mapped:
            box.route(1)
            ksft_eq(mapped[vfio.VTIVAR_MISC - PAGE] & 0x83, 0x81)
        before = stats(0)["mbx_traps"]
        with box.map(PAGE, PAGE) as mapped:
            for _ in range(1000):
                _ = mapped[0x580]
        ksft_eq(stats(0)["mbx_traps"], before, "accesses that were trapped meanwhile")
        # An eventfd that writes a register is refused for the whole device.
        event = os.eventfd(0)
        head = struct.pack("=IIQQii", 32, 4, box.bar.offset + mb.V2PMAILBOX, 1, event, 0)
        with ksft_raises(OSError) as raised:
            fcntl.ioctl(box.device, vfio.IOEVENTFD, head)
        ksft_eq(raised.exception.errno, errno.ENOTTY)
        os.close(event)


# --- with the PF


def handshake() -> None:
    """The conversation of a driver with its PF."""
    prepare()
    with opened() as box:
        default = box.reset()
        ksft_ne(default, "")
        ksft_true(box.granted(mb.SET_MAC, *mb.mac_words(MAC)))
        ksft_eq(BENCH.pf.link()["vfinfo_list"][0]["address"], MAC)
        ksft_true(box.granted(mb.JOIN_VLAN, 57))
        ksft_in("VLAN: 57", words(0))
        ksft_true(not box.granted(0x77), "an unknown request")
        count = stats(0)
        ksft_eq(count["mbx_virtual"], 1)
        ksft_ge(count["mbx_rings"], 2 * count["mbx_requests"] - 1)
        ksft_ge(count["mbx_requests"], 4)
    ksft_in("mailbox: the card's", words(0))
    ksft_true("VLAN: 57" not in words(0), "the next tenant inherits nothing")


def notices() -> None:
    """Link down and up: by interrupt, on the vector that the guest chose and on no other."""
    prepare()
    with opened() as box:
        box.listen()
        box.route(MAILBOX_VECTOR)
        box.reset()
        box.fired(MAILBOX_VECTOR)
        wait.register(lambda: box.read(0x8) & STATUS_LU, "link in STATUS")
        ksft_eq(box.read(0x8) & LINK, STATUS_FD | STATUS_LU | 2 << 6)
        for state, link in (("disable", 0), ("auto", STATUS_LU)):
            BENCH.pf.ip(f"link set {{dev}} vf 0 state {state}")
            ksft_ge(box.fired(MAILBOX_VECTOR, wait.LIMIT), 1, f"interrupts for {state}")
            ksft_ne(box.answer(), None, f"message for {state}")
            ksft_eq(box.read(0x8) & STATUS_LU, link, f"STATUS for {state}")
        ksft_eq([box.fired(vector) for vector in (0, 1)], [0, 0])
        ksft_ge(stats(0)["mbx_interrupts"], 2)
        # Other vectors, and none: the message comes all the same.
        states = itertools.cycle(("enable", "auto"))
        for vector in (0, 1, None):
            # A message that was acknowledged late may have been rung for twice.
            for old in range(vfio.VECTORS):
                box.fired(old)
            box.route(vector)
            BENCH.pf.ip(f"link set {{dev}} vf 0 state {next(states)}")
            ksft_ne(box.answer(), None, f"message with vector {vector}")
            # The PF signals before it lets go of its lock, and after it the message is seen.
            if vector is not None:
                wait_fired(box, vector)
            seen = [bool(box.fired(other)) for other in range(vfio.VECTORS)]
            ksft_eq(seen, [other == vector for other in range(vfio.VECTORS)], f"vector {vector}")
        box.route(MAILBOX_VECTOR)
        box.silence()
        BENCH.pf.ip(f"link set {{dev}} vf 0 state {next(states)}")
        ksft_ne(box.answer(), None)
        ksft_eq(box.fired(MAILBOX_VECTOR), 0, "vectors that were taken back")


def pf_reset() -> None:
    """The reset of the PF shows in V2PMAILBOX, and the VF starts again."""
    prepare()
    with opened() as box:
        box.listen()
        box.route(MAILBOX_VECTOR)
        box.reset()
        box.write(mb.VMBMEM + 60, 0x1234)
        box.fired(MAILBOX_VECTOR)
        BENCH.pf.ethtool("-t", "offline", check=False)
        # Nothing else rings: the PF's notice goes to the vector that the card forgot.
        ksft_ge(box.fired(MAILBOX_VECTOR, wait.LIMIT), 1, "interrupts with RSTD")
        ksft_true(box.take(mb.RSTD), "RSTD")
        ksft_eq(box.read(mb.VMBMEM + 60), 0, "the buffer")
        # The card forgot which vector was the mailbox's: a driver sets it again.
        BENCH.pf.wait_running()
        ksft_ne(box.reset(), "")
        ksft_true(box.granted(mb.SET_LPE, 1518))


def new_tenant() -> None:
    """Quarantine ends with the tenant, however often the one before had left it by resets."""
    prepare()
    for number in range(TENANTS):
        with opened(0) as box:
            ksft_ne(box.reset(), "", f"tenant {number}")
            ksft_true(box.granted(mb.SET_LPE, 1518))
            ksft_eq(box.read(mb.VMBMEM + 60), 0, "a word of the tenant before")
            box.write(mb.VMBMEM + 60, 0x1234)
            until_quarantined(box, 0x77)
            ksft_in(SHUT_OUT, words(0))


def log_of_opens() -> None:
    """A VMM that opens and closes the device without end does not fill the log."""
    prepare()
    begin = time.monotonic()
    with KernelLog() as log:
        for _ in range(OPENS):
            with opened(0):
                pass
        # Not rigb_vfio's: where the kernel has Rust's debug assertions, it shows each step of that.
        lines = [line for line in log.lines() if "VF 0 has" in line]
    ksft_ge(len(lines), 1, "lines")
    # Time only allows more of the two lines that each would make: nothing fails for it.
    seconds = time.monotonic() - begin
    ksft_pr(f"{OPENS} times opened: {len(lines)} lines in {seconds:.0f} s")
    ksft_lt(len(lines), OPENS + seconds / LINE_INTERVAL)


def vf_resets() -> None:
    """The VF's own reset, and that by the VMM: both reach the PF and clear the mailbox."""
    prepare()
    with opened() as box:
        resets: dict[str, Callable[[], None]] = {
            "CTRL": lambda: box.write(mb.VTCTRL, mb.CTRL_RST), "VFIO": box.function_reset,
        }
        for name, reset in resets.items():
            box.reset()
            ksft_true(box.granted(mb.JOIN_VLAN, 57))
            box.lock()
            box.write(mb.VMBMEM, 0xABCD)
            before = stats(0)["function_resets"]
            reset()
            wait_function_reset(before)
            ksft_eq(box.read(mb.VMBMEM), 0, name)
            ksft_eq(box.read(mb.V2PMAILBOX) & mb.VFU, 0, name)
            ksft_true("VLAN: 57" not in words(0), name)
        ksft_ne(box.reset(), "")


# --- enemies


def random_accesses() -> None:
    """Random accesses of any width; afterwards a guest in good order is served."""
    prepare()
    BENCH.pf.ip("link set {dev} vf 0 trust on")
    with opened(0) as box, opened(1) as other:
        other.reset()
        seed = random.randrange(1 << 32)
        process = hammer(box, "random", ACCESSES, seed)
        _, failed = ended(process, f"random accesses, seed {seed}")
        ksft_eq(failed, 0, "failed accesses")
        ksft_ge(stats(0)["mbx_traps"], ACCESSES // 2)
        ksft_true(other.granted(mb.SET_LPE, 1518), "another VF is served")
    # The next tenant begins with a function level reset, which ends a quarantine too.
    with opened(0) as box:
        ksft_ne(box.reset(), "", "a new tenant is served")
        ksft_true(box.granted(mb.SET_LPE, 1518))


def round_trips(box: Mailbox, *words: int) -> list[float]:
    """Seconds from the doorbell to the answer of a request that is granted, many times."""
    found = []
    for _ in range(ROUNDS):
        box.lock()
        for bit in (mb.PFSTS, mb.PFACK):
            box.take(bit)
        for number, word in enumerate(words):
            box.write(mb.VMBMEM + 4 * number, word)
        start = time.monotonic()
        box.write(mb.V2PMAILBOX, mb.REQ)
        # Without a pause, as that would be the time measured.
        while not box.take(mb.PFSTS):
            if time.monotonic() - start > wait.LIMIT:
                raise wait.Timeout(f"no answer for {box.function.address}")
        found.append(time.monotonic() - start)
        box.lock()
        ksft_true(box.read(mb.VMBMEM) & mb.MSG_ACK, "granted")
        box.write(mb.V2PMAILBOX, mb.ACK)
    return found


def show(what: str, seconds: list[float]) -> None:
    """Prints figures of a list of times."""
    micros = sorted(1e6 * value for value in seconds)
    ksft_pr(f"{what}: median {statistics.median(micros):.0f} us, worst {micros[-1]:.0f} us")


def storm() -> None:
    """One VF rings without end; another one is served meanwhile."""
    prepare()
    with opened(0) as box, opened(1) as other:
        box.reset()
        other.reset()
        show("requests in peace", round_trips(other, mb.SET_LPE, 1518))
        for how in ("ring", "reset"):
            process = hammer(box, how, FOREVER)
            show(f"requests in a storm of {how}s", round_trips(other, mb.SET_LPE, 1518))
            wait.register(lambda: stats(0)["mbx_rings"] >= 10 * ROUNDS, "storm")
            process.terminate()
            ended(process, f"storm of {how}s")
        # Both that there was one, and that the PF did not look as often.
        count = stats(0)
        ksft_lt(count["mbx_requests"], count["mbx_rings"])


def kill_in_the_middle() -> None:
    """The VMM dies with a message half written, and with one that nobody has read."""
    prepare()
    for ring in (False, True):
        before = stats(0)["function_resets"]
        ready, child_end = os.pipe()
        child = os.fork()
        if not child:
            box = opened()
            box.reset()
            box.lock()
            box.write(mb.VMBMEM, mb.SET_MAC)
            if ring:
                box.write(mb.V2PMAILBOX, mb.REQ | mb.VFU)
            os.write(child_end, b"x")
            signal.pause()
            os._exit(1)
        ksft_eq(os.read(ready, 1), b"x")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(child_end)
        ksft_in("mailbox: the card's", words(0))
        wait_function_reset(before)
        with opened() as box:
            ksft_eq(box.read(mb.VMBMEM), 0, "what the dead one wrote")
            ksft_ne(box.reset(), "")


# --- modules and neighbours


def modules() -> None:
    """Neither module goes while a device is open, and either goes first when none is."""
    prepare()
    with opened() as box:
        box.reset()
        for driver in (PF_DRIVERS["rigb"], vfio.DRIVER):
            with ksft_raises(CommandError):
                driver.unload()
        ksft_true(box.granted(mb.SET_LPE, 1518))
    vfio.DRIVER.unload()
    ksft_eq(BENCH.vfs[0].function.driver, "")
    with Mailbox(BENCH.vfs[0].function) as card:
        ksft_ne(card.reset(), "", "the card's mailbox")
    vfio.load()
    for port in BENCH.vfs:
        port.function.bind(vfio.DRIVER.name)
    with opened() as box:
        ksft_ne(box.reset(), "")
    # The PF's driver goes, and its VFs with it; the other one stays.
    BENCH.down()
    ksft_true(not PF_DRIVERS["rigb"].loaded() and vfio.DRIVER.loaded())
    prepare()
    with opened() as box:
        ksft_ne(box.reset(), "")


def without_rigb() -> None:
    """On a PF that C igb drives, this is vfio-pci."""
    vfio.load()
    BENCH.use("igb", "", 1)
    BENCH.vfs[0].function.bind(vfio.DRIVER.name)
    with opened() as box:
        ksft_eq(box.bar.sparse, None)
        with box.map(0, box.bar.size):
            pass
        # C igb gives no address by itself, but it answers.
        box.reset()
        ksft_true(box.granted(mb.SET_LPE, 1518), "over the card's mailbox")


def mixed() -> None:
    """All VFs there can be, some with the one mailbox, some with the other."""
    vfio.load()
    VF_DRIVERS["rigbvf"].load()
    BENCH.use("rigb", "rigbvf", 7)
    virtual = (0, 2, 5)
    for vf in virtual:
        BENCH.vfs[vf].detach()
        BENCH.vfs[vf].function.bind(vfio.DRIVER.name)
    boxes = [opened(vf) for vf in virtual]
    try:
        for vf, box in zip(virtual, boxes, strict=True):
            ksft_ne(box.reset(), "")
            ksft_true(box.granted(mb.JOIN_VLAN, 100 + vf))
        for vf in set(range(7)) - set(virtual):
            traffic.ping(BENCH.vfs[vf], BENCH.pf)
        for vf, box in zip(virtual, boxes, strict=True):
            ksft_in(f"VLAN: {100 + vf}", words(vf))
            ksft_true(box.granted(mb.SET_LPE, 1518))
    finally:
        for box in boxes:
            box.close()
        BENCH.dirty = True


def other_builds() -> None:
    """A driver of another build, whose mailboxes rigb could not use, is refused.

    The module tries it, and is not loaded unless all is as it should be.
    """
    offers = Driver("port_abi", "selftests/modules/port_abi.ko")
    BENCH.use("rigb", "", 0)
    try:
        offers.load()
        ksft_true(offers.loaded())
    finally:
        offers.unload()


def side_by_side() -> None:
    """How long a request takes over either mailbox."""
    prepare()
    BENCH.vfs[1].function.unbind()
    with opened(0) as box, Mailbox(BENCH.vfs[1].function) as card:
        for name, mailbox in (("virtual", box), ("card", card)):
            mailbox.reset()
            found = round_trips(mailbox, mb.SET_MAC, *mb.mac_words(MAC))
            show(f"SET_MAC, {name} mailbox", found)
            mailbox.write(mb.VTCTRL, mb.CTRL_RST)


CASES = (
    registers, ownership, mappings, handshake, notices, pf_reset, new_tenant, log_of_opens, vf_resets,
    random_accesses, storm, kill_in_the_middle, modules, without_rigb, other_builds, mixed,
    side_by_side,
)


def main() -> None:
    """Runs all cases."""
    if why := vfio.available():
        kselftest.skip_all(why)
    if not HAMMER.exists():
        kselftest.skip_all("no hammer: make build/hammer")
    wanted = sys.argv[1:] or [function.__name__ for function in CASES]
    ksft_run([
        case(function.__name__, BENCH.case(function), "rigb")
        for function in CASES if function.__name__ in wanted
    ])
    vfio.DRIVER.unload()
    finish(BENCH)


if __name__ == "__main__":
    main()
