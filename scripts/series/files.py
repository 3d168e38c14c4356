# SPDX-License-Identifier: GPL-2.0
"""What a patch changes: the texts of the files that it adds, and of those that it edits."""

import re
from collections.abc import Callable
from pathlib import Path

from . import helpers
from .plan import Edit, Patch, Plan
from .rust import Place, convert

KERNEL = "rust/kernel/"
BINDINGS = "rust/bindings/bindings_helper.h"
INCLUDES = re.compile(r"(?:^#include <[^\n]*\n)+", re.M)


def edited(text: str, edit: Edit) -> str:
    """`text` with an edit, which must fit."""
    if text.count(edit.text) != 1:
        raise ValueError(f"{edit.file} has this {text.count(edit.text)} times, not once:\n{edit.text}")
    if edit.item:
        return _without_item(text, edit.text)
    return text.replace(edit.text, edit.to)


def _without_item(text: str, start: str) -> str:
    """`text` without an item of Rust, and without the comments and attributes before it."""
    lines = text.splitlines(keepends=True)
    first = last = text[:text.index(start)].count("\n")
    indent = start[:len(start) - len(start.lstrip())]
    while lines[first - 1].startswith((indent + "///", indent + "#[")):
        first -= 1
    if not lines[last].endswith(";\n"):
        last = lines.index(indent + "}\n", last)
    # One blank line stays, unless the item was the last or the first of its block.
    if lines[last + 1].strip() in {"", "}"} and not lines[first - 1].strip():
        first -= 1
    elif not lines[last + 1].strip():
        last += 1
    return "".join(lines[:first] + lines[last + 1:])


def _sources(root: Path, patterns: list[str]) -> list[str]:
    """The files of a patch, those of a folder in their order."""
    found: list[str] = []
    for pattern in patterns:
        path = root / pattern
        inside = sorted(path.rglob("*.rs")) if path.is_dir() else [path]
        found += [str(file.relative_to(root)) for file in inside]
    return found


def _module(source: str) -> tuple[str, ...]:
    parts = Path(source).with_suffix("").parts
    return parts[:-1] if parts[-1] == "mod" else parts


class Files:
    """The files of a kernel tree that a series changes, so far."""

    def __init__(self, plan: Plan, root: Path, tree: Path, tidy: Callable[[str], str]) -> None:
        self.plan = plan
        self.root = root
        self.tree = tree
        self.tidy = tidy
        self.texts: dict[str, str] = {}

    def read(self, file: str) -> str:
        """A file as the series has it now."""
        if file not in self.texts:
            self.texts[file] = (self.tree / file).read_text(encoding="utf-8")
        return self.texts[file]

    def _rust(self, source: str) -> tuple[str, str]:
        """A source of ours at its place."""
        text = (self.root / source).read_text(encoding="utf-8")
        for cut in self.plan.cuts:
            if cut.file == source:
                text = edited(text, cut)
        file = self.plan.place(source)
        return file, self.tidy(convert(text, Place(self.plan, file.startswith(KERNEL), _module(source))))

    def _shim(self, name: str, suffix: str) -> str:
        return (self.root / "kapi/shim" / f"{name}.{suffix}").read_text(encoding="utf-8")

    def _helper_file(self, file: str, sources: list[str]) -> str:
        """A file of helpers, new or with those that it has."""
        parts = [helpers.source(self._shim(name, "c"), self.plan) for name in sources]
        headers = [helpers.header(self._shim(name, "h"), self.plan) for name in sources]
        includes, body = helpers.merged([*parts, *((names, "") for names, _ in headers)])
        if not (self.tree / file).exists():
            shared = any(text for _, text in headers) or self.plan.constants in body
            own = '\n#include "dev.h"\n' if shared else ""
            return f"// SPDX-License-Identifier: GPL-2.0\n\n{includes}{own}\n{body}"
        text = self.read(file)
        for include in includes.splitlines():
            text = _with_include(text, include)
        return f"{text}\n{body}"

    def _header(self, file: str, sources: list[str]) -> str:
        """The header of constants and types."""
        parts = [helpers.header(self._shim(name, "h"), self.plan) for name in sources]
        includes, body = helpers.merged(parts)
        guard = "_RUST_HELPERS_NET_DEV_H"
        about = "/* What the helpers for network devices share with Rust. */"
        return (f"/* SPDX-License-Identifier: GPL-2.0 */\n{about}\n#ifndef {guard}\n#define {guard}\n\n"
                f"{includes}\n{body}\n#endif /* {guard} */\n")

    def apply(self, patch: Patch) -> list[str]:
        """Makes a patch. Returns the files that it changes."""
        new = dict(self._rust(source) for source in _sources(self.root, patch.rust))
        for each in patch.helpers:
            new[each.file] = self._helper_file(each.file, each.sources)
        if patch.header:
            new[patch.header.file] = self._header(patch.header.file, patch.header.sources)
        new |= patch.new
        self.texts |= new
        for name in patch.bindings:
            self.texts[BINDINGS] = _with_include(self.read(BINDINGS), f"#include <{name}>")
        for edit in patch.edits:
            self.texts[edit.file] = edited(self.read(edit.file), edit)
        changed = {*new, *(edit.file for edit in patch.edits)}
        return sorted(changed | {BINDINGS} if patch.bindings else changed)


def _with_include(text: str, line: str) -> str:
    """`text` with an include in the longest block of them, behind the last one that it comes after."""
    block = max(INCLUDES.findall(text), key=len)
    lines = block.splitlines()
    if line in lines:
        return text
    after = max((at for at, each in enumerate(lines, 1) if each < line), default=0)
    return text.replace(block, "\n".join([*lines[:after], line, *lines[after:]]) + "\n", 1)
