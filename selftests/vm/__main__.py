# SPDX-License-Identifier: GPL-2.0
"""`python3 -m vm run|shell|selftests STAGE...`, as the Makefile calls them."""

import os
import sys
from pathlib import Path

from . import runner, suite
from .settings import Settings
from .stages import STAGES
from .topology import TOPOLOGIES, WIRE

# Lines of a log that are shown where there is no better explanation.
TAIL_LINES = 25


def main() -> int:
    """Runs what the first argument names; the status is that of the command in the VM."""
    settings = Settings.from_environment()
    topology = TOPOLOGIES.get(os.environ.get("VM_TOPOLOGY") or WIRE.name)
    if not topology:
        print(f"rigb: VM_TOPOLOGY is none of {' '.join(TOPOLOGIES)}", file=sys.stderr)
        return 2
    match sys.argv[1:]:
        case ["shell"]:
            return report(runner.shell(topology, settings), settings)
        case ["selftests", *names] if names and set(names) <= set(STAGES):
            return suite.run_stages(names, settings)
        case ["run"] if os.environ.get("CMD"):
            result = runner.run(topology, settings, os.environ["CMD"], sys.stdout.buffer)
            return report(result, settings)
        case ["run", *words] if words:
            result = runner.run(topology, settings, " ".join(words), sys.stdout.buffer)
            return report(result, settings)
    print("usage: make vm CMD='...'", file=sys.stderr)
    return 2


def report(result: runner.Result, settings: Settings) -> int:
    """Says what went wrong on stderr, and returns the status to exit with."""
    for finding in result.findings:
        print(f"\nrigb: the kernel reported: {finding.text}", file=sys.stderr)
        for line in finding.excerpt:
            print(f"  | {line}", file=sys.stderr)
    if result.findings:
        print("rigb: this fails the run (VM_KLOG=ignore to let it pass)", file=sys.stderr)
        print(f"      the whole kernel log: {result.folder}/dmesg.log", file=sys.stderr)
        return result.status or 1
    # A command may end with 124 or 125 itself, as those of `make kvm` do; then it has left that.
    said = (result.folder / "status").exists()
    if result.status == runner.STATUS_TIMEOUT and not said:
        print(f"rigb: stopped after {settings.timeout:.0f} s (VM_TIMEOUT)", file=sys.stderr)
    elif result.status == runner.STATUS_FROZEN and not said:
        print("rigb: the VM froze, as the emulation of Xen does now and then", file=sys.stderr)
    elif result.status == runner.STATUS_VM and not said:
        print("rigb: the VM ended before its command did", file=sys.stderr)
        _tail(result.folder / "console.log")
    return result.status


def _tail(path: Path) -> None:
    print(f"--- {path}", file=sys.stderr)
    if path.exists():
        for line in path.read_text(errors="replace").splitlines()[-TAIL_LINES:]:
            print(f"  | {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
