# SPDX-License-Identifier: GPL-2.0
"""Cases that any network card must pass, PF or VF: `port` is under test, `peer` hears it."""

import itertools
import os
import re
import socket
from collections.abc import Callable

from . import echo, frames, traffic, wait
from .driver import CommandError
from .frames import BROADCAST, Sniffer, delivered, wait_delivered
from .kselftest import ksft_eq, ksft_ge, ksft_in, ksft_pr, ksft_raises, ksft_true
from .port import Port

UDP_PORT = 8284
BURST = 200
# Frames of the stacks' own that may come meanwhile, the more the longer it takes.
NOISE = 40
# Frames that the smallest ring takes at once.
RAW_BURST = 30
MIN_MTU, MAX_MTU = 68, 9216
RING_MAX = 4096
# Pings with answers that make fewer interrupts than Linux adapts an interval by.
QUESTIONS = "20"
FEATURES = ("tx", "rx", "sg", "tso", "gso", "gro", "rxvlan", "txvlan")
VID = 57
# Per stream of the offload case, which has many: several super-packets.
OFFLOAD_BYTES = 1 << 17
# Enough for headers, several descriptors, and every remainder of a word.
RAW_SIZES = (1, 2, 17, 45, 46, 47, 60, 255, 1024, 1499, 1500)


def identity(port: Port, driver: str) -> None:
    """ethtool -i names driver and device."""
    info = dict(line.split(": ", 1) for line in port.ethtool("-i").splitlines() if ": " in line)
    ksft_eq(info["driver"], driver)
    ksft_eq(info["bus-info"], port.function.address)
    ksft_true(info.get("version"), "a version")


def link_settings(port: Port) -> None:
    """ethtool shows the link of the emulated card as the drivers know it."""
    shown = port.run("ethtool", port.name)
    ksft_in("Speed: 1000Mb/s", shown)
    ksft_in("Duplex: Full", shown)
    ksft_in("Link detected: yes", shown)
    ksft_eq(port.link()["operstate"], "UP")


def carrier(port: Port, peer: Port) -> None:
    """The carrier goes and comes with the interface, and traffic with it."""
    for _ in range(2):
        _down_and_up(port)
    traffic.reach(port, peer)
    traffic.reach(peer, port)


def _down_and_up(port: Port) -> None:
    port.ip("link set {dev} down")
    port.wait_not_running()
    port.ip("link set {dev} up")
    port.wait_running()


def counters(port: Port, peer: Port) -> None:
    """Every frame is counted once, with its bytes, and no counter ever goes back."""
    # QEMU's card counts a short frame as an error although it pads and delivers it, and the
    # driver reads the card's counters every two seconds; `ethtool -S` reads them now, so that
    # what the cases before this one sent is not counted here.
    port.ethtool_stats()
    with Sniffer(port) as one, Sniffer(peer) as two:
        for source, sink in ((one, two), (two, one)):
            before = port.stats()
            sent = 0
            for number in range(BURST):
                payload = os.urandom(46 + number)
                source.send(sink.port.mac, payload)
                sent += len(payload) + frames.HEADER
            ksft_eq(len(sink.until(source.mark())), BURST)
            way = "tx" if source is one else "rx"
            # What was sent is counted when the driver looks after it, which may be late.
            _wait_counted(port, way, before[way]["packets"] + BURST + 1)
            after = port.stats()
            gained = after[way]["packets"] - before[way]["packets"]
            volume = after[way]["bytes"] - before[way]["bytes"]
            # The stack itself may have had something to say meanwhile.
            more = gained - BURST - 1
            ksft_true(0 <= more <= NOISE, f"{way}: {gained} frames")
            ksft_true(sent + 60 <= volume <= sent + 60 + 200 * more + 4 * gained, f"{way}: {volume}")
            for name in ("errors", "dropped"):
                if after[way][name] != before[way][name]:
                    ksft_pr({name: n for name, n in port.ethtool_stats().items() if n})
                ksft_eq(after[way][name], before[way][name], f"{way} {name}")
    last = port.stats()
    port.ip("link set {dev} down", "link set {dev} up")
    port.wait_running()
    now = port.stats()
    for way in ("rx", "tx"):
        for name, value in last[way].items():
            ksft_ge(now[way][name], value, f"{way} {name} after down and up")
    ksft_true(all(value >= 0 for value in port.ethtool_stats().values()), "ethtool -S")


