# SPDX-License-Identifier: GPL-2.0
"""scripts/totals.awk, which decides whether `make check` passes; failures.awk names what does not."""

import subprocess
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def judge(script: str, log: str) -> str:
    """What a script of awk says of a log."""
    return subprocess.run(
        ["awk", "-f", str(SCRIPTS / script)], input=log, capture_output=True, text=True, check=True
    ).stdout


def totals(log: str) -> tuple[int, ...]:
    """Passed, failed, skipped."""
    return tuple(int(word) for word in judge("totals.awk", log).split())


def failures(log: str) -> list[str]:
    """The lines about what failed."""
    return judge("failures.awk", log).splitlines()


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


class Failures(unittest.TestCase):
    """What is named at the end, and what is not."""

    def test_what_passes_is_not_named(self) -> None:
        log = "# ok 1 a\n# not ok 2 b # XFAIL c\nok 1 selftests: p\nok 2 q\n"
        self.assertEqual(failures(log), [])

    def test_a_case_has_its_reasons(self) -> None:
        log = "# # Check| old\n# ok 1 a\n# # Check| At p.py\n# # Check failed 1 != 2\n"
        log += "# not ok 2 p.b\nnot ok 1 selftests: p # exit=1\n"
        self.assertEqual(failures(log), ["p.b", "    Check| At p.py", "    Check failed 1 != 2"])

    def test_a_program_alone_is_named(self) -> None:
        log = "# ok 1 a\nnot ok 1 selftests: p # exit=1\nnot ok 2 selftests: q # TIMEOUT\n"
        self.assertEqual(failures(log), ["selftests: p # exit=1", "selftests: q # TIMEOUT"])

    def test_what_is_skipped_is_named(self) -> None:
        self.assertEqual(failures("# ok 3 c # SKIP no card\nok 1 p\n"), ["c # SKIP no card"])

    def test_crates_and_unittest(self) -> None:
        log = "---- queue::wraps stdout ----\nFAIL: test_a (vm.tests.A.test_a)\n"
        self.assertEqual(failures(log), ["queue::wraps", "test_a"])
