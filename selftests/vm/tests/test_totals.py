# SPDX-License-Identifier: GPL-2.0
"""scripts/totals.awk, which decides whether `make check` passes."""

import subprocess
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/totals.awk"


def totals(log: str) -> tuple[int, ...]:
    """Passed, failed, skipped."""
    out = subprocess.run(
        ["awk", "-f", str(SCRIPT)], input=log, capture_output=True, text=True, check=True
    ).stdout
    return tuple(int(word) for word in out.split())


class Totals(unittest.TestCase):
    """One kind of log each."""

    def test_plain_tap(self) -> None:
        self.assertEqual(totals("1..3\nok 1 a\nnot ok 2 b\nok 3 c # SKIP no card\n"), (1, 1, 1))

    def test_inner_results_count_instead_of_the_programs(self) -> None:
        log = "# ok 1 a\n# ok 2 b # SKIP x\n# # Totals: pass:1\nok 1 selftests: p\nok 2 q\n"
        self.assertEqual(totals(log), (2, 0, 1))

    def test_a_program_that_fails_after_good_results_counts(self) -> None:
        self.assertEqual(totals("# ok 1 a\nnot ok 1 selftests: p # exit=1\n"), (1, 1, 0))

    def test_a_failed_result_counts_once(self) -> None:
        self.assertEqual(totals("# not ok 1 a\nnot ok 1 selftests: p # exit=1\n"), (0, 1, 0))

    def test_an_expected_failure_passes(self) -> None:
        self.assertEqual(totals("not ok 1 a # XFAIL C igb does this\n"), (1, 0, 0))

    def test_cargo(self) -> None:
        log = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out;\n"
        self.assertEqual(totals(log + log.replace("0 failed", "2 failed")), (24, 2, 2))

    def test_unittest(self) -> None:
        self.assertEqual(totals("Ran 9 tests in 0.1s\n\nOK\n"), (9, 0, 0))
        log = "Ran 9 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=3)\n"
        self.assertEqual(totals(log), (3, 3, 3))

    def test_fuzzing(self) -> None:
        self.assertEqual(totals("fuzz: decode, 10 s\nDone 12345 runs in 10 second(s)\n"), (1, 0, 0))

    def test_other_words_are_no_results(self) -> None:
        self.assertEqual(totals("okay\nit is ok 1\n  ok 1 indented\nnot okay\n"), (0, 0, 0))
