# SPDX-License-Identifier: GPL-2.0
# See __init__.pyi.

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# Of the case that runs: false once an assertion has failed, none before the first case.
KSFT_RESULT: bool | None

class KsftCaseFunction(NamedTuple):
    name: str
    original_func: Callable[..., object]
    variants: Iterable[Any]
