# SPDX-License-Identifier: GPL-2.0
"""Finds in a kernel log what no test may cause, whatever it says of itself."""

import re
from dataclasses import dataclass
from pathlib import Path

# Each ends a run, be the command's status what it may.
REPORTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\bBUG\b",
        r"\bOops\b",
        r"\bWARNING:",
        r"Kernel panic",
        r"general protection fault",
        r"unable to handle",
        r"invalid opcode",
        r"scheduling while atomic",
        r"sleeping function called from invalid context",
        r"blocked for more than \d+ seconds",
        r"soft lockup|hard LOCKUP",
        r"rcu: INFO: .*(stall|detected)",
        r"suspicious RCU usage",
        r"list_(add|del)\w* corruption|corrupted list",
        r"refcount_t:",
        r"\bKASAN:|\bUBSAN:|\bKCSAN:|\bKFENCE:",
        r"\bODEBUG:",
        r"possible (recursive locking|circular locking|irq lock inversion)",
        r"inconsistent lock state|bad unlock balance|held lock freed|non-static key",
        r"INFO: trying to register|turning off the locking correctness validator",
        r"kmemleak: \d+ new suspected memory leaks",
        r"DMA-API: (?!preallocated|disabled|debugging (enabled|disabled))",
        r"page_pool\w*\(?\)?:? .*stalled",
        r"unregister_netdevice: waiting",
        r"NETDEV WATCHDOG",
        r"Bad page|bad page state",
        r"stack-protector:",
        r"rust_kernel: panicked",
    )
)

# What a report's own text would match again, or what the stock kernel says at boot.
HARMLESS = tuple(
    re.compile(pattern)
    for pattern in (
        r"Spectre V2 : WARNING: Unprivileged eBPF",
        r"Command line:|Kernel command line:",
        r"debug: unmapping init|\bDEBUG\b",
    )
)

STAMP = re.compile(r"^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?")
EXCERPT_LINES = 30


@dataclass(frozen=True)
class Finding:
    """One report: the first line's text, and the lines that follow it."""

    text: str
    excerpt: list[str]


def scan(lines: list[str]) -> list[Finding]:
    """All reports in a log; lines that belong to a report already found are not another."""
    findings = []
    skip_to = 0
    for number, line in enumerate(lines):
        text = STAMP.sub("", line)
        if number < skip_to or not _is_report(text):
            continue
        end = _end_of_report(lines, number)
        findings.append(Finding(text, lines[number:end]))
        skip_to = end
    return findings


def scan_run(run: Path) -> list[Finding]:
    """The reports of a run: from the guest's own log if it lived to save it, else its console.

    The console is read in any case, for what came after the log was saved. Of guests of
    the guest, which tests let crash on purpose, only the saved logs are.
    """
    saved = _lines(run / "dmesg.log")
    findings = scan(saved)
    known = {STAMP.sub("", line) for line in saved}
    rest = [line for line in _lines(run / "console.log") if STAMP.sub("", line) not in known]
    findings += scan(rest)
    for log in sorted(run.glob("*/dmesg.log")):
        findings += scan(_lines(log))
    return findings


def _is_report(text: str) -> bool:
    return any(p.search(text) for p in REPORTS) and not any(p.search(text) for p in HARMLESS)


def _end_of_report(lines: list[str], start: int) -> int:
    limit = min(len(lines), start + EXCERPT_LINES)
    for number in range(start, limit):
        if "---[ end trace" in lines[number]:
            return number + 1
    return limit


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return path.read_text(errors="replace").replace("\r", "").splitlines()
