# SPDX-License-Identifier: GPL-2.0
"""The kernel's own kselftest library for Python, taken from a kernel source tree in place.

The tree is $KSRC, or one of the usual places of this machine. Without one, or where the
library lacks what it needs, the importing test ends as skipped and says why.
"""

import glob
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

SKIP = 4
LIBRARY = "tools/testing/selftests"


def skip_all(reason: str) -> NoReturn:
    """Ends the program as skipped as a whole."""
    print("TAP version 13", f"1..0 # SKIP {reason}", sep="\n", flush=True)
    sys.exit(SKIP)


def _find() -> Path:
    release = os.uname().release
    places = [os.environ.get("KSRC", ""), f"/lib/modules/{release}/source"]
    places += [f"/lib/modules/{release}/build", *sorted(glob.glob("/usr/src/linux*"), reverse=True)]
    for place in filter(None, places):
        if (Path(place) / LIBRARY / "net/lib/py/ksft.py").exists():
            return Path(place).resolve()
    skip_all("no kernel source with tools/testing/selftests: give its path as KSRC")


KSRC = _find()
sys.path.insert(0, str(KSRC / LIBRARY))

# These can be found from here on only.
from net.lib.py import KsftNamedVariant, KsftSkipEx, NetdevFamily, NetNSEnter  # noqa: E402
from net.lib.py import defer, ksft, ksft_exit, ksft_pr, ksft_run, ksft_variants  # noqa: E402
from net.lib.py import ksft_eq, ksft_ge, ksft_gt, ksft_in, ksft_lt, ksft_ne  # noqa: E402
from net.lib.py import ksft_not_in, ksft_raises, ksft_true  # noqa: E402
from net.lib.py.ksft import KsftCaseFunction  # noqa: E402

__all__ = [
    "KSRC", "LIBRARY", "SKIP", "KsftCaseFunction", "KsftNamedVariant", "KsftSkipEx", "NetNSEnter",
    "NetdevFamily", "case", "defer", "ksft", "ksft_eq", "ksft_exit", "ksft_ge", "ksft_gt",
    "ksft_in", "ksft_lt", "ksft_ne", "ksft_not_in", "ksft_pr", "ksft_raises", "ksft_run", "ksft_true",
    "ksft_variants", "skip_all",
]


def case(
    name: str, function: Callable[..., object], variant: str, *params: object
) -> KsftCaseFunction:
    """A case called NAME.VARIANT, for tests that order their cases by variant first."""
    return KsftCaseFunction(name, function, [KsftNamedVariant(variant, *params)])