def _wait_counted(port: Port, way: str, packets: int) -> None:
    wait.register(lambda: port.stats()[way]["packets"] >= packets, f"{way}: {packets} frames")


def raw_frames(port: Port, peer: Port) -> None:
    """Frames of all sizes arrive as they were; the padding of short ones is zero."""
    with Sniffer(port) as one, Sniffer(peer) as two:
        for source, sink in ((one, two), (two, one)):
            for size in RAW_SIZES:
                payload = os.urandom(size)
                source.send(sink.port.mac, payload)
                frame = sink.receive()
                at = f"{source.port.label} -> {sink.port.label}, {size} bytes"
                ksft_true(frame is not None, at)
                if frame is None:
                    continue
                got = frame[frames.HEADER :]
                ksft_true(got[:size] == payload, at)
                ksft_eq(got[size:].strip(b"\0"), b"", f"{at}: padding")


def mtu(port: Port, peer: Port) -> None:
    """All sizes from 68 to 9216, no others; frames of full size both ways."""
    for wrong in (MIN_MTU - 1, MAX_MTU + 1):
        with ksft_raises(CommandError):
            port.ip(f"link set {{dev}} mtu {wrong}")
    peer.ip(f"link set {{dev}} mtu {MAX_MTU}")
    peer.wait_running()
    for size in (MIN_MTU, 576, 1499, 1504, 2020, 4078, 9000, MAX_MTU, 1500):
        port.ip(f"link set {{dev}} mtu {size}")
        port.wait_running()
        with Sniffer(port) as one, Sniffer(peer) as two:
            for source, sink in ((one, two), (two, one)):
                payload = os.urandom(size)
                source.send(sink.port.mac, payload)
                frame = sink.receive()
                ksft_true(frame and frame[frames.HEADER :][:size] == payload, f"MTU {size}")
    peer.ip("link set {dev} mtu 1500")
    # Below 1280 IPv6 left the interface, and its addresses with it.
    port.ip(f"addr replace {port.v6}/64 dev {{dev}} nodad")
    peer.wait_running()
    traffic.reach(port, peer)


def jumbo_streams(port: Port, peer: Port) -> None:
    """TCP with frames of several descriptors, small rings and large."""
    for end in (port, peer):
        end.ip("link set {dev} mtu 9000")
        end.wait_running()
    for source, sink in ((port, peer), (peer, port)):
        for family in (4, 6):
            traffic.tcp(source, sink, 4 * traffic.TCP_BYTES, family)
    for end in (port, peer):
        end.ip("link set {dev} mtu 1500")
        end.wait_running()


def rings(port: Port, peer: Port) -> None:
    """Ring sizes as far as the card has them; impossible ones are refused or corrected."""
    shown = port.ethtool("-g")
    start = re.findall(r"^RX:\s+(\d+)|^TX:\s+(\d+)", shown, re.M)
    rx, tx = (max(pair) for pair in start[-2:])
    ksft_eq({max(pair) for pair in start[:2]}, {str(RING_MAX)})
    small, large, odd = ("rx", "64"), ("rx", "4096", "tx", "4096"), ("rx", "96", "tx", "1000")
    for sizes in (small, ("tx", "64"), large, odd):
        port.ethtool("-G", *sizes)
        port.wait_running()
        traffic.reach(port, peer)
        traffic.tcp(peer, port)
        traffic.tcp(port, peer)
    with ksft_raises(CommandError):
        port.ethtool("-G", "rx", str(RING_MAX + 8))
    for wrong in (("rx", "0"), ("tx", "1"), ("rx", "67")):
        said = port.ethtool("-G", *wrong, check=False)
        now = [int(n) for n in re.findall(r"^[RT]X:\s+(\d+)", port.ethtool("-g"), re.M)]
        ksft_pr(f"{wrong}: {said.strip() or 'no word'} -> {now[-2:]}")
        ksft_true(all(48 <= n <= RING_MAX and n % 8 == 0 for n in now), f"{wrong} gives {now}")
    port.ethtool("-G", "rx", rx, "tx", tx, check=False)
    port.wait_running()
    traffic.reach(port, peer)


