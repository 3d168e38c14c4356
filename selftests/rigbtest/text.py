# SPDX-License-Identifier: GPL-2.0
"""What programs print, looked at with regular expressions."""

import re


def found(pattern: str | re.Pattern[str], text: str, flags: int = 0) -> re.Match[str]:
    """The first match in the text. Without one the error shows what was there instead."""
    match = re.search(pattern, text, flags)
    if not match:
        shown = pattern if isinstance(pattern, str) else pattern.pattern
        raise ValueError(f"no {shown!r} in {text!r}")
    return match
