# SPDX-License-Identifier: GPL-2.0
"""Rewrites a Rust file of ours for its place in the kernel's tree."""

import re
from dataclasses import dataclass

from .plan import Plan
from .uses import Path, Use, rewrite

# A path within the crate or from the module `kapi` of its root, in code and in documentation.
INLINE = re.compile(r"(?<![\w:])(\$?crate::)?kapi::(\w+)")
# Code in documentation.
EXAMPLE = re.compile(r"^([ \t]*//[/!]) ```\n(.*?)^\1 ```$", re.M | re.S)
VISIBLE = re.compile(r"pub\(in crate::kapi((?:::\w+)*)\)")


@dataclass(frozen=True)
class Place:
    """Where a file goes: in the kernel crate, or in a driver."""

    plan: Plan
    in_kernel: bool
    # The module that it was.
    module: Path

    @property
    def root(self) -> str:
        """What the kernel crate is called there."""
        return "crate" if self.in_kernel else "kernel"

    def moved(self, path: Path) -> Path:
        """Where what was `path`, below kapi, has gone to."""
        if path[0] not in self.plan.modules:
            raise ValueError(f"{self.module} names {path} of kapi, which is not in the series")
        return (self.root, *self.plan.modules[path[0]], *path[1:])

    def import_of(self, use: Use) -> Use | None:
        """What is imported instead of `use`."""
        path = self._absolute(use.path)
        if path[0] == "crate":
            path = path[1:] if path[1] == "kapi" else path
        if path == ("kapi",):
            # Paths that begin with it become whole.
            return None
        if path[0] == "kapi":
            new = self.moved(path[1:])
            alias = use.alias
            # The module's own name may be another now, and what it is called here stays.
            if not alias and len(path) == 2 and new[-1] != path[1]:
                alias = path[1]
            return Use(new, alias)
        if self.in_kernel and path[0] == "kernel":
            return Use(("crate", *path[1:]), use.alias)
        return Use(path, use.alias)

    def _absolute(self, path: Path) -> Path:
        """`path`, but from the crate if it leaves what moves as one."""
        ups = len(path) - len(path[next((at for at, name in enumerate(path) if name != "super"), 0):])
        if not self.in_kernel or ups == 0 or ups < len(self.module) - 1:
            return path
        return ("crate", *self.module[:len(self.module) - ups], *path[ups:])


def _example(text: str, place: Place) -> str:
    """Code in documentation, which is a crate of its own."""
    outside = Place(place.plan, False, place.module)

    def one(match: re.Match[str]) -> str:
        mark = match[1]
        lines = [line.removeprefix(mark).removeprefix(" ") for line in match[2].splitlines()]
        code = rewrite("\n".join(lines) + "\n", outside.import_of)
        code = INLINE.sub(lambda inner: "::".join(outside.moved((inner[2],))), code)
        marked = "".join(f"{mark} {line}".rstrip() + "\n" for line in code.splitlines())
        # What follows must not take it for the crate's own.
        hidden = marked.replace("kernel::", "\0::")
        return f"{mark} ```\n{hidden}{mark} ```"

    return EXAMPLE.sub(one, text)


def _visible(match: re.Match[str], plan: Plan) -> str:
    """The visibility within a part of the crate."""
    path = tuple(match[1].split("::")[1:])
    if not path:
        return "pub(crate)"
    return f"pub(in {'::'.join(('crate', *plan.modules[path[0]], *path[1:]))})"


def convert(text: str, place: Place) -> str:
    """The text of a file at its new place."""
    plan = place.plan
    for old, new in plan.macros.items():
        text = re.sub(rf"\b{old}\b", new, text)
    text = re.sub(r"^[ \t]*#\[cfg(?:_attr)?\((?:not\()?kapi_vfio\b[^\n]*\]\n", "", text, flags=re.M)
    text = VISIBLE.sub(lambda match: _visible(match, plan), text)
    text = _example(text, place)
    text = rewrite(text, place.import_of)

    def inline(match: re.Match[str]) -> str:
        moved = "::".join(place.moved((match[2],)))
        return "$" + moved if (match[1] or "").startswith("$") else moved

    text = INLINE.sub(inline, text)
    if place.in_kernel:
        # Only macros write it with colons in front.
        text = re.sub(r"(?<![\w:])::kernel::", "$crate::", text)
        text = re.sub(r"(?<![\w:$])kernel::", "crate::", text)
    text = re.sub(r"\bbindings::(kapi_\w+)", lambda match: "bindings::" + plan.helper(match[1]), text)
    text = text.replace("KAPI_", plan.constants).replace("\0::", "kernel::")
    for old, new in plan.words.items():
        text = text.replace(old, new)
    return text
