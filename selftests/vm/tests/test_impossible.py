# SPDX-License-Identifier: GPL-2.0
"""Tests of vm/impossible.py"""

import unittest

from vm import impossible

# A guest in user space took its timer's interrupt, and again at the handler's first instruction.
TWICE = """\
[   48.113407]  sysvec_apic_timer_interrupt+0xe/0x90
[   48.150369]  asm_sysvec_apic_timer_interrupt+0x1a/0x20
[   48.179781] RIP: 0010:asm_sysvec_apic_timer_interrupt+0x0/0x20
[   48.209810] Code: 26 74 1b 01 e9 01 08 00 00 90 f3 0f 1e fa 0f 01 ca fc 6a ff e8
[   48.301775] RSP: 0000:fffffe0000002fd8 EFLAGS: {flags}
"""
# A host's processor took one as it left a guest.
HOST = """\
[   95.970087]  asm_{entry}+0x1a/0x20
[   95.970250] RIP: 0010:{where}+0x9c/0x240 [kvm_amd]
"""
SYMBOLS = """\
ffffffff81000900 T asm_exc_page_fault
ffffffff81001200 T asm_common_interrupt
ffffffff81001240 T asm_sysvec_apic_timer_interrupt
ffffffff81001260 t sysvec_apic_timer_interrupt
ffffffffc0400000 t rigbvf_poll\t[rigbvf]
""".splitlines()


class LogTest(unittest.TestCase):
    """What a kernel has said"""

    def test_an_interrupt_with_interrupts_off(self) -> None:
        for end in ("\n", "\r\n"):
            text = TWICE.format(flags="00010002").replace("\n", end)
            self.assertIn("at asm_sysvec_apic_timer_interrupt+0x0", impossible.in_log(text))

    def test_an_interrupt_like_others(self) -> None:
        self.assertEqual(impossible.in_log(TWICE.format(flags="00000246")), "")

    def test_an_interrupt_without_gif(self) -> None:
        for entry in ("sysvec_reschedule_ipi", "common_interrupt"):
            text = HOST.format(entry=entry, where="__svm_vcpu_run")
            self.assertIn("__svm_vcpu_run+0x9c", impossible.in_log(text))
        for entry, where in (("exc_page_fault", "__svm_vcpu_run"), ("common_interrupt", "svm_vcpu_run")):
            self.assertEqual(impossible.in_log(HOST.format(entry=entry, where=where)), "")

    def test_flags_of_another_trace(self) -> None:
        fault = TWICE.format(flags="00010002").replace("sysvec_apic_timer_interrupt", "exc_page_fault")
        text = HOST.format(entry="common_interrupt", where="x") + "more\n" + fault
        self.assertEqual(impossible.in_log(text), "")


class StackTest(unittest.TestCase):
    """Where a kernel hangs"""

    def frame(self, entry: int, flags: int, segment: int = 0x10) -> list[int]:
        """A stack with one interrupt's frame, and more below and above."""
        registers = [0] * 15 + [(1 << 64) - 1]
        return [5, 6, entry, *registers, 0xFFFFFFFF81337CDF, segment, flags, 0xFFFFC90000003E30, 0x18, 7]

    def test_entries(self) -> None:
        starts = impossible.entries(SYMBOLS)
        self.assertEqual(starts, [0xFFFFFFFF81001200, 0xFFFFFFFF81001240])

    def test_frames(self) -> None:
        starts = impossible.entries(SYMBOLS)
        for entry, flags, segment, bad in (
            (0xFFFFFFFF8100125A, 0x002, 0x10, True),
            (0xFFFFFFFF8100121A, 0x046, 0x10, True),
            (0xFFFFFFFF8100125A, 0x202, 0x10, False),
            (0xFFFFFFFF8100125A, 0x002, 0x33, False),
            (0xFFFFFFFF8100091A, 0x002, 0x10, False),
        ):
            said = impossible.on_stack(self.frame(entry, flags, segment), starts)
            self.assertEqual("ffffffff81337cdf" in said, bad, (entry, flags, segment))

    def test_a_stack_that_is_cut(self) -> None:
        starts = impossible.entries(SYMBOLS)
        whole = self.frame(0xFFFFFFFF8100125A, 2)
        for count in range(22):
            self.assertEqual(impossible.on_stack(whole[:count], starts), "", count)
        self.assertNotEqual(impossible.on_stack(whole[:22], starts), "")


if __name__ == "__main__":
    unittest.main()
