# SPDX-License-Identifier: GPL-2.0
"""What the scan of the kernel log must find, and what it must let pass."""

import tempfile
import unittest
from pathlib import Path

from vm import klog

# First lines as a 7.3 kernel prints them.
REPORTS = (
    "BUG: kernel NULL pointer dereference, address: 0000000000000010",
    "Oops: Oops: 0002 [#1] SMP KASAN PTI",
    "WARNING: net/core/dev.c:1234 at unregister_netdevice_many+0x10/0x20, CPU#1: rmmod/77",
    "WARNING: CPU: 0 PID: 77 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110",
    "WARNING: possible circular locking dependency detected",
    "WARNING: suspicious RCU usage",
    "BUG: scheduling while atomic: ip/123/0x00000002",
    "BUG: sleeping function called from invalid context at mm/slab.h:1",
    "INFO: task ip:123 blocked for more than 120 seconds.",
    "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [ip:123]",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "list_del corruption. prev->next should be ffff, but was dead",
    "list_add corruption. next->prev should be prev",
    "BUG: KASAN: slab-use-after-free in foo+0x1/0x2 [rigb]",
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "DMA-API: igb 0000:01:00.0: device driver frees DMA memory with wrong function",
    "DMA-API: rigb 0000:01:00.0: cacheline tracking EEXIST, overlapping mappings aren't supported",
    "page_pool_release_retry() stalled pool shutdown: id 5, 3 inflight 60 sec",
    "unregister_netdevice: waiting for eth0 to become free. Usage count = 2",
    "ODEBUG: free active (active state 0) object: ffff object type: timer_list hint: x",
    "UBSAN: array-index-out-of-bounds in foo.c:3:4",
    "NETDEV WATCHDOG: CPU: 0: transmit queue 0 timed out 5000 ms",
    "rust_kernel: panicked at pf_driver/probe.rs:10:5:",
    "Kernel panic - not syncing: Fatal exception",
    "Oops: general protection fault, probably for non-canonical address 0xdead",
    "refcount_t: underflow; use-after-free.",
)

# Lines of healthy boots and runs.
HARMLESS = (
    "rigb: loading out-of-tree module taints kernel.",
    "rigb: module verification failed: signature and/or required key missing - tainting kernel",
    "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible",
    "Kernel command line: console=ttyS0 VM_KLOG=BUG",
    "DMA-API: preallocated 65536 debug entries",
    "DMA-API: debugging enabled by kernel config",
    "igb 0000:01:00.0: 7 VFs allocated",
    "debug: unmapping init [mem 0xffffffff82a00000-0xffffffff82bfffff]",
    "workqueue: Round-robin CPU selection forced, expect performance impact",
    "kmemleak: Kernel memory leak detector initialized (mem pool available: 15679)",
    "random: crng init done",
    "ACPI: _OSC evaluation for CPUs failed, trying _PDC",
)


def stamped(*texts: str) -> list[str]:
    """Lines as dmesg shows them."""
    return [f"[ {number:4}.123456] {text}" for number, text in enumerate(texts)]


class Scan(unittest.TestCase):
    """klog.scan"""

    def test_every_report_is_found(self) -> None:
        for text in REPORTS:
            with self.subTest(text):
                self.assertEqual([f.text for f in klog.scan(stamped(text))], [text])

    def test_healthy_lines_pass(self) -> None:
        self.assertEqual(klog.scan(stamped(*HARMLESS)), [])

    def test_caller_ids_and_levels_do_not_hide_a_report(self) -> None:
        for line in ("[    1.0][   T77] BUG: x", "<4>[    1.0] BUG: x"):
            with self.subTest(line):
                self.assertEqual([f.text for f in klog.scan([line])], ["BUG: x"])

    def test_a_report_ends_at_its_trace(self) -> None:
        lines = stamped("WARNING: a", "Call Trace:", "---[ end trace 0 ]---", "quiet", "BUG: b")
        self.assertEqual([f.text for f in klog.scan(lines)], ["WARNING: a", "BUG: b"])

    def test_lines_of_a_report_are_no_other(self) -> None:
        lines = stamped("BUG: unable to handle page fault", "Oops: 0000", "---[ end trace 0 ]---")
        self.assertEqual(len(klog.scan(lines)), 1)


class ScanRun(unittest.TestCase):
    """klog.scan_run"""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.run_folder = Path(self.folder.name)

    def tearDown(self) -> None:
        self.folder.cleanup()

    def write(self, name: str, *texts: str) -> None:
        """Makes a log of the run."""
        (self.run_folder / name).write_text("".join(line + "\r\n" for line in stamped(*texts)))

    def test_what_both_logs_have_counts_once(self) -> None:
        self.write("dmesg.log", "a", "WARNING: x")
        self.write("console.log", "WARNING: x")
        self.assertEqual(len(klog.scan_run(self.run_folder)), 1)

    def test_a_dead_guest_is_read_from_its_console(self) -> None:
        self.write("console.log", "Kernel panic - not syncing: x")
        self.assertEqual(len(klog.scan_run(self.run_folder)), 1)

    def test_no_log_is_no_report(self) -> None:
        self.assertEqual(klog.scan_run(self.run_folder), [])