def moderation(port: Port, peer: Port, interval: Callable[[], int]) -> None:
    """Interrupts come at the interval that was set, or at one that follows the traffic.

    `interval` is the one of the register, in microseconds, of what is received.
    """
    port.ethtool("-C", "adaptive-rx", "off", "rx-usecs", "100")
    ksft_eq(interval(), 100)
    _down_and_up(port)
    ksft_eq(interval(), 100, "it outlives the rings")
    port.ethtool("-C", "adaptive-rx", "on")
    _down_and_up(port)
    first = interval()

    def questions() -> bool:
        port.run("ping", "-q", "-f", "-c", QUESTIONS, peer.v4)
        return interval() != first

    # Linux looks at the traffic every 64 interrupts, and tries another interval the first time. The
    # next time it may come back to that one, and stay there.
    wait.until(questions, "other interval", port.ns)
    # Who sets an interval means it.
    port.ethtool("-C", "rx-usecs", "77")
    ksft_eq(interval(), 77)
    ksft_true(re.search(r"Adaptive RX: off", port.ethtool("-c")), "it adapts no more")
    traffic.tcp(peer, port)
    ksft_eq(interval(), 77, "after traffic")
    with ksft_raises(CommandError):
        port.ethtool("-C", "rx-usecs", "8192")
    port.ethtool("-C", "adaptive-rx", "on", "rx-usecs", "50")
    ksft_true(re.search(r"Adaptive RX: on", port.ethtool("-c")), "unless both are asked for")
    port.ethtool("-C", "adaptive-rx", "off")
    ksft_eq(interval(), 50, "as before")


def offloads(port: Port, peer: Port) -> None:
    """With each feature off, and with all that it may change; nothing but speed differs."""
    before = _features(port)
    # The peer then checks in software what the card under test has sent.
    peer.ethtool("-K", "rx", "off", "gro", "off")
    wrong = checksum_errors(peer)
    for names in [(name,) for name in FEATURES] + [FEATURES, ()]:
        changes = [word for name in names for word in (name, "off")]
        if changes:
            port.ethtool("-K", *changes, check=False)
        vlans = [end.add_vlan(VID) for end in (port, peer)]
        for one, two in ((port, peer), tuple(vlans)):
            traffic.reach(one, two)
            traffic.udp(one, two, [1, 1452])
            for family in (4, 6):
                traffic.tcp(one, two, OFFLOAD_BYTES, family)
            traffic.tcp(two, one, OFFLOAD_BYTES)
        for vlan in vlans:
            vlan.delete()
        port.ethtool("-K", *[w for n in names for w in (n, before.get(n, "on"))], check=False)
    ksft_eq(checksum_errors(peer), wrong, "checksums that the card got wrong")
    peer.ethtool("-K", "rx", "on", "gro", "on")


def _features(port: Port) -> dict[str, str]:
    long = {
        "rx-checksumming": "rx", "tx-checksumming": "tx", "scatter-gather": "sg",
        "tcp-segmentation-offload": "tso", "generic-segmentation-offload": "gso",
        "generic-receive-offload": "gro", "rx-vlan-offload": "rxvlan", "tx-vlan-offload": "txvlan",
    }
    lines = [line.split() for line in port.ethtool("-k").splitlines() if ": " in line]
    return {long[words[0][:-1]]: words[1] for words in lines if words[0][:-1] in long}


def checksum_errors(port: Port) -> int:
    """Packets that the stack of the port's namespace found to have a wrong checksum."""
    text = port.run("cat", "/proc/net/snmp", "/proc/net/snmp6")
    lines = text.splitlines()
    total = 0
    for names, values in itertools.pairwise(lines):
        if names.split(":")[0] == values.split(":")[0] and "InCsumErrors" in names:
            pairs = dict(zip(names.split()[1:], values.split()[1:], strict=True))
            total += int(pairs["InCsumErrors"]) if pairs["InCsumErrors"].isdigit() else 0
    return total + sum(int(line.split()[1]) for line in lines if "6InCsumErrors" in line)


def bad_checksums(port: Port, peer: Port) -> None:
    """A datagram with a wrong checksum is dropped, with or without the card's help."""
    for family, source, to in ((socket.AF_INET, peer.v4, port.v4),
                               (socket.AF_INET6, peer.v6, port.v6)):
        with port.inside():
            sink = socket.socket(family, socket.SOCK_DGRAM)
        with sink, Sniffer(peer) as sender:
            sink.bind((to, UDP_PORT))
            for offload in ("on", "off"):
                port.ethtool("-K", "rx", offload)
                for size in (1, 100, 1400):
                    errors = checksum_errors(port)
                    bad, good = os.urandom(size), os.urandom(size + 1)
                    for payload, spoil in ((bad, 1), (good, 0)):
                        kind, packet = frames.udp_frame(source, to, UDP_PORT, payload, spoil)
                        sender.send(port.mac, packet, kind)
                    sink.settimeout(frames.ARRIVAL)
                    ksft_true(sink.recv(65536) == good, f"{size} bytes, offload {offload}")
                    ksft_eq(checksum_errors(port), errors + 1)
            port.ethtool("-K", "rx", "on")


