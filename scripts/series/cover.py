# SPDX-License-Identifier: GPL-2.0
"""The cover letter, from its page in Documentation/."""

import re
import textwrap
from pathlib import Path

# What is before the letter in the page.
START = ".. The letter begins here.\n"
# Columns of a mail.
WIDTH = 72
PART = re.compile(r"^(?P<indent> *)(?P<bullet>\* )?(?P<text>.*)$")


def _wrapped(lines: list[str]) -> list[str]:
    """One paragraph, with the indentation that it has."""
    match = PART.match(lines[0])
    assert match
    after = match["indent"] + " " * len(match["bullet"] or "")
    return textwrap.wrap(" ".join(line.strip() for line in lines), WIDTH, initial_indent=match["indent"],
                         subsequent_indent=after, break_long_words=False, break_on_hyphens=False)


def _paragraphs(text: str) -> list[list[str]]:
    """Lines that belong together, by what begins them."""
    found: list[list[str]] = [[]]
    continues = 0
    for line in text.splitlines():
        match = PART.match(line)
        assert match
        alone = not line or found[-1][-1:] == [""] or line.startswith("===")
        if alone or match["bullet"] or len(match["indent"]) != continues:
            found.append([])
        found[-1].append(line)
        continues = len(match["indent"]) + len(match["bullet"] or "")
    return found


def letter(page: Path) -> str:
    """The text of the letter: reStructuredText reads well as it is."""
    _, start, text = page.read_text(encoding="utf-8").partition(START)
    if not start:
        raise ValueError(f"{page} does not say where the letter begins")
    lines = [line for lines in _paragraphs(text.strip()) for line in (_wrapped(lines) or [""])]
    return "\n".join(lines) + "\n"
