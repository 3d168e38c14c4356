# SPDX-License-Identifier: GPL-2.0
"""The `use` declarations of Rust: taken apart into paths, and written in the kernel's vertical style."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

Path: TypeAlias = tuple[str, ...]

# A declaration with what is before it on its line, and the last attribute's line, if it has any.
DECLARATION = re.compile(
    r"(?P<attribute>^[ \t]*#\[[^\n]*\]\n)?"
    r"^(?P<head>[ \t]*(?:pub(?:\([^)]*\))? )?)use (?P<tree>[^;]+);[^\S\n]*\n", re.M,
)

@dataclass(frozen=True)
class Use:
    """One path that is imported, with another name if there is one."""

    path: Path
    alias: str = ""

    def leaf(self) -> str:
        """What stands at its end in the source."""
        return f"{self.path[-1]} as {self.alias}" if self.alias else self.path[-1]


def parse(tree: str) -> list[Use]:
    """The paths of a tree, which may have comments."""
    tree = re.sub(r"//[^\n]*", "", tree)
    tokens = re.findall(r"::|[{},*]|\w+", tree)
    found, rest = _tree(tokens, ())
    if rest:
        raise ValueError(f"cannot read this import: {tree}")
    return [Use(use.path[:-1], use.alias) if use.path[1:] and use.path[-1] == "self" else use
            for use in found]


def _tree(tokens: list[str], before: Path) -> tuple[list[Use], list[str]]:
    """One tree at the start of `tokens`, and the tokens after it."""
    path = before
    while tokens:
        token, tokens = tokens[0], tokens[1:]
        if token == "::":
            continue
        if token == "{":
            return _group(tokens, path)
        path = (*path, token)
        if tokens and tokens[0] == "as":
            return [Use(path, tokens[1])], tokens[2:]
        if not tokens or tokens[0] != "::":
            break
    return [Use(path)], tokens


def _group(tokens: list[str], path: Path) -> tuple[list[Use], list[str]]:
    """The trees up to a closing brace."""
    found: list[Use] = []
    while tokens[0] != "}":
        more, tokens = _tree(tokens, path)
        found += more
        if tokens[0] == ",":
            tokens = tokens[1:]
    return found, tokens[1:]


def _rank(name: str) -> tuple[int, str]:
    """The order of rustfmt: `self`, then functions and modules, types, constants."""
    word = name.split(" ", maxsplit=1)[0]
    if word == "self":
        return 0, name
    if word[0].islower() or word[0] == "_":
        return 1, name
    return (3 if word.isupper() and len(word) > 1 else 2), name


def _lines(uses: Iterable[Use], depth: int, indent: str) -> list[str]:
    """The members of a group as lines, without the commas between them."""
    groups: dict[str, list[Use]] = {}
    leaves: set[str] = set()
    for use in uses:
        if len(use.path) == depth + 1:
            leaves.add(use.leaf())
        else:
            groups.setdefault(use.path[depth], []).append(use)
    for leaf in list(leaves):
        # A module and things in it are one group.
        name, _, alias = leaf.partition(" as ")
        if name in groups:
            leaves.remove(leaf)
            groups[name].append(Use((*groups[name][0].path[:depth + 1], "self"), alias))
    entries = {name: indent + name for name in leaves}
    entries |= {name: indent + _member(members, depth, indent) for name, members in groups.items()}
    return [entries[name] for name in sorted(entries, key=_rank)]


def _member(uses: list[Use], depth: int, indent: str) -> str:
    """What begins with the component `depth` of `uses`, which they share."""
    name = uses[0].path[depth]
    if len(uses) == 1 and len(uses[0].path) == depth + 1:
        return uses[0].leaf()
    inner = _lines(uses, depth + 1, indent + "    ")
    if len(inner) == 1 and inner[0].strip().split(" ")[0] != "self":
        return f"{name}::{_dedent(inner[0])}"
    if len(inner) == 1:
        return f"{name}{inner[0].strip().removeprefix('self')}"
    return name + "::{\n" + ",\n".join(inner) + ", //\n" + indent + "}"


def _dedent(text: str) -> str:
    """A member of a group that is no group any more: one step less to the right."""
    lines = text.split("\n")
    return "\n".join([lines[0].strip(), *[line.removeprefix("    ") for line in lines[1:]]])


def render(uses: Iterable[Use], head: str) -> str:
    """Declarations of `uses`, one for each root."""
    roots: dict[str, list[Use]] = {}
    for use in dict.fromkeys(uses):
        roots.setdefault(use.path[0], []).append(use)
    indent = re.match(r"[ \t]*", head)
    assert indent
    return "".join(f"{head}use {_member(roots[root], 0, indent.group())};\n" for root in roots)


def rewrite(text: str, change: Callable[[Use], Use | None]) -> str:
    """Changes, or takes away, the paths that a file imports.

    Those that it imports privately, for all of it, are merged.
    """
    first: dict[str, list[Use]] = {}
    declared = []
    for match in DECLARATION.finditer(text):
        uses = [new for use in parse(match["tree"]) if (new := change(use))]
        declared.append((match, uses))
        if not match["head"] and not match["attribute"]:
            for use in uses:
                first.setdefault(use.path[0], []).append(use)
    out, end = [], 0
    for match, uses in declared:
        out.append(text[end:match.start()] + (match["attribute"] or ""))
        end = match.end()
        if match["head"] or match["attribute"]:
            out.append(render(uses, match["head"]))
            continue
        # A root that comes again goes to where it was first.
        roots = dict.fromkeys(use.path[0] for use in uses)
        here = [use for root in roots for use in first.pop(root, [])]
        out.append(render(here, ""))
    return re.sub(r"\n{3,}", "\n\n", "".join(out) + text[end:])