def multicast(port: Port, peer: Port) -> None:
    """Groups are received while somebody wants them."""
    group, other = "01:00:5e:52:57:01", "33:33:52:57:a5:3c"
    with Sniffer(port) as sniffer:
        sniffer.join(frames.PACKET_MR_MULTICAST, group)
        # A VF's request for the group takes its time; a frame of the group shows that it is there.
        wait_delivered(peer, sniffer, group, f"group {group}")
        ksft_true(delivered(peer, sniffer, port.mac))
        ksft_true(delivered(peer, sniffer, BROADCAST))
        ksft_true(not delivered(peer, sniffer, other), "a group that nobody joined")
    traffic.multicast(peer, port, "239.82.57.33")
    traffic.multicast(peer, port, "ff05::82:57:33")


def own_address(port: Port, peer: Port) -> None:
    """Another address of its own, and back."""
    old, new = port.mac, "02:82:57:62:00:01"
    for mac in (new, old):
        port.ip(f"link set {{dev}} address {mac}")
        ksft_eq(port.mac, mac)
        peer.ip("neigh flush dev {dev}")
        traffic.reach(peer, port)
    with ksft_raises(CommandError):
        port.ip("link set {dev} address 01:00:5e:00:00:01")
    ksft_eq(port.mac, old)


def vlans(port: Port, peer: Port) -> None:
    """Several VLANs at once, with the hardware's insertion and stripping, and jumbo frames."""
    ids = (1, VID, 4094)
    pairs = [(port.add_vlan(vid), peer.add_vlan(vid)) for vid in ids]
    for one, two in pairs:
        traffic.reach(one, two)
        traffic.ping(one, two, 1472)
        traffic.tcp(two, one, traffic.TCP_BYTES // 4)
    for one, two in pairs:
        one.delete()
        two.delete()
    traffic.reach(port, peer)


def stacked_vlans(port: Port, peer: Port) -> None:
    """Frames of full size with two tags."""
    ends = (port, peer)
    for end in ends:
        outer, inner = f"s{VID}", f"c{VID}"
        end.ip(
            f"link add link {{dev}} name {outer} type vlan id {VID}", f"link set {outer} up",
            f"link add link {outer} name {inner} type vlan id {VID + 1}",
            f"addr add 10.86.0.{end.number}/24 dev {inner}",
            f"addr add fd86::{end.number:x}/64 dev {inner} nodad", f"link set {inner} up",
        )
    for one, two in (ends, ends[::-1]):
        for address in (f"10.86.0.{two.number}", f"fd86::{two.number:x}"):
            echo.first_answer(one, address)
            traffic.ping(one, address, 1472)
    for end in ends:
        end.ip(f"link del s{VID}")


def longer_than_mtu(port: Port, peer: Port) -> None:
    """Neighbours with a larger MTU are heard, up to the usual length."""
    port.ip("link set {dev} mtu 1400")
    port.wait_running()
    with Sniffer(port) as sniffer, Sniffer(peer) as sender:
        for size in (1400, 1401, 1500):
            payload = os.urandom(size)
            sender.send(port.mac, payload)
            frame = sniffer.receive()
            ksft_true(frame and frame[frames.HEADER :] == payload, f"{size} bytes at MTU 1400")
    port.ip("link set {dev} mtu 1500")
    port.wait_running()
    traffic.reach(port, peer)


def many_fragments(port: Port, peer: Port) -> None:
    """Datagrams made of many small pieces, as sockets build them when corked."""
    msg_more = 0x8000
    with peer.inside():
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with port.inside():
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sink, source:
        sink.bind((peer.v4, UDP_PORT))
        sink.settimeout(frames.ARRIVAL)
        source.connect((peer.v4, UDP_PORT))
        for pieces in (2, 3, 8, 17, 40):
            parts = [os.urandom(1 + 33 * n % 71) for n in range(pieces)]
            for part in parts[:-1]:
                source.send(part, msg_more)
            source.send(parts[-1])
            ksft_true(sink.recv(65536) == b"".join(parts), f"{pieces} pieces")
        large = os.urandom(60000)
        source.send(large)
        ksft_true(sink.recv(65536) == large, "a datagram of 41 fragments")
