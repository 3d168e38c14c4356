# SPDX-License-Identifier: GPL-2.0
"""Programs of XDP on ports: those of xdp.bpf.c, loaded once for all, with maps that they share."""

import json
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import kselftest
from .bench import Bench, finish
from .driver import CommandError, run
from .frames import mac_bytes
from .kselftest import NetdevFamily, case, ksft_run
from .port import Port

OBJECT = Path(os.environ.get("RIGB_XDP") or Path(__file__).parents[2] / "build/xdp.bpf.o")
# The program that asks a device for metadata, loaded for one.
META = OBJECT.with_name("xdp_meta.bpf.o")
BPFFS = Path("/sys/fs/bpf")
# What is pinned there, and the kernel forgets with the last reference.
FOLDER = BPFFS / "rigb"
MAPS = FOLDER / "maps"
ASKING = FOLDER / "asking"
# Modes of `ip link set`: a driver's own, and the stack's in its place.
NATIVE, GENERIC = "xdpdrv", "xdpgeneric"


Case = Callable[[str], None]


def run_cases(bench: Bench, variants: dict[Case, tuple[str, ...]], controls: tuple[Case, ...],
              *programs: Path) -> None:
    """Runs all cases on ours, then those that C igb shows to be right. `programs` are needed as well."""
    for path in (OBJECT, META, *programs):
        if not path.exists():
            kselftest.skip_all(f"no {path.name}: make vm-modules")
    load()
    cases = [(function, variant) for function, names in variants.items() for variant in names]
    if os.environ.get("RIGB_CONTROL") != "no":
        cases += [(function, "igb") for function in controls]
    ksft_run([case(f.__name__, bench.case(f), variant, variant) for f, variant in cases])
    unload()
    finish(bench)


def load(path: Path = OBJECT) -> None:
    """Loads all programs of a file, none of them on a port."""
    if not os.path.ismount(BPFFS):
        run("mount", "-t", "bpf", "bpf", str(BPFFS))
    MAPS.mkdir(parents=True)
    run("bpftool", "prog", "loadall", str(path), str(FOLDER), "pinmaps", str(MAPS))


def unload() -> None:
    """Forgets them."""
    for path in [*MAPS.iterdir(), MAPS, *(p for p in FOLDER.iterdir() if p != MAPS), FOLDER]:
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def attach(port: Port, program: str, mode: str = NATIVE) -> None:
    """Sets a port's program, in the place of the one that it has."""
    path = FOLDER / f"rigb_{program}"
    port.run("ip", "-force", "link", "set", "dev", port.name, mode, "pinned", str(path))


def detach(port: Port, mode: str = NATIVE) -> None:
    """Takes a port's program away."""
    port.run("ip", "link", "set", "dev", port.name, mode, "off")


@contextmanager
def attached(port: Port, program: str, mode: str = NATIVE) -> Iterator[None]:
    """A port has a program meanwhile."""
    attach(port, program, mode)
    try:
        yield
    finally:
        detach(port, mode)


def refusal(port: Port, program: str) -> str:
    """What is said of a program that must be refused."""
    try:
        attach(port, program)
    except CommandError as error:
        return str(error)
    detach(port)
    return ""


def loaded(port: Port) -> bool:
    """Whether the driver has a program, by what the stack shows."""
    return bool(port.link().get("xdp", {}).get("mode") == 1)


def features(port: Port, kind: str = "xdp-features") -> set[str]:
    """What the device says it can do (`netdev` of generic netlink)."""
    with port.inside():
        shown = NetdevFamily().dev_get({"ifindex": _index(port)})
    return set(shown[kind])


def _index(port: Port) -> int:
    return int(port.link()["ifindex"])


# --- maps


def _key(number: int) -> list[str]:
    return ["key", "hex", *number.to_bytes(4, "little").hex(" ").split()]


def _lookup(path: Path, key: int) -> bytes:
    shown = run("bpftool", "-j", "map", "lookup", "pinned", str(path), *_key(key))
    return bytes(int(byte, 16) for byte in json.loads(shown)["value"])


def _update(port: Port, name: str, data: bytes) -> None:
    value = ["value", "hex", *data.hex(" ").split()]
    port.run("bpftool", "map", "update", "pinned", str(MAPS / name), *_key(0), *value)


def count(name: str = "seen", key: int = 0) -> int:
    """What the programs have counted."""
    return int.from_bytes(_lookup(MAPS / name, key), "little")


def redirect_to(port: Port, destination: str) -> None:
    """Where programs redirect to: out of `port`, with its address as the source. One that sees frames of
    several buffers needs a map of its own, which not all files of programs have."""
    for devices in ("devs", "frags_devs"):
        if (MAPS / devices).exists():
            _update(port, devices, _index(port).to_bytes(4, "little"))
    _update(port, "addresses", mac_bytes(destination) + mac_bytes(port.mac))


# --- metadata


@dataclass
class Told:
    """What was said of the last frame of a kind, as xdp_meta.bpf.c has it. Errors are negative."""

    frames: int
    changes: int
    hash_error: int
    hash: int
    covers: int
    tag_error: int
    proto: int
    tci: int


def told(key: int) -> Told:
    """Of frames with the EtherType for experiments (0), of UDP (1) or TCP (2) over IPv4."""
    return Told(*struct.unpack("<IIiIIiHH", _lookup(ASKING / "told_of", key)))


@contextmanager
def asking(port: Port) -> Iterator[None]:
    """A port has a program of its own meanwhile, which asks for hash and tag of frames."""
    ASKING.mkdir()
    path = ASKING / "rigb_ask"
    bound = ("xdpmeta_dev", port.name, "pinmaps", str(ASKING))
    try:
        port.run("bpftool", "prog", "load", str(META), str(path), *bound)
        port.run("ip", "-force", "link", "set", "dev", port.name, NATIVE, "pinned", str(path))
        try:
            yield
        finally:
            detach(port)
    finally:
        for pinned in ASKING.iterdir():
            pinned.unlink()
        ASKING.rmdir()
