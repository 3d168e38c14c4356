# SPDX-License-Identifier: GPL-2.0
"""What goes where, and in which patch, read from layout.toml and patches.toml beside this file."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Edit:
    """A change of a text that must be there once."""

    file: str
    # The text, and what takes its place.
    text: str
    to: str = ""
    # The text begins an item of Rust, which goes as a whole with what is said of it.
    item: bool = False


@dataclass(frozen=True)
class Helpers:
    """C files of the shim that make one file, or the end of one that is there."""

    file: str
    sources: list[str]


@dataclass(frozen=True)
class Patch:
    """One patch."""

    subject: str
    body: str
    # Sources of ours: files, or folders whole.
    rust: list[str] = field(default_factory=list)
    helpers: list[Helpers] = field(default_factory=list)
    # Headers of the shim whose constants go into a header of the helpers.
    header: Helpers | None = None
    # What bindgen reads in addition.
    bindings: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    # New files that are not made from ours.
    new: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Both files."""

    author: str
    email: str
    date: str
    title: str
    constants: str
    modules: dict[str, tuple[str, ...]]
    places: dict[str, str]
    macros: dict[str, str]
    words: dict[str, str]
    helper_names: dict[str, str]
    cuts: list[Edit]
    patches: list[Patch]

    def helper(self, name: str) -> str:
        """The name of a helper, or of a type of its, without `rust_helper_`."""
        return self.helper_names.get(name, name.removeprefix("kapi_"))

    def place(self, source: str) -> str:
        """Where a source goes."""
        fitting = [prefix for prefix in self.places if source.startswith(prefix)]
        prefix = max(fitting, key=len, default="")
        if not prefix:
            raise ValueError(f"layout.toml has no place for {source}")
        return self.places[prefix] + source.removeprefix(prefix)


def _edit(raw: dict[str, Any]) -> Edit:
    return Edit(**raw)


def _helpers(raw: dict[str, list[str]]) -> list[Helpers]:
    return [Helpers(file, sources) for file, sources in raw.items()]


def load() -> Plan:
    """Reads the files."""
    raw: dict[str, Any] = {}
    for name in ("layout.toml", "patches.toml"):
        raw |= tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    patches = [
        Patch(
            subject=patch["subject"], body=patch["body"].strip(), rust=patch.get("rust", []),
            helpers=_helpers(patch.get("helpers", {})),
            header=next(iter(_helpers(patch.get("header", {}))), None),
            bindings=patch.get("bindings", []), new=patch.get("new", {}),
            edits=[_edit(edit) for edit in patch.get("edit", [])])
        for patch in raw["patch"]
    ]
    modules = {name: tuple(path.split("::")) for name, path in raw["modules"].items()}
    return Plan(**raw["series"], modules=modules, places=raw["places"], macros=raw["macros"],
                words=raw["words"], helper_names=raw["helpers"],
                cuts=[_edit(cut) for cut in raw["cut"]], patches=patches)
