# SPDX-License-Identifier: GPL-2.0
"""Comments of Rust files in the columns that the kernel has."""

import re
import textwrap

WIDTH = 100
COMMENT = re.compile(r"^(?P<indent>[ \t]*)(?P<mark>//[/!]?)(?: (?P<text>.*))?$")
# What begins a paragraph of its own and does not go on as one: items of lists, tables, headings.
ITEM = re.compile(r"^(?:[-*] |\d+\. )")
ALONE = re.compile(r"^(?:\||#|\[[^]]*\]: \S+$)")


def _paragraph(lines: list[str], before: str) -> list[str]:
    """A paragraph as it is, or in fewer columns."""
    if all(len(before + line) <= WIDTH for line in lines):
        return [before + line for line in lines]
    first = lines[0][:len(lines[0]) - len(lines[0].lstrip())]
    item = ITEM.match(lines[0].lstrip())
    rest = first + " " * (len(item.group()) if item else 0)
    return textwrap.wrap(" ".join(line.strip() for line in lines), WIDTH, initial_indent=before + first,
                         subsequent_indent=before + rest, break_long_words=False, break_on_hyphens=False)


def wrapped(text: str) -> str:
    """The text of a file, with the comments that are too long in more lines."""
    out: list[str] = []
    paragraph: list[str] = []
    before = ""
    code = False

    def end() -> None:
        if paragraph:
            out.extend(_paragraph(paragraph, before))
            paragraph.clear()

    for line in text.splitlines():
        match = COMMENT.match(line)
        words = match["text"] if match else None
        start = f"{match['indent']}{match['mark']} " if match else ""
        fence = words is not None and words.startswith("```")
        if not words or code or fence or ALONE.match(words):
            code ^= fence
            end()
            out.append(line)
            continue
        if start != before or ITEM.match(words.lstrip()):
            end()
        before = start
        paragraph.append(words)
    end()
    return "\n".join(out) + "\n"
